"""Weights, measurements and charts in the API. Weights are always kilograms."""

import datetime as dt
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from tracking.models import Measurement, MeasurementKind
from tracking.models.body import LEAST_WEIGHT_KG, MOST_WEIGHT_KG
from tracking.serializers.diary import RangeInput
from tracking.serializers.figures import NumberField, StrictSerializer
from tracking.services.body import MOST_VALUE

MOST_ID = 2**63 - 1  # of a row
_ON_CLOCK = "On the person's own clock"


# --- Weight -----------------------------------------------------------------------------------------------------
class WeightSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="entry.pk")
    date = serializers.DateField(source="entry.day")
    time = serializers.TimeField(source="entry.time", help_text=_ON_CLOCK)
    weight_kg = NumberField(source="entry.weight_kg")
    trend_kg = NumberField(source="shown_trend", help_text="The smoothed weight after this weighing, to the gram")
    note = serializers.CharField(source="entry.note")


class WeightListSerializer(serializers.Serializer[Any]):
    results = WeightSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class WeightChanges(StrictSerializer):
    """Fields that are left out stay."""

    weight_kg = serializers.DecimalField(
        max_digits=6, decimal_places=3, min_value=LEAST_WEIGHT_KG, max_value=MOST_WEIGHT_KG, required=False
    )
    date = serializers.DateField(source="day", required=False, help_text="Left out of a new one: today")
    time = serializers.TimeField(required=False, help_text=f"{_ON_CLOCK}, to the minute; left out of a new one: now")
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class WeightInput(WeightChanges):
    weight_kg = serializers.DecimalField(
        max_digits=6, decimal_places=3, min_value=LEAST_WEIGHT_KG, max_value=MOST_WEIGHT_KG
    )


# --- Measurements -----------------------------------------------------------------------------------------------
class KindSerializer(serializers.Serializer[MeasurementKind]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    unit = serializers.CharField()


class KindListSerializer(serializers.Serializer[Any]):
    results = KindSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class KindChanges(StrictSerializer):
    name = serializers.CharField(max_length=60, required=False)
    unit = serializers.CharField(max_length=20, required=False)


class KindInput(KindChanges):
    name = serializers.CharField(max_length=60)
    unit = serializers.CharField(max_length=20)


class MeasurementSerializer(serializers.Serializer[Measurement]):
    id = serializers.IntegerField()
    kind = serializers.IntegerField(source="kind_id")
    date = serializers.DateField(source="day")
    time = serializers.TimeField(help_text=_ON_CLOCK)
    value = NumberField(help_text="In the kind's own unit")


class MeasurementListSerializer(serializers.Serializer[Any]):
    results = MeasurementSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MeasurementListInput(RangeInput):
    kind = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ID, help_text="Of this kind alone")


class MeasurementChanges(StrictSerializer):
    value = serializers.DecimalField(
        max_digits=9, decimal_places=3, min_value=Decimal(0), max_value=MOST_VALUE, required=False
    )
    date = serializers.DateField(source="day", required=False, help_text="Left out of a new one: today")
    time = serializers.TimeField(required=False, help_text=f"{_ON_CLOCK}, to the minute; left out of a new one: now")


class MeasurementInput(MeasurementChanges):
    kind = serializers.IntegerField(min_value=1, max_value=MOST_ID)
    value = serializers.DecimalField(max_digits=9, decimal_places=3, min_value=Decimal(0), max_value=MOST_VALUE)


# --- Charts -----------------------------------------------------------------------------------------------------
class ChartDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    value = NumberField(allow_null=True, help_text="null: something was eaten, and nobody declares how much it has")
    at_least = serializers.BooleanField(help_text="Something of that day is unknown: the truth may be more")
    mean_7 = NumberField(allow_null=True, help_text="Of the seven days to this one; null where fewer than four count")
    target = NumberField(allow_null=True)


class ChartSerializer(serializers.Serializer[Any]):
    """A nutrient over a span of days. Days without entries are left out: they are not days of nothing."""

    nutrient = serializers.CharField()
    unit = serializers.CharField()
    mean = NumberField(allow_null=True, help_text="Of the days that are known, today left out; null where none is")
    mean_at_least = serializers.BooleanField()
    days = ChartDaySerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        days = {"from": serializers.DateField(source="first"), "to": serializers.DateField(source="last")}
        return {"nutrient": fields.pop("nutrient"), "unit": fields.pop("unit"), **days, **fields}


def new_when(valid: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """The values of something new: what is not said is of now, on the person's clock."""
    return {"day": now.date(), "time": now.time(), **valid}
