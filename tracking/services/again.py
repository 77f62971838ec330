"""Logging what was logged before."""

import datetime as dt
from dataclasses import replace

from django.utils import timezone

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product
from tracking.errors import Refused
from tracking.models import MealItem, Recipe
from tracking.services import diary
from tracking.services.diary import Done, NewItem
from tracking.services.recipes import of_recipe


def log_again(user: User, item: MealItem, *, day: dt.date, meal: str) -> Done:
    """As much of the same, eaten now: with the figures that its food or recipe has today. Raises Refused."""
    return diary.log(user, day, meal, [replace(_as_it_is_now(user, item), time=None)])


def _as_it_is_now(user: User, item: MealItem) -> NewItem:
    """With the kept figures where the food or recipe is gone, or cannot be counted like that any more."""
    kept = diary.again(item)
    if item.recipe_id:
        recipe = Recipe.objects.owned_by(user).filter(pk=item.recipe_id).first()
        try:
            return of_recipe(recipe, item.quantity, item.serving or item.basis) if recipe else kept
        except Refused:
            return kept
    if item.product_id is None:
        return kept
    product = Product.objects.visible_to(user).corrected_for(user).filter(pk=item.product_id).first()
    food = Food(product, (), timezone.now()) if product else None
    if food is None or food.basis != item.basis:
        return kept
    return replace(kept, name=food.name, brand=food.brand, figures=food.per_100, at_least=(), product=food.product)
