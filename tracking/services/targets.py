"""Writing who a person is and what they aim for. Old targets stay: an old day is judged by its own."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.energy import (
    KEEP,
    LOSE,
    Person,
    age_on,
    refuse_low_day,
    refuse_low_suggestion,
    refuse_low_week,
    refuse_unsafe_goal,
    suggested,
)
from tracking.errors import Refused
from tracking.models import Profile, Target, TargetDay
from tracking.models.body import LEAST_WEIGHT_KG, MOST_WEIGHT_KG
from tracking.models.targets import MacroUnit
from tracking.needs import expenditure_of, person_of
from tracking.services.diary import EARLIEST, LATEST
from tracking.targets import MACROS, DayPlan, Macro, refuse_impossible
from tracking.units import Units, height_text, units_of_person

LEAST_HEIGHT_CM, MOST_HEIGHT_CM = Decimal(50), Decimal(280)  # as the table checks
OLDEST = 125  # years; the oldest person on record became 122
MOST_KCAL = Decimal(20_000)  # as the table checks
MOST_MACRO = {MacroUnit.GRAM: Decimal(2000), MacroUnit.PERCENT: Decimal(100), MacroUnit.PER_KG: Decimal(20)}
WEEK = range(7)
ENERGY_PLACES, MACRO_PLACES = Decimal("0.1"), Decimal("0.01")  # as the table keeps them


@dataclass(frozen=True)
class OtherDay:
    """How a weekday differs from the others. None, or a macro that is left out: as on the others."""

    energy_kcal: Decimal | None = None
    macros: Mapping[str, Macro] = field(default_factory=dict)


def profile_of(user: User) -> Profile:
    """Theirs, made when missing."""
    profile = Profile.objects.get_or_create(user=user)[0]
    profile.user = user
    return profile


def save_profile(user: User, changes: Mapping[str, Any], *, today: dt.date) -> Profile:
    """Change the named fields of their profile. Raises Refused."""
    with transaction.atomic():
        profile_of(user)
        profile = Profile.objects.select_for_update().get(user=user)
        for name, value in changes.items():
            setattr(profile, name, value)
        _refuse_impossible_body(profile, today)
        profile.save()
    profile.user = user
    return profile


def _refuse_impossible_body(profile: Profile, today: dt.date) -> None:
    born, height = profile.birth_date, profile.height_cm
    if born is not None and not 0 <= age_on(born, today) <= OLDEST:
        raise Refused(_("Check the year: nobody alive was born then."), field="birth_date")
    if height is not None and not LEAST_HEIGHT_CM <= height <= MOST_HEIGHT_CM:
        unit = profile.length_unit
        raise Refused(
            _("Enter a height between %(least)s and %(most)s.")
            % {"least": height_text(LEAST_HEIGHT_CM, unit), "most": height_text(MOST_HEIGHT_CM, unit)},
            field="height_cm",
        )


def set_target(
    user: User,
    *,
    starts_on: dt.date,
    today: dt.date,
    goal: str = KEEP,
    rate_kg_per_week: Decimal = Decimal(0),
    goal_weight_kg: Decimal | None = None,
    energy_kcal: Decimal | None = None,
    macros: Mapping[str, Macro] | None = None,
    other_days: Mapping[int, OtherDay] | None = None,
) -> Target:
    """Aim for this from `starts_on` on, in place of a target that starts the same day. All others stay.

    The person is taken as they are `today`, as when they were shown what is computed. `energy_kcal` None: as computed
    from the profile. `other_days`: by weekday, 0 Monday. Raises Refused, whose field begins with "days." where it is
    about those.
    """
    if not EARLIEST <= starts_on <= LATEST:
        raise Refused(_("Choose a day between 1900 and 2200."), field="starts_on")
    profile = profile_of(user)
    units = units_of_person(user)
    person = person_of(profile, today, spent=expenditure_of(user, today))
    rate = Decimal(0) if goal == KEEP else rate_kg_per_week
    _refuse_weight(goal_weight_kg)
    refuse_unsafe_goal(person, goal, rate, goal_weight_kg, units)
    usual = DayPlan(_energy(person, goal, rate, energy_kcal, units), _as_kept(macros or {}))
    week = _week(usual, other_days or {})
    _refuse_days(person, usual, week, units)
    per_kg = any(macro.unit == MacroUnit.PER_KG for plan in week.values() for macro in plan.macros.values())
    values = {
        "goal": goal,
        "rate_kg_per_week": rate,
        "goal_weight_kg": None if goal == KEEP else goal_weight_kg,
        "weight_kg": person.weight_kg if per_kg else None,
        "created_at": timezone.now(),
    }
    with transaction.atomic():
        target, _made = Target.objects.update_or_create(user=user, starts_on=starts_on, defaults=values)
        target.days.all().delete()
        TargetDay.objects.bulk_create(_row(target, weekday, plan) for weekday, plan in week.items())
    return target


def _refuse_weight(goal_weight_kg: Decimal | None) -> None:
    if goal_weight_kg is not None and not LEAST_WEIGHT_KG <= goal_weight_kg <= MOST_WEIGHT_KG:
        raise Refused(_("Nobody weighs that. Check the number and its unit."), field="goal_weight_kg")


def _energy(person: Person, goal: str, rate: Decimal, energy_kcal: Decimal | None, units: Units) -> Decimal:
    """The person's own figure, else the computed one. Raises Refused."""
    if energy_kcal is not None:
        return energy_kcal.quantize(ENERGY_PLACES, ROUND_HALF_UP)
    suggestion = suggested(person, goal, rate)
    if suggestion is None:
        raise Refused(
            _("This cannot be computed yet: enter your own figure, or what your profile still lacks.")
            if person.missing
            else _("The formula is for adults only. Enter a figure of your own; a doctor can help to find it."),
            field="energy_kcal",
        )
    if goal == LOSE:
        refuse_low_suggestion(person, suggestion, units)
    return suggestion.energy_kcal


def _week(usual: DayPlan, other_days: Mapping[int, OtherDay]) -> dict[int, DayPlan]:
    week = dict.fromkeys(WEEK, usual)
    for weekday, other in other_days.items():
        energy = usual.energy_kcal
        if other.energy_kcal is not None:
            energy = other.energy_kcal.quantize(ENERGY_PLACES, ROUND_HALF_UP)
        week[weekday] = DayPlan(energy, {**usual.macros, **_as_kept(other.macros)})
    return week


def _as_kept(macros: Mapping[str, Macro]) -> dict[str, Macro]:
    """With two decimals, as the table has them: what is judged is what is kept."""
    return {
        name: Macro(macro.value.quantize(MACRO_PLACES, ROUND_HALF_UP), macro.unit) for name, macro in macros.items()
    }


def _refuse_days(person: Person, usual: DayPlan, week: Mapping[int, DayPlan], units: Units) -> None:
    _refuse_day(person, usual, units, where="")
    for plan in week.values():
        if plan != usual:
            _refuse_day(person, plan, units, where="days.")
    try:
        refuse_low_week(person, [plan.energy_kcal for plan in week.values()], units)
    except Refused as error:
        # The whole week is too low: where the usual days are right by themselves, the others are what is to change.
        refuse_low_week(person, [usual.energy_kcal], units)
        raise Refused(error.sentence, field=f"days.{error.field}") from error


def _refuse_day(person: Person, plan: DayPlan, units: Units, *, where: str) -> None:
    if plan.energy_kcal > MOST_KCAL:
        raise Refused(_("Nobody eats that much in a day. Check the number and its unit."), field=f"{where}energy_kcal")
    for name, macro in plan.macros.items():
        if not 0 <= macro.value <= MOST_MACRO[MacroUnit(macro.unit)]:
            raise Refused(_("This is too much. Check the number and its unit."), field=f"{where}{name}")
    try:
        refuse_low_day(person, plan.energy_kcal, units)
        refuse_impossible(plan, person.weight_kg, units)
    except Refused as error:
        raise Refused(error.sentence, field=f"{where}{error.field}") from error


def _row(target: Target, weekday: int, plan: DayPlan) -> TargetDay:
    row = TargetDay(target=target, weekday=weekday, energy_kcal=plan.energy_kcal)
    for name in MACROS:
        if name in plan.macros:
            setattr(row, name, plan.macros[name].value)
            setattr(row, f"{name}_unit", plan.macros[name].unit)
    return row
