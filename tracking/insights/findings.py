"""What the figures of a week say, one statement each, with where it can be looked up. Nothing is judged here.

Means, changes and shares need four logged days; what rests on fewer is not said.
"""

import datetime as dt
from collections.abc import Container, Iterator, Sequence
from decimal import Decimal

from products.nutrients import MAIN_KEYS
from tracking.insights import links
from tracking.insights.figures import Change, WeekFigures
from tracking.insights.links import statement
from tracking.insights.tally import ENERGY
from tracking.insights.weeks import Week
from tracking.series import ONE_DAY, Mean
from tracking.statements import Statement
from tracking.targets import NEAR

LEAST_IN_A_ROW = 3  # days: fewer are no streak
LEAST_TIMED = Decimal("0.5")  # of the energy has to say when it was eaten


def findings_of(figures: WeekFigures, suggestions: Sequence[Statement] = ()) -> list[Statement]:
    """In the order in which they are told. What a suggestion says of a reference intake is not said again."""
    told = {each.figures.get("nutrient") for each in suggestions}
    enough = [
        *_means(figures),
        *_changes(figures),
        *_sources(figures),
        *_patterns(figures),
        *_references(figures, told),
    ]
    return [_logged(figures), *(enough if figures.enough else []), *_weight(figures), *_streaks(figures)]


def _logged(figures: WeekFigures) -> Statement:
    return statement("LOGGED", links.month(figures.last), logged=figures.logged, entries=figures.entries)


# --- Means and changes ------------------------------------------------------------------------------------------
def _means(figures: WeekFigures) -> Iterator[Statement]:
    """Energy, and what was aimed for."""
    for average in figures.averages:
        if average.nutrient != ENERGY and average.target is None:
            continue
        yield statement(
            "MEAN" if average.target is None else "MEAN_AND_TARGET",
            links.chart(average.nutrient, figures.first, figures.last),
            nutrient=average.nutrient,
            mean=average.mean,
            at_least=average.at_least,
            days=average.days,
            **({"target": average.target} if average.target is not None else {}),
        )
    for each in figures.adherence:
        if each.judged:
            yield statement(
                "NEAR_TARGET" if each.nutrient == ENERGY else "MET_TARGET",
                links.chart(each.nutrient, figures.first, figures.last),
                nutrient=each.nutrient,
                met=each.met,
                judged=each.judged,
                open=each.open,
            )


def _changes(figures: WeekFigures) -> Iterator[Statement]:
    """Energy, and of the others what changed most; only between figures that are not "at least"."""
    shifts = [
        (_shift(each, before), code, each, before, first)
        for each in figures.changes
        for code, before, first in (
            ("CHANGE_LAST_WEEK", each.last_week, Week(figures.first - 7 * ONE_DAY).monday),
            ("CHANGE_FOUR_WEEKS", each.four_weeks, Week(figures.first).first_before),
        )
        if before is not None
    ]
    known = [each for each in shifts if each[0] is not None]
    yield from (_changed(figures, *each[1:]) for each in known if each[2].nutrient == ENERGY)
    others = [each for each in known if each[2].nutrient != ENERGY and each[1] == "CHANGE_FOUR_WEEKS"]
    if others:
        largest = max(others, key=lambda each: each[0] or 0)
        if (largest[0] or 0) > NEAR:
            yield _changed(figures, *largest[1:])


def _shift(change: Change, before: Mean) -> Decimal | None:
    """As a share of what it was; None where one of the two may be more than is known."""
    if change.mean.at_least or before.at_least or not before.value:
        return None
    return abs(change.mean.value / before.value - 1)


def _changed(figures: WeekFigures, code: str, change: Change, before: Mean, first: dt.date) -> Statement:
    return statement(
        code,
        links.chart(change.nutrient, first, figures.last),
        nutrient=change.nutrient,
        mean=change.mean.value,
        before=before.value,
        days=before.days,
    )


# --- Where it came from, and when -------------------------------------------------------------------------------
def _sources(figures: WeekFigures) -> Iterator[Statement]:
    week = Week(figures.first)
    for source in figures.sources:
        part = source.parts[0]
        yield statement(
            "MOST_OF",
            links.entries(week, source.nutrient, food=part.food),
            nutrient=source.nutrient,
            food=part.name,
            amount=part.amount,
            share=part.share,
            total=source.total,
            at_least=source.at_least,
            times=part.times,
        )


def _patterns(figures: WeekFigures) -> Iterator[Statement]:
    week = Week(figures.first)
    weekend, workdays = figures.weekdays.weekend, figures.weekdays.workdays
    if weekend and workdays and not (weekend.at_least or workdays.at_least) and workdays.value:
        yield statement(
            "WEEKEND" if abs(weekend.value / workdays.value - 1) > NEAR else "WEEKEND_ALIKE",
            links.chart(ENERGY, week.first_before, week.sunday),
            weekend=weekend.value,
            workdays=workdays.value,
        )
    if figures.meals:
        meal = figures.meals[0]
        link = links.entries(week, ENERGY, meal=meal.meal)
        yield statement("LARGEST_MEAL", link, meal=meal.meal, share=meal.share, energy=meal.energy_kcal)
    hours = figures.hours
    if hours and hours.timed >= LEAST_TIMED:
        yield statement(
            "BUSIEST_HOURS",
            links.entries(week, ENERGY, since=hours.busiest_from, until=hours.busiest_until),
            since=hours.busiest_from,
            until=hours.busiest_until,
            share=hours.busiest_share,
            timed=hours.timed,
        )


def _references(figures: WeekFigures, told: Container[object]) -> Iterator[Statement]:
    """Of what every label declares; vitamins and minerals are in the table."""
    for each in figures.compared:
        if each.stands in {"over", "short"} and each.nutrient in MAIN_KEYS and each.nutrient not in told:
            yield statement(
                "OVER_REFERENCE" if each.stands == "over" else "BELOW_REFERENCE",
                links.chart(each.nutrient, figures.first, figures.last),
                nutrient=each.nutrient,
                mean=each.mean,
                at_least=each.at_least,
                reference=each.reference,
            )


# --- Weight and streaks -----------------------------------------------------------------------------------------
def _weight(figures: WeekFigures) -> Iterator[Statement]:
    weight = figures.weight
    if weight is None:
        return
    if weight.change_kg is None:
        yield statement("WEIGHT", links.weights(), trend=weight.trend_kg, weighings=weight.weighings)
    else:
        yield statement("WEIGHT_CHANGE", links.weights(), trend=weight.trend_kg, change=weight.change_kg)


def _streaks(figures: WeekFigures) -> Iterator[Statement]:
    link = links.month(figures.last)
    if figures.streaks.logged >= LEAST_IN_A_ROW:
        yield statement("LOGGED_IN_A_ROW", link, days=figures.streaks.logged, last=figures.last)
    if figures.streaks.near_target >= LEAST_IN_A_ROW:
        yield statement("NEAR_IN_A_ROW", link, days=figures.streaks.near_target, last=figures.last)
