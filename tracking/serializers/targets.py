"""Profile, targets and energy spent, in the API: cm, kg, kcal and g, whatever units a person reads."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tracking.expenditure import Expenditure
from tracking.models import Profile, Target, TargetDay
from tracking.models.targets import MacroUnit
from tracking.serializers.figures import DayTargetSerializer, NumberField, StrictSerializer
from tracking.services.targets import MOST_MACRO, OtherDay
from tracking.targets import MACROS, Macro, plan_of, resolved

TENTH, GRAM = Decimal("0.1"), Decimal("0.001")


# --- Profile ----------------------------------------------------------------------------------------------------
class ProfileSerializer(serializers.Serializer[Profile]):
    """What energy needs are computed from, and the units that pages use. Empty or null: not said."""

    sex = serializers.ChoiceField(choices=["", *Profile.Sex.values])
    birth_date = serializers.DateField(allow_null=True)
    height_cm = NumberField(allow_null=True)
    activity = serializers.ChoiceField(choices=["", *Profile.Activity.values])
    pregnant_or_breastfeeding = serializers.BooleanField()
    weight_unit = serializers.ChoiceField(choices=Profile.WeightUnit.choices)
    length_unit = serializers.ChoiceField(choices=Profile.LengthUnit.choices)
    energy_unit = serializers.ChoiceField(choices=Profile.EnergyUnit.choices)


class ProfileChangesSerializer(StrictSerializer):
    """What may be changed. Fields that are left out stay."""

    sex = serializers.ChoiceField(choices=Profile.Sex.choices, allow_blank=True, required=False)
    birth_date = serializers.DateField(allow_null=True, required=False)
    height_cm = serializers.DecimalField(max_digits=4, decimal_places=1, allow_null=True, required=False)
    activity = serializers.ChoiceField(choices=Profile.Activity.choices, allow_blank=True, required=False)
    pregnant_or_breastfeeding = serializers.BooleanField(required=False)
    weight_unit = serializers.ChoiceField(choices=Profile.WeightUnit.choices, required=False)
    length_unit = serializers.ChoiceField(choices=Profile.LengthUnit.choices, required=False)
    energy_unit = serializers.ChoiceField(choices=Profile.EnergyUnit.choices, required=False)


# --- Targets ----------------------------------------------------------------------------------------------------
class MacroOutput(serializers.Serializer[Macro]):
    """As the person said it."""

    value = NumberField()
    unit = serializers.ChoiceField(choices=MacroUnit.choices)


class TargetDaySerializer(serializers.Serializer[TargetDay]):
    """One weekday: as it was said, and what that is in grams."""

    weekday = serializers.IntegerField(help_text="0 Monday to 6 Sunday")
    energy_kcal = NumberField()
    protein = serializers.SerializerMethodField()
    fat = serializers.SerializerMethodField()
    carbohydrates = serializers.SerializerMethodField()
    grams = serializers.SerializerMethodField()

    @extend_schema_field(MacroOutput(allow_null=True))
    def get_protein(self, day: TargetDay) -> dict[str, Any] | None:
        return self._said(day, "protein")

    @extend_schema_field(MacroOutput(allow_null=True))
    def get_fat(self, day: TargetDay) -> dict[str, Any] | None:
        return self._said(day, "fat")

    @extend_schema_field(MacroOutput(allow_null=True))
    def get_carbohydrates(self, day: TargetDay) -> dict[str, Any] | None:
        return self._said(day, "carbohydrates")

    @extend_schema_field(DayTargetSerializer)
    def get_grams(self, day: TargetDay) -> dict[str, Any]:
        return dict(DayTargetSerializer(resolved(day, day.target.weight_kg)).data)

    def _said(self, day: TargetDay, name: str) -> dict[str, Any] | None:
        macro = plan_of(day).macros.get(name)
        return None if macro is None else dict(MacroOutput(macro).data)


class TargetSerializer(serializers.Serializer[Target]):
    """What is aimed for from a day until the next target starts. Its days must be prefetched."""

    id = serializers.IntegerField()
    starts_on = serializers.DateField()
    goal = serializers.ChoiceField(choices=Target.Goal.choices)
    rate_kg_per_week = NumberField(help_text="Without sign; 0 where the weight is to be kept")
    goal_weight_kg = NumberField(allow_null=True)
    weight_kg = NumberField(allow_null=True, help_text="What g per kg are of; null where nothing is given so")
    days = TargetDaySerializer(many=True)


class TargetListSerializer(serializers.Serializer[Any]):
    results = TargetSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TargetOfDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    target = DayTargetSerializer(allow_null=True, help_text="null: none was in force then")


class MacroInput(StrictSerializer):
    value = serializers.DecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal(0), max_value=max(MOST_MACRO.values())
    )
    unit = serializers.ChoiceField(choices=MacroUnit.choices, default=MacroUnit.GRAM)

    def to_internal_value(self, data: Any) -> Macro:
        valid = super().to_internal_value(data)
        return Macro(valid["value"], valid["unit"])


class _Aims(StrictSerializer):
    energy_kcal = serializers.DecimalField(
        max_digits=6, decimal_places=1, min_value=Decimal(1), required=False, allow_null=True, default=None
    )
    protein = MacroInput(required=False, allow_null=True)
    fat = MacroInput(required=False, allow_null=True)
    carbohydrates = MacroInput(required=False, allow_null=True)

    @staticmethod
    def macros(valid: dict[str, Any]) -> dict[str, Macro]:
        return {name: valid[name] for name in MACROS if valid.get(name) is not None}


class OtherDaysInput(_Aims):
    """Weekdays that differ. What is left out is as on the others."""

    weekdays = serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=6), min_length=1)


class TargetInput(_Aims):
    """A target. Without `energy_kcal`, as computed from the profile; without `starts_on`, from today on."""

    starts_on = serializers.DateField(required=False)
    goal = serializers.ChoiceField(choices=Target.Goal.choices, default=Target.Goal.KEEP)
    rate_kg_per_week = serializers.DecimalField(
        max_digits=4, decimal_places=2, min_value=Decimal(0), max_value=Decimal(5), default=Decimal(0)
    )
    goal_weight_kg = serializers.DecimalField(
        max_digits=6, decimal_places=3, required=False, allow_null=True, default=None
    )
    days = OtherDaysInput(many=True, required=False, help_text="Weekdays that differ")

    def validate_days(self, days: list[dict[str, Any]]) -> list[dict[str, Any]]:
        named = [weekday for each in days for weekday in each["weekdays"]]
        if len(named) != len(set(named)):
            raise serializers.ValidationError(_("Name each weekday once."))
        return days

    def entered(self) -> dict[str, Any]:
        """As `services.targets.set_target` takes it."""
        valid = self.validated_data
        other = [(each, OtherDay(each["energy_kcal"], self.macros(each))) for each in valid.get("days", ())]
        names = ("goal", "rate_kg_per_week", "goal_weight_kg", "energy_kcal")
        return {name: valid[name] for name in names} | {
            "macros": self.macros(valid),
            "other_days": {weekday: day for each, day in other for weekday in each["weekdays"]},
        }


# --- Energy -----------------------------------------------------------------------------------------------------
class FormulaSerializer(serializers.Serializer[Any]):
    """By Mifflin–St Jeor. `change_kcal` is what the goal takes off (below zero) or adds."""

    resting_kcal = NumberField()
    activity_factor = NumberField()
    need_kcal = NumberField()
    change_kcal = NumberField()
    energy_kcal = NumberField()


class MissingSerializer(serializers.Serializer[Any]):
    """How much more it takes; zero: enough of that. `message` says the same to a person."""

    logged_days = serializers.IntegerField()
    weighings = serializers.IntegerField()
    span_days = serializers.IntegerField()
    implausible = serializers.BooleanField(help_text="The weight moved faster than food can explain")
    message = serializers.CharField()


class DiarySerializer(serializers.Serializer[Expenditure]):
    """Mean intake less 7,700 kcal for each kg that the weight rose, with its 95 % interval."""

    expenditure_kcal = serializers.SerializerMethodField()
    low_kcal = serializers.SerializerMethodField()
    high_kcal = serializers.SerializerMethodField(help_text="null: nobody can say how much at most")
    at_least = serializers.BooleanField(help_text="Something eaten has no declared energy: it may be more")
    intake_kcal = serializers.SerializerMethodField()
    change_kg_per_week = serializers.SerializerMethodField()
    logged_days = serializers.IntegerField()
    weighings = serializers.IntegerField()

    def get_expenditure_kcal(self, found: Expenditure) -> float:
        return float(found.kcal.quantize(TENTH))

    def get_low_kcal(self, found: Expenditure) -> float:
        return float(found.low_kcal.quantize(TENTH))

    def get_high_kcal(self, found: Expenditure) -> float | None:
        return None if found.high_kcal is None else float(found.high_kcal.quantize(TENTH))

    def get_intake_kcal(self, found: Expenditure) -> float:
        return float(found.intake_kcal.quantize(TENTH))

    def get_change_kg_per_week(self, found: Expenditure) -> float:
        return float(found.change_kg_per_week.quantize(GRAM))


class ExpenditureSerializer(serializers.Serializer[Any]):
    """What a person spends a day: by the diary, and by the formula."""

    first = serializers.DateField()
    last = serializers.DateField()
    diary = DiarySerializer(allow_null=True)
    missing = MissingSerializer(allow_null=True, help_text="What the diary lacks for it")
    formula = FormulaSerializer(allow_null=True, help_text="null: see `formula_missing`; or for somebody below 18")
    formula_missing = serializers.ListField(child=serializers.CharField())
