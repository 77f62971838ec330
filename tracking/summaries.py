"""What a day or a range of days adds up to. Reads only; as many queries for fifty items as for five."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models.fields.json import KeyTransform
from django.utils import timezone

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from products.nutrients import rounded
from tracking.models import STANDARD_MEALS, Basis, Meal, MealItem
from tracking.series import MEAN_OVER, NO_FIGURE, ONE_DAY, DayFigure, Series
from tracking.targets import DayTarget, targets_between
from tracking.totals import NOTHING, Totals, add_up, apportioned, portion, whole

MOST_DAYS = 3_660  # of one history: ten years


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

    def shown_energy(self, per_kcal: Decimal) -> dict[int | str, Decimal | None]:
        """Whole figures by item id and by meal name: those of the items add up to their meal, those to the day.

        In a unit of which a kilocalorie has `per_kcal`. None where nobody declared any energy.
        """
        meals = [_times(meal.totals.get("energy_kcal"), per_kcal) for meal in self.meals]
        of_meals = apportioned(meals, whole(sum((each for each in meals if each is not None), Decimal(0))))
        shown: dict[int | str, Decimal | None] = {}
        for meal, of_meal in zip(self.meals, of_meals, strict=True):
            shown[meal.name] = of_meal
            items = [_times(item.totals.get("energy_kcal"), per_kcal) for item in meal.items]
            shown |= zip((item.pk for item in meal.items), apportioned(items, of_meal or Decimal(0)), strict=True)
        return shown


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else value * factor


def day_of(user: User, date: dt.date) -> Day:
    """One day. Each item's `product` comes along with the person's correction."""
    meals = {meal.name: meal for meal in Meal.objects.owned_by(user).filter(day=date).order_by("pk")}
    by_meal = _items_by_meal(user, list(meals.values()))
    names = [*STANDARD_MEALS, *(name for name in meals if name not in STANDARD_MEALS)]
    summaries = [_summary(name, meals.get(name), by_meal) for name in names]
    target = targets_between(user, date, date).get(date)
    return Day(date, tuple(summaries), add_up(meal.totals for meal in summaries), target)


def meals_with_items(user: User, meals: Sequence[Meal]) -> list[MealSummary]:
    """What is in each of these meals of one person. Two queries, however many; products as in `day_of`."""
    by_meal = _items_by_meal(user, meals)
    return [_summary(meal.name, meal, by_meal) for meal in meals]


def _items_by_meal(user: User, meals: Sequence[Meal]) -> dict[int, list[MealItem]]:
    there = {meal.pk: meal for meal in meals}
    by_meal: dict[int, list[MealItem]] = {}
    items = list(MealItem.objects.owned_by(user).filter(meal__in=there).order_by("position", "pk"))
    for item in with_foods(user, items):
        item.meal = there[item.meal_id]
        by_meal.setdefault(item.meal_id, []).append(item)
    return by_meal


def _summary(name: str, meal: Meal | None, by_meal: Mapping[int, list[MealItem]]) -> MealSummary:
    eaten = tuple(by_meal.get(meal.pk, ())) if meal else ()
    label = str(STANDARD_MEALS.get(name, name))
    return MealSummary(name, label, meal, eaten, add_up(item.totals for item in eaten))


def with_foods(user: User, items: Sequence[MealItem]) -> Sequence[MealItem]:
    """The same items, each with its `product` and the person's correction of it. One query."""
    products = (
        Product.objects.visible_to(user)
        .corrected_for(user)
        .in_bulk({item.product_id for item in items if item.product_id})
    )
    for item in items:
        item.product = products.get(item.product_id) if item.product_id else None
    return items


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


def figures_between(user: User, key: str, first: dt.date, last: dt.date) -> dict[dt.date, DayFigure]:
    """What `totals_between` says of one nutrient, and reads nothing else. One query."""
    rows = MealItem.objects.owned_by(user).filter(meal__day__range=(first, last))
    sums: dict[dt.date, DayFigure] = {}
    columns = rows.values_list("meal__day", "basis", "amount", KeyTransform(key, "figures"), "at_least")
    for day, basis, amount, figure, at_least in columns.iterator():
        # SQLite gives a float, whose shortest text is the decimal that was kept.
        known = None if figure is None else rounded(Decimal(str(figure)) * (amount / Basis(basis).size))
        sums[day] = sums.get(day, NO_FIGURE) + DayFigure(known, known is None or key in at_least)
    return dict(sorted(sums.items()))


@dataclass(frozen=True)
class History:
    """One nutrient over many days. `targets` has the days that aim for this nutrient."""

    series: Series
    targets: Mapping[dt.date, Decimal]


def history_of(user: User, key: str, first: dt.date, last: dt.date) -> History:
    """Reaches back six days more, for the means of the first days. Three queries, however many days."""
    figures = figures_between(user, key, first - (MEAN_OVER - 1) * ONE_DAY, last)
    aims = {day: target.get(key) for day, target in targets_between(user, first, last).items()}
    return History(Series(first, last, figures), {day: aim for day, aim in aims.items() if aim is not None})
