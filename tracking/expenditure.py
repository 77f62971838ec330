"""What a person really spends, from what they logged and how their weight moved. In kcal a day, kg and days.

Spent = eaten − stored: the mean of the logged days less 7,700 kcal for each kg that the weight rose (the idea of Hall &
Chow, Am J Clin Nutr 2011;94:66–74, with their linear model left out). What was eaten and not logged cannot be seen
from here: who forgets a fifth of it is told a fifth too little.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.energy import KCAL_PER_KG
from tracking.regression import fitted, mean_of, t_95

WINDOW_DAYS = 28
LEAST_LOGGED_DAYS, LEAST_WEIGHINGS, LEAST_SPAN_DAYS = 14, 5, 14


@dataclass(frozen=True)
class Eaten:
    """What a day adds up to. `at_least`: something in it has no declared energy, so it may be more."""

    kcal: Decimal
    at_least: bool = False


@dataclass(frozen=True)
class Missing:
    """Not enough to go by yet: how much more it takes. Zero: there is enough of that."""

    logged_days: int = 0
    weighings: int = 0
    span_days: int = 0  # between the first weighing and the last
    implausible: bool = False  # the weight moved faster than food can explain: water, or a mistyped weight


@dataclass(frozen=True)
class Expenditure:
    """An estimate with its 95 % interval. `at_least`: some intake was only known to be at least so much."""

    kcal: Decimal
    margin_kcal: Decimal
    at_least: bool
    intake_kcal: Decimal
    change_kg_per_week: Decimal
    logged_days: int
    weighings: int

    @property
    def low_kcal(self) -> Decimal:
        return max(Decimal(0), self.kcal - self.margin_kcal)

    @property
    def high_kcal(self) -> Decimal | None:
        """None where nobody can say how much it is at most."""
        return None if self.at_least else self.kcal + self.margin_kcal


def window(today: dt.date) -> tuple[dt.date, dt.date]:
    """The 28 days that count. Today does not: it is not over."""
    return today - dt.timedelta(days=WINDOW_DAYS), today - dt.timedelta(days=1)


def expenditure(eaten: Mapping[dt.date, Eaten], weighings: Sequence[tuple[dt.date, Decimal]]) -> Expenditure | Missing:
    """From the logged days and the weighings (day, kg) of one window; several weighings of a day count as their mean.

    Days without anything logged are taken to be like the others.
    """
    weights = _by_day(weighings)
    span = (max(weights) - min(weights)).days if weights else 0
    missing = Missing(
        logged_days=max(0, LEAST_LOGGED_DAYS - len(eaten)),
        weighings=max(0, LEAST_WEIGHINGS - len(weights)),
        span_days=max(0, LEAST_SPAN_DAYS - span),
    )
    if missing != Missing():
        return missing
    intake, intake_margin = _mean([day.kcal for day in eaten.values()])
    line = fitted([(Decimal((day - min(weights)).days), kg) for day, kg in weights.items()])  # kg a day
    spent = intake - KCAL_PER_KG * line.slope
    if spent <= 0:
        return Missing(implausible=True)
    return Expenditure(
        kcal=spent,
        # Independent errors add in squares.
        margin_kcal=(intake_margin**2 + (KCAL_PER_KG * line.margin) ** 2).sqrt(),
        at_least=any(day.at_least for day in eaten.values()),
        intake_kcal=intake,
        change_kg_per_week=line.slope * 7,
        logged_days=len(eaten),
        weighings=len(weights),
    )


def sentence_of(missing: Missing) -> str:
    """What is missing, for the person."""
    if missing.implausible:
        return _("Your weight moved faster than food can explain. Look whether a weight was mistyped.")
    needed = [
        ngettext("%(count)d more logged day", "%(count)d more logged days", missing.logged_days),
        ngettext("a weight on %(count)d more day", "weights on %(count)d more days", missing.weighings),
        ngettext(
            "%(count)d more day between the first weight and the last",
            "%(count)d more days between the first weight and the last",
            missing.span_days,
        ),
    ]
    counts = [missing.logged_days, missing.weighings, missing.span_days]
    said = [text % {"count": count} for text, count in zip(needed, counts, strict=True) if count]
    return _("Your diary can tell what you really spend a day. For that, the last %(days)d days need %(needed)s.") % {
        "days": WINDOW_DAYS,
        "needed": get_text_list(said, _("and")),
    }


def _by_day(weighings: Sequence[tuple[dt.date, Decimal]]) -> dict[dt.date, Decimal]:
    found: dict[dt.date, list[Decimal]] = {}
    for day, kg in weighings:
        found.setdefault(day, []).append(kg)
    return {day: mean_of(kgs) for day, kgs in found.items()}


def _mean(values: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """The mean, and its margin as a sample of the window's days: none where every day was logged."""
    count, mean = len(values), mean_of(values)
    variance = sum(((value - mean) ** 2 for value in values), Decimal(0)) / (count - 1)
    unseen = max(Decimal(0), 1 - Decimal(count) / WINDOW_DAYS)
    return mean, t_95(count - 1) * (variance / count * unseen).sqrt()
