"""A person's whole account as a ZIP. The same account gives the same bytes, on this server or on another."""

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.db.models import Q

from dietintel.accounts.models import User
from products.models import Correction, Product
from products.nutrients import AS_PRINTED
from products.sources import SOURCES
from tracking.models import (
    Awaited,
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
    WeightEntry,
)
from tracking.totals import NOTHING, Totals
from tracking.transfer import document as doc
from tracking.transfer.document import NO_FOOD, FoodName, origin_of
from tracking.transfer.shapes import MOMENT, plain, written

_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the first moment a ZIP can name: when it was made would be another byte each time
Document = dict[str, Any]
Meals = Sequence[tuple[Meal, Sequence[tuple[MealItem, Totals]]]]  # with what each item contributes


def write_archive(user: User, file: IO[bytes]) -> Document:
    """Write the ZIP into `file`. Returns the document in it. As many queries for ten years as for a day."""
    document, shown = _read(user)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "README.txt", [_readme(document)])
        _put(archive, doc.DOCUMENT, _lines(document))
        for name, rows in _tables(document, shown).items():
            _put(archive, f"{name}.csv", _csv(rows))
    return document


def _put(archive: zipfile.ZipFile, name: str, parts: Iterable[str]) -> None:
    entry = zipfile.ZipInfo(name, _ALWAYS)
    entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o600 << 16, 3
    with archive.open(entry, "w") as into:
        for part in parts:
            into.write(part.encode())


def _lines(document: Document) -> Iterator[str]:
    """As JSON with one row of a list in each line: exact, small, and two exports can be compared line by line."""
    comma = ",\n"
    yield "{\n"
    for at, key in enumerate(document):
        yield f"{comma if at else ''}{json.dumps(key)}: "
        value = document[key]
        if isinstance(value, list):
            yield "["
            for number, row in enumerate(value):
                yield f"{',' if number else ''}\n{_json(row)}"
            yield "]"
        else:
            yield _json(value)
    yield "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


# --- Reading the account ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Names:
    """What rows are called in the file."""

    foods: Mapping[int, FoodName]
    recipes: Mapping[int, int]

    def food(self, product_id: int | None, origin: str = "") -> FoodName:
        return FoodName(origin=origin) if product_id is None else self.foods.get(product_id, NO_FOOD)

    def recipe(self, recipe_id: int | None) -> int | None:
        return None if recipe_id is None else self.recipes.get(recipe_id)


def _read(user: User) -> tuple[Document, Meals]:
    own_foods = list(Product.objects.owned_by(user).order_by("pk"))
    recipes = list(Recipe.objects.owned_by(user).order_by("pk"))
    names = _Names(
        _food_names(user, own_foods),
        {recipe.pk: number for number, recipe in enumerate(recipes, start=1)},
    )
    meals = _meals(user)
    profile = Profile.objects.filter(user=user).first() or Profile(user=user)
    awaited = list(Awaited.objects.owned_by(user))
    document: Document = {
        "format": doc.FORMAT,
        "version": doc.VERSION,
        "preferences": written(user, doc.PREFERENCES),
        "profile": written(profile, doc.PROFILE),
        "own_foods": [written(food, doc.OWN_FOOD) for food in own_foods],
        "recipes": _recipes(recipes, user, names),
        "meals": [
            {**written(meal, doc.MEAL), "items": [_item(item, names) for item, _totals in items]}
            for meal, items in meals
        ],
        "favourites": _favourites(user, names, awaited),
        "corrections": _corrections(user, names, awaited),
        "weights": [written(entry, doc.WEIGHT) for entry in WeightEntry.objects.owned_by(user).order_by("day", "time")],
        "measurement_kinds": _measurements(user),
        "targets": _targets(user),
    }
    return document, meals


def _food_names(user: User, own_foods: Sequence[Product]) -> dict[int, FoodName]:
    """Of every food that something of this person's refers to."""
    mine = Q(owner=None) & (
        Q(pk__in=MealItem.objects.owned_by(user).values("product"))
        | Q(pk__in=Ingredient.objects.filter(recipe__user=user).values("product"))
        | Q(pk__in=Favourite.objects.owned_by(user).values("product"))
        | Q(pk__in=Correction.objects.owned_by(user).values("product"))
    )
    named = {
        pk: FoodName(origin=origin_of(*identity))
        for pk, *identity in Product.objects.filter(mine).values_list("pk", "source", "barcode", "source_id")
    }
    return named | {food.pk: FoodName(own=number) for number, food in enumerate(own_foods, start=1)}


def _meals(user: User) -> Meals:
    items: dict[int, list[tuple[MealItem, Totals]]] = defaultdict(list)
    for item in MealItem.objects.owned_by(user).order_by("meal", "position", "pk").iterator():
        items[item.meal_id].append((item, item.totals))
    return [(meal, items[meal.pk]) for meal in Meal.objects.owned_by(user).order_by("day", "pk")]


def _item(item: MealItem, names: _Names) -> dict[str, Any]:
    return {
        **written(item, doc.ITEM),
        "food": names.food(item.product_id, item.origin).written(),
        "recipe": names.recipe(item.recipe_id),
    }


def _recipes(recipes: Sequence[Recipe], user: User, names: _Names) -> list[dict[str, Any]]:
    ingredients: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in Ingredient.objects.filter(recipe__user=user).order_by("recipe", "position", "pk"):
        food, part = names.food(each.product_id, each.origin).written(), names.recipe(each.part_id)
        ingredients[each.recipe_id].append({**written(each, doc.INGREDIENT), "food": food, "part": part})
    return [{**written(recipe, doc.RECIPE), "ingredients": ingredients[recipe.pk]} for recipe in recipes]


def _favourites(user: User, names: _Names, awaited: Sequence[Awaited]) -> list[dict[str, Any]]:
    here = [
        {
            **written(each, doc.FAVOURITE),
            "food": names.food(each.product_id).written(),
            "recipe": names.recipe(each.recipe_id),
        }
        for each in Favourite.objects.owned_by(user)
    ]
    elsewhere = [
        {
            "created_at": MOMENT.write(each.favourite_at),
            "food": FoodName(origin=each.origin).written(),
            "recipe": None,
        }
        for each in awaited
        if each.favourite_at is not None
    ]
    named = [each for each in [*here, *elsewhere] if each["food"] or each["recipe"]]
    return sorted(named, key=_json)


def _corrections(user: User, names: _Names, awaited: Sequence[Awaited]) -> list[dict[str, Any]]:
    here = [
        {**written(each, doc.CORRECTION), "food": names.food(each.product_id).written()}
        for each in Correction.objects.owned_by(user)
    ]
    elsewhere = [
        {
            "changes": each.changes,
            "updated_at": MOMENT.write(each.corrected_at),
            "food": FoodName(origin=each.origin).written(),
        }
        for each in awaited
        if each.changes is not None
    ]
    return sorted([each for each in [*here, *elsewhere] if each["food"]], key=lambda each: _json(each["food"]))


def _measurements(user: User) -> list[dict[str, Any]]:
    values: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in Measurement.objects.owned_by(user).order_by("day", "time"):
        values[each.kind_id].append(written(each, doc.MEASUREMENT))
    kinds = MeasurementKind.objects.owned_by(user).order_by("pk")
    return [{**written(kind, doc.MEASUREMENT_KIND), "values": values[kind.pk]} for kind in kinds]


def _targets(user: User) -> list[dict[str, Any]]:
    days: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for day in TargetDay.objects.filter(target__user=user).order_by("weekday"):
        days[day.target_id].append(written(day, doc.TARGET_DAY))
    targets = Target.objects.owned_by(user).order_by("starts_on")
    return [{**written(target, doc.TARGET), "days": days[target.pk]} for target in targets]


# --- Tables for people --------------------------------------------------------------------------------------------
Rows = Iterable[Mapping[str, Any]]


def _tables(document: Document, meals: Meals) -> dict[str, Rows]:
    recipes = document["recipes"]
    return {
        "days": _day_rows(meals),
        "items": _item_rows(document, meals),
        "recipes": [
            {"number": number, **_without(recipe, "ingredients")} for number, recipe in enumerate(recipes, start=1)
        ],
        "ingredients": [
            {"recipe": recipe["name"], **_portion_row(each)} for recipe in recipes for each in recipe["ingredients"]
        ],
        "own_foods": [
            {"number": number, **_flat(food, figures="per_100")}
            for number, food in enumerate(document["own_foods"], start=1)
        ],
        "corrections": [
            {**_food_row(each["food"]), "changes": _json(each["changes"]), "updated_at": each["updated_at"]}
            for each in document["corrections"]
        ],
        "favourites": [
            {**_food_row(each["food"]), "recipe": each["recipe"], "created_at": each["created_at"]}
            for each in document["favourites"]
        ],
        "weights": document["weights"],
        "measurements": [
            {"what": kind["name"], "unit": kind["unit"], **value}
            for kind in document["measurement_kinds"]
            for value in kind["values"]
        ],
        "targets": [
            {**_without(target, "days", "created_at"), **day}
            for target in document["targets"]
            for day in target["days"]
        ],
        "profile": [{**document["preferences"], **document["profile"]}],
    }


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def _food_row(food: Mapping[str, Any] | None) -> dict[str, Any]:
    said = food or {}
    return {
        "own_food": said.get("own"),
        "source": said.get("source"),
        "barcode": said.get("barcode"),
        "source_id": said.get("id"),
    }


def _flat(row: Mapping[str, Any], *, figures: str) -> dict[str, Any]:
    """With a column for each nutrient."""
    declared = row[figures]
    return _without(row, figures) | {nutrient.key: declared.get(nutrient.key) for nutrient in AS_PRINTED}


def _portion_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return _flat({**_without(row, "food"), **_food_row(row["food"])}, figures="figures")


def _day_rows(meals: Meals) -> Rows:
    """The sum of each day, from the rows of `items`."""
    days: dict[str, Totals] = {}
    for meal, items in meals:
        for _each, totals in items:
            day = meal.day.isoformat()
            days[day] = days.get(day, NOTHING) + totals
    return [{"day": day, **_total_cells(total)} for day, total in days.items()]


def _item_rows(document: Document, meals: Meals) -> Rows:
    for (meal, items), said in zip(meals, document["meals"], strict=True):
        for (_each, totals), row in zip(items, said["items"], strict=True):
            yield {
                "day": said["day"],
                "meal": meal.name,
                "time": row["time"],
                **{name: row[name] for name in ("name", "brand", "quantity", "serving", "amount")},
                "unit": row["basis"],
                **_food_row(row["food"]),
                "recipe": row["recipe"],
                **_total_cells(totals),
            }


def _total_cells(totals: Totals) -> dict[str, Any]:
    """What it adds up to, and the nutrients of which that is only the least it can be."""
    known = totals.known
    cells: dict[str, Any] = {
        nutrient.key: plain(known[nutrient.key]) if nutrient.key in known else None
        for nutrient in AS_PRINTED
        if nutrient.scales
    }
    return cells | {"at_least": sorted(known.keys() & totals.partial)}


def _csv(rows: Rows) -> Iterator[str]:
    """Lines of a table; none for no rows."""
    for number, row in enumerate(rows):
        if number == 0:
            yield _csv_line(row)
        yield _csv_line(map(_cell, row.values()))


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(f"{each['label']} = {each['amount']}" if isinstance(each, dict) else each for each in value)
    if isinstance(value, dict):
        return _json(value) if value else ""
    words = str(value)
    # A spreadsheet takes these for formulas, whoever wrote them (OWASP, CSV Injection).
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words


# --- What is what -------------------------------------------------------------------------------------------------
_README = """\
DietIntel: everything that is yours but the photos. Format {format}, version {version}.

{document} has all of it, exactly, and is what an import reads. The .csv files say the same for people and
spreadsheets; they are in UTF-8, with a comma between the cells and a point in numbers. An empty cell means unknown,
or not said; it never means zero. A text that begins with = + - or @ has an apostrophe before it there.

  days.csv          what each day adds up to
  items.csv         everything eaten, with what it contributes
  recipes.csv, ingredients.csv
  own_foods.csv     foods that you entered; figures are of 100 g or 100 ml
  corrections.csv   what you say instead of a provider
  favourites.csv    foods and recipes that you want at hand
  weights.csv       in kg; measurements.csv in the unit beside each
  targets.csv       what you aimed for, by weekday: 0 is Monday
  profile.csv       what you chose, and what your needs are computed from

Days and times are those of your own clock; times that end in +00:00 are in UTC. Units are in the names: kcal, g, mg,
ug (micrograms). "at_least" names nutrients that some part did not declare: the true sum may be more.
Items keep the figures they were written down with. In {document} these are of 100 g, of 100 ml or of one serving, as
"basis" says. A food of a provider is named by its source and barcode, or by the source's own id.
Your password, your tokens, your name here and what could be undone are not in this file. Nor are your photos, of which
there may be more than an import takes, and what was learned from them; each photo can be saved by itself.

Where foods come from:
{sources}
"""


def _readme(document: Document) -> str:
    occurring = sorted(_sources_in(document))
    lines = [
        f"  {source}: {SOURCES[source].label}. {SOURCES[source].attribution}" if source in SOURCES else f"  {source}"
        for source in occurring
    ]
    return _README.format(
        format=doc.FORMAT,
        version=doc.VERSION,
        document=doc.DOCUMENT,
        sources="\n".join(lines) or "  Only from yourself.",
    )


def _sources_in(document: Document) -> set[str]:
    eaten = (item["food"] for meal in document["meals"] for item in meal["items"])
    cooked = (each["food"] for recipe in document["recipes"] for each in recipe["ingredients"])
    named = (each["food"] for name in ("favourites", "corrections") for each in document[name])
    return {food["source"] for foods in (eaten, cooked, named) for food in foods if food and "source" in food}


def counted(document: Document) -> dict[str, int]:
    """How much is in it, for a sentence."""
    meals = document["meals"]
    return {
        "days": len({meal["day"] for meal in meals if meal["items"]}),
        "items": sum(len(meal["items"]) for meal in meals),
        "recipes": len(document["recipes"]),
        "own_foods": len(document["own_foods"]),
        "weights": len(document["weights"]),
    }
