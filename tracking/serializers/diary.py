"""Meals and what is in them, in the API."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.barcodes import Barcode, InvalidBarcode, normalise
from products.nutrients import NUTRIENTS, rounded
from products.serializers import FigureField, Per100Serializer
from tracking.models import Basis, MealItem
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT
from tracking.serializers.figures import (
    AtLeastField,
    DayTargetSerializer,
    FiguresSerializer,
    NumberField,
    StrictSerializer,
    TotalsSerializer,
)
from tracking.services.diary import Done
from tracking.summaries import Day, MealSummary, changed_since
from tracking.targets import MACROS

MOST_AT_ONCE = 50  # items of one request
MOST_DAYS = 400  # of one request for totals


# --- What goes out ----------------------------------------------------------------------------------------------
class ItemSerializer(serializers.Serializer[MealItem]):
    """Something eaten, with the figures it was logged with. `product` comes along with the person's correction."""

    id = serializers.IntegerField()
    meal = serializers.IntegerField(source="meal_id")
    name = serializers.CharField()
    brand = serializers.CharField()
    product = serializers.SerializerMethodField(help_text="null: of no food, or of one that is gone")
    barcode = serializers.SerializerMethodField()
    recipe = serializers.IntegerField(source="recipe_id", allow_null=True)
    quantity = NumberField()
    unit = serializers.SerializerMethodField(help_text="g, ml, serving, or the label of a serving of the food")
    amount = NumberField(help_text="In g, ml or servings, as `basis` says")
    basis = serializers.ChoiceField(choices=Basis.choices)
    figures = FiguresSerializer(help_text="Of 100 g, 100 ml or one serving, as `basis` says")
    nutrients = TotalsSerializer(source="totals", help_text="What this amount contributes")
    at_least = AtLeastField(source="totals")
    time = serializers.TimeField(allow_null=True, help_text="On the person's own clock; null: not said")
    changed = serializers.SerializerMethodField(help_text="Whether the food's figures are others now")

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_product(self, item: MealItem) -> str | None:
        return str(item.product.uuid) if item.product else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_barcode(self, item: MealItem) -> str | None:
        return (item.product.barcode or None) if item.product else None

    def get_unit(self, item: MealItem) -> str:
        return item.serving or item.basis

    def get_changed(self, item: MealItem) -> bool:
        return changed_since(item) is not None


class MealPartSerializer(serializers.Serializer[MealSummary]):
    """A meal of a day. `id` is null where nothing was ever written into a standard meal."""

    id = serializers.SerializerMethodField()
    name = serializers.CharField(help_text="breakfast, lunch, dinner, snacks, or the person's own name for it")
    items = ItemSerializer(many=True)
    totals = TotalsSerializer()
    at_least = AtLeastField(source="totals")

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_id(self, summary: MealSummary) -> int | None:
        return summary.meal.pk if summary.meal else None

    def get_fields(self) -> dict[str, Any]:
        # `label` is an attribute of every serializer, so a field of that name is added here.
        label = serializers.CharField(help_text="In the reader's language")
        return {**super().get_fields(), "label": label}


class MealSerializer(MealPartSerializer):
    """A meal."""

    id = serializers.IntegerField(source="meal.pk")  # type: ignore[assignment]
    date = serializers.DateField(source="meal.day")


class _Undoable(serializers.Serializer[Any]):
    """The answer of an action on the diary, which is in the context as `done`."""

    undo = serializers.SerializerMethodField(help_text="POST it to `undo/{id}` within a day; null: nothing changed")

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_undo(self, _instance: object) -> int | None:
        done: Done = self.context["done"]
        return done.undo.pk if done.undo else None


class UndoableSerializer(_Undoable):
    """What is left to say of something deleted."""


class ItemWrittenSerializer(ItemSerializer, _Undoable):
    """The item, and how to take the action back."""


class MealWrittenSerializer(MealSerializer, _Undoable):
    """The whole meal, and how to take the action back."""


class CopiedSerializer(_Undoable):
    items = ItemSerializer(many=True)


class UndoneSerializer(serializers.Serializer[Any]):
    days = serializers.ListField(child=serializers.DateField(), help_text="The days that are different now")


class DaySerializer(serializers.Serializer[Day]):
    """A day: the standard meals always, own ones where there are any."""

    date = serializers.DateField()
    meals = MealPartSerializer(many=True)
    totals = TotalsSerializer()
    at_least = AtLeastField(source="totals")
    target = DayTargetSerializer(allow_null=True, help_text="null: none was in force then")
    left = serializers.SerializerMethodField(help_text="Of the target; null without one")

    @extend_schema_field(DayTargetSerializer(allow_null=True))
    def get_left(self, day: Day) -> dict[str, Any] | None:
        if day.target is None:
            return None
        keys = ["energy_kcal", *(f"{macro}_g" for macro in MACROS)]
        return DayTargetSerializer().to_representation({key: day.left(key) for key in keys})


class DayTotalsSerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    totals = TotalsSerializer()
    at_least = AtLeastField(source="totals")
    target = DayTargetSerializer(allow_null=True)


class ItemListSerializer(serializers.Serializer[Any]):
    results = ItemSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MealListSerializer(serializers.Serializer[Any]):
    results = MealSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DayListSerializer(serializers.Serializer[Any]):
    results = DayTotalsSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- What comes in ----------------------------------------------------------------------------------------------
@extend_schema_field(serializers.DateTimeField(help_text="Without an offset: what the person's own clock showed"))
class MomentField(serializers.Field):  # type: ignore[type-arg]
    """A moment, or without an offset a wall-clock time; DRF's own field would take that as UTC."""

    def to_internal_value(self, data: Any) -> dt.datetime:
        try:
            found = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            found = None
        if found is None:
            raise serializers.ValidationError(_("Send a date and time like 2026-03-02T19:30:00+01:00."))
        return found

    def to_representation(self, value: dt.datetime) -> str:
        return value.isoformat()


class QuickFiguresSerializer(Per100Serializer):
    """Figures of what was eaten, all of it."""

    def get_fields(self) -> dict[str, Any]:
        return {key: FigureField(max_value=MOST_AMOUNT) for key in NUTRIENTS}


class AmountInput(StrictSerializer):
    """How much: `amount_g`, `amount_ml`, or `amount` with its `unit`."""

    amount_g = serializers.DecimalField(9, 4, min_value=LEAST_AMOUNT, max_value=MOST_AMOUNT, required=False)
    amount_ml = serializers.DecimalField(9, 4, min_value=LEAST_AMOUNT, max_value=MOST_AMOUNT, required=False)
    # Of kg or lb less than 0.01 may be an amount; what it comes to is checked when the unit is known.
    amount = serializers.DecimalField(9, 4, min_value=Decimal("0.0001"), max_value=MOST_AMOUNT, required=False)
    unit = serializers.CharField(
        max_length=120,
        required=False,
        help_text="g, kg, oz, lb; ml, l, fl oz, tsp, tbsp, cup; serving; or the label of a serving of the food",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With `quantity` and, where it was said, `unit` instead."""
        given = [name for name in ("amount_g", "amount_ml", "amount") if name in attrs]
        if len(given) > 1 or (given != ["amount"] and "unit" in attrs):
            name = given[-1] if given else "unit"
            raise serializers.ValidationError({name: [_("Send amount_g, or amount_ml, or amount with its unit.")]})
        valid = {key: value for key, value in attrs.items() if key not in given}
        if given:
            valid["quantity"] = rounded(attrs[given[0]])
            valid |= {"amount_g": {"unit": "g"}, "amount_ml": {"unit": "ml"}}.get(given[0], {})
        return valid


class ItemInput(AmountInput):
    """What was eaten: of a `product`, a `barcode` or a `recipe` so much; or a quick add of `figures`."""

    barcode = serializers.CharField(max_length=200, required=False)
    product = serializers.UUIDField(required=False)
    recipe = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    name = serializers.CharField(max_length=300, required=False, allow_blank=True, help_text="Of a quick add")
    figures = QuickFiguresSerializer(required=False, help_text="Of a quick add: of all that was eaten")
    energy_kcal = FigureField(max_value=MOST_AMOUNT, help_text="Of a quick add; short for figures")
    time = serializers.TimeField(required=False, allow_null=True, help_text="On the person's own clock")

    def validate_barcode(self, text: str) -> Barcode:
        try:
            return normalise(text)
        except InvalidBarcode as error:
            raise serializers.ValidationError(str(error), code="INVALID_BARCODE") from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        valid = super().validate(attrs)
        figures = dict(valid.pop("figures", {}))
        if "energy_kcal" in valid:
            figures["energy_kcal"] = valid.pop("energy_kcal")
        kinds = [name for name in ("barcode", "product", "recipe") if name in valid] + ["figures"] * bool(figures)
        if len(kinds) != 1:
            raise serializers.ValidationError(_("Send one of barcode, product, recipe, or figures with a name."))
        quick = kinds == ["figures"]
        if quick and ("quantity" in valid or "unit" in valid):
            raise serializers.ValidationError(_("A quick add has no amount: its figures are of all that was eaten."))
        if not quick and "name" in valid:
            raise serializers.ValidationError({"name": [_("Only a quick add has a name of its own.")]})
        if not quick and "quantity" not in valid and "recipe" not in valid:
            sentence = _("Say how much: amount_g, amount_ml, or amount with its unit.")
            raise serializers.ValidationError({"amount": [sentence]})
        return valid | {"figures": figures}


class MealInput(StrictSerializer):
    name = serializers.CharField(max_length=60, help_text="breakfast, lunch, dinner, snacks, or an own name")
    date = serializers.DateField(required=False, help_text="The day of the diary; otherwise the person's today")
    time = serializers.TimeField(required=False, allow_null=True, help_text="For items without a time of their own")
    eaten_at = MomentField(required=False, help_text="Instead of date and time")
    items = serializers.ListField(child=ItemInput(), required=False, max_length=MOST_AT_ONCE)


class MealChanges(StrictSerializer):
    name = serializers.CharField(max_length=60, required=False)
    date = serializers.DateField(required=False)


class ItemChanges(AmountInput):
    """What is left out stays. With `amount` alone the unit stays: two of the same slices."""

    time = serializers.TimeField(required=False, allow_null=True)
    date = serializers.DateField(required=False, help_text="Moves the item to that day")
    meal = serializers.CharField(max_length=60, required=False, help_text="Moves the item to the meal of this name")
    name = serializers.CharField(max_length=300, required=False, help_text="Of a quick add")
    figures = QuickFiguresSerializer(
        required=False, help_text="Of a quick add, of one serving; null takes a figure away"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        valid = super().validate(attrs)
        if "date" in valid:
            valid["day"] = valid.pop("date")
        return valid


class CopyInput(StrictSerializer):
    from_date = serializers.DateField()
    to_date = serializers.DateField(required=False, help_text="Otherwise the person's today")
    from_meal = serializers.CharField(max_length=60, required=False, help_text="Otherwise every meal of the day")
    to_meal = serializers.CharField(max_length=60, required=False, help_text="Otherwise meals of the same names")


class RangeInput(serializers.Serializer[Any]):
    """Days from … to, both included."""

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python.
        return {
            **super().get_fields(),
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
        }


class MealListInput(RangeInput):
    date = serializers.DateField(required=False, help_text="One day alone")
