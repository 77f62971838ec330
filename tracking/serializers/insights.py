"""What a week showed, in the API: kept as JSON already, described here so that programs know what to expect."""

from typing import Any

from rest_framework import serializers

from tracking.models import Insight
from tracking.serializers.figures import StrictSerializer

_KCAL = "kcal"
_STANDS = "near, below or above; empty where that is open, or nothing was aimed for"


class WeekInput(StrictSerializer):
    week = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="Any day of it; otherwise the last week that is over"
    )


class StatementSerializer(serializers.Serializer[Any]):
    """Something that was computed, in words, with its figures and the page where they can be looked up."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    figures = serializers.DictField(help_text="Decimals and days as text")
    link = serializers.CharField()


class MeanSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    at_least = serializers.BooleanField(help_text="Something of those days is unknown: the truth may be more")
    days = serializers.IntegerField()


class AgainstSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    at_least = serializers.BooleanField()
    target = serializers.FloatField(allow_null=True)
    stands = serializers.CharField(help_text=_STANDS)
    met = serializers.BooleanField(allow_null=True)


class DayRowSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    entries = serializers.IntegerField()
    figures = AgainstSerializer(many=True)


class AverageSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    mean = serializers.FloatField()
    at_least = serializers.BooleanField()
    days = serializers.IntegerField(help_text="Whose figure is known")
    target = serializers.FloatField(allow_null=True)
    off = serializers.FloatField(allow_null=True, help_text="Eaten less target, over the days that have both")
    target_days = serializers.IntegerField()
    reference = serializers.FloatField(allow_null=True)


class AdherenceSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    met = serializers.IntegerField()
    judged = serializers.IntegerField()
    open = serializers.IntegerField()


class FoodPartSerializer(serializers.Serializer[Any]):
    food = serializers.CharField(help_text="product:<id>, recipe:<id> or name:<name>")
    name = serializers.CharField()
    brand = serializers.CharField()
    amount = serializers.FloatField()
    at_least = serializers.BooleanField()
    share = serializers.FloatField(help_text="Of what is known of the week")
    times = serializers.IntegerField()
    days = serializers.IntegerField()


class FoodSourceSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    total = serializers.FloatField()
    at_least = serializers.BooleanField()
    parts = FoodPartSerializer(many=True)


class ComparedSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    mean = serializers.FloatField()
    at_least = serializers.BooleanField()
    reference = serializers.FloatField()
    coverage = serializers.FloatField(help_text="Share of the energy whose foods declare it")
    stands = serializers.ChoiceField(choices=["over", "within", "short", "enough", "open"])


class NutrientChangeSerializer(serializers.Serializer[Any]):
    nutrient = serializers.CharField()
    mean = MeanSerializer()
    last_week = MeanSerializer(allow_null=True)
    four_weeks = MeanSerializer(allow_null=True)


class WeekdaysSerializer(serializers.Serializer[Any]):
    means = serializers.DictField(child=MeanSerializer(), help_text=f"{_KCAL} by weekday, 0 Monday, over five weeks")
    weekend = MeanSerializer(allow_null=True)
    workdays = MeanSerializer(allow_null=True)


class MealShareSerializer(serializers.Serializer[Any]):
    meal = serializers.CharField()
    energy_kcal = serializers.FloatField()
    at_least = serializers.BooleanField()
    share = serializers.FloatField()


class HoursSerializer(serializers.Serializer[Any]):
    energy_kcal = serializers.DictField(child=serializers.FloatField(), help_text="By hour of the day")
    timed = serializers.FloatField(help_text="Share of the energy whose time is known")
    busiest_from = serializers.IntegerField()
    busiest_until = serializers.IntegerField()
    busiest_share = serializers.FloatField()


class TrendPointSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="On your clock, without a zone")
    kg = serializers.FloatField()
    trend = serializers.FloatField()


class WeightFiguresSerializer(serializers.Serializer[Any]):
    trend_kg = serializers.FloatField()
    change_kg = serializers.FloatField(allow_null=True)
    weighings = serializers.IntegerField()
    pace_kg_per_week = serializers.FloatField(allow_null=True)
    pace_is_clear = serializers.BooleanField()
    points = TrendPointSerializer(many=True)


class StreaksSerializer(serializers.Serializer[Any]):
    logged = serializers.IntegerField()
    near_target = serializers.IntegerField()


class WeekFiguresSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="Of this description")
    first = serializers.DateField()
    last = serializers.DateField()
    logged = serializers.IntegerField(help_text="Days with entries")
    entries = serializers.IntegerField()
    days = DayRowSerializer(many=True)
    averages = AverageSerializer(many=True)
    adherence = AdherenceSerializer(many=True)
    sources = FoodSourceSerializer(many=True)
    compared = ComparedSerializer(many=True)
    changes = NutrientChangeSerializer(many=True)
    weekdays = WeekdaysSerializer()
    meals = MealShareSerializer(many=True)
    hours = HoursSerializer(allow_null=True)
    weight = WeightFiguresSerializer(allow_null=True)
    streaks = StreaksSerializer()


class InsightInListSerializer(serializers.Serializer[Insight]):
    week = serializers.DateField(help_text="Its Monday")
    logged = serializers.IntegerField(help_text="Days with entries")
    created_at = serializers.DateTimeField()


class InsightListSerializer(serializers.Serializer[Any]):
    results = InsightInListSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class InsightSerializer(serializers.Serializer[Any]):
    """kg, kcal and g, whatever units you read; the sentences are in your units."""

    week = serializers.DateField(help_text="Its Monday")
    created_at = serializers.DateTimeField()
    outdated = serializers.BooleanField(help_text="The diary has changed since")
    suggestions = StatementSerializer(many=True)
    findings = StatementSerializer(many=True)
    figures = WeekFiguresSerializer()
