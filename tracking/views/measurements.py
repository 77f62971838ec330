"""Pages: what else a person measures."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.accounts.models import User
from dietintel.http import AuthenticatedRequest
from dietintel.templatetags.show import amount
from tracking.charts import Chart, Key, Table, line_chart
from tracking.dates import clock_of
from tracking.errors import DiaryError
from tracking.forms.body import KindForm, MeasurementForm
from tracking.models import Measurement, MeasurementKind
from tracking.services import body
from tracking.views.weight import MOST_FIGURES, offer_back
from tracking.weights import at_of

LEAST_FOR_A_LINE = 2


@login_required
@require_http_methods(["GET", "POST"])
def measurements(request: AuthenticatedRequest) -> HttpResponse:
    """All kinds with their values; POST makes a kind."""
    form = KindForm(request.POST or None)
    if form.is_valid():
        try:
            kind = body.add_kind(request.user, **form.cleaned_data)
        except DiaryError as error:
            form.refuse(error)
        else:
            return redirect("measurement_kind", kind.pk)
    kinds = [
        {"kind": kind, "last": values[-1] if values else None, "chart": _chart(kind, values), "form": _form_for(kind)}
        for kind, values in _with_values(request.user)
    ]
    shown = {"form": form, "kinds": kinds}
    return render(request, "tracking/measurements.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def measurement_kind(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """One kind with all its values; POST writes a value down."""
    kind = _own_kind(request.user, pk)
    form = _form_for(kind, request.POST or None)
    if form.is_valid():
        try:
            entry = body.measure(kind, **form.entered(clock_of(request.user)))
        except DiaryError as error:
            form.refuse(error)
        else:
            said = {"value": amount(entry.value, kind.unit), "name": kind.name}
            messages.success(request, _("%(name)s: %(value)s is written down.") % said)
            return redirect("measurement_kind", kind.pk)
    values = list(kind.measurements.order_by("day", "time"))
    shown = {"kind": kind, "form": form, "values": values[::-1][:MOST_FIGURES], "chart": _chart(kind, values)}
    return render(request, "tracking/measurement_kind.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def kind_change(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    kind = _own_kind(request.user, pk)
    form = KindForm(request.POST or None, initial={"name": kind.name, "unit": kind.unit})
    if form.is_valid():
        try:
            body.change_kind(kind, form.cleaned_data)
        except DiaryError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("measurement_kind", kind.pk)
    shown = {"form": form, "kind": kind}
    return render(request, "tracking/kind_change.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def kind_delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """With all its values, so it is asked first."""
    kind = _own_kind(request.user, pk)
    if request.method == "GET":
        count = kind.measurements.count()
        return render(request, "tracking/kind_delete.html", {"kind": kind, "count": count})
    kind.delete()
    messages.success(request, _("%(name)s is deleted.") % {"name": kind.name})
    return redirect("measurements")


@login_required
@require_http_methods(["GET", "POST"])
def measurement(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """One value, to be changed."""
    entry = _own_value(request.user, pk)
    initial = {"value": f"{entry.value.normalize():f}", "day": entry.day, "time": entry.time}
    form = _form_for(entry.kind, request.POST or None, initial=initial)
    form.require_when()
    form.remember_shown()
    if form.is_valid():
        entered = form.entered(clock_of(request.user))
        try:
            body.change_measurement(entry, {name: entered[name] for name in form.changed_data})
        except DiaryError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("measurement_kind", entry.kind_id)
    shown = {"form": form, "entry": entry}
    return render(request, "tracking/measurement.html", shown, status=422 if form.errors else 200)


@login_required
@require_POST
def measurement_delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    entry = _own_value(request.user, pk)
    said = {"value": amount(entry.value, entry.kind.unit), "day": date_format(entry.day, "j F")}
    offer_back(request, body.delete_measurement(entry), _("%(value)s of %(day)s is deleted.") % said)
    return redirect("measurement_kind", entry.kind_id)


def _own_kind(user: User, pk: int) -> MeasurementKind:
    kind = get_object_or_404(MeasurementKind.objects.owned_by(user), pk=pk)
    kind.user = user
    return kind


def _own_value(user: User, pk: int) -> Measurement:
    entry = get_object_or_404(Measurement.objects.owned_by(user).select_related("kind"), pk=pk)
    entry.kind.user = user
    return entry


def _form_for(
    kind: MeasurementKind, data: QueryDict | None = None, initial: dict[str, Any] | None = None
) -> MeasurementForm:
    """Ids of fields are unique on a page with several kinds."""
    form = MeasurementForm(data, initial=initial, auto_id=f"id_{kind.pk}_%s")
    form.fields["value"].label = f"{kind.name} ({kind.unit})"
    return form


def _with_values(user: User) -> list[tuple[MeasurementKind, list[Measurement]]]:
    """Two queries, however many kinds."""
    kinds = list(MeasurementKind.objects.owned_by(user))
    values: dict[int, list[Measurement]] = {kind.pk: [] for kind in kinds}
    for entry in Measurement.objects.owned_by(user).order_by("day", "time"):
        values[entry.kind_id].append(entry)
    return [(kind, values[kind.pk]) for kind in kinds]


def _chart(kind: MeasurementKind, values: Sequence[Measurement]) -> Chart | None:
    """From two values on."""
    if len(values) < LEAST_FOR_A_LINE:
        return None
    first, last, newest = values[0], values[-1], values[::-1][:MOST_FIGURES]
    said = {
        "last": amount(last.value, kind.unit),
        "day": date_format(last.day, "j F Y"),
        "change": _signed(last.value - first.value, kind.unit),
        "first_day": date_format(first.day, "j F Y"),
    }
    points = [(at_of(each), each.value) for each in values]
    return line_chart(
        name=f"kind-{kind.pk}",
        title=kind.name,
        summary=_("%(last)s on %(day)s, %(change)s since %(first_day)s.") % said,
        unit=kind.unit,
        table=Table(
            (_("Day"), kind.name),
            tuple(
                (f"{date_format(each.day, 'j M Y')}, {each.time:%H:%M}", amount(each.value, kind.unit))
                for each in newest
            ),
            len(values) - len(newest),
        ),
        first=first.day,
        last=last.day,
        points=points,
        line=points,
        keys=[Key("dot", ngettext("%(count)d value", "%(count)d values", len(values)) % {"count": len(values)})],
    )


def _signed(change: Decimal, unit: str) -> str:
    sign = "−" if change < 0 else "+" if change > 0 else "±"
    return f"{sign}{amount(abs(change), unit)}"
