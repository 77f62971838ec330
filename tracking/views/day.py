"""The day: what was eaten, what is left, and what is done with whole meals."""

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest
from tracking.dates import IsoDate, day_name, neighbour, today_of
from tracking.errors import Conflict, Refused
from tracking.forms.diary import CopyForm
from tracking.models import STANDARD_MEALS, MealItem
from tracking.services import diary
from tracking.summaries import day_of
from tracking.views.answers import changed, in_part, not_yet, parts_of_day, shown_again
from tracking.views.entry import entry_box
from tracking.views.shown import meal_choices, shown_day
from tracking.views.table import sources, table_of


@login_required
@require_GET
def today(request: AuthenticatedRequest) -> HttpResponse:
    return _page(request, today_of(request.user))


@login_required
@require_GET
def day(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    return _page(request, date)


def _page(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    if in_part(request):
        return parts_of_day(request, date)
    return render(request, "tracking/day.html", shown_day(request.user, date) | entry_box(request, date))


@login_required
@require_GET
def nutrients(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Everything that the day's foods declare, against reference values."""
    seen = day_of(request.user, date)
    shown = {"date": date, "today": today_of(request.user), "day": seen, "groups": table_of(seen), "sources": sources()}
    return render(request, "tracking/nutrients.html", shown)


@login_required
@require_http_methods(["GET", "POST"])
def copy(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Log a meal of `date`, or all of it, again on another day."""
    meal = request.POST.get("meal", request.GET.get("meal", ""))
    items = _items(request, date, meal)
    choices = [("", _("the meal it was")), *meal_choices(request.user, date)]
    form = CopyForm(request.POST or None, meals=choices, initial={"to_day": _other_day(request, date)})
    if form.is_valid():
        to_day = form.cleaned_data["to_day"]
        try:
            done = diary.copy(items, to_day=to_day, meal=form.cleaned_data["to_meal"] or None)
        except Refused as error:
            form.add_error("to_day" if error.field == "date" else None, error.sentence)
        else:
            if not items:
                messages.warning(request, _("There is nothing to copy."))
            sentence = ngettext("%(count)d item copied to %(day)s.", "%(count)d items copied to %(day)s.", len(items))
            shown = {"count": len(items), "day": day_name(to_day, today_of(request.user))}
            return changed(request, done, sentence % shown, date=to_day)
    shown_form = {"form": form, "date": date, "meal": meal, "label": STANDARD_MEALS.get(meal, meal), "items": items}
    shown_form["today"] = today_of(request.user)
    if form.errors:
        return not_yet(request, shown_form, part="tracking/_copy.html", page="tracking/copy.html", target="#copy")
    return render(request, "tracking/copy.html", shown_form)


@login_required
@require_POST
def clear(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Delete what is in one meal."""
    done = diary.delete(_items(request, date, request.POST.get("meal", "")))
    return changed(request, done, _("The meal is empty again."), date=date)


@login_required
@require_POST
def undo(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Take an action back, and show the day that was looked at (`day`), else the one that changed."""
    days: list[dt.date] = []
    try:
        days = diary.undo(request.user, pk, now=timezone.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
    else:
        if days:
            messages.success(request, _("Taken back."))
        else:
            messages.warning(request, _("This cannot be taken back any more."))
    try:
        looked_at = IsoDate().to_python(request.GET.get("day", ""))
    except ValueError:
        looked_at = days[0] if days else today_of(request.user)
    return shown_again(request, looked_at)


def _other_day(request: AuthenticatedRequest, date: dt.date) -> dt.date | None:
    """Today, and for today tomorrow."""
    today = today_of(request.user)
    return neighbour(today, 1) if date == today else today


def _items(request: AuthenticatedRequest, date: dt.date, meal: str) -> list[MealItem]:
    """Of one meal of that day; of the whole day where `meal` is empty."""
    items = MealItem.objects.owned_by(request.user).filter(meal__day=date).select_related("meal__user")
    if "\0" in meal:  # which no meal is called, and PostgreSQL does not look for
        return []
    return list((items.filter(meal__name=meal) if meal else items).order_by("meal_id", "position", "pk"))
