"""Rows for tests: valid by default, each made by a plain function."""

import datetime as dt
import itertools
from decimal import Decimal

from django.utils import timezone

from dietintel.accounts.models import Token, User
from products.models import OWN, Product
from products.nutrients import Nutrients
from tracking.models import Ingredient, Meal, MealItem, Profile, Recipe, Target, TargetDay

_numbers = itertools.count(1)
BARCODE = "3017624010701"
PER_100 = {
    "energy_kcal": Decimal(539),
    "fat_g": Decimal("30.9"),
    "saturated_fat_g": Decimal("10.6"),
    "carbohydrates_g": Decimal("57.5"),
    "sugars_g": Decimal("56.3"),
    "protein_g": Decimal("6.3"),
    "salt_g": Decimal("0.107"),
}


def make_user(**changes):
    number = next(_numbers)
    given = {"username": f"person{number}", "email": f"planted-mail-{number}@example.org"}
    user = User(**{**given, **changes})
    user.set_password("a long sentence")
    user.save()
    return user


def make_token(user=None):
    """The secret of a new token."""
    _token, secret = Token.objects.issue(user=user or make_user(), name="test")
    return secret


def make_product(**changes):
    """A provider's food."""
    values = {
        "source": "openfoodfacts",
        "barcode": BARCODE,
        "name": "Nut spread",
        "brand": "Nutty",
        "per_100": Nutrients(PER_100),
        "servings": [{"label": "1 spoon (15 g)", "amount": "15"}],
        "fetched_at": timezone.now(),
    }
    product = Product(**{**values, **changes})
    product.save()
    return product


def make_own_food(owner, **changes):
    return make_product(**{"owner": owner, "source": OWN, "barcode": "", "name": "Granny's soup", **changes})


def off_product(**changes):
    """A product as Open Food Facts sends it, with the older shape of nutrition."""
    product = {
        "code": BARCODE,
        "product_name": "Nut spread",
        "brands": "Nutty",
        "quantity": "400 g",
        "serving_size": "15 g",
        "serving_quantity": 15,
        "nutriments": {
            "energy-kcal_100g": 539,
            "fat_100g": 30.9,
            "saturated-fat_100g": 10.6,
            "carbohydrates_100g": 57.5,
            "sugars_100g": 56.3,
            "proteins_100g": 6.3,
            "salt_100g": 0.107,
        },
    }
    return {**product, **changes}


def make_meal(user=None, *, day=dt.date(2026, 3, 2), name="breakfast"):
    return Meal.objects.create(user=user or make_user(), day=day, name=name)


def make_item(meal=None, **changes):
    """30 g of a nut spread, unless `changes` say otherwise."""
    values = {
        "meal": meal or make_meal(),
        "name": "Nut spread",
        "figures": Nutrients(PER_100),
        "quantity": Decimal(30),
        "amount": Decimal(30),
    }
    return MealItem.objects.create(**{**values, **changes})


def make_recipe(user=None, *, ingredients=(), **changes):
    """Pancakes for two; each of `ingredients` is what changes of `make_ingredient`."""
    recipe = Recipe.objects.create(user=user or make_user(), **{"name": "Pancakes", "servings": Decimal(2), **changes})
    for each in ingredients:
        make_ingredient(recipe, **each)
    return recipe


def make_ingredient(recipe=None, **changes):
    """100 g of a nut spread that is gone by now, unless `changes` say otherwise."""
    values = {
        "recipe": recipe or make_recipe(),
        "name": "Nut spread",
        "figures": Nutrients(PER_100),
        "quantity": Decimal(100),
        "amount": Decimal(100),
    }
    return Ingredient.objects.create(**{**values, **changes})


def make_profile(user=None, **changes):
    """A woman of 30 years (in March 2026), 1.65 m, who exercises some days a week."""
    values = {
        "sex": "female",
        "birth_date": dt.date(1995, 6, 15),
        "height_cm": Decimal(165),
        "activity": "moderate",
    }
    return Profile.objects.create(user=user or make_user(), **{**values, **changes})


def make_target(user=None, *, starts_on=dt.date(2026, 3, 2), energy_kcal=Decimal(2000), **changes):
    """The same on all days of the week, with 100 g of protein."""
    target = Target.objects.create(user=user or make_user(), starts_on=starts_on, **changes)
    for weekday in range(7):
        TargetDay.objects.create(target=target, weekday=weekday, energy_kcal=energy_kcal, protein=Decimal(100))
    return target
