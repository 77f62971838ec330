"""Writing recipes. Every action is one transaction behind the person's own row, so that two at once make no circle."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.nutrients import rounded
from tracking.amounts import MASSES, Amount, amount_of, singular
from tracking.errors import Refused, gone
from tracking.models import Basis, Ingredient, Recipe
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT
from tracking.recipes import Line, RecipeBook, RecipeFigures, deepens_too_far, leads_to
from tracking.services.diary import NewItem, of_food

MOST_INGREDIENTS = 200  # of one recipe: more is a mistake of a program
LONGEST_NAME = 300
_DETAILS = ("name", "servings", "cooked_weight_g", "note")
_COUNTED = ("name", "brand", "basis", "figures", "at_least", "quantity", "serving", "amount")


def of_recipe(
    recipe: Recipe, quantity: Decimal, unit: str = "", *, book: RecipeBook | None = None, time: dt.time | None = None
) -> NewItem:
    """Some of a recipe, with the figures it has today: so many servings, or by weight where it was weighed.

    `book` is its owner's, read here where it is not given. Raises Refused.
    """
    figures = (book or RecipeBook.of(recipe.user)).figures(recipe)
    if not figures.lines:
        raise Refused(_("This recipe has no ingredients yet, so nobody knows what is in it."), field="recipe")
    basis, amount = _amount_of(figures, quantity, unit)
    present = figures.of(basis)
    assert present is not None
    at_least = tuple(key for key in figures.at_least if key in present)
    return NewItem(
        name=recipe.name,
        basis=basis,
        figures=present,
        at_least=at_least,
        amount=amount,
        recipe=recipe,
        time=time,
    )


def _amount_of(figures: RecipeFigures, quantity: Decimal, unit: str) -> tuple[Basis, Amount]:
    wanted = " ".join(unit.split()).casefold()
    if singular(wanted) in {"", Basis.SERVING, "portion"}:
        return Basis.SERVING, amount_of(quantity, "", basis=Basis.SERVING, servings=())
    if wanted not in MASSES:
        raise Refused(_("A recipe is counted in servings, or in g where it was weighed."), field="unit")
    if figures.weight is None:
        raise Refused(_("Its cooked weight is not known, so it can be counted in servings only."), field="unit")
    return Basis.GRAM, amount_of(quantity, wanted, basis=Basis.GRAM, servings=())


def create(
    user: User,
    *,
    name: str,
    servings: Decimal = Decimal(1),
    cooked_weight_g: Decimal | None = None,
    note: str = "",
    ingredients: Sequence[NewItem] = (),
) -> Recipe:
    """A new recipe of these ingredients, all or nothing. Raises Refused."""
    with _alone(user.pk):
        recipe = Recipe(user=user)
        _set_details(recipe, {"name": name, "servings": servings, "cooked_weight_g": cooked_weight_g, "note": note})
        recipe.save()
        _add(recipe, ingredients)
    return recipe


def change(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Change what `changes` names: name, servings, cooked_weight_g, note. Raises Refused."""
    with _alone(recipe.user_id):
        recipe = _present(recipe)
        _set_details(recipe, changes)
        recipe.save()
    return recipe


def delete(recipe: Recipe) -> None:
    """Delete a recipe. Recipes that have it as an ingredient, and what was eaten of it, keep its last figures."""
    with _alone(recipe.user_id) as user:
        book = RecipeBook.of(user)
        if recipe not in book:
            return
        figures, used_in = book.figures(recipe), list(Ingredient.objects.filter(part=recipe))
        for ingredient in used_in:
            present = figures.of(Basis(ingredient.basis))
            if present is not None:
                ingredient.name, ingredient.figures = recipe.name, present
                ingredient.at_least = [key for key in figures.at_least if key in present]
        Ingredient.objects.bulk_update(used_in, ["name", "figures", "at_least"])
        Recipe.objects.filter(pk=recipe.pk).delete()


def duplicate(recipe: Recipe) -> Recipe:
    """Another one with the same ingredients, called "Copy of …"."""
    with _alone(recipe.user_id) as user:
        recipe = _present(recipe)
        name = (_("Copy of %(name)s") % {"name": recipe.name})[:LONGEST_NAME]
        details = {detail: getattr(recipe, detail) for detail in _DETAILS} | {"name": name}
        copy = Recipe.objects.create(user=user, **details)
        ingredients = list(recipe.ingredients.all())
        for ingredient in ingredients:
            ingredient.pk, ingredient.recipe, ingredient._state.adding = None, copy, True
        Ingredient.objects.bulk_create(ingredients)
    return copy


def scale(recipe: Recipe, *, servings: Decimal | None = None, factor: Decimal | None = None) -> Recipe:
    """Cook it for so many `servings`, or `factor` times as much: amounts, servings and cooked weight change.

    A serving stays as large as it was. Raises Refused.
    """
    if (servings is None) == (factor is None):
        raise Refused(_("Give either the servings or a factor."), field="servings")
    field = "servings" if factor is None else "factor"
    with _alone(recipe.user_id):
        recipe = _present(recipe)
        # As a fraction: a third of it, three times, is the whole again.
        more, less = (factor, Decimal(1)) if factor is not None else (servings or Decimal(0), recipe.servings)
        weight = recipe.cooked_weight_g
        scaled = {
            "servings": recipe.servings * more / less,
            "cooked_weight_g": None if weight is None else weight * more / less,
        }
        _set_details(recipe, scaled, field=field)
        recipe.save()
        ingredients = list(recipe.ingredients.all())
        for ingredient in ingredients:
            ingredient.quantity = rounded(ingredient.quantity * more / less)
            ingredient.amount = rounded(ingredient.amount * more / less)
            if not _within(ingredient.amount) or not 0 < ingredient.quantity <= MOST_AMOUNT:
                sentence = _("There would be too little or too much of %(name)s: amounts go from 0.01 to 99,999.")
                raise Refused(sentence % {"name": ingredient.name}, field=field)
        Ingredient.objects.bulk_update(ingredients, ["quantity", "amount"])
    return recipe


def add_ingredients(recipe: Recipe, items: Sequence[NewItem]) -> list[Ingredient]:
    """Add `items` at the end, all or none: foods, and other recipes of the same person. Raises Refused."""
    with _alone(recipe.user_id):
        return _add(_present(recipe), items)


def change_ingredients(recipe: Recipe, changes: Mapping[int, Mapping[str, Any]]) -> list[Ingredient]:
    """Change ingredients by their ids: `quantity` and `unit`, all or none. Raises Refused.

    A `unit` that is left out stays; then a serving keeps the size it was written with.
    """
    with _alone(recipe.user_id) as user:
        recipe, book = _present(recipe), RecipeBook.of(user)
        lines = {line.ingredient.pk: line for line in book.figures(recipe).lines}
        if changes.keys() - lines.keys():
            raise gone()
        changed = []
        for pk, change in changes.items():
            ingredient, quantity = lines[pk].ingredient, change.get("quantity", lines[pk].ingredient.quantity)
            for name, value in recounted(lines[pk], quantity, change.get("unit"), book=book).items():
                setattr(ingredient, name, value)
            changed.append(ingredient)
        Ingredient.objects.bulk_update(changed, _COUNTED)
        _touch(recipe)
    return changed


def change_ingredient(ingredient: Ingredient, changes: Mapping[str, Any]) -> None:
    """Change `quantity` and `unit`, and the `position`, of one ingredient. Raises Refused."""
    with transaction.atomic():
        counted = {name: value for name, value in changes.items() if name in {"quantity", "unit"}}
        if counted:
            change_ingredients(ingredient.recipe, {ingredient.pk: counted})
        if "position" in changes:
            move_ingredient(ingredient, changes["position"])


def recounted(line: Line, quantity: Decimal, unit: str | None, *, book: RecipeBook) -> Mapping[str, Any]:
    """The columns of an ingredient that another amount changes; a `unit` of None is the one it has. Raises Refused."""
    ingredient = line.ingredient
    if unit is None or unit == (ingredient.serving or ingredient.basis):
        amount = rounded(quantity * ingredient.amount / ingredient.quantity)
        checked = amount_of(amount, "", basis=ingredient.basis, servings=())
        amount_of(quantity, "", basis=ingredient.basis, servings=())  # the number itself may be out of bounds too
        return {"quantity": quantity, "amount": checked.amount}
    if line.part is not None:
        item = of_recipe(line.part, quantity, unit, book=book)
    elif line.food is not None:
        item = of_food(line.food, quantity, unit)
    else:
        counted = amount_of(quantity, unit, basis=ingredient.basis, servings=())
        return {"quantity": counted.quantity, "serving": counted.serving, "amount": counted.amount}
    columns = item.columns()
    return {name: columns[name] for name in _COUNTED}


def move_ingredient(ingredient: Ingredient, position: int) -> None:
    """Put it at `position` of its recipe, 0 being the first; beyond the last it is the last."""
    with _alone(ingredient.recipe.user_id):
        recipe = _present(ingredient.recipe)
        order = list(recipe.ingredients.all())
        if ingredient not in order:
            raise gone()
        order.remove(ingredient)
        order.insert(max(0, position), ingredient)
        for at, each in enumerate(order):
            each.position = at
        Ingredient.objects.bulk_update(order, ["position"])
        _touch(recipe)


def remove_ingredient(ingredient: Ingredient) -> None:
    with _alone(ingredient.recipe.user_id):
        Ingredient.objects.filter(pk=ingredient.pk).delete()
        _touch(ingredient.recipe)


@contextmanager
def _alone(user_id: int) -> Iterator[User]:
    """One writer of a person's recipes at a time, who sees what the one before has done."""
    with transaction.atomic():
        yield User.objects.select_for_update(no_key=True).get(pk=user_id)


def _present(recipe: Recipe) -> Recipe:
    """As it is now, behind the lock."""
    there = Recipe.objects.filter(pk=recipe.pk).first()
    if there is None:
        raise gone()
    return there


def _touch(recipe: Recipe) -> None:
    Recipe.objects.filter(pk=recipe.pk).update(updated_at=timezone.now())


def _set_details(recipe: Recipe, changes: Mapping[str, Any], *, field: str = "") -> None:
    """Raises Refused about `field`, or about the detail that is wrong."""
    if "name" in changes:
        recipe.name = " ".join(changes["name"].split())
        if not 0 < len(recipe.name) <= LONGEST_NAME:
            raise Refused(_("Give the recipe a name of at most 300 characters."), field="name")
    if "note" in changes:
        recipe.note = changes["note"]
    if "servings" in changes:
        recipe.servings = rounded(changes["servings"])
        if not _within(recipe.servings):
            raise Refused(_("There can be 0.01 to 99,999 servings."), field=field or "servings")
    if "cooked_weight_g" in changes:
        weight = changes["cooked_weight_g"]
        recipe.cooked_weight_g = None if weight is None else rounded(weight)
        if recipe.cooked_weight_g is not None and not _within(recipe.cooked_weight_g):
            raise Refused(_("The cooked weight can be 0.01 to 99,999 g."), field=field or "cooked_weight_g")


def _within(value: Decimal) -> bool:
    return LEAST_AMOUNT <= value <= MOST_AMOUNT


def _add(recipe: Recipe, items: Sequence[NewItem]) -> list[Ingredient]:
    positions = list(recipe.ingredients.values_list("position", flat=True))
    if len(positions) + len(items) > MOST_INGREDIENTS:
        raise Refused(_("A recipe can have %(most)d ingredients.") % {"most": MOST_INGREDIENTS}, field="ingredients")
    _refuse_bad_nesting(recipe, [item.recipe for item in items if item.recipe is not None])
    start, rows = max(positions, default=-1) + 1, []
    for position, item in enumerate(items, start=start):
        columns = {name: value for name, value in item.columns().items() if name not in {"recipe", "time"}}
        rows.append(Ingredient(recipe=recipe, part=item.recipe, position=position, **columns))
    _touch(recipe)
    return Ingredient.objects.bulk_create(rows)


def _refuse_bad_nesting(recipe: Recipe, new: Sequence[Recipe]) -> None:
    """Raises Refused where a recipe would come into itself, or too many into each other."""
    if not new:
        return
    mine = set(Recipe.objects.filter(user_id=recipe.user_id).values_list("pk", flat=True))
    parts: dict[int, frozenset[int]] = {}
    edges = Ingredient.objects.filter(recipe__user_id=recipe.user_id, part__isnull=False)
    for recipe_id, part_id in edges.values_list("recipe_id", "part_id"):
        parts[recipe_id] = parts.get(recipe_id, frozenset()) | {part_id}
    for part in new:
        sentence = ""
        if part.pk not in mine:
            sentence = _("That recipe is not there any more.")
        elif part == recipe:
            sentence = _("A recipe cannot be its own ingredient.")
        elif leads_to(parts, part.pk, recipe.pk):
            sentence = _("%(part)s has this recipe in it, so it cannot be an ingredient here.") % {"part": part.name}
        elif deepens_too_far(parts, recipe.pk, part.pk):
            sentence = _("Too many recipes would be inside each other. Add what is in it instead.")
        if sentence:
            raise Refused(sentence, field="recipe")
        parts[recipe.pk] = parts.get(recipe.pk, frozenset()) | {part.pk}
