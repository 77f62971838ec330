"""Foods in the API: one serializer for what goes out, others for what comes in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.barcodes import Barcode, InvalidBarcode, normalise
from products.foods import Food
from products.models import Basis
from products.nutrients import MAIN_KEYS, NUTRIENTS
from products.providers.base import LONGEST_SEARCH, SEARCH_HITS, Serving, plain_words

MOST_SERVINGS = 20


class InvalidBarcodeError(serializers.ValidationError):
    """A barcode that is none, where it is what the request is about."""

    default_code = "INVALID_BARCODE"


class StrictSerializer(serializers.Serializer[Any]):
    """Input. A field that is not known is refused by its name: it must not look as if it had been saved."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_unknown(data, self.fields)
            refuse_numbers(data, self.fields)
        return super().to_internal_value(data)


def refuse_unknown(data: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises ValidationError; names ten of them at most."""
    unknown = sorted(map(str, set(data) - set(known)))[:10]
    if unknown:
        raise serializers.ValidationError({name: [_("There is no such field.")] for name in unknown})


def refuse_numbers(data: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Raises ValidationError for numbers where text belongs: the framework would write 1e999 as "inf"."""
    wrong = [
        name
        for name, value in data.items()
        if isinstance(fields.get(name), serializers.CharField) and isinstance(value, int | float)
    ]
    if wrong:
        raise serializers.ValidationError({name: [_("Send text, in quotes.")] for name in wrong})


class FigureField(serializers.DecimalField):
    """A figure of 100 g or 100 ml: exact inside, a JSON number outside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=10, decimal_places=4, min_value=Decimal(0), allow_null=True, required=False, **kwargs
        )

    def to_representation(self, value: Any) -> Any:
        return number(value)


class Per100Serializer(serializers.Serializer[Any]):
    """Nutrients of 100 g or 100 ml. The main eight are always there, null where not declared; others where declared."""

    def get_fields(self) -> dict[str, Any]:
        return {key: FigureField(max_value=nutrient.most) for key, nutrient in NUTRIENTS.items()}

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(NUTRIENTS)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({name: [_("This is not a nutrient we know.")] for name in unknown[:10]})
        return super().to_internal_value(data)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        main = {key: number(instance.get(key)) for key in MAIN_KEYS}
        return main | {key: number(instance[key]) for key in NUTRIENTS if key in instance and key not in main}


class ServingSerializer(serializers.Serializer[Serving]):
    amount = serializers.DecimalField(max_digits=7, decimal_places=2, min_value=Decimal("0.01"))

    def get_fields(self) -> dict[str, Any]:
        # `label` is an attribute of every serializer, so a field of that name is added here.
        return {"label": serializers.CharField(max_length=120), **super().get_fields()}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_numbers(data, self.fields)
        valid = super().to_internal_value(data)
        return Serving(valid["label"], valid["amount"])

    def to_representation(self, instance: Serving) -> dict[str, Any]:
        return {"label": instance.label, "amount": number(instance.amount)}


class FlagSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class FoodSerializer(serializers.Serializer[Food]):
    """A food as the asking person sees it, their own correction included."""

    def get_fields(self) -> dict[str, Any]:
        # `source` is an attribute of every serializer, so a field of that name is added here.
        return {**super().get_fields(), "source": serializers.CharField(source="product.source")}

    id = serializers.UUIDField(source="product.uuid")
    barcode = serializers.CharField()
    name = serializers.CharField()
    brand = serializers.CharField()
    quantity = serializers.CharField(source="product.quantity")
    basis = serializers.ChoiceField(choices=Basis.choices)
    per_100 = Per100Serializer()
    servings = ServingSerializer(many=True)
    source_url = serializers.CharField(allow_null=True)
    attribution = serializers.CharField(allow_null=True)
    fetched_at = serializers.DateTimeField(source="product.fetched_at")
    stale = serializers.BooleanField()
    corrected = serializers.SerializerMethodField()
    quality = FlagSerializer(many=True)
    nutriscore = serializers.SerializerMethodField()
    nova_group = serializers.IntegerField(source="product.nova_group", allow_null=True)
    allergens = serializers.ListField(source="product.allergens", child=serializers.CharField(), allow_null=True)
    traces = serializers.ListField(source="product.traces", child=serializers.CharField(), allow_null=True)
    image_url = serializers.SerializerMethodField()

    def get_corrected(self, food: Food) -> bool:
        return food.correction is not None

    @extend_schema_field(serializers.ChoiceField(choices=list("abcde"), allow_null=True))
    def get_nutriscore(self, food: Food) -> str | None:
        return food.product.nutriscore or None

    def get_image_url(self, food: Food) -> str | None:
        return food.product.image_url or None


def as_json(food: Food) -> dict[str, Any]:
    """What `FoodSerializer(food).data` is. Making the fields takes as long as using them, so that is done once."""
    body: dict[str, Any] = _food_serializer().to_representation(food)
    return body


@cache
def _food_serializer() -> FoodSerializer:
    return FoodSerializer()


class FoodChangesSerializer(StrictSerializer):
    """What may be changed of a food. Fields that are left out stay; null takes a figure away."""

    name = serializers.CharField(max_length=300, required=False)
    brand = serializers.CharField(max_length=300, required=False, allow_blank=True)
    basis = serializers.ChoiceField(choices=Basis.choices, required=False)
    per_100 = Per100Serializer(required=False)
    servings = serializers.ListField(child=ServingSerializer(), required=False, max_length=MOST_SERVINGS)

    def validate_name(self, name: str) -> str:
        return " ".join(name.split())


class OwnFoodSerializer(FoodChangesSerializer):
    """A new own food."""

    name = serializers.CharField(max_length=300)
    per_100 = Per100Serializer()
    barcode = serializers.CharField(max_length=200, required=False, allow_null=True, default=None)

    def validate_barcode(self, text: str | None) -> Barcode | None:
        """Any form that people and scanners produce."""
        try:
            return normalise(text) if text else None
        except InvalidBarcode as error:
            raise serializers.ValidationError(str(error), code="INVALID_BARCODE") from error


class ScanInput(serializers.Serializer[Any]):
    image = serializers.FileField(allow_empty_file=False)


class ScannedCodeSerializer(serializers.Serializer[Any]):
    barcode = serializers.CharField()
    product = FoodSerializer(allow_null=True, help_text="What is known here; null: look it up to ask the providers.")


class ScanOutput(serializers.Serializer[Any]):
    codes = ScannedCodeSerializer(many=True)


class FoodListSerializer(serializers.Serializer[Any]):
    results = FoodSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class OnlineSearchInput(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=LONGEST_SEARCH, help_text="Words of a name or brand")
    limit = serializers.IntegerField(min_value=1, max_value=SEARCH_HITS, default=SEARCH_HITS)

    def validate_q(self, text: str) -> str:
        if not plain_words(text):
            raise serializers.ValidationError(_("Enter a word to search for."))
        return text


class OnlineFoodSerializer(FoodSerializer):
    """A food as a provider's search has it, which may be less than a lookup of its barcode brings."""

    id = serializers.UUIDField(
        source="product.uuid", allow_null=True, help_text="null: not kept here yet; looking its barcode up keeps it."
    )

    def to_representation(self, instance: Food) -> dict[str, Any]:
        return super().to_representation(instance) | ({} if instance.product.pk else {"id": None})


class OnlineSearchOutput(serializers.Serializer[Any]):
    provider = serializers.CharField()
    query = serializers.CharField()
    results = OnlineFoodSerializer(many=True)


def number(value: Decimal | None) -> int | float | None:
    """A JSON number. Four decimals survive the way through a float unharmed."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
