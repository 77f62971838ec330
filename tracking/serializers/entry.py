"""What makes logging quick, in the API: recents, favourites, one line of text."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.foods import Food
from products.models import Basis
from products.serializers import Per100Serializer, ServingSerializer
from tracking.amounts import Amount
from tracking.models import Favourite, Recipe
from tracking.serializers.diary import ItemSerializer
from tracking.serializers.figures import NumberField, StrictSerializer
from tracking.text_entry import LONGEST_TEXT, Line

MOST_RECENTS = 50


class RecentsInput(serializers.Serializer[Any]):
    meal = serializers.CharField(max_length=60, required=False, help_text="The meal to be added to counts more")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_RECENTS, default=12)


class RecentSerializer(serializers.Serializer[Any]):
    item = ItemSerializer(help_text="The last one like it, with the figures of then")
    favourite = serializers.BooleanField()
    kcal = NumberField(allow_null=True)


class RecentListSerializer(serializers.Serializer[Any]):
    results = RecentSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FavouriteInput(StrictSerializer):
    """A food or a recipe."""

    product = serializers.UUIDField(required=False)
    recipe = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class FavouriteSerializer(serializers.Serializer[Favourite]):
    """Either a food or a recipe."""

    id = serializers.IntegerField()
    product = serializers.SerializerMethodField()
    recipe = serializers.IntegerField(source="recipe_id", allow_null=True)
    name = serializers.SerializerMethodField()
    brand = serializers.SerializerMethodField()

    def _food(self, favourite: Favourite) -> Food | None:
        foods: dict[int, Food] = self.context["foods"]
        return foods.get(favourite.product_id) if favourite.product_id else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_product(self, favourite: Favourite) -> str | None:
        food = self._food(favourite)
        return str(food.product.uuid) if food else None

    def get_name(self, favourite: Favourite) -> str:
        food = self._food(favourite)
        return food.name if food else str(favourite.recipe)

    def get_brand(self, favourite: Favourite) -> str:
        food = self._food(favourite)
        return food.brand if food else ""


class FavouriteListSerializer(serializers.Serializer[Any]):
    results = FavouriteSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TextInput(StrictSerializer):
    text = serializers.CharField(max_length=LONGEST_TEXT, help_text="2 eggs, 150 g rice cooked, 1 tbsp olive oil")


class AmountSerializer(serializers.Serializer[Amount]):
    """So many of a serving, or of g or ml, and what they come to in g or ml. `quantity` and `unit` can be sent back."""

    quantity = NumberField()
    unit = serializers.CharField(source="serving", help_text="Empty: g or ml, as `basis` says")
    amount = NumberField()


class CandidateSerializer(serializers.Serializer[Food]):
    """A food that may be meant, and how much of it."""

    product = serializers.UUIDField(source="product.uuid")
    barcode = serializers.CharField()
    name = serializers.CharField()
    brand = serializers.CharField()
    basis = serializers.ChoiceField(choices=Basis.choices)
    per_100 = Per100Serializer()
    servings = ServingSerializer(many=True)
    amount = serializers.SerializerMethodField(help_text="null: the person has to say; `problem` says why")
    problem = serializers.SerializerMethodField()

    @extend_schema_field(AmountSerializer(allow_null=True))
    def get_amount(self, food: Food) -> Any:
        line: Line = self.context["line"]
        amount = line.amount_for(food)
        return None if amount is None else AmountSerializer(amount).data

    def get_problem(self, food: Food) -> str:
        line: Line = self.context["line"]
        return line.problem_with(food)


class OwnRecipeSerializer(serializers.Serializer[Recipe]):
    recipe = serializers.IntegerField(source="pk")
    name = serializers.CharField()


class LineSerializer(serializers.Serializer[Line]):
    """One piece of the text. Nothing typed is left out."""

    text = serializers.CharField(help_text="As typed")
    name = serializers.CharField()
    quantity = NumberField()
    unit = serializers.CharField(help_text="As understood; empty where none was typed")
    candidates = serializers.SerializerMethodField(help_text="At most six, best first; empty: nothing was found")
    recipes = OwnRecipeSerializer(many=True, help_text="The person's own recipes of that name")
    problem = serializers.CharField(help_text="What the person has to say yet; empty where nothing")

    @extend_schema_field(CandidateSerializer(many=True))
    def get_candidates(self, line: Line) -> Any:
        one = CandidateSerializer(context={"line": line})
        return [one.to_representation(food) for food in line.candidates]


class LinesSerializer(serializers.Serializer[Any]):
    lines = LineSerializer(many=True)
