"""How much energy a person needs, and what is safe to aim for. In kcal a day, kg, cm and years.

All of it is an estimate from groups of people: one person may need a tenth more or less (Frankenfield et al., J Am Diet
Assoc 2005;105:775–89). What the diary itself shows after some weeks (`tracking.expenditure`) is about this person.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tracking.errors import Refused
from tracking.units import KG, LB, Units, energy_in, weight_in, weight_text

FEMALE, MALE = "female", "male"
LOSE, KEEP, GAIN = "lose", "keep", "gain"

# What resting energy is multiplied by. The five steps go with resting formulas since McArdle, Katch & Katch, Exercise
# Physiology; no trial measured them. FAO/WHO/UNU (Human energy requirements, 2001, table 5.1) has 1.40–1.69 for a
# sedentary or light life, 1.70–1.99 for an active and 2.00–2.40 for a vigorous one: a little more for the same words.
ACTIVITY_FACTORS = {
    "sedentary": Decimal("1.2"),
    "light": Decimal("1.375"),
    "moderate": Decimal("1.55"),
    "active": Decimal("1.725"),
    "very_active": Decimal("1.9"),
}
# 3,500 kcal a pound of body weight: Wishnofsky, Am J Clin Nutr 1958;6:542–6.
KCAL_PER_KG = Decimal(7700)

ADULT = 18  # years; WHO counts below 19 as adolescence, most laws below 18; the formula was made from 19 on
UNDERWEIGHT_BMI = Decimal("18.5")  # WHO Technical Report Series 894 (2000), table 2.1
# The lower ends of what is prescribed: 1,200–1,500 kcal for women and 1,500–1,800 kcal for men (2013 AHA/ACC/TOS
# guideline for overweight and obesity, recommendation 3a; Circulation 2014;129:S102–38).
FLOOR_KCAL = {FEMALE: Decimal(1200), MALE: Decimal(1500)}
# Below this only with doctors watching over it (the same guideline, recommendation 4e), also for who needs little.
VERY_LOW_KCAL = Decimal(800)
LEAST_FLOOR_KCAL = min(FLOOR_KCAL.values())  # for somebody whose sex is not known
# 0.5–1 % of body weight a week keeps lean mass: Helms et al., J Int Soc Sports Nutr 2014;11:20.
MOST_LOSS = Decimal("0.01")
# What eating-disorder services aim for outside hospital (NICE guideline CG9, 2004, on managing weight gain), and about
# the 0.25–0.5 % of body weight beyond which most of what is gained is fat (Iraki et al., Sports 2019;7:154).
MOST_GAIN_KG = Decimal("0.5")
LEAST_RATE_KG = Decimal("0.05")  # a week: less is below what scales show
ROUND_UP_KG = Decimal("0.05")  # added to a least weight, so that what is said, to one decimal, is allowed


@dataclass(frozen=True)
class Person:
    """What is known of somebody on a day. None or empty: not known."""

    sex: str = ""
    age: int | None = None
    height_cm: Decimal | None = None
    weight_kg: Decimal | None = None
    activity: str = ""
    pregnant_or_breastfeeding: bool = False
    measured_kcal: Decimal | None = None  # what they spend a day by their own diary

    @property
    def bmi(self) -> Decimal | None:
        """kg/m²."""
        if self.height_cm is None or self.weight_kg is None:
            return None
        return bmi(self.weight_kg, self.height_cm)

    @property
    def missing(self) -> tuple[str, ...]:
        """What has to be known before energy can be computed: names of fields."""
        needed = ("sex", "age", "height_cm", "activity", "weight_kg")
        return tuple("birth_date" if name == "age" else name for name in needed if getattr(self, name) in {"", None})

    @property
    def grown_up(self) -> bool:
        return self.age is not None and self.age >= ADULT


@dataclass(frozen=True)
class Suggestion:
    """Energy for a goal, with its steps. All but the factor rounded to tens, so that they add up as they are shown."""

    resting_kcal: Decimal
    activity_factor: Decimal
    need_kcal: Decimal
    change_kcal: Decimal  # a day, below zero to lose weight
    energy_kcal: Decimal

    @property
    def less_kcal(self) -> Decimal:
        """The change without its sign where weight is lost."""
        return -self.change_kcal


METRIC = Units()


def age_on(birth_date: dt.date, day: dt.date) -> int:
    """Whole years. Who was born on 29 February is a year older on 1 March of other years. Below 0 before birth."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def bmi(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    return weight_kg / (height_cm / 100) ** 2


def resting_kcal(*, sex: str, weight_kg: Decimal, height_cm: Decimal, age: int) -> Decimal:
    """Mifflin–St Jeor: what a body uses at rest (Mifflin et al., Am J Clin Nutr 1990;51:241–7; adults of 19 to 78)."""
    return 10 * weight_kg + Decimal("6.25") * height_cm - 5 * age + (5 if sex == MALE else -161)


def change_kcal(rate_kg_per_week: Decimal) -> Decimal:
    """Energy a day more or less than needed for a change of weight, by 7,700 kcal per kg.

    That constant is right for the first weeks and too hopeful later: a lighter body needs less and adapts, so the same
    deficit takes off less and less (Hall et al., Lancet 2011;378:826–37). It is mended by setting a new target.
    """
    return KCAL_PER_KG * rate_kg_per_week / 7


def change_rate_kg(kcal: Decimal) -> Decimal:
    """The other way round: kg a week for so much energy a day."""
    return kcal * 7 / KCAL_PER_KG


def need_kcal(person: Person) -> Suggestion | None:
    """What keeps an adult's weight. None where something is not known, or for somebody who still grows."""
    if person.missing or not person.grown_up:
        return None
    assert person.weight_kg is not None
    assert person.height_cm is not None
    assert person.age is not None
    resting = tens(resting_kcal(sex=person.sex, weight_kg=person.weight_kg, height_cm=person.height_cm, age=person.age))
    factor = ACTIVITY_FACTORS[person.activity]
    need = tens(resting * factor)
    return Suggestion(resting, factor, need, Decimal(0), need)


def suggested(person: Person, goal: str, rate_kg_per_week: Decimal) -> Suggestion | None:
    """Energy for a goal, whether it is safe or not. None as in `need_kcal`."""
    need = need_kcal(person)
    if need is None:
        return None
    change = tens(change_kcal(signed_rate(goal, rate_kg_per_week)))
    return Suggestion(need.resting_kcal, need.activity_factor, need.need_kcal, change, need.need_kcal + change)


def signed_rate(goal: str, rate_kg_per_week: Decimal) -> Decimal:
    """kg a week, below zero to lose."""
    return {LOSE: -rate_kg_per_week, GAIN: rate_kg_per_week}.get(goal, Decimal(0))


def most_rate_kg(person: Person, goal: str) -> Decimal | None:
    """The fastest that is safe, in kg a week. None where it is not known."""
    if goal == GAIN:
        return MOST_GAIN_KG
    if person.weight_kg is None:
        return None
    by_weight = person.weight_kg * MOST_LOSS
    need = need_kcal(person)
    if need is None:
        return by_weight
    to_floor = change_rate_kg(need.need_kcal - floor_kcal(person))
    return max(Decimal(0), min(by_weight, to_floor))


def refuse_unsafe_goal(
    person: Person, goal: str, rate_kg_per_week: Decimal, goal_weight_kg: Decimal | None = None, units: Units = METRIC
) -> None:
    """Raises Refused where a goal could harm, or is none: with what would be all right instead."""
    if goal == LOSE:
        refuse_losing(person)
        _refuse_fast_loss(person, rate_kg_per_week, units)
    if goal == GAIN and rate_kg_per_week > MOST_GAIN_KG:
        raise Refused(
            _("At most %(most)s a week: what is gained faster is mostly fat.")
            % {"most": rate_text(MOST_GAIN_KG, units)},
            field="rate_kg_per_week",
        )
    if goal != KEEP and rate_kg_per_week <= 0:
        raise Refused(_("Say how fast: how much a week?"), field="rate_kg_per_week")
    if goal_weight_kg is not None:
        _refuse_goal_weight(person, goal, goal_weight_kg, units)


def refuse_losing(person: Person) -> None:
    """Raises Refused where this person should not aim to lose weight, or where that cannot be known."""
    if person.age is not None and not person.grown_up:
        raise Refused(
            _("Losing weight can be a goal here from the age of 18 on. Choose to keep your weight, or ask a doctor."),
            field="goal",
        )
    if person.pregnant_or_breastfeeding:
        raise Refused(
            _(
                "Losing weight is no goal during pregnancy or breastfeeding. Choose to keep your weight, and ask your "
                "midwife or doctor what is right for you."
            ),
            field="goal",
        )
    if person.age is None or person.height_cm is None or person.weight_kg is None:
        raise Refused(
            _("To lose weight safely, your date of birth, height and weight must be known. Enter them first."),
            field="goal",
        )
    assert person.bmi is not None
    if person.bmi < UNDERWEIGHT_BMI:
        raise Refused(
            _(
                "For your height your weight is low already: below a body mass index of 18.5 the WHO speaks of "
                "underweight. Choose to keep or to gain weight."
            ),
            field="goal",
        )


def _refuse_fast_loss(person: Person, rate: Decimal, units: Units) -> None:
    assert person.weight_kg is not None
    if rate > person.weight_kg * MOST_LOSS:
        raise Refused(
            _("At your weight, at most %(most)s a week.") % {"most": rate_text(person.weight_kg * MOST_LOSS, units)},
            field="rate_kg_per_week",
        )


def _refuse_goal_weight(person: Person, goal: str, goal_weight_kg: Decimal, units: Units) -> None:
    now = person.weight_kg
    if now is not None and ((goal == LOSE and goal_weight_kg >= now) or (goal == GAIN and goal_weight_kg <= now)):
        raise Refused(
            _("You weigh %(weight)s now: that does not fit the goal.") % {"weight": weight_text(now, units.weight)},
            field="goal_weight_kg",
        )
    if goal == LOSE and person.height_cm is not None:
        least = UNDERWEIGHT_BMI * (person.height_cm / 100) ** 2
        if goal_weight_kg < least:
            raise Refused(
                _("For your height, at least %(least)s: less is underweight.")
                % {"least": weight_text(least + ROUND_UP_KG, units.weight)},
                field="goal_weight_kg",
            )


def floor_kcal(person: Person) -> Decimal:
    """No day aims for less than this; it is lower only for those who need even less to keep their weight."""
    floor = FLOOR_KCAL.get(person.sex, LEAST_FLOOR_KCAL)
    need = need_kcal(person)
    return floor if need is None else max(VERY_LOW_KCAL, min(floor, need.need_kcal))


def refuse_low_day(person: Person, kcal: Decimal, units: Units = METRIC) -> None:
    """Raises Refused where a day aims for less than the floor."""
    floor = floor_kcal(person)
    if kcal < floor:
        raise Refused(
            _("At least %(least)s a day: with less, a body hardly gets what it needs without a doctor's care.")
            % {"least": energy_text(floor, units)},
            field="energy_kcal",
        )


def refuse_low_week(person: Person, week: Sequence[Decimal], units: Units = METRIC) -> None:
    """Raises Refused where a week has less than the largest safe deficit leaves; only where the need is known.

    Where somebody may lose weight, and their own diary shows that they need less than the formula says, it counts.
    """
    need, most_loss = need_kcal(person), most_loss_kg(person)
    if need is None:
        return
    needed = need.need_kcal
    if most_loss and person.measured_kcal is not None:
        needed = min(needed, person.measured_kcal)
    least = tens(needed - change_kcal(most_loss), rounding=ROUND_DOWN)
    if sum(week) / len(week) < least:
        raise Refused(_least_energy(person) % {"least": energy_text(least, units)}, field="energy_kcal")


def refuse_low_suggestion(person: Person, suggestion: Suggestion, units: Units = METRIC) -> None:
    """Raises Refused where a computed energy is less than the floor: with the rate that is not."""
    floor = floor_kcal(person)
    if suggestion.energy_kcal >= floor:
        return
    most = most_rate_kg(person, LOSE) or Decimal(0)
    said = {
        "energy": energy_text(suggestion.energy_kcal, units),
        "least": energy_text(floor, units),
        "most": rate_text(most, units),
    }
    if most < LEAST_RATE_KG:
        raise Refused(
            _("You need little more than the %(least)s a day that are the least. Choose to keep your weight.") % said,
            field="goal",
        )
    raise Refused(
        _("That would leave %(energy)s a day, and %(least)s are the least. At most %(most)s a week.") % said,
        field="rate_kg_per_week",
    )


def most_loss_kg(person: Person) -> Decimal:
    """The loss a week that is safe for this person: none for whom losing is no goal."""
    try:
        refuse_losing(person)
    except Refused:
        return Decimal(0)
    assert person.weight_kg is not None
    return person.weight_kg * MOST_LOSS


def _least_energy(person: Person) -> str:
    if most_loss_kg(person):
        return _("At least %(least)s a day on average: less would take off more than 1 %% of your weight a week.")
    if person.pregnant_or_breastfeeding:
        return _("During pregnancy or breastfeeding at least what you need: about %(least)s a day on average.")
    return _("Your weight is low for your height already. Aim for what you need: at least %(least)s a day on average.")


def tens(kcal: Decimal, *, rounding: str = ROUND_HALF_UP) -> Decimal:
    """To the nearest ten, as exact as such an estimate can be."""
    return (kcal / 10).quantize(Decimal(1), rounding) * 10


def rate_text(kg: Decimal, units: Units, *, rounding: str = ROUND_DOWN) -> str:
    """A change of weight, rounded down: as the most that is allowed, what is said is allowed. Stones as pounds."""
    unit, places = (KG, 2) if units.weight == KG else (LB, 1)
    shown = weight_in(kg, unit).quantize(Decimal(1).scaleb(-places), rounding).normalize()
    places = max(0, -int(shown.as_tuple().exponent))
    return f"{number_format(shown, decimal_pos=places, use_l10n=True)}\u00a0{unit}"


def energy_text(kcal: Decimal, units: Units) -> str:
    """Energy, rounded up: as the least that is allowed, what is said is allowed."""
    shown = energy_in(kcal, units.energy).quantize(Decimal(1), ROUND_UP)
    return f"{number_format(shown, decimal_pos=0, use_l10n=True, force_grouping=True)}\u00a0{units.energy}"
