"""From the JSON of an account to columns that the tables take: all of it is checked before anything is written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dietintel.accounts.models import validate_time_zone
from products.barcodes import InvalidBarcode, normalise
from products.nutrients import possible
from tracking.services.diary import MOST_ITEMS
from tracking.services.recipes import MOST_INGREDIENTS
from tracking.transfer import document as doc
from tracking.transfer.document import NO_FOOD, FoodName, read_food_name
from tracking.transfer.shapes import Broken, Shapes, read_row, rows_of, whole_number

Columns = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """An item or an ingredient: its columns, and what it is of. `recipe` is a number in the file."""

    columns: Columns
    food: FoodName = NO_FOOD
    recipe: int | None = None


@dataclass(frozen=True)
class Whole:
    """A row with rows that belong to it."""

    columns: Columns
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Account:
    """A whole account, checked."""

    preferences: Columns
    profile: Columns
    own_foods: tuple[Columns, ...]
    recipes: tuple[Whole, ...]
    meals: tuple[Whole, ...]
    favourites: tuple[Part, ...]
    corrections: tuple[Part, ...]
    weights: tuple[Columns, ...]
    measurement_kinds: tuple[Whole, ...]
    targets: tuple[Whole, ...]

    @property
    def origins(self) -> set[str]:
        """The foods of providers that it names."""
        parts = [part for whole in (*self.recipes, *self.meals) for part in whole.parts]
        return {part.food.origin for part in (*parts, *self.favourites, *self.corrections)} - {""}


def read_account(document: Mapping[str, Any]) -> Account:
    """Raises Broken, which says where."""
    expected = {"format", "version", "preferences", "profile", *doc.LISTS}
    if document.keys() != expected:
        raise Broken(_("this needs exactly: %(keys)s.") % {"keys": ", ".join(sorted(expected))}, doc.DOCUMENT)
    foods, recipes = document["own_foods"], document["recipes"]
    numbers = _Numbers(len(foods) if isinstance(foods, list) else 0, len(recipes) if isinstance(recipes, list) else 0)
    account = Account(
        preferences=_one(document["preferences"], doc.PREFERENCES, "preferences"),
        profile=_one(document["profile"], doc.PROFILE, "profile"),
        own_foods=_each(document, "own_foods", _own_food),
        recipes=_each(document, "recipes", numbers.recipe),
        meals=_each(document, "meals", numbers.meal),
        favourites=_each(document, "favourites", numbers.favourite),
        corrections=_each(document, "corrections", numbers.correction),
        weights=_each(document, "weights", lambda said: read_row(said, doc.WEIGHT)),
        measurement_kinds=_each(document, "measurement_kinds", _measurement_kind),
        targets=_each(document, "targets", _target),
    )
    _check_time_zone(account.preferences["time_zone"])
    _check_once(account)
    return account


def _one(said: Any, shapes: Shapes, name: str) -> Columns:
    try:
        return read_row(said, shapes)
    except Broken as broken:
        raise broken.within(name) from broken


def _each(document: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    try:
        return _list(document[name], read, most=doc.MOST_ROWS)
    except Broken as broken:
        raise broken.within(name) from broken


def _list(said: Any, read: Callable[[Any], Any], *, most: int) -> tuple[Any, ...]:
    rows = []
    for number, row in enumerate(rows_of(said, most=most), start=1):
        try:
            rows.append(read(row))
        except Broken as broken:
            raise broken.within(str(number)) from broken
    return tuple(rows)


# --- Kinds of rows ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Numbers:
    """How many own foods and recipes the file has: other numbers name nothing."""

    foods: int
    recipes: int

    def recipe(self, said: Any) -> Whole:
        columns = read_row(said, doc.RECIPE, also=["ingredients"])
        return Whole(columns, _list_at(said, "ingredients", self._ingredient, most=MOST_INGREDIENTS))

    def meal(self, said: Any) -> Whole:
        columns = read_row(said, doc.MEAL, also=["items"])
        return Whole(columns, _list_at(said, "items", self._item, most=MOST_ITEMS))

    def favourite(self, said: Any) -> Part:
        part = self._part(said, read_row(said, doc.FAVOURITE, also=["food", "recipe"]), "recipe")
        if part.food == NO_FOOD and part.recipe is None:
            raise Broken(_("this names neither a food nor a recipe."))
        return part

    def correction(self, said: Any) -> Part:
        part = Part(read_row(said, doc.CORRECTION, also=["food"]), self._food(said["food"]))
        if not part.food.origin:
            raise Broken(_("only a food of a provider can be corrected."), "food")
        return part

    def _ingredient(self, said: Any) -> Part:
        return self._part(said, read_row(said, doc.INGREDIENT, also=["food", "part"]), "part")

    def _item(self, said: Any) -> Part:
        return self._part(said, read_row(said, doc.ITEM, also=["food", "recipe"]), "recipe")

    def _part(self, said: Mapping[str, Any], columns: Columns, recipe: str) -> Part:
        number = said[recipe]
        if number is not None:
            _at(recipe, lambda: whole_number(1, self.recipes).read(number))
        food = self._food(said["food"])
        if food != NO_FOOD and number is not None:
            raise Broken(_("this cannot be of a food and of a recipe."))
        return Part(columns, food, number)

    def _food(self, said: Any) -> FoodName:
        food: FoodName = _at("food", lambda: read_food_name(said))
        if food.own is not None and food.own > self.foods:
            raise Broken(_("there is no own food of that number."), "food")
        return food


def _at(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Broken as broken:
        raise broken.within(name) from broken


def _list_at(said: Mapping[str, Any], name: str, read: Callable[[Any], Any], *, most: int) -> tuple[Any, ...]:
    rows: tuple[Any, ...] = _at(name, lambda: _list(said[name], read, most=most))
    return rows


def _own_food(said: Any) -> Columns:
    columns = read_row(said, doc.OWN_FOOD)
    impossible = [key for key, value in columns["per_100"].items() if not possible(key, value)]
    if impossible:
        raise Broken(_("100 g cannot have that much."), "per_100", min(impossible))
    try:
        if columns["barcode"] and normalise(columns["barcode"]).digits != columns["barcode"]:
            raise InvalidBarcode
    except InvalidBarcode as error:
        raise Broken(_("this is not a barcode."), "barcode") from error
    return columns


def _measurement_kind(said: Any) -> Whole:
    columns = read_row(said, doc.MEASUREMENT_KIND, also=["values"])
    values = _list_at(said, "values", lambda value: Part(read_row(value, doc.MEASUREMENT)), most=doc.MOST_ROWS)
    _once("values", ((part.columns["day"], part.columns["time"]) for part in values))
    return Whole(columns, values)


def _target(said: Any) -> Whole:
    columns = read_row(said, doc.TARGET, also=["days"])
    days = _list_at(said, "days", lambda day: Part(read_row(day, doc.TARGET_DAY)), most=7)
    _once("days", (part.columns["weekday"] for part in days))
    return Whole(columns, days)


# --- What holds for the whole -------------------------------------------------------------------------------------
def _check_time_zone(name: str) -> None:
    try:
        validate_time_zone(name)
    except ValidationError as error:
        raise Broken(_("this server knows no time zone of that name."), "preferences", "time_zone") from error


def _check_once(account: Account) -> None:
    """What the tables would refuse, with words for it."""
    _once("own_foods", (food["barcode"] for food in account.own_foods if food["barcode"]))
    _once("meals", ((meal.columns["day"], meal.columns["name"]) for meal in account.meals))
    _once("favourites", ((each.food, each.recipe) for each in account.favourites))
    _once("corrections", (each.food for each in account.corrections))
    _once("weights", ((entry["day"], entry["time"]) for entry in account.weights))
    _once("measurement_kinds", (kind.columns["name"] for kind in account.measurement_kinds))
    _once("targets", (target.columns["starts_on"] for target in account.targets))


def _once(name: str, keys: Iterable[Any]) -> None:
    seen = set()
    for number, key in enumerate(keys, start=1):
        if key in seen:
            raise Broken(_("this is there a second time."), name, str(number))
        seen.add(key)
