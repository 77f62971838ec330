"""Writing the diary. Every action is one transaction, and leaves behind how to undo it."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from products.nutrients import Nutrients, rounded
from tracking.amounts import Amount, amount_of
from tracking.errors import Refused
from tracking.models import STANDARD_MEALS, Basis, Meal, MealItem, Recipe, Undo

MOST_ITEMS = 200  # of one meal: more is a mistake of a program
UNDO_FOR = dt.timedelta(hours=24)
EARLIEST, LATEST = dt.date(1900, 1, 1), dt.date(2200, 1, 1)
# The columns of an item that an action may change; with its id they are the whole of it.
_COLUMNS = (
    "meal_id", "product_id", "recipe_id", "name", "brand", "basis", "figures", "at_least", "quantity", "serving",
    "amount", "position", "time", "created_at",
)  # fmt: skip


@dataclass(frozen=True)
class NewItem:
    """Something to be logged, with the figures it will keep."""

    name: str
    basis: str
    figures: Nutrients
    amount: Amount
    brand: str = ""
    at_least: tuple[str, ...] = ()
    product: Product | None = None
    recipe: Recipe | None = None
    time: dt.time | None = None

    def columns(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "brand": self.brand,
            "basis": self.basis,
            "figures": self.figures,
            "at_least": list(self.at_least),
            "quantity": self.amount.quantity,
            "serving": self.amount.serving,
            "amount": self.amount.amount,
            "product": self.product,
            "recipe": self.recipe,
            "time": self.time,
        }


def of_food(food: Food, quantity: Decimal, unit: str = "", *, time: dt.time | None = None) -> NewItem:
    """Some of a food as the person sees it, correction included. Raises Refused."""
    return NewItem(
        name=food.name,
        brand=food.brand,
        basis=food.basis,
        figures=food.per_100,
        amount=amount_of(quantity, unit, basis=food.basis, servings=food.servings),
        product=food.product,
        time=time,
    )


def quick_add(name: str, figures: Mapping[str, Decimal | None], *, time: dt.time | None = None) -> NewItem:
    """Figures alone. Raises Refused where there are none."""
    known = {key: rounded(value) for key, value in figures.items() if value is not None}
    if not known:
        raise Refused(_("Enter at least one figure."), field="figures")
    once = Amount(Decimal(1), "", Decimal(1))
    return NewItem(name=name or _("Quick add"), basis=Basis.SERVING, figures=Nutrients(known), amount=once, time=time)


@dataclass(frozen=True)
class Done:
    """What an action made or changed, and how to take it back; `undo` is None where nothing changed."""

    items: list[MealItem] = field(default_factory=list)
    undo: Undo | None = None


def meal_name(text: str) -> str:
    """As it is kept: the key of a standard meal, else the person's own words. Raises Refused."""
    name = " ".join(text.split())
    if not name or len(name) > 60:
        raise Refused(_("Give the meal a name of at most 60 characters."), field="meal")
    return next((key for key, label in STANDARD_MEALS.items() if name.casefold() in {key, str(label).casefold()}), name)


def meal_for(user: User, day: dt.date, name: str) -> Meal:
    """The meal of that name on that day, made where there is none. Raises Refused."""
    if not EARLIEST <= day <= LATEST:
        raise Refused(_("Choose a day between 1900 and 2200."), field="date")
    return Meal.objects.get_or_create(user=user, day=day, name=meal_name(name))[0]


def log(user: User, day: dt.date, meal: str, items: Sequence[NewItem]) -> Done:
    """Add `items` to a meal, all or none. Raises Refused."""
    with transaction.atomic():
        made = _add(meal_for(user, day, meal), items)
        return Done(made, _undoable(user, [(item, None) for item in made]))


def change(item: MealItem, changes: Mapping[str, Any]) -> Done:
    """Change `quantity` and `unit`, `time`, or the `meal` (a name) and `day` an item belongs to. Raises Refused.

    A `unit` that is left out stays: two of the same slices. The figures stay as they were logged.
    """
    with transaction.atomic():
        item = _locked(item)
        user, before = item.meal.user, _kept(item)
        if "quantity" in changes or "unit" in changes:
            quantity = changes.get("quantity", item.quantity)
            amount = _rescaled(item, quantity) if "unit" not in changes else _recounted(item, quantity, changes["unit"])
            item.quantity, item.serving, item.amount = amount.quantity, amount.serving, amount.amount
        if "time" in changes:
            item.time = changes["time"]
        if "meal" in changes or "day" in changes:
            moved = meal_for(user, changes.get("day", item.meal.day), changes.get("meal", item.meal.name))
            if moved != item.meal:
                item.meal, item.position = moved, _next_position(moved)
        return _saved(item, before, user)


def _rescaled(item: MealItem, quantity: Decimal) -> Amount:
    """Another number of the same serving, which keeps the size it was logged with."""
    size = item.amount / item.quantity
    own = Amount(quantity, item.serving, rounded(quantity * size))
    checked = amount_of(own.amount, "", basis=item.basis, servings=())  # raises where it is out of bounds
    return Amount(quantity, item.serving, checked.amount)


def _recounted(item: MealItem, quantity: Decimal, unit: str) -> Amount:
    if unit == item.serving:
        return _rescaled(item, quantity)
    if item.product_id is None:
        return amount_of(quantity, unit, basis=item.basis, servings=())
    product = Product.objects.corrected_for(item.meal.user).get(pk=item.product_id)
    servings = Food(product, (), timezone.now()).servings
    return amount_of(quantity, unit, basis=item.basis, servings=servings)


def use_present_figures(item: MealItem, food: Food) -> Done:
    """Take over what the food says today, where its basis is still the same. Raises Refused."""
    with transaction.atomic():
        item = _locked(item)
        if food.basis != item.basis:
            raise Refused(
                _("This food is counted in %(unit)s now. Delete the entry and log it again.") % {"unit": food.basis}
            )
        before = _kept(item)
        item.name, item.brand, item.figures, item.at_least = food.name, food.brand, food.per_100, []
        return _saved(item, before, item.meal.user)


def delete(items: Sequence[MealItem]) -> Done:
    """Delete items of one person. Some may be gone already."""
    with transaction.atomic():
        there = list(
            MealItem.objects.select_for_update(of=("self",))
            .select_related("meal__user")
            .filter(pk__in=[item.pk for item in items])
        )
        if not there:
            return Done()
        undo = _undoable(there[0].meal.user, [(item, _kept(item)) for item in there])
        MealItem.objects.filter(pk__in=[item.pk for item in there]).delete()
        return Done([], undo)


def copy(items: Iterable[MealItem], *, to_day: dt.date, meal: str | None = None) -> Done:
    """Log items of one person again, on `to_day`, in meals of the same names or all in `meal`. Raises Refused.

    The copies have the figures of the originals: what was eaten twice was the same food.
    """
    items = list(items)
    with transaction.atomic():
        made: list[MealItem] = []
        for name in dict.fromkeys(item.meal.name for item in items):
            target = meal_for(items[0].meal.user, to_day, meal or name)
            made += _add(target, [_again(item) for item in items if item.meal.name == name])
        if not made:
            return Done()
        return Done(made, _undoable(items[0].meal.user, [(item, None) for item in made]))


def undo(user: User, undo_id: int, *, now: dt.datetime) -> list[dt.date]:
    """Take one action back: what it made goes, what it changed or deleted is as before. Once: then it is forgotten.

    Returns the days that changed; none where it was undone already. What a later action did to the same items is
    taken back as well.
    """
    with transaction.atomic():
        undoable = (
            Undo.objects.owned_by(user).select_for_update().filter(pk=undo_id, made_at__gt=now - UNDO_FOR).first()
        )
        if undoable is None:
            return []
        days: set[dt.date] = set()
        for each in undoable.items:
            there = MealItem.objects.owned_by(user).filter(pk=each["id"]).select_related("meal").first()
            if there is not None:
                days.add(there.meal.day)
            if each["before"] is None:
                MealItem.objects.owned_by(user).filter(pk=each["id"]).delete()
            else:
                days.add(_restore(user, each["id"], each["before"]))
        undoable.delete()
        return sorted(days)


def _add(meal: Meal, items: Sequence[NewItem]) -> list[MealItem]:
    # The meal's row is the lock: two additions at once get positions one after the other.
    Meal.objects.select_for_update().get(pk=meal.pk)
    if meal.items.count() + len(items) > MOST_ITEMS:
        raise Refused(_("A meal can have %(most)d items.") % {"most": MOST_ITEMS})
    start, now = _next_position(meal), timezone.now()
    rows = [MealItem(meal=meal, position=start + at, created_at=now, **item.columns()) for at, item in enumerate(items)]
    return MealItem.objects.bulk_create(rows)


def _next_position(meal: Meal) -> int:
    last: int | None = meal.items.aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def _again(item: MealItem) -> NewItem:
    return NewItem(
        name=item.name,
        brand=item.brand,
        basis=item.basis,
        figures=item.figures,
        at_least=tuple(item.at_least),
        amount=Amount(item.quantity, item.serving, item.amount),
        product=item.product,
        recipe=item.recipe,
        time=item.time,
    )


def _locked(item: MealItem) -> MealItem:
    """Raises MealItem.DoesNotExist where it was deleted meanwhile."""
    return MealItem.objects.select_for_update(of=("self",)).select_related("meal__user").get(pk=item.pk)


def _saved(item: MealItem, before: dict[str, Any], user: User) -> Done:
    if _kept(item) == before:
        return Done([item])
    item.save()
    return Done([item], _undoable(user, [(item, before)]))


def _kept(item: MealItem) -> dict[str, Any]:
    """The item's columns as JSON that `_restore` reads."""
    kept: dict[str, Any] = {}
    for column in _COLUMNS:
        value = getattr(item, column)
        kept[column] = {key: str(figure) for key, figure in value.items()} if column == "figures" else value
        if isinstance(value, (Decimal, dt.date, dt.time)):
            kept[column] = value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
    # By day and name: the meal itself may be deleted meanwhile.
    return kept | {"day": item.meal.day.isoformat(), "meal": item.meal.name}


def _restore(user: User, pk: int, kept: Mapping[str, Any]) -> dt.date:
    day = dt.date.fromisoformat(kept["day"])
    product_id, recipe_id = kept["product_id"], kept["recipe_id"]
    values = {
        "meal": meal_for(user, day, kept["meal"]),
        # What is gone by now stays gone; the item has its own figures.
        "product_id": product_id if Product.objects.visible_to(user).filter(pk=product_id).exists() else None,
        "recipe_id": recipe_id if Recipe.objects.owned_by(user).filter(pk=recipe_id).exists() else None,
        "figures": Nutrients({key: Decimal(value) for key, value in kept["figures"].items()}),
        "time": dt.time.fromisoformat(kept["time"]) if kept["time"] else None,
        "created_at": dt.datetime.fromisoformat(kept["created_at"]),
        "quantity": Decimal(kept["quantity"]),
        "amount": Decimal(kept["amount"]),
    } | {name: kept[name] for name in ("name", "brand", "basis", "at_least", "serving", "position")}
    MealItem.objects.update_or_create(pk=pk, defaults=values)
    return day


def _undoable(user: User, touched: Sequence[tuple[MealItem, dict[str, Any] | None]]) -> Undo:
    return Undo.objects.create(user=user, items=[{"id": item.pk, "before": before} for item, before in touched])
