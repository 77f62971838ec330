"""Charts as geometry: where each mark stands. `templates/tracking/_chart.html` draws it.

Across, places are per cent of the width, so that one drawing fits a phone, a desktop and paper without its text
growing or shrinking; downwards they are pixels. Lines are drawn in a box `WIDE` units wide that is stretched.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.formats import date_format, number_format

from tracking.series import ONE_DAY, DayFigure, days_between

HEIGHT = 200  # px, without the labels below
WIDE = 1000
MOST_MARKS = 400  # of one kind in one chart: more cannot be told apart
MOST_TICKS_X, TICKS_Y = 7, 4
ROOMY = 5  # labels that fit side by side on a phone
LEAST_SPAN = Decimal(2)  # of the values of a line, so that scales that err by 100 g draw no mountains
MOST_BARS = 100  # days; more are drawn as points
BAR_SHARE = 0.72  # of a day's room
HUES = {
    "energy_kcal": "energy", "protein_g": "protein", "fat_g": "fat", "carbohydrates_g": "carbohydrate",
}  # fmt: skip

Point = tuple[dt.datetime, Decimal]


@dataclass(frozen=True)
class Tick:
    """A label of an axis and where it stands: per cent across, or pixels down. A phone leaves `minor` ones out."""

    at: str
    text: str
    minor: bool = False


@dataclass(frozen=True)
class Dot:
    x: str  # per cent
    y: str  # px


@dataclass(frozen=True)
class Bar:
    x: str  # per cent
    width: str  # per cent
    y: str  # px
    height: str  # px
    at_least: bool


@dataclass(frozen=True)
class Line:
    """A path. `kind` is what it is drawn as: trend, mean or target."""

    kind: str
    path: str


@dataclass(frozen=True)
class Key:
    """What a kind of mark means."""

    kind: str
    text: str


@dataclass(frozen=True)
class Table:
    """The figures behind a chart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0  # older ones


@dataclass(frozen=True)
class Chart:
    """Everything that the template needs. `name` is unique on its page."""

    name: str
    title: str
    summary: str
    unit: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    table: Table
    hue: str = "plain"
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()
    keys: tuple[Key, ...] = ()
    height: int = field(default=HEIGHT)

    @property
    def hatched(self) -> bool:
        """Whether any bar is only the least it can be."""
        return any(bar.at_least for bar in self.bars)


# --- Scales -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Scale:
    """Values from `low` at the foot to `high` at the top, with round numbers between."""

    low: Decimal
    high: Decimal
    step: Decimal

    def y(self, value: Decimal) -> float:
        """Pixels from the top."""
        return float((self.high - value) / (self.high - self.low)) * HEIGHT

    def ticks(self, called: Callable[[Decimal], str] | None = None) -> tuple[Tick, ...]:
        """`called` names a value; without it that is its number."""
        places = max(0, -int(self.step.normalize().as_tuple().exponent))
        count = int((self.high - self.low) / self.step)
        values = [self.low + self.step * number for number in range(count + 1)]
        name = called or (lambda value: number_format(value, decimal_pos=places, force_grouping=True))
        return tuple(Tick(_px(self.y(value)), name(value)) for value in values)


def scale(values: Iterable[Decimal], *, from_zero: bool, steps: Sequence[int] = ()) -> Scale:
    """One that has room for all of them, with about four steps of 1, 2, 2.5 or 5 times a power of ten.

    `steps` are those of another way to count; above the last of them its multiples.
    """
    all_values = [*values]
    low, high = min(all_values, default=Decimal(0)), max(all_values, default=Decimal(0))
    if from_zero:
        low, high = Decimal(0), high or Decimal(1)
    elif high - low < LEAST_SPAN:
        middle = (low + high) / 2
        low, high = max(Decimal(0), middle - LEAST_SPAN / 2), middle + LEAST_SPAN / 2
    step = _nice((high - low) / TICKS_Y, steps)
    return Scale((low / step).__floor__() * step, (high / step).__ceil__() * step, step)


def _nice(rough: Decimal, steps: Sequence[int]) -> Decimal:
    """The least that is as large as `rough`."""
    if steps:
        return next(
            (Decimal(step) for step in steps if step >= rough), steps[-1] * Decimal(math.ceil(rough / steps[-1]))
        )
    power = Decimal(1).scaleb(rough.adjusted())
    return next(step for factor in ("1", "2", "2.5", "5", "10") if (step := Decimal(factor) * power) >= rough)


@dataclass(frozen=True)
class Calendar:
    """Days from left to right, `first` and `last` included."""

    first: dt.date
    last: dt.date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    def share(self, at: dt.datetime) -> float:
        """Of the width: 0 where the first day begins, 1 where the last one ends."""
        begin = dt.datetime.combine(self.first, dt.time())
        return (at - begin) / dt.timedelta(days=self.count)

    def noon(self, day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(12))

    def ticks(self) -> tuple[Tick, ...]:
        """At most seven, on days that people think in: each second day, Mondays, firsts of months, new years."""
        days, form = self._labelled()
        crowded = len(days) > ROOMY
        return tuple(
            Tick(_percent(self.share(self.noon(day))), date_format(day, form), minor=crowded and number % 2 == 1)
            for number, day in enumerate(days)
        )

    def _labelled(self) -> tuple[list[dt.date], str]:
        wholes: list[tuple[Callable[[dt.date], bool], str]] = [
            (lambda _day: True, "D"),
            (lambda day: (self.last - day).days % 2 == 0, "j M"),
            (lambda day: day.weekday() == 0, "j M"),
            (lambda day: day.weekday() == 0 and day.toordinal() // 7 % 2 == 0, "j M"),
            (lambda day: day.day == 1, "M"),
            (lambda day: day.day == 1 and day.month % 2 == 1, "M"),
            (lambda day: day.day == 1 and day.month % 3 == 1, "M Y"),
            (lambda day: day.day == 1 and day.month % 6 == 1, "M Y"),
        ]
        days = list(days_between(self.first, self.last))
        for wanted, form in wholes:
            found = [day for day in days if wanted(day)]
            if len(found) <= MOST_TICKS_X:
                return found, form
        years = [day for day in days if (day.month, day.day) == (1, 1)]
        apart = math.ceil(len(years) / MOST_TICKS_X)
        return [day for day in years if day.year % apart == 0], "Y"


# --- Charts -----------------------------------------------------------------------------------------------------
def line_chart(
    *,
    name: str,
    title: str,
    summary: str,
    unit: str,
    table: Table,
    first: dt.date,
    last: dt.date,
    points: Sequence[Point],
    line: Sequence[Point],
    goal: Decimal | None = None,
    steps: Sequence[int] = (),
    called: Callable[[Decimal], str] | None = None,
    keys: Sequence[Key] = (),
) -> Chart:
    """Pale points, a line through them, and where they are to go. Of many points so many are drawn as can be seen.

    A goal that is far off is left out: it would press the rest flat.
    """
    across = Calendar(first, last)
    values = [value for _at, value in (*points, *line)]
    up = scale(values, from_zero=False, steps=steps)
    if goal is not None and not 2 * up.low - up.high <= goal <= 2 * up.high - up.low:
        goal = None
    if goal is not None:
        up = scale([*values, goal], from_zero=False, steps=steps)
    lines = [Line("trend", _path([_place(point, across, up) for point in _thinned(line)]))] if len(line) > 1 else []
    if goal is not None:
        lines.append(Line("target", f"M0 {_px(up.y(goal))}H{WIDE}"))
    return Chart(
        name=name,
        title=title,
        summary=summary,
        unit=unit,
        table=table,
        x_ticks=across.ticks(),
        y_ticks=up.ticks(called),
        dots=tuple(Dot(_percent(across.share(at)), _px(up.y(value))) for at, value in _thinned(points)),
        lines=tuple(lines),
        keys=tuple(key for key in keys if key.kind != "target" or goal is not None),
    )


def day_chart(
    *,
    name: str,
    title: str,
    summary: str,
    unit: str,
    table: Table,
    first: dt.date,
    last: dt.date,
    figures: Mapping[dt.date, DayFigure],
    means: Mapping[dt.date, Decimal],
    targets: Mapping[dt.date, Decimal],
    hue: str = "plain",
    keys: Sequence[Key] = (),
) -> Chart:
    """A bar for each day, hatched where it is only the least it can be; a line of means, and a mark for each target.

    A day without a figure has no bar. Up to a quarter there are bars, above that points.
    """
    across = Calendar(first, last)
    known = {day: (each.value, each.at_least) for day, each in figures.items() if each.value is not None}
    up = scale([*(value for value, _ in known.values()), *means.values(), *targets.values()], from_zero=True)
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    if across.count <= MOST_BARS:
        bars = tuple(_bar(across, up, day, value, at_least) for day, (value, at_least) in known.items())
    else:
        places = _thinned([(across.noon(day), value) for day, (value, _at_least) in known.items()])
        dots = tuple(Dot(_percent(across.share(at)), _px(up.y(value))) for at, value in places)
    lines = [
        Line("mean", _path([_place((across.noon(day), value), across, up) for day, value in run]))
        for run in _runs(means)
    ]
    target = "".join(_target(across, up, run) for run in _runs(targets))
    return Chart(
        name=name,
        title=title,
        summary=summary,
        unit=unit,
        table=table,
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        hue=hue,
        bars=bars,
        dots=dots,
        lines=(*lines, *([Line("target", target)] if target else [])),
        keys=tuple(keys),
    )


def group_chart(
    *,
    name: str,
    title: str,
    summary: str,
    unit: str,
    table: Table,
    groups: Sequence[tuple[str, DayFigure]],
    hue: str = "plain",
    keys: Sequence[Key] = (),
) -> Chart:
    """A bar for each group, in their order, above its name. One without a figure has no bar, one without a name none.

    Of many names a phone leaves out every second.
    """
    known = [
        (number, each.value, each.at_least) for number, (_name, each) in enumerate(groups) if each.value is not None
    ]
    up, room = scale([value for _number, value, _at_least in known], from_zero=True), 1 / len(groups)
    names = [(number, text) for number, (text, _figure) in enumerate(groups) if text]
    crowded = len(names) > MOST_TICKS_X
    return Chart(
        name=name,
        title=title,
        summary=summary,
        unit=unit,
        table=table,
        x_ticks=tuple(
            Tick(_percent(room * (number + 0.5)), text, minor=crowded and place % 2 == 1)
            for place, (number, text) in enumerate(names)
        ),
        y_ticks=up.ticks(),
        hue=hue,
        bars=tuple(_bar_at(room * number, room, up, value, at_least) for number, value, at_least in known),
        keys=tuple(keys),
    )


def _bar(across: Calendar, up: Scale, day: dt.date, value: Decimal, at_least: bool) -> Bar:
    return _bar_at(across.share(dt.datetime.combine(day, dt.time())), 1 / across.count, up, value, at_least)


def _bar_at(place: float, room: float, up: Scale, value: Decimal, at_least: bool) -> Bar:
    """In the middle of its room, which begins at `place`; both are shares of the width."""
    start, top = place + room * (1 - BAR_SHARE) / 2, up.y(value)
    return Bar(_percent(start), _percent(room * BAR_SHARE), _px(top), _px(up.y(Decimal(0)) - top), at_least)


def _target(across: Calendar, up: Scale, run: Sequence[tuple[dt.date, Decimal]]) -> str:
    """A mark as wide as its day; those of one height run together."""
    parts, before = [], None
    for day, value in run:
        start = across.share(dt.datetime.combine(day, dt.time())) * WIDE
        end = start + WIDE / across.count
        parts.append(f"H{end:.2f}" if value == before else f"M{start:.2f} {_px(up.y(value))}H{end:.2f}")
        before = value
    return "".join(parts)


def _runs(values: Mapping[dt.date, Decimal]) -> list[list[tuple[dt.date, Decimal]]]:
    """Days in a row: a line does not cross days that have no value."""
    runs: list[list[tuple[dt.date, Decimal]]] = []
    for day, value in sorted(values.items()):
        if runs and runs[-1][-1][0] + ONE_DAY == day:
            runs[-1].append((day, value))
        else:
            runs.append([(day, value)])
    return runs


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many as can be told apart, the last one among them."""
    every = math.ceil(len(points) / MOST_MARKS) or 1
    return [*points[::-1][::every]][::-1]


def _place(point: Point, across: Calendar, up: Scale) -> tuple[float, float]:
    at, value = point
    return across.share(at) * WIDE, up.y(value)


def _path(places: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = places
    # A lone place is a line without length, which is drawn as a point.
    return f"M{x:.2f} {y:.2f}" + ("".join(f"L{x:.2f} {y:.2f}" for x, y in rest) or "h0")


def _percent(share: float) -> str:
    return f"{share * 100:.3f}%"


def _px(pixels: float) -> str:
    return f"{pixels:.2f}"
