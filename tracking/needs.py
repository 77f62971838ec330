"""What is known of a person on a day: their body, and what they spend by their own diary. Reads only."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.energy import (
    LOSE,
    Person,
    Suggestion,
    age_on,
    change_kcal,
    floor_kcal,
    refuse_low_suggestion,
    refuse_unsafe_goal,
    signed_rate,
    suggested,
    tens,
)
from tracking.errors import Refused
from tracking.expenditure import Eaten, Expenditure, Missing, expenditure, window
from tracking.models import Profile, WeightEntry
from tracking.summaries import totals_between
from tracking.units import Units


def weight_on(user: User, day: dt.date) -> Decimal | None:
    """The last weight up to that day, else the first after it, in kg. None where none was ever entered."""
    weights = WeightEntry.objects.owned_by(user).values_list("weight_kg", flat=True)
    before = weights.filter(day__lte=day).order_by("-day", "-time").first()
    return before if before is not None else weights.order_by("day", "time").first()


def expenditure_of(user: User, today: dt.date) -> Expenditure | Missing:
    """What they spent a day in the four weeks before `today`. Two queries."""
    first, last = window(today)
    eaten = {}
    for day, totals in totals_between(user, first, last).items():
        kcal = totals.known.get("energy_kcal")
        if kcal is not None:  # a day of water, or of foods without any figure, says nothing
            eaten[day] = Eaten(kcal, totals.at_least("energy_kcal"))
    weighings = WeightEntry.objects.owned_by(user).filter(day__range=(first, last)).values_list("day", "weight_kg")
    return expenditure(eaten, list(weighings))


def person_of(profile: Profile, day: dt.date, *, spent: Expenditure | Missing | None = None) -> Person:
    """Somebody as they are on `day`. `spent`: what their diary says, where that was asked."""
    measured = spent.kcal if isinstance(spent, Expenditure) and not spent.at_least else None
    return Person(
        sex=profile.sex,
        age=None if profile.birth_date is None else age_on(profile.birth_date, day),
        height_cm=profile.height_cm,
        weight_kg=weight_on(profile.user, day),
        activity=profile.activity,
        pregnant_or_breastfeeding=profile.pregnant_or_breastfeeding,
        measured_kcal=measured,
    )


@dataclass(frozen=True)
class Advice:
    """What a goal would mean for a person: energy with its steps, or why there is none."""

    suggestion: Suggestion | None  # by the formula
    diary_kcal: Decimal | None  # by what their diary says they spend; None where that is not known
    refused: Refused | None = None  # the goal is not safe for them
    missing: tuple[str, ...] = ()  # fields that the formula needs
    too_young: bool = False  # for the formula

    @property
    def lacks_profile(self) -> bool:
        """Whether some of what is missing belongs to the profile."""
        return bool(set(self.missing) - {"weight_kg"})

    @property
    def lacks(self) -> list[str]:
        """What is missing, in words."""
        words = {
            "sex": _("your sex"),
            "birth_date": _("your date of birth"),
            "height_cm": _("your height"),
            "activity": _("how active you are"),
            "weight_kg": _("your weight"),
        }
        return [words[name] for name in self.missing]


def advice(person: Person, goal: str, rate_kg_per_week: Decimal, units: Units) -> Advice:
    suggestion = suggested(person, goal, rate_kg_per_week)
    young = person.age is not None and not person.grown_up
    try:
        refuse_unsafe_goal(person, goal, rate_kg_per_week, units=units)
        if suggestion is not None and goal == LOSE:
            refuse_low_suggestion(person, suggestion, units)
    except Refused as error:
        return Advice(None, None, error, person.missing, young)
    spent, diary_kcal = person.measured_kcal, None
    if spent is not None:
        diary_kcal = tens(spent + change_kcal(signed_rate(goal, rate_kg_per_week)))
        diary_kcal = diary_kcal if diary_kcal >= floor_kcal(person) else None
    return Advice(suggestion, diary_kcal, None, person.missing, young)
