"""A month of days, and how each stood to its target."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dietintel.http import AuthenticatedRequest
from tracking.dates import month_after, today_of, weeks_of
from tracking.summaries import totals_between
from tracking.targets import DayTarget, stands, targets_between
from tracking.totals import Totals, whole
from tracking.units import energy_in, units_of_person


@dataclass(frozen=True)
class Cell:
    """One day of the calendar. `energy` is whole and in the reader's unit, None on a day with nothing in it.

    `stands` is "near", "below" or "above" its target; empty without one.
    """

    date: dt.date
    in_month: bool
    energy: Decimal | None
    at_least: bool
    stands: str


@login_required
@require_GET
def calendar(request: AuthenticatedRequest, month: dt.date | None = None) -> HttpResponse:
    today = today_of(request.user)
    first = month or today.replace(day=1)
    weeks = weeks_of(first)
    begins, ends = weeks[0][0], weeks[-1][-1]
    eaten = totals_between(request.user, begins, ends)
    targets = targets_between(request.user, begins, ends)
    unit = units_of_person(request.user).energy
    cells = [
        [_cell(date, first, eaten.get(date), targets.get(date), unit, today=today) for date in week] for week in weeks
    ]
    shown = {
        "first": first,
        "weeks": cells,
        "today": today,
        "unit": unit,
        "previous": month_after(first, -1),
        "next": month_after(first),
        "anything": any(date.month == first.month for date in eaten),
    }
    return render(request, "tracking/calendar.html", shown)


def _cell(
    date: dt.date, first: dt.date, eaten: Totals | None, target: DayTarget | None, unit: str, *, today: dt.date
) -> Cell:
    kcal = eaten.get("energy_kcal") if eaten else None
    return Cell(
        date,
        date.month == first.month,
        None if kcal is None else whole(energy_in(kcal, unit)),
        bool(eaten and eaten.at_least("energy_kcal")),
        # Today is not over: nobody is told yet how it stands.
        stands(kcal, target.energy_kcal) if kcal is not None and target and date < today else "",
    )
