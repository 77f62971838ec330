"""At most three things that a person may want to change, by a rule that is written down here.

1. With fewer than four logged days nothing is suggested but to log.
2. Each of these is a candidate, and its weight is how far the mean is from the line, as a share of the line:
   energy, fat or carbohydrate more than a tenth off its target; protein more than a tenth below its target; salt,
   sugars or saturated fat more than a tenth over the reference intake; protein without a target, fibre, a vitamin or a
   mineral more than a tenth below it. A mean that may be more than it says is below a line only where four fifths of
   the energy declare the nutrient, and it would still be below if the rest had as much of it.
3. The heaviest come first; of equal ones the one that a label names first. Of vitamins and minerals only the heaviest
   is said: labels hardly ever declare them, so that they would take all the places week after week.
4. What is left of the three places goes to what would make the next week say more: days without entries, foods that do
   not declare what labels have, a target, a weight.

Only foods that were eaten in the week are named. What to eat less of is the food that gave most of it, where that is a
tenth or more; what to eat more of is the food that has most of it for its energy, of those which gave a twentieth or
more of it, give a tenth of what is missing each time, and gave less than a tenth of the salt, sugars or saturated fat
where those are near their line or over it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from products.nutrients import AS_PRINTED, MAIN_KEYS, rounded
from tracking.insights import links
from tracking.insights.figures import KNOWN, LIMITS, Average, Compared, Diary, WeekFigures, is_below, part_of
from tracking.insights.links import statement
from tracking.insights.tally import ENERGY, FoodSum
from tracking.statements import Statement
from tracking.targets import NEAR

MOST = 3
WORTH_NAMING = Decimal("0.1")  # a food's part of what there is too much of
WORTH_ADDING = Decimal("0.05")  # a food's part of what there is too little of
WORTH_EATING = Decimal("0.1")  # of what is missing, what a food gives each time
ONE = Decimal(1)


@dataclass(frozen=True)
class Candidate:
    weight: Decimal
    nutrient: str
    said: Statement


def suggestions_of(diary: Diary, figures: WeekFigures) -> list[Statement]:
    """Three at most."""
    if not figures.enough:
        return [_log_more(diary, figures)]
    order = [nutrient.key for nutrient in AS_PRINTED]
    found = [*_off_target(diary, figures), *_against_references(diary, figures)]
    found.sort(key=lambda each: (-each.weight, order.index(each.nutrient)))
    further = [each for each in found if each.nutrient not in MAIN_KEYS]
    chosen = [each.said for each in found if each not in further[1:]]
    return [*chosen, *_to_know_more(diary, figures)][:MOST]


# --- Targets ----------------------------------------------------------------------------------------------------
def _off_target(diary: Diary, figures: WeekFigures) -> Iterator[Candidate]:
    for average in figures.averages:
        if average.target is None or average.off is None or not average.target:
            continue
        weight = rounded(abs(average.off) / average.target)
        if weight <= NEAR or (average.off > 0 and average.nutrient == "protein_g"):
            continue
        if average.off > 0:
            yield Candidate(weight, average.nutrient, _over_target(diary, figures, average))
        elif not average.at_least or _surely_below(diary, average):
            yield Candidate(weight, average.nutrient, _below_target(diary, figures, average))


def _surely_below(diary: Diary, average: Average) -> bool:
    """Of energy nobody can say how much the entries have that do not declare it."""
    if average.nutrient == ENERGY or average.target is None or average.off is None:
        return False
    return is_below(average.target + average.off, average.target, diary.tally.coverage(average.nutrient))


def _over_target(diary: Diary, figures: WeekFigures, average: Average) -> Statement:
    assert average.target is not None
    assert average.off is not None
    if average.nutrient == ENERGY:
        return _energy(diary, figures, average, "ENERGY_ABOVE")
    return _less(diary, average.nutrient, average.mean, average.at_least, average.target, average.off, "LESS_TO_TARGET")


def _below_target(diary: Diary, figures: WeekFigures, average: Average) -> Statement:
    assert average.target is not None
    assert average.off is not None
    if average.nutrient == ENERGY:
        return _energy(diary, figures, average, "ENERGY_BELOW")
    return _more(
        diary, figures, average.nutrient, average.mean, average.at_least, average.target, -average.off, "MORE_TO_TARGET"
    )


def _energy(diary: Diary, figures: WeekFigures, average: Average, code: str) -> Statement:
    """With the day that was furthest off on the same side."""
    assert average.off is not None
    side = 1 if average.off > 0 else -1
    aimed = [
        (row.day, each.value - each.target)
        for row in figures.days
        for each in row.figures
        if each.nutrient == ENERGY and each.value is not None and each.target is not None
    ]
    day, off = max(aimed, key=lambda each: (side * each[1], -each[0].toordinal()))
    return statement(
        code,
        links.chart(ENERGY, figures.first, figures.last),
        mean=average.off + (average.target or 0),
        at_least=average.at_least,
        target=average.target,
        off=abs(average.off),
        days=average.target_days,
        day=day,
        day_off=abs(off),
    )


# --- Reference intakes ------------------------------------------------------------------------------------------
def _against_references(diary: Diary, figures: WeekFigures) -> Iterator[Candidate]:
    aimed = {average.nutrient for average in figures.averages if average.target is not None}
    for each in figures.compared:
        if each.nutrient in aimed:
            continue
        weight = rounded(abs(each.mean / each.reference - ONE))
        if each.stands == "over":
            yield Candidate(weight, each.nutrient, _over(diary, each))
        elif each.stands == "short":
            yield Candidate(weight, each.nutrient, _short(diary, figures, each))


def _over(diary: Diary, each: Compared) -> Statement:
    return _less(diary, each.nutrient, each.mean, each.at_least, each.reference, each.mean - each.reference, "LESS")


def _short(diary: Diary, figures: WeekFigures, each: Compared) -> Statement:
    short = each.reference - each.mean
    return _more(diary, figures, each.nutrient, each.mean, each.at_least, each.reference, short, "MORE")


# --- Less and more ----------------------------------------------------------------------------------------------
def _less(
    diary: Diary, nutrient: str, mean: Decimal, at_least: bool, line: Decimal, over: Decimal, code: str
) -> Statement:
    """What gave most of it, and what half of that would be a day."""
    said = {"nutrient": nutrient, "mean": mean, "at_least": at_least, "line": line, "over": over}
    total = diary.tally.total(nutrient).value
    food, most = max(diary.tally.foods.items(), key=lambda each: (each[1].known.get(nutrient, Decimal(0)), each[0]))
    if not total or most.known.get(nutrient, Decimal(0)) < total * WORTH_NAMING:
        return statement(f"{code}_OF_ALL", links.entries(diary.week, nutrient), **said)
    part = part_of(food, most, nutrient, total)
    return statement(
        code,
        links.entries(diary.week, nutrient, food=food),
        **said,
        food=part.name,
        share=part.share,
        times=part.times,
        half_a_day=part.amount / 2 / _known_days(diary, nutrient),
    )


def _more(
    diary: Diary,
    figures: WeekFigures,
    nutrient: str,
    mean: Decimal,
    at_least: bool,
    line: Decimal,
    short: Decimal,
    code: str,
) -> Statement:
    """A food of theirs that has much of it, and how much once more of that would bring."""
    said = {"nutrient": nutrient, "mean": mean, "at_least": at_least, "line": line, "short": short}
    found = _richest(diary, figures, nutrient, short)
    if found is None:
        return statement(f"{code}_OF_ALL", links.entries(diary.week, nutrient), **said)
    food, rich = found
    return statement(
        code,
        links.entries(diary.week, nutrient, food=food),
        **said,
        food=rich.name,
        times=rich.times,
        each_time=rich.known[nutrient] / rich.times,
    )


def _known_days(diary: Diary, nutrient: str) -> int:
    return sum(1 for totals in diary.tally.days.values() if totals.get(nutrient) is not None)


def _richest(diary: Diary, figures: WeekFigures, nutrient: str, short: Decimal) -> tuple[str, FoodSum] | None:
    """Most of the nutrient for its energy. None where no food is to be named."""
    tally, nothing = diary.tally, Decimal(0)
    too_much = [
        each.nutrient
        for each in figures.compared
        if each.nutrient in LIMITS and each.mean >= each.reference * (1 - NEAR)
    ]
    most = {key: (tally.total(key).value or nothing) * WORTH_NAMING for key in too_much}
    least = (tally.total(nutrient).value or nothing) * WORTH_ADDING
    fit = [
        (eaten.known[nutrient] / eaten.known[ENERGY], food, eaten)
        for food, eaten in tally.foods.items()
        if eaten.known.get(nutrient)
        and eaten.known.get(ENERGY)
        and eaten.known[nutrient] >= max(least, short * WORTH_EATING * eaten.times)
        and all(eaten.known.get(key, nothing) < limit for key, limit in most.items())
    ]
    if not fit:
        return None
    _density, food, eaten = max(fit, key=lambda each: each[:2])
    return food, eaten


# --- To know more -----------------------------------------------------------------------------------------------
def _log_more(diary: Diary, figures: WeekFigures) -> Statement:
    code = "LOG_MORE" if figures.logged else "LOG_SOMETHING"
    return statement(code, links.month(figures.last), logged=figures.logged, entries=figures.entries)


def _to_know_more(diary: Diary, figures: WeekFigures) -> Iterator[Statement]:
    empty = [row.day for row in figures.days if not row.entries]
    if empty:
        yield statement("LOG_DAYS", links.day_of(empty[0]), days=len(empty), day=empty[0])
    lacking = min(MAIN_KEYS, key=diary.tally.coverage)
    if diary.tally.coverage(lacking) < KNOWN:
        yield _undeclared(diary, lacking)
    if not any(average.target is not None for average in figures.averages):
        yield statement("SET_TARGET", links.targets(), logged=figures.logged)
    if figures.weight is None and diary.weighings:
        yield statement("WEIGH", links.weights(), last=diary.weighings[-1].at.date())


def _undeclared(diary: Diary, nutrient: str) -> Statement:
    """With the food that gave most energy without declaring it."""
    foods = [each for each in diary.tally.foods.values() if nutrient in each.partial]
    largest = max(foods, key=lambda each: (each.known.get(ENERGY, Decimal(0)), each.name)) if foods else None
    return statement(
        "UNDECLARED",
        links.entries(diary.week, nutrient),
        nutrient=nutrient,
        coverage=diary.tally.coverage(nutrient),
        food=largest.name if largest else "",
    )
