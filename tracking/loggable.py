"""Foods and recipes alike, as something that can be eaten so much of. Reads only."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from tracking.amounts import units_of
from tracking.errors import Refused
from tracking.habits import Usual, last_items, usual
from tracking.models import Basis, MealItem, Recipe
from tracking.recipes import RecipeBook, units_of_recipe
from tracking.services.diary import NewItem, of_food
from tracking.services.recipes import of_recipe
from tracking.totals import Totals, portion


@dataclass(frozen=True)
class Loggable:
    """A food, or a recipe of the person's own. `what` is how forms name it."""

    what: str
    name: str
    of: str  # the brand, or what kind of thing it is
    units: Sequence[str]
    usual: Usual  # what this person had of it last, else a serving, else 100 g or ml
    food: Food | None = None
    recipe: Recipe | None = None
    book: RecipeBook | None = None

    def much(self, grams: Decimal | None) -> Usual:
        """`grams`, where there is an estimate and it can be counted so. Drinks weigh about as much as water."""
        if grams is None or (self.recipe is not None and Basis.GRAM not in self.units):
            return self.usual
        return Usual(grams, self.food.basis if self.food else Basis.GRAM.value)

    def some(self, quantity: Decimal, unit: str, *, time: dt.time | None = None) -> NewItem:
        """So much of it, with the figures it has today. Raises Refused."""
        if self.food is not None:
            return of_food(self.food, quantity, unit, time=time)
        assert self.recipe is not None
        return of_recipe(self.recipe, quantity, unit, book=self.book, time=time)

    def totals(self, much: Usual) -> Totals | None:
        """What that much contributes. None where it cannot be logged so."""
        try:
            item = self.some(much.quantity, much.unit)
        except Refused:
            return None
        return portion(item.figures, item.at_least, item.amount.amount / Basis(item.basis).size)


def loggables(user: User, whats: Iterable[str], languages: Sequence[str] = ()) -> dict[str, Loggable]:
    """Those of `whats` that are there and that this person may see. As many queries for fifty as for five."""
    wanted = set(whats)
    products = Product.objects.visible_to(user).corrected_for(user).filter(uuid__in=_uuids(wanted))
    found = _of_products(user, list(products), languages)
    recipes = {int(name) for kind, name in _parted(wanted) if kind == "recipe" and name.isdecimal() and len(name) < 19}
    if recipes:
        book = RecipeBook.of(user, languages)
        there = [recipe for pk in sorted(recipes) if (recipe := book.get(pk)) is not None]
        found |= _of_recipes(user, there, book)
    return found


def found_for(user: User, products: Sequence[Product], recipes: Sequence[Recipe], book: RecipeBook,
              languages: Sequence[str] = ()) -> list[Loggable]:  # fmt: skip
    """What a search found, recipes first."""
    return [*_of_recipes(user, recipes, book).values(), *_of_products(user, products, languages).values()]


def _of_products(user: User, products: Sequence[Product], languages: Sequence[str]) -> dict[str, Loggable]:
    last = last_items(user, [product.pk for product in products]) if products else {}
    found = {}
    for product in products:
        food = Food(product, languages, timezone.now())
        much = usual(food, last.get(product.pk))
        units = list(dict.fromkeys([*units_of(food.basis, food.servings), much.unit]))
        what = f"product:{product.uuid}"
        found[what] = Loggable(what, food.name, food.brand, units, much, food=food)
    return found


def _of_recipes(user: User, recipes: Sequence[Recipe], book: RecipeBook) -> dict[str, Loggable]:
    last = _last_of_recipes(user, recipes) if recipes else {}
    found = {}
    for recipe in recipes:
        units, item = units_of_recipe(recipe), last.get(recipe.pk)
        much = Usual(Decimal(1), Basis.SERVING.value)
        if item is not None and (item.serving or item.basis) in units:
            much = Usual(item.quantity, item.serving or item.basis)
        what = f"recipe:{recipe.pk}"
        found[what] = Loggable(what, recipe.name, _("Recipe"), units, much, recipe=recipe, book=book)
    return found


def _last_of_recipes(user: User, recipes: Sequence[Recipe]) -> dict[int, MealItem]:
    items = MealItem.objects.owned_by(user)
    last = items.filter(recipe__in=recipes).order_by().values("recipe_id").annotate(last=Max("pk"))
    found = items.in_bulk([row["last"] for row in last])
    return {item.recipe_id: item for item in found.values() if item.recipe_id}


def _parted(whats: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, name) for kind, _colon, name in (what.partition(":") for what in whats)]


def _uuids(whats: Iterable[str]) -> set[uuid.UUID]:
    found = set()
    for kind, name in _parted(whats):
        if kind == "product":
            try:
                found.add(uuid.UUID(name))
            except ValueError:
                continue
    return found
