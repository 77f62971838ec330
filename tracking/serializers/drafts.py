"""Analyses of photos and their drafts, in the API."""

import uuid
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tracking.drafts import Offered
from tracking.models import Draft
from tracking.serializers.diary import ItemInput
from tracking.serializers.figures import AtLeastField, NumberField, StrictSerializer, TotalsSerializer
from tracking.services.analyses import MOST_PHOTOS
from tracking.services.photos import MOST_FOODS
from workflows.models import Run
from workflows.serializers import StartedSerializer

MOST_ID = 2**63 - 1


# --- What comes in ----------------------------------------------------------------------------------------------
@extend_schema_field(serializers.UUIDField())
class PhotoIdField(serializers.CharField):
    """What is no id is the id of no photo: 404, as that of somebody else's."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return uuid.UUID(super().to_internal_value(data))
        except ValueError as error:
            raise Http404 from error


class MealIdField(serializers.IntegerField):
    """The same for the id of a meal."""

    def to_internal_value(self, data: Any) -> int:
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise Http404 from error
        if not 0 < found <= MOST_ID:
            raise Http404
        return found


class AnalyseInput(StrictSerializer):
    """A photo that is here, or one that comes along."""

    photo_id = PhotoIdField(required=False)
    image = serializers.FileField(required=False, allow_empty_file=False)
    meal_id = MealIdField(required=False, help_text="The draft joins that meal; otherwise one by the hour")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("photo_id" in attrs) == ("image" in attrs):
            raise serializers.ValidationError({"photo_id": [_("Send either photo_id, or the photo itself as image.")]})
        return attrs


class BatchInput(StrictSerializer):
    """Photos that are here, or photos that come along."""

    photo_ids = serializers.ListField(child=PhotoIdField(), required=False, min_length=1, max_length=MOST_PHOTOS)
    images = serializers.ListField(
        child=serializers.FileField(allow_empty_file=False), required=False, min_length=1, max_length=MOST_PHOTOS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("photo_ids" in attrs) == ("images" in attrs):
            sentence = _("Send either photo_ids, or the photos themselves as images.")
            raise serializers.ValidationError({"photo_ids": [sentence]})
        return attrs


class ConfirmInput(StrictSerializer):
    """What it was. What is left out is taken from the draft: its ticked foods in the amounts that it suggests."""

    items = serializers.ListField(child=ItemInput(), required=False, min_length=1, max_length=MOST_FOODS)
    name = serializers.CharField(max_length=60, required=False, help_text="The meal")
    date = serializers.DateField(required=False)
    time = serializers.TimeField(required=False, allow_null=True)


# --- What goes out ----------------------------------------------------------------------------------------------
class ChildSerializer(serializers.Serializer[Any]):
    """Where one photo of a batch is found in the run's status."""

    photo_id = serializers.CharField()
    step = serializers.CharField()
    index = serializers.IntegerField()


class BatchStartedSerializer(StartedSerializer):
    children = serializers.SerializerMethodField()

    @extend_schema_field(ChildSerializer(many=True))
    def get_children(self, run: Run) -> list[dict[str, Any]]:
        ids = run.input["photo_ids"]
        return [{"photo_id": name, "step": "analyse", "index": place} for place, name in enumerate(ids)]


class OfferedSerializer(serializers.Serializer[Offered]):
    """One thing that may be on the photo, with the amount that would be logged."""

    name = serializers.CharField(source="item.name", help_text="As recognition calls it")
    confidence = serializers.FloatField(source="item.confidence", help_text="0 to 1")
    source = serializers.CharField(source="item.source", help_text="barcode, personal, onnx, vision or recents")  # type: ignore[assignment]
    product = serializers.SerializerMethodField(help_text="null: none is known by that name")
    recipe = serializers.IntegerField(source="item.recipe_id", allow_null=True)
    food = serializers.SerializerMethodField(help_text="What the product or recipe is called here")
    barcode = serializers.CharField(source="item.barcode")
    search = serializers.CharField(source="item.search", help_text="What to search for, where there is no product")
    grams = NumberField(source="item.grams", help_text="As estimated; null: not estimated")
    doubts = serializers.ListField(source="item.doubts", child=serializers.CharField())
    likely = serializers.BooleanField(source="ticked", help_text="Logged, unless the confirmation names other items")
    amount = serializers.SerializerMethodField()
    unit = serializers.SerializerMethodField()
    nutrients = TotalsSerializer(source="totals", allow_null=True, help_text="Of that amount")
    at_least = serializers.SerializerMethodField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_product(self, line: Offered) -> str | None:
        return str(line.item.product.uuid) if line.item.product else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_food(self, line: Offered) -> str | None:
        return line.eaten.name if line.eaten else None

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_amount(self, line: Offered) -> Any:
        return NumberField().to_representation(line.much.quantity) if line.much else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_unit(self, line: Offered) -> str | None:
        return line.much.unit if line.much else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_at_least(self, line: Offered) -> list[str]:
        return AtLeastField().to_representation(line.totals) if line.totals else []


class FeedbackSerializer(serializers.Serializer[Any]):
    """A statement about the day with this meal in it."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    figures = serializers.DictField(help_text="What it rests on")
    link = serializers.CharField(help_text="Path of the page on which the figures can be looked up")


class DraftSerializer(serializers.Serializer[Draft]):
    """What may be on a photo. Nothing of it counts before it is confirmed."""

    photo_id = serializers.UUIDField(source="photo.uuid")
    state = serializers.ChoiceField(choices=Draft.State.choices)
    date = serializers.SerializerMethodField()
    meal = serializers.SerializerMethodField(help_text="breakfast, lunch, dinner, snacks, or the person's own name")
    meal_id = serializers.IntegerField(allow_null=True, help_text="null: the meal is made, where the day has none")
    time = serializers.TimeField(allow_null=True)
    sure_of = serializers.CharField(help_text="The stage whose word can be taken; empty: check all of it")
    doubts = serializers.ListField(child=serializers.CharField(), help_text="What is missing, in sentences")
    created_at = serializers.DateTimeField()
    items = serializers.SerializerMethodField()
    feedback = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DateField())
    def get_date(self, draft: Draft) -> str:
        return draft.place[0].isoformat()

    def get_meal(self, draft: Draft) -> str:
        return draft.place[1]

    @extend_schema_field(OfferedSerializer(many=True))
    def get_items(self, draft: Draft) -> Any:
        return OfferedSerializer(self.context["lines"], many=True).data

    @extend_schema_field(FeedbackSerializer(many=True))
    def get_feedback(self, draft: Draft) -> Any:
        return FeedbackSerializer(self.context["feedback"], many=True).data
