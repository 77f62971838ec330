"""Pages: who a person is, and what they aim for."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dietintel.http import AuthenticatedRequest, render_part
from tracking.dates import today_of
from tracking.energy import KEEP, Person, rate_text, refuse_losing
from tracking.errors import Refused
from tracking.expenditure import Expenditure, Missing, sentence_of
from tracking.forms.targets import ProfileForm, TargetForm, initial_of
from tracking.models import Target
from tracking.needs import advice, expenditure_of, person_of
from tracking.services import targets as services
from tracking.targets import kinds_of_days
from tracking.units import units_of_person

PAGE = 20  # older targets on one page
NO_RATE = Decimal(0)


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: AuthenticatedRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, profile=services.profile_of(request.user))
    if form.is_valid():
        try:
            services.save_profile(request.user, form.changes(), today=today_of(request.user))
        except Refused as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("targets")
    return render(request, "tracking/profile.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def targets(request: AuthenticatedRequest) -> HttpResponse:
    """GET: what is aimed for, and a form for a new target. POST with `action=compute`: what a goal would mean."""
    today = today_of(request.user)
    owned = Target.objects.owned_by(request.user).prefetch_related("days")
    current = owned.filter(starts_on__lte=today).order_by("-starts_on").first()
    spent = expenditure_of(request.user, today)
    person = person_of(services.profile_of(request.user), today, spent=spent)
    form = _form(request, person, current, today)
    computing = request.POST.get("action") == "compute"
    valid = form.is_valid() if form.is_bound else False
    goal, rate_kg = _aimed(form, current)
    advised = advice(person, goal, rate_kg, form.units)
    if valid and not computing:
        try:
            services.set_target(request.user, today=today, **form.entered(advised))
        except Refused as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("targets")
    if computing:
        form.errors.clear()  # not sent off yet
    shown = {
        "form": form,
        "advice": advised,
        "goal": goal,
        "rate_said": rate_text(rate_kg, form.units, rounding=ROUND_HALF_UP),
        "person": person,
        "spent": spent if isinstance(spent, Expenditure) else None,
        "not_yet": sentence_of(spent) if isinstance(spent, Missing) else "",
        "current": _row(current) if current else None,
        "doubt": _doubt(person, current),
        **_history(request),
    }
    if computing:
        return render_part(request, shown, part="tracking/_suggestion.html", page="tracking/targets.html")
    return render(request, "tracking/targets.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def target_delete(request: AuthenticatedRequest, target_id: int) -> HttpResponse:
    owned = Target.objects.owned_by(request.user).prefetch_related("days")
    target = get_object_or_404(owned, pk=target_id)
    if request.method == "POST":
        target.delete()
        messages.success(request, _("The target is deleted."))
        return redirect("targets")
    return render(request, "tracking/target_delete.html", {"target": _row(target), "back": reverse("targets")})


def _form(request: AuthenticatedRequest, person: Person, current: Target | None, today: dt.date) -> TargetForm:
    units = units_of_person(request.user)
    goal, rate_kg = (current.goal, current.rate_kg_per_week) if current else (KEEP, NO_RATE)
    computed = advice(person, goal, rate_kg, units).suggestion
    initial = initial_of(current, today=today, units=units, computed_kcal=computed.energy_kcal if computed else None)
    return TargetForm(request.POST or None, units=units, from_diary=person.measured_kcal is not None, initial=initial)


def _aimed(form: TargetForm, current: Target | None) -> tuple[str, Decimal]:
    """The goal that was sent and its kg a week, else those in force."""
    if form.is_bound:
        return str(form.cleaned_data.get("goal", KEEP)), form.rate_kg()
    return (current.goal, current.rate_kg_per_week) if current else (KEEP, NO_RATE)


def _doubt(person: Person, current: Target | None) -> str:
    """Why the target in force is not right any more, as the person is now. Empty where it is."""
    if current is None or current.goal != Target.Goal.LOSE:
        return ""
    try:
        refuse_losing(person)
    except Refused as error:
        return error.sentence
    return ""


def _history(request: AuthenticatedRequest) -> dict[str, Any]:
    """All targets, the latest first, a page at a time. `before`: the day that the page before ended with."""
    rows = Target.objects.owned_by(request.user).prefetch_related("days").order_by("-starts_on")
    try:
        before = dt.date.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        before = None
    found = list(rows.filter(starts_on__lt=before) if before else rows)[: PAGE + 1]
    older = found[PAGE - 1].starts_on if len(found) > PAGE else None
    return {"history": [_row(target) for target in found[:PAGE]], "older": older}


def _row(target: Target) -> dict[str, Any]:
    """A target as it is listed: the kinds of days it has, and when. Its days must be prefetched."""
    kinds = [
        {"aim": plan.resolved(target.weight_kg), "when": _when(weekdays)} for plan, weekdays in kinds_of_days(target)
    ]
    return {"target": target, "sets": kinds}


def _when(weekdays: list[int]) -> str:
    """Which days, in words: "Mon–Fri", "Wed, Sat–Sun"; empty where it is all of them."""
    if len(weekdays) == len(services.WEEK):
        return ""
    runs: list[list[int]] = []
    for weekday in weekdays:
        if runs and runs[-1][-1] == weekday - 1:
            runs[-1].append(weekday)
        else:
            runs.append([weekday])
    names = [[str(WEEKDAYS_ABBR[weekday]) for weekday in (run[0], run[-1])] for run in runs]
    return ", ".join("–".join(dict.fromkeys(ends)) for ends in names)
