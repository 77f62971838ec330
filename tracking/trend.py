"""Where a weight is going: a smoothed line through what the scales said, and when it may reach a goal.

Numbers in, numbers out. Times are on the person's own clock.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from tracking.regression import fitted

# John Walker, The Hacker's Diet, "Signal and Noise" (https://www.fourmilab.ch/hackdiet/): each day the trend moves by
# a tenth of the way to what the scales say. e^(-1/9.4912) is 0.9.
TIME_CONSTANT_DAYS = Decimal("9.4912")
DAY = Decimal(24 * 60 * 60)  # seconds

WINDOW = dt.timedelta(days=28)  # four whole weeks, so that no weekday counts more than another
LEAST_WEIGHINGS, LEAST_SPAN = 5, dt.timedelta(days=14)
FAR = dt.timedelta(days=5 * 365)  # a date further away says nothing
CLOSE_KG = Decimal("0.05")  # shows as no difference


@dataclass(frozen=True, order=True)
class Weighing:
    """What the scales said, and when."""

    at: dt.datetime
    kg: Decimal


@dataclass(frozen=True)
class Trended:
    """A weighing, and where the trend stood after it."""

    at: dt.datetime
    kg: Decimal
    trend: Decimal


def trended(weighings: Iterable[Weighing], *, after: Trended | None = None) -> list[Trended]:
    """The trend through `weighings`, in the order of time whatever order they come in.

    It starts at the first weight, or goes on from `after`. The longer nobody weighed, the more the next weight counts:
    e^(-t/9.49 days) of the old trend is left. A second weighing of a day moves it little.
    """
    line: list[Trended] = []
    last = after
    for each in sorted(weighings):
        trend = each.kg
        if last is not None:
            trend = last.trend + _share(each.at - last.at) * (each.kg - last.trend)
        last = Trended(each.at, each.kg, trend)
        line.append(last)
    return line


def _share(since: dt.timedelta) -> Decimal:
    """Of the way from the trend to a new weight, so much after that time: 0 at once, 0.1 after a day, 1 in the end."""
    return 1 - (-_days(since) / TIME_CONSTANT_DAYS).exp()


def _days(span: dt.timedelta) -> Decimal:
    return Decimal(span // dt.timedelta(seconds=1)) / DAY


@dataclass(frozen=True)
class Pace:
    """A straight line through the weights of four weeks. Slopes are in kg a day, the interval holds with 95 %.

    Weights of days in a row are alike, so that the interval is rather too narrow than too wide.
    """

    kg: Decimal  # where the line stands at the last weighing
    at: dt.datetime
    slope: Decimal
    low: Decimal
    high: Decimal

    @property
    def clear(self) -> bool:
        """Whether the direction is."""
        return self.low > 0 or self.high < 0


def pace(weighings: Sequence[Weighing], *, now: dt.datetime) -> Pace | None:
    """By least squares over the last 28 days. None where that is fewer than 5 weighings, or less than 14 days."""
    recent = sorted(each for each in weighings if now - WINDOW <= each.at <= now)
    if len(recent) < LEAST_WEIGHINGS or recent[-1].at - recent[0].at < LEAST_SPAN:
        return None
    end = recent[-1].at
    line = fitted([(-_days(end - each.at), each.kg) for each in recent])
    return Pace(line.start, end, line.slope, line.slope - line.margin, line.slope + line.margin)


class Outlook(Enum):
    """What can be said about reaching a goal."""

    UNKNOWN = "unknown"  # too few weighings
    REACHED = "reached"
    UNCLEAR = "unclear"  # it may be going either way
    AWAY = "away"
    FAR = "far"  # more than five years
    DATED = "dated"


@dataclass(frozen=True)
class Projection:
    """When the goal is reached, if the pace of the last four weeks stays. Dates come with DATED alone."""

    outlook: Outlook
    goal_kg: Decimal
    pace: Pace | None = None
    likely: dt.date | None = None
    earliest: dt.date | None = None
    latest: dt.date | None = None  # None with DATED: more than five years


def project(weighings: Sequence[Weighing], *, goal_kg: Decimal, direction: int, now: dt.datetime) -> Projection:
    """`direction` is −1 where the goal is to lose weight, 1 to gain."""
    found = pace(weighings, now=now)
    if found is None:
        return Projection(Outlook.UNKNOWN, goal_kg)
    way = goal_kg - found.kg
    if way * direction < CLOSE_KG:
        return Projection(Outlook.REACHED, goal_kg, found)
    if not found.clear:
        return Projection(Outlook.UNCLEAR, goal_kg, found)
    if found.slope * direction < 0:
        return Projection(Outlook.AWAY, goal_kg, found)
    quick, slow = (found.low, found.high) if direction < 0 else (found.high, found.low)
    likely, earliest, latest = (_reached(found.at, way / slope, now) for slope in (found.slope, quick, slow))
    if likely is None:
        return Projection(Outlook.FAR, goal_kg, found)
    return Projection(Outlook.DATED, goal_kg, found, likely, earliest, latest)


def _reached(start: dt.datetime, days: Decimal, now: dt.datetime) -> dt.date | None:
    """Today at the earliest. None where that is too far away."""
    return max(now, start + dt.timedelta(days=float(days))).date() if days <= FAR.days else None


def week_before(line: Sequence[Trended]) -> Trended | None:
    """Where the trend stood a week before its end; None where nobody weighed in the week before that."""
    if not line:
        return None
    week_ago = line[-1].at - dt.timedelta(days=7)
    before = next((each for each in reversed(line) if each.at <= week_ago), None)
    return before if before and before.at > week_ago - dt.timedelta(days=7) else None
