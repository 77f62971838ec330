"""What recipes have in them, computed from what their ingredients have today. Reads only."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from django.utils import timezone

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product, fold
from products.nutrients import Nutrients, rounded
from tracking.amounts import units_of
from tracking.models import Basis, Ingredient, Recipe
from tracking.totals import SUMMED, Totals, add_up, portion

# Recipes within recipes within recipes: more than this is a mistake of a program.
MOST_LEVELS = 10
# A share of 100,000 tons is nobody's dinner; fifteen digits are what a JSON number of four decimals keeps exactly.
MOST_FIGURE = Decimal(10) ** 11
NOTHING_KNOWN = Totals(partial=SUMMED)

Parts = Mapping[int, frozenset[int]]  # by recipe the recipes that are in it


class Kept(StrEnum):
    """Why an ingredient counts with the figures it was written down with."""

    GONE = "gone"  # the food or recipe was deleted
    BASIS = "basis"  # it is counted in something else now: ml and not g, or its cooked weight is not known any more
    CIRCLE = "circle"  # it leads back to itself, which only an import can bring about


@dataclass(frozen=True)
class Line:
    """One ingredient as it counts today: of a `food`, of a recipe, or (with `kept`) as it was written down."""

    ingredient: Ingredient
    name: str
    brand: str
    food: Food | None
    part: Recipe | None
    totals: Totals
    kept: Kept | None

    @property
    def units(self) -> list[str]:
        """What its amount can be counted in."""
        if self.part is not None:
            possible = units_of_recipe(self.part)
        elif self.food is not None:
            possible = units_of(self.food.basis, self.food.servings)
        else:
            possible = units_of(self.ingredient.basis, ())
        return possible if self.unit in possible else [self.unit, *possible]

    @property
    def unit(self) -> str:
        """What its amount is counted in."""
        return self.ingredient.serving or self.ingredient.basis


@dataclass(frozen=True)
class RecipeFigures:
    """What a recipe has: as a whole, in one serving, and (where it was weighed) in 100 g as cooked.

    `at_least` names the figures of all three that may be more, because an ingredient does not declare them; what no
    ingredient declares is not there at all. `weight` is in g as cooked, None where it was not weighed.
    """

    lines: tuple[Line, ...]
    totals: Totals
    per_serving: Nutrients
    per_100: Nutrients | None
    weight: Decimal | None

    @cached_property
    def at_least(self) -> tuple[str, ...]:
        return tuple(sorted(self.totals.partial & self.totals.known.keys()))

    @property
    def energy_at_least(self) -> bool:
        """Whether there may be more energy in it than it says."""
        return "energy_kcal" in self.at_least

    def of(self, basis: Basis) -> Nutrients | None:
        """The figures that an amount in servings or in g is of; None where it cannot be counted so."""
        return {Basis.SERVING: self.per_serving, Basis.GRAM: self.per_100}.get(basis)


class RecipeBook:
    """All recipes of one person, read once; their figures are computed when asked for, each once."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        ingredients: Sequence[Ingredient],
        products: Mapping[int, Product],
        languages: Sequence[str] = (),
    ) -> None:
        self._recipes = {recipe.pk: recipe for recipe in recipes}
        self._ingredients: dict[int, list[Ingredient]] = {pk: [] for pk in self._recipes}
        for ingredient in ingredients:
            ingredient.recipe = self._recipes[ingredient.recipe_id]
            self._ingredients[ingredient.recipe_id].append(ingredient)
        now = timezone.now()
        self._foods = {pk: Food(product, languages, now) for pk, product in products.items()}
        self._figures: dict[int, RecipeFigures] = {}

    @classmethod
    def of(cls, user: User, languages: Sequence[str] = ()) -> "RecipeBook":
        """Three queries, however many recipes there are. Foods come as this person corrected them."""
        recipes = list(Recipe.objects.owned_by(user))
        ingredients = list(Ingredient.objects.filter(recipe__user_id=user.pk).order_by("position", "pk"))
        used = {each.product_id for each in ingredients if each.product_id}
        products = Product.objects.visible_to(user).corrected_for(user).in_bulk(used) if used else {}
        there = {recipe.pk for recipe in recipes}
        return cls(recipes, [each for each in ingredients if each.recipe_id in there], products, languages)

    def __contains__(self, recipe: Recipe) -> bool:
        return recipe.pk in self._recipes

    def get(self, pk: int) -> Recipe | None:
        return self._recipes.get(pk)

    def search(self, text: str = "") -> list[Recipe]:
        """Those with every word of `text` as the beginning of one of theirs, all for an empty text; by name."""
        words = re.findall(r"\w+", fold(text))
        if text.strip() and not words:
            return []
        return [recipe for recipe in self._by_name if all(_begins(word, fold(recipe.name)) for word in words)]

    def figures(self, recipe: Recipe) -> RecipeFigures:
        """What `recipe`, one of this person's, has today."""
        needed, waiting = {recipe.pk}, [recipe.pk]
        while waiting:
            new = self._parts[waiting.pop()] - needed
            needed |= new
            waiting += new
        # Inner ones first, so that nothing here calls itself, however deep the recipes of an import go.
        for pk in [*(pk for pk in self._inner_first if pk in needed), recipe.pk]:
            if pk not in self._figures:
                self._figures[pk] = self._computed(self._recipes[pk])
        return self._figures[recipe.pk]

    def fits(self, part: Recipe, *, into: Recipe) -> bool:
        """Whether it can be an ingredient there: no circle comes of it, nor more levels than MOST_LEVELS."""
        return not leads_to(self._parts, part.pk, into.pk) and not deepens_too_far(self._parts, into.pk, part.pk)

    @cached_property
    def _by_name(self) -> list[Recipe]:
        return sorted(self._recipes.values(), key=lambda recipe: (fold(recipe.name), recipe.pk))

    @cached_property
    def _parts(self) -> dict[int, frozenset[int]]:
        return {
            pk: frozenset(each.part_id for each in ingredients if each.part_id in self._recipes)
            for pk, ingredients in self._ingredients.items()
        }

    @cached_property
    def _inner_first(self) -> dict[int, int]:
        return levels(self._parts)

    def _computed(self, recipe: Recipe) -> RecipeFigures:
        lines = tuple(self._line(ingredient) for ingredient in self._ingredients[recipe.pk])
        # Of a recipe with nothing in it nothing is known: it is not food without energy.
        totals = add_up(line.totals for line in lines) if lines else NOTHING_KNOWN
        weight = recipe.cooked_weight_g
        per_100 = None if weight is None else _share(totals, weight / 100)
        return RecipeFigures(lines, totals, _share(totals, recipe.servings), per_100, weight)

    def _line(self, ingredient: Ingredient) -> Line:
        food = self._foods.get(ingredient.product_id) if ingredient.product_id else None
        part = self._recipes.get(ingredient.part_id) if ingredient.part_id else None
        figures, at_least, kept = self._present(ingredient, food, part)
        if kept is not None:
            figures, at_least = ingredient.figures, tuple(ingredient.at_least)
        name, brand = ingredient.name, ingredient.brand
        if food is not None:
            name, brand = food.name, food.brand
        elif part is not None:
            name, brand = part.name, ""
        totals = portion(figures, at_least, ingredient.amount / Basis(ingredient.basis).size)
        return Line(ingredient, name, brand, food, part, totals, kept)

    def _present(
        self, ingredient: Ingredient, food: Food | None, part: Recipe | None
    ) -> tuple[Nutrients, tuple[str, ...], Kept | None]:
        """The figures of today that fit what the ingredient's amount is counted in, or why there are none."""
        nothing = Nutrients({})
        if food is not None:
            return food.per_100, (), None if food.basis == ingredient.basis else Kept.BASIS
        if part is None:
            return nothing, (), Kept.GONE
        if part.pk not in self._inner_first:
            return nothing, (), Kept.CIRCLE
        inner = self._figures[part.pk]
        present = inner.of(Basis(ingredient.basis))
        return (nothing, (), Kept.BASIS) if present is None else (present, inner.at_least, None)


def units_of_recipe(recipe: Recipe) -> list[str]:
    """What some of it can be counted in: servings, and by weight where it was weighed."""
    return [Basis.SERVING.value, *(units_of(Basis.GRAM, ()) if recipe.cooked_weight_g is not None else ())]


def levels(parts: Parts) -> dict[int, int]:
    """How many levels of recipes each one is, 1 where none is in it; inner ones first.

    Recipes that are in a circle, or have one in them, are left out.
    """
    sorter = TopologicalSorter(parts)
    with suppress(CycleError):
        sorter.prepare()
    found: dict[int, int] = {}
    while sorter.is_active():
        for pk in sorter.get_ready():
            found[pk] = 1 + max((found[part] for part in parts.get(pk, ())), default=0)
            sorter.done(pk)
    return found


def leads_to(parts: Parts, start: int, goal: int) -> bool:
    """Whether `goal` is `start` or somewhere in it."""
    seen, waiting = {start}, [start]
    while waiting:
        new = parts.get(waiting.pop(), frozenset()) - seen
        seen |= new
        waiting += new
    return goal in seen


def deepens_too_far(parts: Parts, recipe: int, part: int) -> bool:
    """Whether some recipe gets more levels than MOST_LEVELS when `part` comes into `recipe`."""
    before, after = levels(parts), levels({**parts, recipe: parts.get(recipe, frozenset()) | {part}})
    return any(MOST_LEVELS < level != before.get(pk) for pk, level in after.items())


def _share(totals: Totals, by: Decimal) -> Nutrients:
    """The known sums divided by `by`, rounded here, once, to four decimals. What no number can hold is not known."""
    shares = {key: value / by for key, value in totals.known.items()}
    return Nutrients({key: rounded(share) for key, share in shares.items() if share < MOST_FIGURE})


def _begins(word: str, name: str) -> bool:
    return any(each.startswith(word) for each in re.findall(r"\w+", name))
