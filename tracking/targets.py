"""What a day is judged by: the target that was in force then, in kilocalories and grams."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.nutrients import rounded
from tracking.energy import METRIC, energy_text
from tracking.errors import Refused
from tracking.models import Target, TargetDay
from tracking.models.targets import MacroUnit
from tracking.units import Units

# Energy of a gram (EU 1169/2011 Annex XIV).
KCAL_PER_G = {"protein": Decimal(4), "fat": Decimal(9), "carbohydrates": Decimal(4)}
MACROS = tuple(KCAL_PER_G)
# What whole grams of the three may exceed the energy by: half a gram each is 8.5 kcal, half a kilocalorie the rest.
ROUNDING_KCAL = Decimal(9)
# As near to a target as this is on it. The figures are no more exact themselves: 10 to 40 g of protein, fat or
# carbohydrate on a label may be off by 20 % (European Commission, guidance on tolerances for nutrient values, 2012).
NEAR = Decimal("0.1")


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


@dataclass(frozen=True)
class Macro:
    """How much of a macro to aim for, as a person says it: 120 g, 30 % of energy, 1.6 g per kg."""

    value: Decimal
    unit: str = MacroUnit.GRAM


@dataclass(frozen=True)
class DayPlan:
    """What a weekday is to aim for, as a person says it. Macros that are left out are not aimed for."""

    energy_kcal: Decimal
    macros: Mapping[str, Macro] = field(default_factory=dict)

    def resolved(self, weight_kg: Decimal | None) -> DayTarget:
        found = {
            f"{name}_g": grams(macro.value, macro.unit, name, energy_kcal=self.energy_kcal, weight_kg=weight_kg)
            for name, macro in self.macros.items()
        }
        return DayTarget(self.energy_kcal, **found)


def refuse_impossible(plan: DayPlan, weight_kg: Decimal | None, units: Units = METRIC) -> None:
    """Raises Refused where the macros cannot be eaten within the energy, or "per kg" has no weight to go by."""
    for name, macro in plan.macros.items():
        if macro.unit == MacroUnit.PER_KG and weight_kg is None:
            raise Refused(_("Grams per kg need your weight. Enter it first, or choose grams."), field=name)
    shares = [macro.value for macro in plan.macros.values() if macro.unit == MacroUnit.PERCENT]
    together = sum(shares, start=Decimal(0))
    if together > 100:
        raise Refused(
            _("Together these are %(sum)s %% of the energy; at most 100 %% can be.")
            % {"sum": f"{together.normalize():f}"},
            field=next(name for name, macro in plan.macros.items() if macro.unit == MacroUnit.PERCENT),
        )
    day = plan.resolved(weight_kg)
    needed = sum(((day.get(f"{name}_g") or Decimal(0)) * kcal for name, kcal in KCAL_PER_G.items()), Decimal(0))
    if needed > plan.energy_kcal + ROUNDING_KCAL:
        raise Refused(
            _("Together these have %(needed)s, and the day aims for %(energy)s. Take less of one, or more energy.")
            % {
                "needed": energy_text(needed.quantize(Decimal(1), ROUND_HALF_UP), units),
                "energy": energy_text(plan.energy_kcal, units),
            },
            field=next(iter(plan.macros)),
        )


def plan_of(day: TargetDay) -> DayPlan:
    """A row as the person said it."""
    said = {name: (getattr(day, name), getattr(day, f"{name}_unit")) for name in MACROS}
    return DayPlan(
        day.energy_kcal, {name: Macro(value, unit) for name, (value, unit) in said.items() if value is not None}
    )


def kinds_of_days(target: Target) -> list[tuple[DayPlan, list[int]]]:
    """The different plans of a week with their weekdays, the most frequent first. Its days must be prefetched."""
    kinds: list[tuple[DayPlan, list[int]]] = []
    for day in target.days.all():
        plan = plan_of(day)
        weekdays = next((weekdays for known, weekdays in kinds if known == plan), None)
        if weekdays is None:
            kinds.append((plan, [day.weekday]))
        else:
            weekdays.append(day.weekday)
    return sorted(kinds, key=lambda kind: -len(kind[1]))


def grams(value: Decimal, unit: str, macro: str, *, energy_kcal: Decimal, weight_kg: Decimal | None) -> Decimal | None:
    """A macro as grams of a day. None where "per kg" has no weight to go by."""
    if unit == MacroUnit.PERCENT:
        return rounded(energy_kcal * value / 100 / KCAL_PER_G[macro])
    if unit == MacroUnit.PER_KG:
        return None if weight_kg is None else rounded(value * weight_kg)
    return value


def resolved(day: TargetDay, weight_kg: Decimal | None) -> DayTarget:
    """The grams that a row means, given the weight its target was set with."""
    return plan_of(day).resolved(weight_kg)


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


def stands(value: Decimal, target: Decimal) -> str:
    """How something eaten stood to its target: no praise and no blame, only where."""
    if abs(value - target) <= target * NEAR:
        return "near"
    return "above" if value > target else "below"
