"""What a day or a range of days adds up to. Reads only; as many queries for fifty items as for five."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from tracking.models import STANDARD_MEALS, Basis, Meal, MealItem
from tracking.targets import DayTarget, targets_between
from tracking.totals import NOTHING, Totals, add_up, apportioned, portion, whole


@dataclass(frozen=True)
class MealSummary:
    """One meal of a day. `meal` is None where nothing was ever written into a standard one."""

    name: str
    label: str
    meal: Meal | None
    items: tuple[MealItem, ...]
    totals: Totals


@dataclass(frozen=True)
class Day:
    """A day of a diary: its meals in the order they are shown, what they add up to, and what it aimed for."""

    date: dt.date
    meals: tuple[MealSummary, ...]
    totals: Totals
    target: DayTarget | None

    @property
    def items(self) -> tuple[MealItem, ...]:
        return tuple(item for meal in self.meals for item in meal.items)

    def left(self, key: str) -> Decimal | None:
        """How much of the target is left, below zero where it is exceeded. None without a target or a sum."""
        aim, eaten = self.target.get(key) if self.target else None, self.totals.get(key)
        return None if aim is None or eaten is None else aim - eaten

    def shown_kcal(self) -> dict[int | str, Decimal | None]:
        """Whole kilocalories by item id and by meal name: those of the items add up to their meal, those to the day.

        None where nobody declared any.
        """
        meals = [meal.totals.get("energy_kcal") for meal in self.meals]
        of_meals = apportioned(meals, whole(sum((each for each in meals if each is not None), Decimal(0))))
        shown: dict[int | str, Decimal | None] = {}
        for meal, of_meal in zip(self.meals, of_meals, strict=True):
            shown[meal.name] = of_meal
            items = [item.totals.get("energy_kcal") for item in meal.items]
            shown |= zip((item.pk for item in meal.items), apportioned(items, of_meal or Decimal(0)), strict=True)
        return shown


def day_of(user: User, date: dt.date) -> Day:
    """One day. Each item's `product` comes along with the person's correction."""
    meals = {meal.name: meal for meal in Meal.objects.owned_by(user).filter(day=date).order_by("pk")}
    items = list(MealItem.objects.owned_by(user).filter(meal__day=date).order_by("position", "pk"))
    products = (
        Product.objects.visible_to(user)
        .corrected_for(user)
        .in_bulk({item.product_id for item in items if item.product_id})
    )
    by_meal: dict[int, list[MealItem]] = {}
    for item in items:
        item.product = products.get(item.product_id) if item.product_id else None
        by_meal.setdefault(item.meal_id, []).append(item)
    summaries = []
    for name in [*STANDARD_MEALS, *(name for name in meals if name not in STANDARD_MEALS)]:
        meal = meals.get(name)
        eaten = tuple(by_meal.get(meal.pk, ())) if meal else ()
        for item in eaten:
            assert meal
            item.meal = meal
        label = str(STANDARD_MEALS.get(name, name))
        summaries.append(MealSummary(name, label, meal, eaten, add_up(item.totals for item in eaten)))
    target = targets_between(user, date, date).get(date)
    return Day(date, tuple(summaries), add_up(meal.totals for meal in summaries), target)


def changed_since(item: MealItem) -> Food | None:
    """The food as it is now, where its figures differ from those the item was logged with; None where they do not."""
    if item.product is None:
        return None
    food = Food(item.product, (), timezone.now())
    return food if food.basis == item.basis and dict(food.per_100) != dict(item.figures) else None


def totals_between(user: User, first: dt.date, last: dt.date) -> dict[dt.date, Totals]:
    """What each day from `first` to `last` with anything in it adds up to. One query."""
    rows = MealItem.objects.owned_by(user).filter(meal__day__range=(first, last))
    sums: dict[dt.date, Totals] = {}
    columns = rows.values_list("meal__day", "basis", "amount", "figures", "at_least")
    for day, basis, amount, figures, at_least in columns.iterator():
        eaten = portion(figures, at_least, amount / Basis(basis).size)
        sums[day] = sums.get(day, NOTHING) + eaten
    return dict(sorted(sums.items()))
