"""A person's weights with their trend, and what is to be said of them. Reads only."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.models import Measurement, Target, WeightEntry
from tracking.trend import Outlook, Projection, Trended, Weighing, project, trended, week_before
from tracking.units import kept_kg, weight_change_text, weight_text

_DIRECTION = {Target.Goal.LOSE: -1, Target.Goal.GAIN: 1}
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Weighed:
    """An entry, and where the trend stood after it."""

    entry: WeightEntry
    at: dt.datetime  # on the person's clock
    trend: Decimal

    @property
    def shown_trend(self) -> Decimal:
        """To the gram, as weights are kept."""
        return kept_kg(self.trend)


def weights_of(user: User) -> list[Weighed]:
    """All of them in the order of time. One query."""
    entries = list(WeightEntry.objects.owned_by(user).order_by("day", "time"))
    for entry in entries:
        entry.user = user
    line = trended(Weighing(at_of(entry), entry.weight_kg) for entry in entries)
    return [Weighed(entry, each.at, each.trend) for entry, each in zip(entries, line, strict=True)]


def at_of(entry: WeightEntry | Measurement) -> dt.datetime:
    """On the person's clock."""
    return dt.datetime.combine(entry.day, entry.time)


def projection_of(user: User, weights: Sequence[Weighed], *, now: dt.datetime) -> Projection | None:
    """None without a goal that is a weight to lose or to gain. `now` is on the person's clock. One query."""
    target = Target.objects.owned_by(user).filter(starts_on__lte=now.date()).order_by("-starts_on").first()
    if target is None or target.goal_weight_kg is None or target.goal not in _DIRECTION:
        return None
    weighings = [Weighing(each.at, each.entry.weight_kg) for each in weights]
    direction = _DIRECTION[Target.Goal(target.goal)]
    return project(weighings, goal_kg=target.goal_weight_kg, direction=direction, now=now)


def summary_sentence(weights: Sequence[Weighed], unit: str) -> str:
    """Where the trend stands, and how it moved in a week. `weights` are not empty."""
    last = weights[-1]
    before = week_before([Trended(each.at, each.entry.weight_kg, each.trend) for each in weights])
    said = {"trend": weight_text(last.trend, unit), "day": day_text(last.entry.day)}
    if before is None:
        return _("Your trend is at %(trend)s on %(day)s.") % said
    change = weight_change_text(last.trend - before.trend, unit)
    said |= {"change": change}
    return _("Your trend is at %(trend)s on %(day)s, %(change)s compared with a week before.") % said


def outlook_sentence(projection: Projection, unit: str) -> str:
    """When the goal may be reached, or why that cannot be said."""
    goal, pace = weight_text(projection.goal_kg, unit), projection.pace
    if pace is None:
        return _(
            "When you may reach %(goal)s is shown once there are at least five weights over two of the last four weeks."
        ) % {"goal": goal}
    low, high = sorted((pace.low, pace.high), key=abs) if pace.clear else (pace.low, pace.high)
    said = {
        "goal": goal,
        "slope": weight_change_text(pace.slope * DAYS_PER_WEEK, unit),
        "low": weight_change_text(low * DAYS_PER_WEEK, unit),
        "high": weight_change_text(high * DAYS_PER_WEEK, unit),
        "likely": projection.likely and day_text(projection.likely),
        "earliest": projection.earliest and day_text(projection.earliest),
        "latest": projection.latest and day_text(projection.latest),
    }
    return _OUTLOOKS[projection.outlook, projection.latest is not None]() % said


def day_text(day: dt.date) -> str:
    """1 March 2026."""
    return date_format(day, "j F Y")


_OUTLOOKS = {
    (Outlook.REACHED, False): lambda: _("You are at your goal of %(goal)s, or past it."),
    (Outlook.UNCLEAR, False): lambda: _(
        "The last four weeks show no clear direction (between %(low)s and %(high)s a week), so no date can be given "
        "for %(goal)s."
    ),
    (Outlook.AWAY, False): lambda: _(
        "The last four weeks (%(slope)s a week) do not lead to %(goal)s, so no date can be given."
    ),
    (Outlook.FAR, False): lambda: _(
        "At the pace of the last four weeks (%(slope)s a week) it would take more than five years to reach %(goal)s."
    ),
    (Outlook.DATED, True): lambda: _(
        "If the last four weeks go on (%(slope)s a week, likely %(low)s to %(high)s), you reach %(goal)s around "
        "%(likely)s, likely between %(earliest)s and %(latest)s. Bodies rarely keep one pace: take it as a guess."
    ),
    (Outlook.DATED, False): lambda: _(
        "If the last four weeks go on (%(slope)s a week, likely %(low)s to %(high)s), you reach %(goal)s around "
        "%(likely)s, hardly before %(earliest)s, and perhaps only in more than five years."
    ),
}
