"""The figures of a week as tables and charts, in the reader's units. From the kept JSON, which has this version."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.charts import Chart, Key, Table, day_chart, group_chart, line_chart
from tracking.insights import links
from tracking.insights.tally import ENERGY
from tracking.insights.weeks import DAYS, Week
from tracking.insights.words import called, meal_label, percent
from tracking.series import DayFigure
from tracking.statements import much
from tracking.units import LB, ST, Units, energy_in, weight_in, weight_text

Kept = Mapping[str, Any]
HOURS_APART = 3  # between the hours that are named
NONE = "–"


@dataclass(frozen=True)
class AverageRow:
    """A nutrient of the week. What there is nothing to say of is a dash."""

    label: str
    link: str
    mean: str
    against: str  # its target, else the reference intake
    is_target: bool
    before: str  # four weeks


@dataclass(frozen=True)
class PartRow:
    """A part of a sum. `width`: its share as an SVG takes it."""

    name: str
    brand: str
    link: str
    amount: str
    share: str
    width: str


@dataclass(frozen=True)
class SourceTable:
    nutrient: str
    label: str
    total: str
    link: str
    rows: tuple[PartRow, ...]


@dataclass(frozen=True)
class ReferenceRow:
    label: str
    link: str
    mean: str
    reference: str
    said: str


def averages(figures: Kept, units: Units) -> list[AverageRow]:
    """In the order of a label."""
    before = {each["nutrient"]: each["four_weeks"] for each in figures["changes"]}
    first, last = _days(figures)
    return [
        AverageRow(
            label=called(each["nutrient"]),
            link=links.chart(each["nutrient"], first, last),
            mean=_much(each["nutrient"], each["mean"], units, at_least=each["at_least"]),
            against=_against(each, units),
            is_target=each["target"] is not None,
            before=_mean(each["nutrient"], before.get(each["nutrient"]), units),
        )
        for each in figures["averages"]
    ]


def _against(average: Kept, units: Units) -> str:
    """Energy has no reference of its own: what somebody needs depends on who it is."""
    if average["target"] is not None:
        return _much(average["nutrient"], average["target"], units)
    if average["reference"] is None or average["nutrient"] == ENERGY:
        return NONE
    return _much(average["nutrient"], average["reference"], units)


def sources(figures: Kept, units: Units) -> list[SourceTable]:
    week = Week(_days(figures)[0])
    return [
        SourceTable(
            nutrient=key,
            label=called(key),
            total=_much(key, each["total"], units, at_least=each["at_least"]),
            link=links.entries(week, key),
            rows=tuple(
                _part(
                    part["name"],
                    part["brand"],
                    links.entries(week, key, food=part["food"]),
                    _much(key, part["amount"], units, at_least=part["at_least"]),
                    part["share"],
                )
                for part in each["parts"]
            ),
        )
        for each in figures["sources"]
        for key in [each["nutrient"]]
    ]


def meals(figures: Kept, units: Units) -> list[PartRow]:
    """Their shares of the week's energy, the largest first."""
    week = Week(_days(figures)[0])
    return [
        _part(
            meal_label(each["meal"]),
            "",
            links.entries(week, ENERGY, meal=each["meal"]),
            _much(ENERGY, each["energy_kcal"], units, at_least=each["at_least"]),
            each["share"],
        )
        for each in figures["meals"]
    ]


def _part(name: str, brand: str, link: str, amount: str, share: float) -> PartRow:
    return PartRow(name, brand, link, amount, percent(_decimal(share)), f"{share * 100:.1f}%")


def references(figures: Kept, units: Units) -> list[ReferenceRow]:
    """Against the reference intakes of adults, those that stand out first."""
    words = {
        "over": _("over it"),
        "short": _("below it"),
        "enough": _("reached"),
        "within": _("within it"),
        "open": _("not known well enough"),
    }
    first, last = _days(figures)
    rows = sorted(figures["compared"], key=lambda each: list(words).index(each["stands"]))
    return [
        ReferenceRow(
            called(each["nutrient"]),
            links.chart(each["nutrient"], first, last),
            _much(each["nutrient"], each["mean"], units, at_least=each["at_least"]),
            _much(each["nutrient"], each["reference"], units),
            words[each["stands"]],
        )
        for each in rows
    ]


# --- Charts -----------------------------------------------------------------------------------------------------
def charts(figures: Kept, units: Units) -> list[Chart]:
    """Those that there are figures for."""
    drawn = [_energy, _weekdays, _hours, _weight]
    return [chart for draw in drawn if (chart := draw(figures, units)) is not None]


def _energy(figures: Kept, units: Units) -> Chart | None:
    rows = [(dt.date.fromisoformat(row["day"]), row["figures"][0]) for row in figures["days"]]
    known = {day: _figure(each, units) for day, each in rows if each["value"] is not None}
    if not known:
        return None
    targets = {day: _energy_in(each["target"], units) for day, each in rows if each["target"] is not None}
    stands = {"near": _("near the target"), "above": _("above"), "below": _("below"), "": NONE}
    table = Table(
        (_("Day"), _("Energy"), *((_("Target"), _("How it stood")) if targets else ())),
        tuple(
            (
                date_format(day, "l j F"),
                NONE if each["value"] is None else _much(ENERGY, each["value"], units, at_least=each["at_least"]),
                *((_much(ENERGY, each["target"], units), stands[each["stands"]]) if targets else ()),
            )
            for day, each in rows
        ),
    )
    first, last = _days(figures)
    return day_chart(
        name="energy",
        title=_("Energy by day"),
        summary=_energy_summary(figures, units),
        unit=units.energy,
        table=table,
        first=first,
        last=last,
        figures=known,
        means={},
        targets=targets,
        hue="energy",
        keys=[
            Key("bar", _("day")),
            *([Key("at-least", _("at least"))] if any(each.at_least for each in known.values()) else []),
            *([Key("target", _("target"))] if targets else []),
        ],
    )


def _energy_summary(figures: Kept, units: Units) -> str:
    average = figures["averages"][0]
    mean = _much(ENERGY, average["mean"], units, at_least=average["at_least"])
    if average["target"] is None:
        return _("On average %(mean)s a day.") % {"mean": mean}
    said = {"mean": mean, "target": _much(ENERGY, average["target"], units)}
    return _("On average %(mean)s a day; the target was %(target)s.") % said


def _weekdays(figures: Kept, units: Units) -> Chart | None:
    means: Mapping[str, Kept] = figures["weekdays"]["means"]
    if len(means) < 2:
        return None
    found = [(weekday, means.get(str(weekday))) for weekday in range(DAYS)]
    rows = tuple(
        (str(WEEKDAYS[weekday]), _mean(ENERGY, mean, units), str(mean["days"]) if mean else NONE)
        for weekday, mean in found
    )
    most = max((mean["value"], -weekday) for weekday, mean in found if mean)
    return group_chart(
        name="weekdays",
        title=_("Energy by weekday"),
        summary=_("Averages of the five weeks up to this one. Most on %(day)s: %(mean)s.")
        % {"day": WEEKDAYS[-most[1]], "mean": _much(ENERGY, most[0], units)},
        unit=units.energy,
        table=Table((_("Weekday"), _("Average"), _("Days")), rows),
        groups=[(str(WEEKDAYS_ABBR[weekday]), _group(mean, "value", units)) for weekday, mean in found],
        hue="energy",
    )


def _hours(figures: Kept, units: Units) -> Chart | None:
    hours: Kept | None = figures["hours"]
    if hours is None:
        return None
    energy: Mapping[str, float] = hours["energy_kcal"]
    said = {
        "since": f"{hours['busiest_from']}:00",
        "until": f"{hours['busiest_until']}:00",
        "share": percent(_decimal(hours["busiest_share"])),
        "timed": percent(_decimal(hours["timed"])),
    }
    rows = tuple((f"{int(hour):02}:00", _much(ENERGY, kcal, units)) for hour, kcal in energy.items())
    return group_chart(
        name="hours",
        title=_("Energy by hour"),
        summary=_(
            "%(share)s between %(since)s and %(until)s. Of all energy, %(timed)s has a time beside it and counts here."
        )
        % said,
        unit=units.energy,
        table=Table((_("Hour"), _("Energy of the week")), rows),
        groups=[
            (str(hour) if hour % HOURS_APART == 0 else "", _hour(energy.get(str(hour)), units)) for hour in range(24)
        ],
        hue="energy",
    )


def _weight(figures: Kept, units: Units) -> Chart | None:
    weight: Kept | None = figures["weight"]
    if weight is None:
        return None
    unit = LB if units.weight == ST else units.weight
    found = [
        (dt.datetime.fromisoformat(each["at"]), _decimal(each["kg"]), _decimal(each["trend"]))
        for each in weight["points"]
    ]
    rows = tuple(
        (date_format(at, "j M Y"), weight_text(kg, units.weight), weight_text(trend, units.weight))
        for at, kg, trend in reversed(found)
    )
    first, last = _days(figures)
    return line_chart(
        name="weight",
        title=_("Weight"),
        summary=_("The trend stood at %(trend)s at the end of the week.")
        % {"trend": weight_text(_decimal(weight["trend_kg"]), units.weight)},
        unit=unit,
        table=Table((_("Day"), _("Weight"), _("Trend")), rows),
        first=Week(first).first_before,
        last=last,
        points=[(at, weight_in(kg, unit)) for at, kg, _trend in found],
        line=[(at, weight_in(trend, unit)) for at, _kg, trend in found],
        keys=[Key("trend", _("trend")), Key("dot", _("what the scales said"))],
    )


# --- Kept figures -----------------------------------------------------------------------------------------------
def _decimal(value: float) -> Decimal:
    """The shortest text of a float is the decimal that was kept."""
    return Decimal(str(value))


def _days(figures: Kept) -> tuple[dt.date, dt.date]:
    return dt.date.fromisoformat(figures["first"]), dt.date.fromisoformat(figures["last"])


def _much(key: str, value: float, units: Units, *, at_least: bool = False) -> str:
    return much(key, _decimal(value), units, at_least=at_least)


def _mean(key: str, mean: Kept | None, units: Units) -> str:
    return NONE if mean is None else _much(key, mean["value"], units, at_least=mean["at_least"])


def _energy_in(kcal: float, units: Units) -> Decimal:
    return energy_in(_decimal(kcal), units.energy)


def _figure(against: Kept, units: Units) -> DayFigure:
    return DayFigure(_energy_in(against["value"], units), against["at_least"])


def _group(mean: Kept | None, name: str, units: Units) -> DayFigure:
    return DayFigure(None) if mean is None else DayFigure(_energy_in(mean[name], units), mean["at_least"])


def _hour(kcal: float | None, units: Units) -> DayFigure:
    return DayFigure(None) if kcal is None else DayFigure(_energy_in(kcal, units))
