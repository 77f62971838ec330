"""The figures of a week, from its diary. Numbers in, numbers out: no database, no clock, no language.

What nobody declared is not zero: a figure that had to skip something says "at least", and where that leaves a question
open, it stays open.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from products.nutrients import MAIN_KEYS, NUTRIENTS
from tracking.insights.tally import ENERGY, ZERO, FoodSum, Tally, figure_of
from tracking.insights.weeks import DAYS, WEEKS_BEFORE, Week
from tracking.series import LEAST_DAYS, ONE_DAY, DayFigure, Mean, mean_of
from tracking.targets import NEAR, DayTarget, stands
from tracking.totals import Totals
from tracking.trend import Trended, Weighing, pace, week_before

LEAST_DAYS_BEFORE = WEEKS_BEFORE * LEAST_DAYS  # of the four weeks before, as of one week: most of them
AIMED = (ENERGY, "protein_g", "fat_g", "carbohydrates_g")  # what a target can be about
SOURCES = (ENERGY, "sugars_g", "salt_g", "saturated_fat_g")
MOST_SOURCES = 5
# Reference intakes that mean "not more than" (EFSA, Review of labelling reference intake values, EFSA Journal 2009;
# 7(5):1008, on which Annex XIII rests); of all others there should be enough. Fat and carbohydrate depend on the energy
# that somebody needs, and are judged by their target alone.
LIMITS = ("saturated_fat_g", "sugars_g", "salt_g")
# Nobody should eat more for these: chloride comes as salt, iodine and fluoride mostly with salt and water, and labels
# hardly ever declare them.
NEVER_SHORT = ("chloride_mg", "iodine_ug", "fluoride_mg")
ENOUGH_OF = tuple(
    key
    for key, nutrient in NUTRIENTS.items()
    if nutrient.reference and key not in (*LIMITS, *NEVER_SHORT, ENERGY, "fat_g", "carbohydrates_g")
)
# The share of the energy whose foods declare a nutrient, from which on it can be called short.
KNOWN = Decimal("0.8")
LEAST_WEEKEND_DAYS, LEAST_WORKDAYS, LEAST_SAME_WEEKDAY = 4, 8, 3  # in five weeks: of 10, 25 and 5
BUSIEST_HOURS = 3


@dataclass(frozen=True)
class Diary:
    """All that the insights of a week are computed from.

    `before`: the days of the four weeks before that have entries; `targets`: of all five weeks; `weighings`: all up to
    its Sunday. `logged_in_a_row`: days with entries in a row that end with its Sunday. `compares`: whether reference
    intakes of adults are for this person.
    """

    week: Week
    tally: Tally
    before: Mapping[dt.date, Totals] = field(default_factory=dict)
    targets: Mapping[dt.date, DayTarget] = field(default_factory=dict)
    weighings: Sequence[Trended] = ()
    logged_in_a_row: int = 0
    compares: bool = True

    @property
    def logged(self) -> int:
        return len(self.tally.days)

    @property
    def all_days(self) -> dict[dt.date, Totals]:
        """Those of the five weeks that have entries."""
        return {**self.before, **self.tally.days}


@dataclass(frozen=True)
class Against:
    """A figure of a day, and how it stood to its target. `stands`: "near", "below", "above"; "" where open."""

    nutrient: str
    value: Decimal | None
    at_least: bool
    target: Decimal | None
    stands: str
    met: bool | None  # None: open, or nothing was aimed for


@dataclass(frozen=True)
class DayRow:
    day: dt.date
    entries: int
    figures: tuple[Against, ...]  # energy, and what was aimed for


@dataclass(frozen=True)
class Average:
    """A nutrient a day, over the days whose figure is known.

    `target` and `off` (eaten less target) are means over those of them that had one.
    """

    nutrient: str
    mean: Decimal
    at_least: bool
    days: int
    target: Decimal | None
    off: Decimal | None
    target_days: int
    reference: Decimal | None


@dataclass(frozen=True)
class Adherence:
    """Of the days with entries and a target: how many met it, and how many could be judged."""

    nutrient: str
    met: int
    judged: int
    open: int


@dataclass(frozen=True)
class Part:
    """One food's part of a nutrient. `share` is of what is known of the week."""

    food: str
    name: str
    brand: str
    amount: Decimal
    at_least: bool
    share: Decimal
    times: int
    days: int


@dataclass(frozen=True)
class Source:
    """Where a nutrient of the week came from, the largest part first."""

    nutrient: str
    total: Decimal
    at_least: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Compared:
    """A mean against the reference intake of an adult. `stands`: "over", "short", "enough", "within", or "open".

    `coverage`: the share of the energy whose foods declare the nutrient.
    """

    nutrient: str
    mean: Decimal
    at_least: bool
    reference: Decimal
    coverage: Decimal
    stands: str


@dataclass(frozen=True)
class Change:
    """A nutrient a day against the week before, and the four weeks before. None: too few days to go by."""

    nutrient: str
    mean: Mean
    last_week: Mean | None
    four_weeks: Mean | None


@dataclass(frozen=True)
class MealShare:
    """A meal's part of the energy of the week."""

    meal: str
    energy_kcal: Decimal
    at_least: bool
    share: Decimal


@dataclass(frozen=True)
class Hours:
    """Energy by the hour in which it was eaten, and the three hours in a row with most of it.

    Shares are of the energy whose time is known, which is `timed` of all.
    """

    energy_kcal: Mapping[int, Decimal]
    timed: Decimal
    busiest_from: int
    busiest_until: int
    busiest_share: Decimal


@dataclass(frozen=True)
class Weekdays:
    """Energy a day by weekday (0 Monday), over five weeks; weekend and other days where there are enough of both."""

    means: Mapping[int, Mean]
    weekend: Mean | None
    workdays: Mean | None


@dataclass(frozen=True)
class Weight:
    """Where the trend stood after the week's last weighing. `change_kg`: since a week before it."""

    trend_kg: Decimal
    change_kg: Decimal | None
    weighings: int  # in the week
    pace_kg_per_week: Decimal | None  # over four weeks
    pace_is_clear: bool
    points: tuple[Trended, ...]  # of four weeks, one a day


@dataclass(frozen=True)
class Streaks:
    """Days in a row that end with the week's last day; `near_target` looks back five weeks at most."""

    logged: int
    near_target: int


@dataclass(frozen=True)
class WeekFigures:
    first: dt.date
    last: dt.date
    logged: int
    entries: int
    days: tuple[DayRow, ...]
    averages: tuple[Average, ...]
    adherence: tuple[Adherence, ...]
    sources: tuple[Source, ...]
    compared: tuple[Compared, ...]
    changes: tuple[Change, ...]
    weekdays: Weekdays
    meals: tuple[MealShare, ...]
    hours: Hours | None
    weight: Weight | None
    streaks: Streaks

    @property
    def enough(self) -> bool:
        """Whether a mean says anything of the week: a mean needs most of its days."""
        return self.logged >= LEAST_DAYS


def figures_of(diary: Diary) -> WeekFigures:
    """Everything. Figures with too little behind them are None or left out."""
    week, tally = diary.week, diary.tally
    rows = tuple(_day_row(day, diary) for day in week.days)
    averages = tuple(filter(None, (_average(key, diary) for key in MAIN_KEYS)))
    return WeekFigures(
        first=week.monday,
        last=week.sunday,
        logged=diary.logged,
        entries=sum(tally.entries.values()),
        days=rows,
        averages=averages,
        adherence=tuple(filter(None, (_adherence(key, rows) for key in AIMED))),
        sources=tuple(filter(None, (_source(key, tally) for key in SOURCES))),
        compared=tuple(filter(None, (_compared(key, diary) for key in (*LIMITS, *ENOUGH_OF)))),
        changes=tuple(filter(None, (_change(key, diary) for key in MAIN_KEYS))),
        weekdays=_weekdays(diary),
        meals=_meals(tally),
        hours=_hours(tally),
        weight=_weight(diary),
        streaks=Streaks(diary.logged_in_a_row, _near_in_a_row(diary)),
    )


# --- Days and targets -------------------------------------------------------------------------------------------
def judged(figure: DayFigure, target: Decimal | None) -> str:
    """Where it stood to its target; "" where that is open: the least it can be may still become more."""
    if figure.value is None or not target:
        return ""
    found = stands(figure.value, target)
    return "" if figure.at_least and found != "above" else found


def met(key: str, figure: DayFigure, target: Decimal | None) -> bool | None:
    """Near the target; a target of protein is also met above it, even where nobody knows how far. None: open."""
    if figure.value is None or not target:
        return None
    if key == "protein_g" and figure.value >= target * (1 - NEAR):
        return True
    found = judged(figure, target)
    return found == "near" if found else None


def _day_row(day: dt.date, diary: Diary) -> DayRow:
    totals, target = diary.tally.days.get(day), diary.targets.get(day)
    figures = []
    for key in AIMED:
        aim = target.get(key) if target else None
        if key != ENERGY and aim is None:
            continue
        figure = figure_of(totals, key) if totals else DayFigure(None)
        found = Against(key, figure.value, figure.at_least, aim, judged(figure, aim), met(key, figure, aim))
        figures.append(found)
    return DayRow(day, diary.tally.entries[day], tuple(figures))


def _average(key: str, diary: Diary) -> Average | None:
    figures = {day: figure_of(totals, key) for day, totals in diary.tally.days.items()}
    mean = mean_of(figures.values())
    if mean is None:
        return None
    pairs = [
        (figure.value, aim)
        for day, figure in figures.items()
        if figure.value is not None and day in diary.targets and (aim := diary.targets[day].get(key)) is not None
    ]
    count = len(pairs)
    return Average(
        nutrient=key,
        mean=mean.value,
        at_least=mean.at_least,
        days=mean.days,
        target=sum((aim for _eaten, aim in pairs), ZERO) / count if pairs else None,
        off=sum((eaten - aim for eaten, aim in pairs), ZERO) / count if pairs else None,
        target_days=count,
        reference=NUTRIENTS[key].reference if diary.compares else None,
    )


def _adherence(key: str, rows: Iterable[DayRow]) -> Adherence | None:
    """None where nothing was aimed for on a day with entries."""
    aimed = [
        each for row in rows if row.entries for each in row.figures if each.nutrient == key and each.target is not None
    ]
    if not aimed:
        return None
    found = [each.met for each in aimed if each.met is not None]
    return Adherence(key, found.count(True), len(found), len(aimed) - len(found))


def _near_in_a_row(diary: Diary) -> int:
    days, count, day = diary.all_days, 0, diary.week.sunday
    while day in days and day in diary.targets:
        if judged(figure_of(days[day], ENERGY), diary.targets[day].energy_kcal) != "near":
            break
        count, day = count + 1, day - ONE_DAY
    return count


# --- Foods and reference intakes --------------------------------------------------------------------------------
def _source(key: str, tally: Tally) -> Source | None:
    total = tally.total(key)
    if not total.value:
        return None
    eaten = [(food, each) for food, each in tally.foods.items() if each.known.get(key)]
    largest = sorted(eaten, key=lambda each: (-each[1].known[key], each[0]))[:MOST_SOURCES]
    parts = tuple(part_of(food, each, key, total.value) for food, each in largest)
    return Source(key, total.value, total.at_least, parts)


def part_of(food: str, eaten: FoodSum, key: str, total: Decimal) -> Part:
    amount = eaten.known[key]
    return Part(
        food, eaten.name, eaten.brand, amount, key in eaten.partial, amount / total, eaten.times, len(eaten.days)
    )


def _compared(key: str, diary: Diary) -> Compared | None:
    """None where nothing declares it, or references are not for this person."""
    reference = NUTRIENTS[key].reference
    mean = mean_of(figure_of(totals, key) for totals in diary.tally.days.values())
    if not diary.compares or mean is None or reference is None:
        return None
    coverage = diary.tally.coverage(key)
    found = _limited(mean, reference, coverage) if key in LIMITS else _enough(mean, reference, coverage)
    return Compared(key, mean.value, mean.at_least, reference, coverage, found)


def _limited(mean: Mean, reference: Decimal, coverage: Decimal) -> str:
    line = reference * (1 + NEAR)
    if mean.value > line:
        return "over"
    return "within" if coverage >= KNOWN and mean.value <= line * coverage else "open"


def _enough(mean: Mean, reference: Decimal, coverage: Decimal) -> str:
    if mean.value >= reference * (1 - NEAR):
        return "enough"
    return "short" if is_below(mean.value, reference, coverage) else "open"


def is_below(mean: Decimal, line: Decimal, coverage: Decimal) -> bool:
    """Whether it would be more than a tenth below also if the foods that do not declare it had as much of it.

    For their energy, as the foods that do; and only where these are most.
    """
    return coverage >= KNOWN and mean < line * (1 - NEAR) * coverage


# --- Before, weekdays, hours ------------------------------------------------------------------------------------
def _change(key: str, diary: Diary) -> Change | None:
    now = mean_of(figure_of(totals, key) for totals in diary.tally.days.values())
    if now is None or now.days < LEAST_DAYS:
        return None
    week_ago = diary.week.monday - DAYS * ONE_DAY
    figures = {day: figure_of(totals, key) for day, totals in diary.before.items()}
    last = mean_of(figure for day, figure in figures.items() if day >= week_ago)
    four = mean_of(figures.values())
    return Change(
        key,
        now,
        last if last and last.days >= LEAST_DAYS else None,
        four if four and four.days >= LEAST_DAYS_BEFORE else None,
    )


def _weekdays(diary: Diary) -> Weekdays:
    figures = {day: figure_of(totals, ENERGY) for day, totals in diary.all_days.items()}

    def mean(*weekdays: int) -> Mean | None:
        return mean_of(figure for day, figure in figures.items() if day.weekday() in weekdays)

    means = {weekday: found for weekday in range(DAYS) if (found := mean(weekday))}
    weekend, workdays = mean(5, 6), mean(0, 1, 2, 3, 4)
    enough = weekend and workdays and weekend.days >= LEAST_WEEKEND_DAYS and workdays.days >= LEAST_WORKDAYS
    return Weekdays(
        {weekday: found for weekday, found in means.items() if found.days >= LEAST_SAME_WEEKDAY},
        weekend if enough else None,
        workdays if enough else None,
    )


def _meals(tally: Tally) -> tuple[MealShare, ...]:
    """The largest first."""
    energy = tally.energy
    if not energy:
        return ()
    known = [(meal, each, each.value) for meal, each in tally.meals.items() if each.value is not None]
    ordered = sorted(known, key=lambda each: (-each[2], each[0]))
    return tuple(MealShare(meal, value, each.at_least, value / energy) for meal, each, value in ordered)


def _hours(tally: Tally) -> Hours | None:
    timed = sum(tally.hours.values(), ZERO)
    if not timed:
        return None

    def within(start: int) -> Decimal:
        return sum((tally.hours.get(hour, ZERO) for hour in range(start, start + BUSIEST_HOURS)), ZERO)

    busiest = max(range(24 - BUSIEST_HOURS + 1), key=lambda start: (within(start), -start))
    return Hours(
        dict(sorted(tally.hours.items())),
        timed / tally.energy,
        busiest,
        busiest + BUSIEST_HOURS,
        within(busiest) / timed,
    )


def _weight(diary: Diary) -> Weight | None:
    """None where nobody weighed in this week: what a trend says of it would be a guess."""
    inside = [each for each in diary.weighings if diary.week.monday <= each.at.date() <= diary.week.sunday]
    if not inside:
        return None
    last, before = inside[-1], week_before(diary.weighings)
    found = pace(
        [Weighing(each.at, each.kg) for each in diary.weighings],
        now=dt.datetime.combine(diary.week.sunday, dt.time.max),
    )
    recent = {each.at.date(): each for each in diary.weighings if each.at.date() >= diary.week.first_before}
    return Weight(
        trend_kg=last.trend,
        change_kg=last.trend - before.trend if before else None,
        weighings=len(inside),
        pace_kg_per_week=found.slope * DAYS if found else None,
        pace_is_clear=bool(found and found.clear),
        points=tuple(recent.values()),
    )
