"""Numbers of the diary in the API: sums, what is only "at least", targets."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.nutrients import MAIN_KEYS, NUTRIENTS, Nutrients
from products.serializers import StrictSerializer as StrictSerializer
from products.serializers import number
from tracking.totals import SUMMED, Totals


@extend_schema_field(float)
class NumberField(serializers.Field):  # type: ignore[type-arg]
    """A decimal as a JSON number, null where there is none. Only for output."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Decimal) -> int | float | None:
        return number(value)


class DeclaredField(serializers.FloatField):
    """A number that is there only where somebody declared it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class FiguresSerializer(serializers.Serializer[Any]):
    """Nutrients by key. The main eight are always there, null where nobody declared any; others where declared."""

    def get_fields(self) -> dict[str, Any]:
        return {key: NumberField(allow_null=True) if key in MAIN_KEYS else DeclaredField() for key in NUTRIENTS}

    def to_representation(self, instance: Nutrients) -> dict[str, Any]:
        main = {key: number(instance.get(key)) for key in MAIN_KEYS}
        return main | {key: number(instance[key]) for key in NUTRIENTS if key in instance and key not in main}


class TotalsSerializer(FiguresSerializer):
    """A sum, exact to four decimals: those of the parts add up to those of the whole."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        totals: Totals = instance
        main = {key: number(totals.get(key)) for key in MAIN_KEYS}
        return main | {key: number(value) for key, value in totals.known.items() if key not in main}


@extend_schema_field(serializers.ListField(child=serializers.CharField()))
class AtLeastField(serializers.Field):  # type: ignore[type-arg]
    """The keys of those sums that had to skip something nobody declared: the truth may be more."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Totals) -> list[str]:
        return [key for key in NUTRIENTS if key in SUMMED and key in value.known and value.at_least(key)]


class DayTargetSerializer(serializers.Serializer[Any]):
    """What a day aims for, or what is left of it (below zero where it is exceeded); null for what is not aimed for."""

    energy_kcal = NumberField(allow_null=True)
    protein_g = NumberField(allow_null=True)
    fat_g = NumberField(allow_null=True)
    carbohydrates_g = NumberField(allow_null=True)
