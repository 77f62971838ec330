"""What a day is judged by: the target that was in force then, in kilocalories and grams."""

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

from dietintel.accounts.models import User
from products.nutrients import rounded
from tracking.models import Target, TargetDay
from tracking.models.targets import MacroUnit

# Energy of a gram (EU 1169/2011 Annex XIV).
KCAL_PER_G = {"protein": Decimal(4), "fat": Decimal(9), "carbohydrates": Decimal(4)}
MACROS = tuple(KCAL_PER_G)


@dataclass(frozen=True)
class DayTarget:
    """What one day aims for. A macro that is None is not aimed for."""

    energy_kcal: Decimal
    protein_g: Decimal | None = None
    fat_g: Decimal | None = None
    carbohydrates_g: Decimal | None = None

    def get(self, key: str) -> Decimal | None:
        """By nutrient key; None for what is not aimed for."""
        return getattr(self, key, None)


def grams(
    value: Decimal | None, unit: str, macro: str, *, energy_kcal: Decimal, weight_kg: Decimal | None
) -> Decimal | None:
    """A macro as grams of a day. None where none is aimed for, or where "per kg" has no weight to go by."""
    if value is None:
        return None
    if unit == MacroUnit.PERCENT:
        return rounded(energy_kcal * value / 100 / KCAL_PER_G[macro])
    if unit == MacroUnit.PER_KG:
        return None if weight_kg is None else rounded(value * weight_kg)
    return value


def resolved(day: TargetDay, weight_kg: Decimal | None) -> DayTarget:
    """The grams that a row means, given the weight its target was set with."""
    found = {
        f"{macro}_g": grams(
            getattr(day, macro),
            getattr(day, f"{macro}_unit"),
            macro,
            energy_kcal=day.energy_kcal,
            weight_kg=weight_kg,
        )
        for macro in MACROS
    }
    return DayTarget(day.energy_kcal, **found)


def targets_between(user: User, first: dt.date, last: dt.date) -> dict[dt.date, DayTarget]:
    """For each day from `first` to `last` that has a target, that target. Two queries, however many days."""
    kept = list(
        Target.objects.owned_by(user).filter(starts_on__lte=last).prefetch_related("days").order_by("starts_on")
    )
    starts = [target.starts_on for target in kept]
    found = {}
    for number in range((last - first).days + 1):
        date = first + dt.timedelta(days=number)
        at = bisect_right(starts, date)
        if at == 0:
            continue
        target = kept[at - 1]
        day = next((each for each in target.days.all() if each.weekday == date.weekday()), None)
        if day is not None:
            found[date] = resolved(day, target.weight_kg)
    return found
