"""Writing the diary. Every action is one transaction, and leaves behind how to undo it."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from products.nutrients import Nutrients, rounded
from tracking.amounts import Amount, amount_of
from tracking.errors import Conflict, Refused
from tracking.models import STANDARD_MEALS, Basis, Draft, Example, Meal, MealItem, Photo, Recipe, Undo

MOST_ITEMS = 200  # of one meal: more is a mistake of a program
UNDO_FOR = dt.timedelta(hours=24)
AT_ONCE = 500  # rows of one query, where there may be many
EARLIEST, LATEST = dt.date(1900, 1, 1), dt.date(2200, 1, 1)
# The columns of an item that an action may change; with its id they are the whole of it.
_COLUMNS = (
    "meal_id", "product_id", "recipe_id", "name", "brand", "basis", "figures", "at_least", "quantity", "serving",
    "origin", "amount", "position", "time", "created_at",
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
    origin: str = ""

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
            "origin": self.origin,
        }


def of_food(food: Food, quantity: Decimal, unit: str = "", *, time: dt.time | None = None) -> NewItem:
    """Some of a food as the person sees it, correction included. Raises Refused."""
    if not getattr(food.product, "may_be_kept", True):  # its source lets it be shown, and not written down
        raise Refused(_("Save it as your own food first."))
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
    if not name or len(name) > 60 or "\0" in name:  # PostgreSQL keeps no zero bytes
        raise Refused(_("Give the meal a name of at most 60 characters."), field="meal")
    return next((key for key, label in STANDARD_MEALS.items() if name.casefold() in {key, str(label).casefold()}), name)


def meal_for(user: User, day: dt.date, name: str) -> Meal:
    """The meal of that name on that day, made where there is none. Raises Refused.

    It is locked to the end of the transaction: nobody deletes it or adds to it meanwhile.
    """
    meals = Meal.objects.select_for_update()
    return meals.get_or_create(user=user, day=diary_day(day), name=meal_name(name))[0]


def diary_day(day: dt.date) -> dt.date:
    """The same day. Raises Refused where no diary reaches."""
    if not EARLIEST <= day <= LATEST:
        raise Refused(_("Choose a day between 1900 and 2200."), field="date")
    return day


def log(user: User, day: dt.date, meal: str, items: Sequence[NewItem]) -> Done:
    """Add `items` to a meal, all or none. Raises Refused."""
    with transaction.atomic():
        made = _add(meal_for(user, day, meal), items)
        return Done(made, _undoable(user, [(item, None) for item in made]))


def change(item: MealItem, changes: Mapping[str, Any]) -> Done:
    """Change `quantity` and `unit`, `time`, or the `meal` (a name) and `day` an item belongs to. Raises Refused.

    A `unit` that is left out stays: two of the same slices. The figures stay as they were logged; of a quick add alone
    `name` and `figures` (of one serving; None takes one away) may be changed too.
    """
    with transaction.atomic():
        item = _locked(item)
        user, before = item.meal.user, _kept(item)
        if "name" in changes or "figures" in changes:
            _rewrite(item, changes.get("name", item.name), changes.get("figures", {}))
        if "quantity" in changes or "unit" in changes:
            quantity = changes.get("quantity", item.quantity)
            amount = _rescaled(item, quantity) if "unit" not in changes else _recounted(item, quantity, changes["unit"])
            item.quantity, item.serving, item.amount = amount.quantity, amount.serving, amount.amount
        if "time" in changes:
            item.time = changes["time"]
        if "meal" in changes or "day" in changes:
            moved = meal_for(user, changes.get("day", item.meal.day), changes.get("meal", item.meal.name))
            if moved != item.meal:
                _refuse_full(moved, 1)
                item.meal, item.position = moved, _next_position(moved)
        return _saved(item, before, user)


def _rewrite(item: MealItem, name: str, figures: Mapping[str, Decimal | None]) -> None:
    if not item.is_quick_add:
        field = "figures" if figures else "name"
        raise Refused(_("Only a quick add has a name and figures of its own."), field=field)
    written = quick_add(name, {**item.figures, **figures})
    item.name, item.figures = written.name, written.figures
    item.at_least = [key for key in item.at_least if key not in figures]


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


def move(meal: Meal, *, day: dt.date, name: str) -> Done:
    """Give a whole meal another day or name. Raises Refused, or Conflict where there is such a meal already."""
    with transaction.atomic():
        meal = Meal.objects.select_for_update().get(pk=meal.pk)
        day, name = diary_day(day), meal_name(name)
        if (day, name) == (meal.day, meal.name):
            return Done()
        items = list(meal.items.select_related("meal__user"))
        before = [(item, _kept(item)) for item in items]
        meal.day, meal.name = day, name
        try:
            with transaction.atomic():
                meal.save()
        except IntegrityError as error:
            sentence = _("There is a meal of that name on that day already. Copy this one into it.")
            raise Conflict(sentence, field="name") from error
        return Done(items, _undoable(meal.user, before) if before else None)


def delete_meal(meal: Meal) -> Done:
    """Delete a meal with all that is in it; undoing makes it again."""
    with transaction.atomic():
        there = Meal.objects.select_for_update().filter(pk=meal.pk).first()
        if there is None:
            return Done()
        done = delete(list(there.items.all()))
        there.delete()
        return done


def copy(items: Iterable[MealItem], *, to_day: dt.date, meal: str | None = None) -> Done:
    """Log items of one person again, on `to_day`, in meals of the same names or all in `meal`. Raises Refused.

    The copies have the figures of the originals: what was eaten twice was the same food.
    """
    items = list(items)
    with transaction.atomic():
        made: list[MealItem] = []
        for name in dict.fromkeys(item.meal.name for item in items):
            target = meal_for(items[0].meal.user, to_day, meal or name)
            made += _add(target, [again(item) for item in items if item.meal.name == name])
        if not made:
            return Done()
        return Done(made, _undoable(items[0].meal.user, [(item, None) for item in made]))


def undo(user: User, undo_id: int, *, now: dt.datetime) -> list[dt.date]:
    """Take one action back: what it made goes, what it changed or deleted is as before. Once: then it is forgotten.

    Items that a later action changed or deleted stay as that one left them. Returns the days that changed; none where
    it was undone already. Raises Conflict where nothing is left to take back before the later action is.
    """
    with transaction.atomic():
        undoable = (
            Undo.objects.owned_by(user).select_for_update().filter(pk=undo_id, made_at__gt=now - UNDO_FOR).first()
        )
        if undoable is None:
            return []
        later = Undo.objects.owned_by(user).filter(pk__gt=undo_id).values_list("items", flat=True)
        newer = {each["id"] for items in later for each in items}
        before = {each["id"]: each["before"] for each in undoable.items if each["id"] not in newer}
        if not before:
            raise Conflict(_("It was changed since. Take that back first."))
        days = _unmade(user, [pk for pk, kept in before.items() if kept is None])
        days |= _restored(user, {pk: kept for pk, kept in before.items() if kept is not None})
        if len(before) == len(undoable.items):
            _open_again(undoable)
        undoable.delete()
        return sorted(days)


def _open_again(undoable: Undo) -> None:
    """The draft that was confirmed, if that is what is taken back: it waits again, and taught nothing."""
    photo_id = Draft.objects.filter(undo=undoable).values_list("photo", flat=True).first()
    if photo_id is not None:
        Photo.objects.filter(pk=photo_id).update(state=Photo.State.NEW)
        Example.objects.filter(photo=photo_id).delete()
        confirmed = Draft.objects.filter(undo=undoable, state=Draft.State.CONFIRMED)
        confirmed.update(state=Draft.State.OPEN, decided_at=None)


def _unmade(user: User, ids: Sequence[int]) -> set[dt.date]:
    """Delete what an action made, which after an import may be years of diary. Returns the days it was on."""
    days: set[dt.date] = set()
    for start in range(0, len(ids), AT_ONCE):
        # Whose they are is looked at here: asked for in the query, SQLite walks all their meals for each chunk.
        chunk = MealItem.objects.filter(pk__in=ids[start : start + AT_ONCE]).order_by()
        there = {pk: day for pk, day, owner in chunk.values_list("pk", "meal__day", "meal__user") if owner == user.pk}
        MealItem.objects.filter(pk__in=there).delete()
        days.update(there.values())
    return days


def _add(meal: Meal, items: Sequence[NewItem]) -> list[MealItem]:
    """`meal` is locked: two additions at once get positions one after the other."""
    _refuse_full(meal, len(items))
    start, now = _next_position(meal), timezone.now()
    rows = [MealItem(meal=meal, position=start + at, created_at=now, **item.columns()) for at, item in enumerate(items)]
    _let_go_of_what_is_gone(rows)
    return MealItem.objects.bulk_create(rows)


def _let_go_of_what_is_gone(rows: Sequence[MealItem]) -> None:
    """A food or recipe may be deleted between its being chosen and being logged: the item has figures of its own."""
    foods = {row.product_id for row in rows if row.product_id}
    recipes = {row.recipe_id for row in rows if row.recipe_id}
    # Locked until the items are there.
    kept_foods = set(Product.objects.select_for_update(no_key=True).filter(pk__in=foods).values_list("pk", flat=True))
    kept_recipes = set(
        Recipe.objects.select_for_update(no_key=True).filter(pk__in=recipes).values_list("pk", flat=True)
    )
    for row in rows:
        row.product_id = row.product_id if row.product_id in kept_foods else None
        row.recipe_id = row.recipe_id if row.recipe_id in kept_recipes else None


def _refuse_full(meal: Meal, more: int) -> None:
    if meal.items.count() + more > MOST_ITEMS:
        raise Refused(_("A meal can have %(most)d items.") % {"most": MOST_ITEMS})


def _next_position(meal: Meal) -> int:
    last: int | None = meal.items.aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def again(item: MealItem) -> NewItem:
    """The same amount with the same figures, to be logged once more."""
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
        origin=item.origin,
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
    """The item's columns as JSON that `_restored` reads."""
    kept: dict[str, Any] = {}
    for column in _COLUMNS:
        value = getattr(item, column)
        kept[column] = {key: str(figure) for key, figure in value.items()} if column == "figures" else value
        if isinstance(value, Decimal):
            kept[column] = str(rounded(value))
        elif isinstance(value, (dt.date, dt.time)):
            kept[column] = value.isoformat()
    # By day and name: the meal itself may be deleted meanwhile.
    return kept | {"day": item.meal.day.isoformat(), "meal": item.meal.name}


def _restored(user: User, kept: Mapping[int, Mapping[str, Any]]) -> set[dt.date]:
    """Write items as they were, by their ids. Returns the days they were on and are on now."""
    days = _unmade(user, list(kept))
    places = dict.fromkeys((dt.date.fromisoformat(each["day"]), each["meal"]) for each in kept.values())
    meals = {(day, name): meal_for(user, day, name) for day, name in places}
    # What is gone by now stays gone; the items have their own figures.
    products = Product.objects.visible_to(user).in_bulk([each["product_id"] for each in kept.values()])
    recipes = Recipe.objects.owned_by(user).in_bulk([each["recipe_id"] for each in kept.values()])
    rows = [
        MealItem(
            pk=pk,
            meal=meals[dt.date.fromisoformat(each["day"]), each["meal"]],
            product=products.get(each["product_id"]),
            recipe=recipes.get(each["recipe_id"]),
            figures=Nutrients({key: Decimal(value) for key, value in each["figures"].items()}),
            time=dt.time.fromisoformat(each["time"]) if each["time"] else None,
            created_at=dt.datetime.fromisoformat(each["created_at"]),
            quantity=Decimal(each["quantity"]),
            amount=Decimal(each["amount"]),
            **{name: each[name] for name in ("name", "brand", "basis", "at_least", "serving", "position", "origin")},
        )
        for pk, each in kept.items()
    ]
    MealItem.objects.bulk_create(rows)
    return days | {day for day, _name in places}


def _undoable(user: User, touched: Sequence[tuple[MealItem, dict[str, Any] | None]]) -> Undo:
    """Note how to take an action back, and forget what can no longer be: it holds what was deleted."""
    Undo.objects.owned_by(user).filter(made_at__lte=timezone.now() - UNDO_FOR).delete()
    return Undo.objects.create(user=user, items=[{"id": item.pk, "before": before} for item, before in touched])
