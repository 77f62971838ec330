"""Pages: one's weights with their trend, and one of them."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest
from tracking.charts import Chart, Key, Table, line_chart
from tracking.dates import clock_of
from tracking.errors import DiaryError
from tracking.forms.body import WeightForm
from tracking.models import WeightEntry
from tracking.services import body
from tracking.trend import Projection
from tracking.units import LB, ST, units_of_person, weight_in, weight_text, weight_typed
from tracking.weights import Weighed, outlook_sentence, projection_of, summary_sentence, weights_of

SPANS = {"month": 31, "quarter": 92, "year": 366, "all": None}  # days
POUND_STEPS = (1, 2, 7, 14)  # so that a scale of pounds has whole stones
ROWS, MOST_FIGURES = 14, 400  # in the list; in the table behind the chart


@login_required
@require_http_methods(["GET", "POST"])
def weight(request: AuthenticatedRequest) -> HttpResponse:
    """All of one's weights; POST writes one down."""
    unit, now = units_of_person(request.user).weight, clock_of(request.user)
    form = WeightForm(request.POST or None, unit=unit)
    if form.is_valid():
        try:
            entry = body.weigh(request.user, **form.entered(now))
        except DiaryError as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(weight)s is written down.") % {"weight": weight_text(entry.weight_kg, unit)})
            return redirect("weight")
    weights = weights_of(request.user)
    projection = projection_of(request.user, weights, now=now)
    chosen = request.GET.get("span", "quarter")
    older = [each for each in weights if each.at < before] if (before := _before(request)) else weights
    shown = {
        "form": form,
        "unit": unit,
        "chart": _chart(weights, projection, unit, _span(chosen, weights, now)) if weights else None,
        "outlook": outlook_sentence(projection, unit) if projection and weights else "",
        "spans": _spans(chosen),
        "rows": older[-ROWS:][::-1],
        "older": older[-ROWS].at if len(older) > ROWS else None,
        "newest": before is None,
    }
    return render(request, "tracking/weight.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def weight_entry(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """One weight, to be changed."""
    entry = get_object_or_404(WeightEntry.objects.owned_by(request.user), pk=pk)
    unit = units_of_person(request.user).weight
    initial = {
        "weight": weight_typed(entry.weight_kg, unit),
        "day": entry.day,
        "time": entry.time,
        "note": entry.note,
    }
    form = WeightForm(request.POST or None, unit=unit, initial=initial)
    form.require_when()
    form.remember_shown()
    if form.is_valid():
        entered = form.entered(clock_of(request.user))
        # What was not touched stays as it is: in another unit the field shows less than is kept.
        changes = {name: value for name, value in entered.items() if name.removesuffix("_kg") in form.changed_data}
        try:
            body.change_weight(entry, changes)
        except DiaryError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("weight")
    shown = {"form": form, "entry": entry}
    return render(request, "tracking/weight_entry.html", shown, status=422 if form.errors else 200)


@login_required
@require_POST
def weight_delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    entry = get_object_or_404(WeightEntry.objects.owned_by(request.user), pk=pk)
    unit = units_of_person(request.user).weight
    said = {"weight": weight_text(entry.weight_kg, unit), "day": date_format(entry.day, "j F")}
    offer_back(request, body.delete_weight(entry), _("%(weight)s of %(day)s is deleted.") % said)
    return redirect("weight")


@login_required
@require_POST
def put_back(request: AuthenticatedRequest) -> HttpResponse:
    """Undo the deletion of a weight or a measurement."""
    try:
        entry = body.put_back(request.user, request.GET.get("token", ""))
    except DiaryError as error:
        messages.error(request, error.sentence)
        return redirect("weight")
    messages.success(request, _("It is back."))
    return redirect("weight") if isinstance(entry, WeightEntry) else redirect("measurement_kind", entry.kind_id)


def offer_back(request: AuthenticatedRequest, token: str, sentence: str) -> None:
    """Say what is gone, with the button that puts it back."""
    messages.success(request, sentence, extra_tags=f"{reverse('put_back')}?{urlencode({'token': token})}")


# --- The chart --------------------------------------------------------------------------------------------------
def _spans(chosen: str) -> list[dict[str, Any]]:
    names = {"month": _("1 month"), "quarter": _("3 months"), "year": _("1 year"), "all": _("All")}
    return [{"key": key, "text": text, "chosen": key == chosen} for key, text in names.items()]


def _span(chosen: str, weights: Sequence[Weighed], now: dt.datetime) -> tuple[dt.date, dt.date]:
    days = SPANS.get(chosen, SPANS["quarter"])
    first, last = weights[0].entry.day, max(now.date(), weights[-1].entry.day)
    return (first, last) if days is None else (last - dt.timedelta(days=days - 1), last)


def _chart(
    weights: Sequence[Weighed], projection: Projection | None, unit: str, span: tuple[dt.date, dt.date]
) -> Chart:
    inside = [each for each in weights if span[0] <= each.entry.day <= span[1]]
    on_axis = LB if unit == ST else unit
    goal = weight_in(projection.goal_kg, on_axis) if projection else None
    newest = inside[::-1][:MOST_FIGURES]
    rows = tuple(
        (
            f"{date_format(each.entry.day, 'j M Y')}, {each.entry.time:%H:%M}",
            weight_text(each.entry.weight_kg, unit),
            weight_text(each.trend, unit),
        )
        for each in newest
    )
    return line_chart(
        name="weight",
        title=_("Trend"),
        summary=summary_sentence(weights, unit),
        unit=_("st and lb") if unit == ST else unit,
        table=Table((_("Day"), _("Weight"), _("Trend")), rows, len(inside) - len(newest)),
        first=span[0],
        last=span[1],
        points=[(each.at, weight_in(each.entry.weight_kg, on_axis)) for each in inside],
        line=[(each.at, weight_in(each.trend, on_axis)) for each in inside],
        goal=goal,
        steps=POUND_STEPS if unit == ST else (),
        called=_stones if unit == ST else None,
        keys=[Key("trend", _("trend")), Key("dot", _("what the scales said")), Key("target", _("goal"))],
    )


def _stones(pounds: Decimal) -> str:
    stones, rest = divmod(pounds, 14)
    return f"{stones:.0f} st" if rest == 0 else f"{stones:.0f} st {rest.normalize():f}"


def _before(request: AuthenticatedRequest) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(request.GET.get("before", "")).replace(tzinfo=None)
    except ValueError:
        return None
