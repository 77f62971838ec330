"""One nutrient over many days: sums, means, and what is not known of them. Numbers in, numbers out.

A day with nothing written down is missing, and not a day of nothing.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from products.nutrients import rounded

ONE_DAY = dt.timedelta(days=1)
MEAN_OVER, LEAST_DAYS = 7, 4  # a mean of a week needs most of it


@dataclass(frozen=True)
class DayFigure:
    """A nutrient of a day. `value` None: something was eaten, and nobody declares how much that has."""

    value: Decimal | None
    at_least: bool = False

    def __add__(self, other: "DayFigure") -> "DayFigure":
        known = [each for each in (self.value, other.value) if each is not None]
        return DayFigure(sum(known, Decimal(0)) if known else None, self.at_least or other.at_least)


NO_FIGURE = DayFigure(None)


@dataclass(frozen=True)
class Mean:
    """Of `days` days. `at_least`: one of them has something unknown in it."""

    value: Decimal
    at_least: bool
    days: int

    @property
    def shown(self) -> Decimal:
        """To four decimals, as figures are kept."""
        return rounded(self.value)


def mean_of(figures: Iterable[DayFigure]) -> Mean | None:
    """Over the days whose figure is known; None where there is none."""
    known = [(each.value, each.at_least) for each in figures if each.value is not None]
    if not known:
        return None
    total = sum((value for value, _at_least in known), Decimal(0))
    return Mean(total / len(known), any(at_least for _value, at_least in known), len(known))


@dataclass(frozen=True)
class Series:
    """The days from `first` to `last`. `figures` may have earlier days: the means reach back to them."""

    first: dt.date
    last: dt.date
    figures: Mapping[dt.date, DayFigure]

    @property
    def count(self) -> int:
        """Of its days, empty ones included."""
        return (self.last - self.first).days + 1

    def days(self) -> Iterator[dt.date]:
        return days_between(self.first, self.last)

    def inside(self) -> dict[dt.date, DayFigure]:
        """Those days that have anything."""
        return {day: self.figures[day] for day in self.days() if day in self.figures}

    def mean(self, *, before: dt.date) -> Mean | None:
        """Of the days before `before`: one that is not over yet would pull it down."""
        return mean_of(figure for day, figure in self.inside().items() if day < before)

    def weekly_means(self, *, before: dt.date) -> dict[dt.date, Mean]:
        """For each day the mean of the seven that end with it, where at least four of them are known."""
        means = {}
        for day in self.days():
            week = (day - number * ONE_DAY for number in range(MEAN_OVER))
            found = mean_of(self.figures[each] for each in week if each in self.figures and each < before)
            if found is not None and found.days >= LEAST_DAYS and day < before:
                means[day] = found
        return means


def days_between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Both included."""
    return (first + number * ONE_DAY for number in range((last - first).days + 1))
