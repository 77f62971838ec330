"""A day as its page shows it: whole figures that add up on screen, in the reader's unit."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.nutrients import NUTRIENTS, Nutrient
from tracking.dates import neighbour, today_of
from tracking.gauges import Gauge
from tracking.models import STANDARD_MEALS, Draft, Meal, MealItem, Photo
from tracking.summaries import Day, changed_since, day_of
from tracking.totals import whole
from tracking.units import energy_in, units_of_person

BARS = ("protein_g", "fat_g", "carbohydrates_g")
# A meal with a name of their own is offered again for two months after it was last used.
NAMES_FOR = dt.timedelta(days=60)


@dataclass(frozen=True)
class ShownItem:
    """`energy` is whole and in the reader's unit, None where nobody declared any."""

    item: MealItem
    energy: Decimal | None
    at_least: bool
    changed: bool  # the food has other figures now


@dataclass(frozen=True)
class ShownMeal:
    """`before` names what was eaten at this meal the day before, where today it is empty."""

    name: str
    label: str
    items: Sequence[ShownItem]
    energy: Decimal | None
    at_least: bool
    before: Sequence[str] = ()


@dataclass(frozen=True)
class Bar:
    """One macronutrient of the day against its target."""

    nutrient: Nutrient
    gauge: Gauge

    @property
    def label(self) -> str:
        """In one word: a bar is short."""
        return _("Carbs") if self.kind == "carbohydrate" else str(self.nutrient.label)

    @property
    def kind(self) -> str:
        """Its hue and pattern."""
        return {"protein_g": "protein", "fat_g": "fat"}.get(self.nutrient.key, "carbohydrate")


def shown_day(user: User, date: dt.date) -> dict[str, Any]:
    """What tracking/changed.html and the parts of tracking/day.html need of one day."""
    day, unit = day_of(user, date), units_of_person(user).energy
    energies = day.shown_energy(energy_in(Decimal(1), unit))
    before = _before(user, date) if any(not meal.items for meal in day.meals) else {}
    meals = [
        ShownMeal(
            meal.name,
            meal.label,
            [_shown_item(item, energies[item.pk]) for item in meal.items],
            energies[meal.name],
            meal.totals.at_least("energy_kcal"),
            () if meal.items else before.get(meal.name, ()),
        )
        for meal in day.meals
        if meal.items or meal.name in STANDARD_MEALS
    ]
    today = today_of(user)
    return {
        "date": date,
        "today": today,
        "yesterday": neighbour(today, -1),
        "tomorrow": neighbour(today, 1),
        "previous": neighbour(date, -1),
        "next": neighbour(date, 1),
        "day": day,
        "meals": meals,
        "ring": _ring(day, unit),
        "bars": [Bar(NUTRIENTS[key], gauge_of(day, key)) for key in BARS],
        "unit": unit,
        "drafts": drafts_of(user, date),
    }


@dataclass(frozen=True)
class Waiting:
    """A photo of the day that waits to be checked. Nothing of it is summed."""

    photo: Photo
    time: dt.time | None
    likely: Sequence[str]


def drafts_of(user: User, date: dt.date) -> list[Waiting]:
    """Two queries; one where there are none."""
    on_it = Q(meal=None, day=date) | Q(meal__day=date)  # as `Draft.place`
    rows = Draft.objects.owned_by(user).open().filter(on_it).select_related("photo").prefetch_related("items")
    return [
        Waiting(draft.photo, draft.time, [item.name for item in draft.items.all() if item.likely])
        for draft in rows.order_by("created_at")
    ]


def _shown_item(item: MealItem, energy: Decimal | None) -> ShownItem:
    return ShownItem(item, energy, item.totals.at_least("energy_kcal"), changed_since(item) is not None)


def gauge_of(day: Day, key: str) -> Gauge:
    return Gauge(day.totals.get(key), day.target.get(key) if day.target else None, day.totals.at_least(key))


def _ring(day: Day, unit: str) -> Gauge:
    """In whole figures of the reader's unit, so that what is left is the difference of what is shown."""
    exact = gauge_of(day, "energy_kcal")
    eaten = None if exact.eaten is None else whole(energy_in(exact.eaten, unit))
    return Gauge(eaten, None if exact.target is None else whole(energy_in(exact.target, unit)), exact.at_least)


def _before(user: User, date: dt.date) -> dict[str, list[str]]:
    """What each meal of the day before had in it."""
    day_before = neighbour(date, -1)
    if day_before is None:
        return {}
    items = MealItem.objects.owned_by(user).filter(meal__day=day_before).order_by("position", "pk")
    found: dict[str, list[str]] = {}
    for meal, name in items.values_list("meal__name", "name"):
        found.setdefault(meal, []).append(name)
    return found


def meal_choices(user: User, date: dt.date, *also: str) -> list[tuple[str, str]]:
    """The meals that something may be logged to: the standard four, and the person's own names around that day."""
    own = (
        Meal.objects.owned_by(user)
        .filter(day__range=(date - NAMES_FOR, date + NAMES_FOR))
        .exclude(name__in=STANDARD_MEALS)
        .order_by("name")
        .values_list("name", flat=True)
        .distinct()
    )
    names = dict.fromkeys([*STANDARD_MEALS, *own, *filter(None, also)])
    return [(name, str(STANDARD_MEALS.get(name, name))) for name in names]
