"""Writing what comes from a file: a whole account into an empty one, or the diary of another program into any.

Everything is read and checked before the transaction begins, which then only inserts in bulk: one for all, so that a
power cut leaves nothing half. Five years of diary (11,000 items) hold SQLite's one place for writers for two to three
seconds of a slow processor; other writers wait up to SQLITE_PATIENCE_S for it.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models, transaction
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.models import OWN, Correction, Product
from products.quality import doubts
from tracking.errors import Conflict, Refused
from tracking.models import (
    Awaited,
    Basis,
    Favourite,
    Ingredient,
    Meal,
    MealItem,
    Measurement,
    MeasurementKind,
    Profile,
    Recipe,
    Target,
    TargetDay,
    Undo,
    WeightEntry,
)
from tracking.services.diary import MOST_ITEMS, Done, meal_name
from tracking.transfer.document import FoodName, origin_of
from tracking.transfer.foreign import Entry
from tracking.transfer.reading import Account, Columns, Part, Whole

BATCH = 500  # rows of one INSERT


# --- A whole account ----------------------------------------------------------------------------------------------
def is_empty(user: User) -> bool:
    """Whether an account may be imported into this one: nothing would be mixed with what is there."""
    mine: list[models.QuerySet[Any]] = [
        MealItem.objects.owned_by(user),
        Recipe.objects.owned_by(user),
        Product.objects.owned_by(user),
        Correction.objects.owned_by(user),
        Favourite.objects.owned_by(user),
        WeightEntry.objects.owned_by(user),
        MeasurementKind.objects.owned_by(user),
        Target.objects.owned_by(user),
        Awaited.objects.owned_by(user),
    ]
    return not any(rows.exists() for rows in mine)


def import_account(user: User, account: Account) -> None:
    """Make `user`'s account the one in the file: all of it, or nothing. Raises Conflict where it is not empty.

    Nothing is written into the catalogue that all share: a food that it lacks stays a name (`Portion.origin`,
    `Awaited`), so that nobody can put figures there in a provider's name.
    """
    with transaction.atomic():
        # The person's row is the lock: of two imports at once, the second finds the account full.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not is_empty(user):
            raise Conflict(
                _("There is something in this account already. A whole account can only be imported into an empty one.")
            )
        Meal.objects.owned_by(user).delete()  # without items, as just seen
        _Import(user, account).write()


class _Import:
    """One import, in the order in which rows refer to each other."""

    def __init__(self, user: User, account: Account) -> None:
        self.user = user
        self.account = account
        self.catalogue = catalogue(account.origins)
        self.foods: list[Product] = []
        self.recipes: list[Recipe] = []

    def write(self) -> None:
        self._preferences()
        self.foods = _bulk(Product, [self._own_food(columns) for columns in self.account.own_foods])
        self._recipes()
        self._meals()
        self._favourites_and_corrections()
        _bulk(WeightEntry, [WeightEntry(user=self.user, **columns) for columns in self.account.weights])
        self._measurements()
        self._targets()

    def _preferences(self) -> None:
        User.objects.filter(pk=self.user.pk).update(**self.account.preferences)
        Profile.objects.update_or_create(user=self.user, defaults=self.account.profile)

    def _own_food(self, columns: Columns) -> Product:
        food = Product(owner=self.user, source=OWN, **columns)
        food.search_text = food.searchable()
        food.quality = [flag.kept() for flag in doubts(food.per_100, impossible=())]
        return food

    def _recipes(self) -> None:
        wholes = self.account.recipes
        self.recipes = _bulk(Recipe, [Recipe(user=self.user, **whole.columns) for whole in wholes])
        for recipe, whole in zip(self.recipes, wholes, strict=True):
            recipe.updated_at = whole.columns["updated_at"]  # creating has put the present there
        Recipe.objects.bulk_update(self.recipes, ["updated_at"], batch_size=BATCH)
        ingredients = [
            Ingredient(recipe=recipe, position=position, part=self._recipe(part), **self._portion(part))
            for recipe, whole in zip(self.recipes, wholes, strict=True)
            for position, part in enumerate(whole.parts)
        ]
        _bulk(Ingredient, ingredients)

    def _meals(self) -> None:
        wholes = self.account.meals
        meals = _bulk(Meal, [Meal(user=self.user, **whole.columns) for whole in wholes])
        items = [
            MealItem(meal=meal, position=position, recipe=self._recipe(part), **self._portion(part))
            for meal, whole in zip(meals, wholes, strict=True)
            for position, part in enumerate(whole.parts)
        ]
        _bulk(MealItem, items)

    def _portion(self, part: Part) -> Columns:
        product_id = self._product_id(part.food)
        return {**part.columns, "product_id": product_id, "origin": "" if product_id else part.food.origin}

    def _product_id(self, food: FoodName) -> int | None:
        return self.catalogue.get(food.origin) if food.own is None else self.foods[food.own - 1].pk

    def _recipe(self, part: Part) -> Recipe | None:
        return None if part.recipe is None else self.recipes[part.recipe - 1]

    def _favourites_and_corrections(self) -> None:
        awaited: dict[str, Awaited] = {}
        favourites, corrections = [], []
        for part in self.account.favourites:
            product_id, recipe = self._product_id(part.food), self._recipe(part)
            if product_id is None and recipe is None:
                self._awaited(awaited, part.food).favourite_at = part.columns["created_at"]
            else:
                favourites.append(Favourite(user=self.user, product_id=product_id, recipe=recipe, **part.columns))
        for part in self.account.corrections:
            product_id = self._product_id(part.food)
            if product_id is None:
                row = self._awaited(awaited, part.food)
                row.changes, row.corrected_at = part.columns["changes"], part.columns["updated_at"]
            else:
                corrections.append(Correction(user=self.user, product_id=product_id, **part.columns))
        _bulk(Favourite, favourites)
        moments = [correction.updated_at for correction in corrections]
        _bulk(Correction, corrections)  # puts the present there
        for correction, moment in zip(corrections, moments, strict=True):
            correction.updated_at = moment
        Correction.objects.bulk_update(corrections, ["updated_at"], batch_size=BATCH)
        _bulk(Awaited, list(awaited.values()))

    def _awaited(self, rows: dict[str, Awaited], food: FoodName) -> Awaited:
        return rows.setdefault(food.origin, Awaited(user=self.user, origin=food.origin))

    def _measurements(self) -> None:
        wholes = self.account.measurement_kinds
        kinds = _bulk(MeasurementKind, [MeasurementKind(user=self.user, **whole.columns) for whole in wholes])
        _bulk(Measurement, _parts(kinds, wholes, lambda kind, columns: Measurement(kind=kind, **columns)))

    def _targets(self) -> None:
        wholes = self.account.targets
        targets = _bulk(Target, [Target(user=self.user, **whole.columns) for whole in wholes])
        _bulk(TargetDay, _parts(targets, wholes, lambda target, columns: TargetDay(target=target, **columns)))


def _parts(rows: Sequence[Any], wholes: Sequence[Whole], make: Any) -> list[Any]:
    return [make(row, part.columns) for row, whole in zip(rows, wholes, strict=True) for part in whole.parts]


def _bulk(model: type[Any], rows: list[Any]) -> list[Any]:
    made: list[Any] = model._default_manager.bulk_create(rows, batch_size=BATCH)
    return made


def catalogue(origins: Iterable[str]) -> dict[str, int]:
    """The rows of the shared catalogue that the file names. As many queries as there are batches of names."""
    wanted = sorted(origins)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), BATCH):
        names = [origin.split("/", 2) for origin in wanted[start : start + BATCH]]
        barcodes = [name for _source, kind, name in names if kind == "barcode"]
        ids = [name for _source, kind, name in names if kind == "id"]
        rows = Product.objects.filter(owner=None).values_list("pk", "source", "barcode", "source_id")
        for pk, *identity in [*rows.filter(barcode__in=barcodes), *rows.filter(barcode="", source_id__in=ids)]:
            found[origin_of(*identity)] = pk
    return {origin: pk for origin, pk in found.items() if origin in set(wanted)}


# --- The diary of another program ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Added:
    """What an import added, and how many entries were there already."""

    done: Done
    repeated: int


def new_entries(user: User, entries: Sequence[Entry]) -> list[Entry]:
    """Those that are not in the diary yet: an equal entry of the same meal counts as the same one, as often as there.

    Equal is the same name with the same figures at the same time. So a file that is imported again adds nothing, and
    two equal coffees of one breakfast are two. What was changed since is not recognised.
    """
    if not entries:
        return []
    days = [entry.day for entry in entries]
    there: Counter[Hashable] = Counter()
    items = MealItem.objects.owned_by(user).filter(
        meal__day__range=(min(days), max(days)), product=None, recipe=None, basis=Basis.SERVING
    )
    for day, meal, name, time, figures in items.values_list("meal__day", "meal__name", "name", "time", "figures"):
        there[_same(day, meal, name, time, figures)] += 1
    new = []
    for entry in entries:
        key = _same(entry.day, meal_name(entry.meal), entry.name, entry.time, entry.figures)
        if there[key]:
            there[key] -= 1
        else:
            new.append(entry)
    return new


def _same(day: dt.date, meal: str, name: str, time: dt.time | None, figures: Mapping[str, Decimal]) -> Hashable:
    return day, meal, name, time, frozenset(figures.items())


def add_entries(user: User, entries: Sequence[Entry]) -> Added:
    """Log them as quick adds, all or none; can be undone as one. Raises Refused."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # of the same file twice at once, one
        new = new_entries(user, entries)
        if not new:
            return Added(Done(), len(entries))
        by_meal: dict[tuple[dt.date, str], list[Entry]] = defaultdict(list)
        for entry in new:
            by_meal[entry.day, meal_name(entry.meal)].append(entry)
        items = _items(_meals_of(user, by_meal), by_meal)
        made = MealItem.objects.bulk_create(items, batch_size=BATCH)
        undo = Undo.objects.create(user=user, items=[{"id": item.pk, "before": None} for item in made])
        return Added(Done(made, undo), len(entries) - len(new))


def _meals_of(user: User, wanted: Iterable[tuple[dt.date, str]]) -> dict[tuple[dt.date, str], Meal]:
    """The meals, made where they are not there, each with `filled` and `last`: how many items, and the last place."""
    names = list(wanted)
    days = [day for day, _name in names]
    rows = Meal.objects.owned_by(user).filter(day__range=(min(days), max(days)))
    here = {(meal.day, meal.name) for meal in rows}
    Meal.objects.bulk_create(
        [Meal(user=user, day=day, name=name) for day, name in names if (day, name) not in here],
        batch_size=BATCH,
        ignore_conflicts=True,  # the person may log the first breakfast of today at this moment
    )
    counted = rows.all().annotate(filled=Count("items"), last=Max("items__position"))
    return {(meal.day, meal.name): meal for meal in counted}


def _items(
    meals: Mapping[tuple[dt.date, str], Meal], by_meal: Mapping[tuple[dt.date, str], Sequence[Entry]]
) -> list[MealItem]:
    now, items = timezone.now(), []
    for key, entries in by_meal.items():
        meal: Any = meals[key]
        if meal.filled + len(entries) > MOST_ITEMS:
            sentence = _("%(meal)s would have more than %(most)d items.")
            raise Refused(sentence % {"meal": meal, "most": MOST_ITEMS})
        start = 0 if meal.last is None else meal.last + 1
        items += [entry.item(meal, position=position, now=now) for position, entry in enumerate(entries, start)]
    return items
