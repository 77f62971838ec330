"""Recipes in the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from dietintel.accounts.models import User
from tracking.models import Basis, Recipe
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT
from tracking.recipes import Kept, RecipeFigures
from tracking.serializers.figures import (
    AtLeastField,
    FiguresSerializer,
    NumberField,
    StrictSerializer,
    TotalsSerializer,
)
from tracking.services.diary import NewItem
from tracking.services.entries import Wanted, new_items
from tracking.services.recipes import LONGEST_NAME, MOST_INGREDIENTS


@dataclass(frozen=True)
class ShownRecipe:
    recipe: Recipe
    figures: RecipeFigures


class AmountField(serializers.DecimalField):
    """Of g, ml, servings or household units; what they come to is checked where they are counted."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{"max_digits": 9, "decimal_places": 4, "min_value": Decimal("0.0001"), "max_value": MOST_AMOUNT, **kwargs}
        )


class IngredientOutput(serializers.Serializer[Any]):
    """Some of a food or of another recipe, with what it has today."""

    id = serializers.IntegerField(source="ingredient.pk")
    name = serializers.CharField()
    brand = serializers.CharField()
    product = serializers.UUIDField(source="food.product.uuid", allow_null=True, default=None)
    recipe = serializers.IntegerField(source="part.pk", allow_null=True, default=None)
    quantity = NumberField(source="ingredient.quantity")
    unit = serializers.CharField()
    amount = NumberField(source="ingredient.amount", help_text="In g, ml or servings, as `basis` says")
    basis = serializers.ChoiceField(source="ingredient.basis", choices=Basis.choices)
    totals = TotalsSerializer()
    at_least = AtLeastField(source="totals")
    kept = serializers.ChoiceField(
        choices=[each.value for each in Kept],
        allow_null=True,
        help_text="Why it counts with the figures it was written down with; null: with those of today",
    )


class RecipeListed(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="recipe.pk")
    name = serializers.CharField(source="recipe.name")
    servings = NumberField(source="recipe.servings")
    cooked_weight_g = NumberField(source="recipe.cooked_weight_g", allow_null=True)
    created_at = serializers.DateTimeField(source="recipe.created_at")
    updated_at = serializers.DateTimeField(source="recipe.updated_at")
    per_serving = FiguresSerializer(source="figures.per_serving")
    per_100 = FiguresSerializer(
        source="figures.per_100", allow_null=True, help_text="Of 100 g as cooked; null where it was not weighed"
    )
    at_least = AtLeastField(source="figures.totals")


class RecipeOutput(RecipeListed):
    note = serializers.CharField(source="recipe.note")
    totals = TotalsSerializer(source="figures.totals")
    ingredients = IngredientOutput(source="figures.lines", many=True)


class RecipeListOutput(serializers.Serializer[Any]):
    results = RecipeListed(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class IngredientInput(StrictSerializer):
    """Some of a food or of another recipe. An empty unit is the food's own: g, ml or serving."""

    product = serializers.UUIDField(required=False, help_text="The id of a food")
    recipe = serializers.IntegerField(required=False, min_value=1)
    quantity = AmountField()
    unit = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("product" in attrs) == ("recipe" in attrs):
            raise serializers.ValidationError({"product": [_("Name either a food or a recipe.")]})
        return attrs


class RecipeChanges(StrictSerializer):
    """What may be changed of a recipe. Fields that are left out stay."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    servings = AmountField(required=False, min_value=LEAST_AMOUNT)
    cooked_weight_g = AmountField(required=False, min_value=LEAST_AMOUNT, allow_null=True)
    note = serializers.CharField(max_length=20_000, required=False, allow_blank=True)


class RecipeInput(RecipeChanges):
    name = serializers.CharField(max_length=LONGEST_NAME)
    ingredients = serializers.ListField(child=IngredientInput(), required=False, max_length=MOST_INGREDIENTS)


class IngredientChanges(StrictSerializer):
    """What may be changed of an ingredient. Without a unit, the one it has stays."""

    quantity = AmountField(required=False)
    unit = serializers.CharField(max_length=120, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=MOST_INGREDIENTS, required=False, help_text="0: first")


class ScaleInput(StrictSerializer):
    """Either for how many servings, or how many times as much."""

    servings = AmountField(required=False, min_value=LEAST_AMOUNT)
    factor = AmountField(required=False)


def new_ingredients(
    rows: Sequence[Mapping[str, Any]], user: User, languages: Sequence[str], *, path: str = ""
) -> list[NewItem]:
    """What `rows`, each a valid IngredientInput, mean. Five queries at most.

    Raises Refused; somebody else's food or recipe is not there. `path` with a {place} is put before its field.
    """
    return new_items(user, [Wanted(**row) for row in rows], scanned={}, languages=languages, path=path)
