"""Meals over HTTP: written, changed, copied, deleted, and taken back."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import Throttled
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.accounts.throttling import UpstreamThrottle
from dietintel.http import AuthenticatedApiRequest, preferred_languages
from products import lookup
from products.barcodes import Barcode
from products.foods import Food
from products.models import Product
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.dates import today_of
from tracking.errors import Refused
from tracking.models import Meal, MealItem, Undo
from tracking.moments import day_and_time
from tracking.serializers.diary import (
    CopiedSerializer,
    CopyInput,
    ItemChanges,
    ItemInput,
    ItemListSerializer,
    ItemSerializer,
    ItemWrittenSerializer,
    MealChanges,
    MealInput,
    MealListInput,
    MealListSerializer,
    MealSerializer,
    MealWrittenSerializer,
    UndoableSerializer,
    UndoneSerializer,
)
from tracking.services import diary
from tracking.services.diary import Done, NewItem
from tracking.services.entries import Wanted, foods_of, new_items
from tracking.summaries import meals_with_items, with_foods

REFUSED = OpenApiResponse(description="VALIDATION_FAILED: nothing was written; `details` says which field and why")
FOODS_NOT_FOUND = {
    404: OpenApiResponse(description="NOT_FOUND; or PRODUCT_NOT_FOUND: the providers do not know the barcode"),
    503: OpenApiResponse(description="PROVIDERS_UNAVAILABLE: nobody could be asked for the barcode; try again later"),
}


class MealList(APIView):
    @extend_schema(parameters=[MealListInput, *PARAMETERS], responses=MealListSerializer, operation_id="meals_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Meals with what is in them, the latest day first."""
        asked = MealListInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        days = {"date": "day", "from": "day__gte", "to": "day__lte"}
        wanted = {days[name]: date for name, date in asked.validated_data.items()}
        meals, cursor = page_of(
            Meal.objects.owned_by(request.user).filter(**wanted), request, by=("day", "pk"), descending=True
        )
        found = meals_with_items(request.user, meals)
        return Response(MealListSerializer({"results": found, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=MealInput,
        responses={
            201: MealWrittenSerializer,
            200: OpenApiResponse(MealWrittenSerializer, description="That day had this meal already: it was added to"),
            422: REFUSED,
            **FOODS_NOT_FOUND,
        },
        operation_id="meals_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Log a meal. Where the day has one of this name, its items are added to that one."""
        user, wanted = request.user, MealInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        valid = wanted.validated_data
        when = {name: valid[name] for name in ("date", "time", "eaten_at") if name in valid}
        day, time = day_and_time(user, now=timezone.now(), **when)
        name = diary.meal_name(valid["name"])
        items = items_to_log(self, request, valid.get("items", []), at=time, path="items.{place}.")
        there = Meal.objects.owned_by(user).filter(day=day, name=name).exists()

        def write() -> Any:
            done = diary.log(user, day, name, items) if items else Done()
            return meal_written(diary.meal_for(user, day, name), done)

        return answer_once(request, write, status=status.HTTP_200_OK if there else status.HTTP_201_CREATED)


class MealDetail(APIView):
    @extend_schema(responses=MealSerializer, operation_id="meals_read")
    def get(self, request: AuthenticatedApiRequest, meal_id: int) -> Response:
        """A meal with what is in it."""
        (found,) = meals_with_items(request.user, [_meal(request, meal_id)])
        return Response(MealSerializer(found).data)

    @extend_schema(
        parameters=[KEY],
        request=MealChanges,
        responses={
            200: MealWrittenSerializer,
            409: OpenApiResponse(description="CONFLICT: that day has a meal of that name already"),
            422: REFUSED,
        },
        operation_id="meals_change",
    )
    @answered_once
    def patch(self, request: AuthenticatedApiRequest, meal_id: int) -> Response:
        """Give a meal another name or day."""
        meal, changes = _meal(request, meal_id), MealChanges(data=request.data)
        changes.is_valid(raise_exception=True)
        valid = changes.validated_data

        def write() -> Any:
            done = diary.move(meal, day=valid.get("date", meal.day), name=valid.get("name", meal.name))
            return meal_written(_meal(request, meal_id), done)

        return answer_once(request, _or_gone(write), status=status.HTTP_200_OK)

    @extend_schema(parameters=[KEY], responses={200: UndoableSerializer}, operation_id="meals_delete")
    @answered_once
    def delete(self, request: AuthenticatedApiRequest, meal_id: int) -> Response:
        """Delete a meal with all that is in it. Can be undone."""
        meal = _meal(request, meal_id)
        return answer_once(request, lambda: _undoable(diary.delete_meal(meal)), status=status.HTTP_200_OK)


class ItemList(APIView):
    @extend_schema(parameters=PARAMETERS, responses=ItemListSerializer, operation_id="meals_items_list")
    def get(self, request: AuthenticatedApiRequest, meal_id: int) -> Response:
        """What is in a meal, in order."""
        rows = MealItem.objects.filter(meal=_meal(request, meal_id))
        items, cursor = page_of(rows, request, by=("position", "pk"))
        found = with_foods(request.user, items)
        return Response(ItemListSerializer({"results": found, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=ItemInput,
        responses={201: ItemWrittenSerializer, 422: REFUSED, **FOODS_NOT_FOUND},
        operation_id="meals_items_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, meal_id: int) -> Response:
        """Add to a meal: so much of a food or recipe, or figures alone."""
        meal, wanted = _meal(request, meal_id), ItemInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        items = items_to_log(self, request, [wanted.validated_data])

        def write() -> Any:
            return _item_written(request, diary.log(request.user, meal.day, meal.name, items))

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class ItemDetail(APIView):
    @extend_schema(responses=ItemSerializer, operation_id="meals_items_read")
    def get(self, request: AuthenticatedApiRequest, meal_id: int, item_id: int) -> Response:
        """One item of a meal."""
        (found,) = with_foods(request.user, [_item(request, meal_id, item_id)])
        return Response(ItemSerializer(found).data)

    @extend_schema(
        parameters=[KEY],
        request=ItemChanges,
        responses={200: ItemWrittenSerializer, 422: REFUSED},
        operation_id="meals_items_change",
    )
    @answered_once
    def patch(self, request: AuthenticatedApiRequest, meal_id: int, item_id: int) -> Response:
        """Change how much it was, when, or which meal it belongs to; of a quick add also its name and figures.

        The figures of everything else stay those it was logged with.
        """
        item, changes = _item(request, meal_id, item_id), ItemChanges(data=request.data)
        changes.is_valid(raise_exception=True)

        def write() -> Any:
            return _item_written(request, diary.change(item, changes.validated_data))

        return answer_once(request, _or_gone(write), status=status.HTTP_200_OK)

    @extend_schema(parameters=[KEY], responses={200: UndoableSerializer}, operation_id="meals_items_delete")
    @answered_once
    def delete(self, request: AuthenticatedApiRequest, meal_id: int, item_id: int) -> Response:
        """Delete an item. Can be undone."""
        item = _item(request, meal_id, item_id)
        return answer_once(request, lambda: _undoable(diary.delete([item])), status=status.HTTP_200_OK)


class ItemPresentFigures(APIView):
    @extend_schema(
        parameters=[KEY],
        request=None,
        responses={200: ItemWrittenSerializer, 422: REFUSED},
        operation_id="meals_items_present_figures",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, meal_id: int, item_id: int) -> Response:
        """Take over the figures that the food has today. Can be undone."""
        (item,) = with_foods(request.user, [_item(request, meal_id, item_id)])
        if item.product is None:
            raise Refused(_("This entry is of no food that is still here, so it keeps its figures."))
        food = Food(item.product, preferred_languages(request), timezone.now())

        def write() -> Any:
            return _item_written(request, diary.use_present_figures(item, food))

        return answer_once(request, _or_gone(write), status=status.HTTP_200_OK)


class MealCopy(APIView):
    @extend_schema(
        parameters=[KEY],
        request=CopyInput,
        responses={201: CopiedSerializer, 422: REFUSED},
        operation_id="meals_copy",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Log a day, or one meal of it, again: "repeat yesterday's breakfast". With the figures of then."""
        wanted = CopyInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        items = _to_copy(request, wanted.validated_data)
        today = today_of(request.user)

        def write() -> Any:
            valid = wanted.validated_data
            done = diary.copy(items, to_day=valid.get("to_date", today), meal=valid.get("to_meal"))
            made = with_foods(request.user, done.items)
            return CopiedSerializer({"items": made}, context={"done": done}).data

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class UndoAction(APIView):
    @extend_schema(
        parameters=[KEY],
        request=None,
        responses={
            200: UndoneSerializer,
            404: OpenApiResponse(description="Undone already, or more than a day ago"),
            409: OpenApiResponse(description="CONFLICT: all of it was changed since; take that back first"),
        },
        operation_id="undo",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, undo_id: int) -> Response:
        """Take an action on the diary back: what it made goes, what it changed or deleted is as before.

        Items that were changed or deleted since stay as they are.
        """
        now = timezone.now()
        get_object_or_404(Undo.objects.owned_by(request.user).filter(made_at__gt=now - diary.UNDO_FOR), pk=undo_id)

        def write() -> Any:
            return UndoneSerializer({"days": diary.undo(request.user, undo_id, now=now)}).data

        return answer_once(request, write, status=status.HTTP_200_OK)


# --- What they share --------------------------------------------------------------------------------------------
def _meal(request: AuthenticatedApiRequest, meal_id: int) -> Meal:
    return get_object_or_404(Meal.objects.owned_by(request.user), pk=meal_id)


def _item(request: AuthenticatedApiRequest, meal_id: int, item_id: int) -> MealItem:
    rows = MealItem.objects.owned_by(request.user).select_related("meal")
    # By `meal__pk`: a number that no row can have is not found there, and an error of SQLite by `meal`.
    return get_object_or_404(rows, pk=item_id, meal__pk=meal_id)


def items_to_log(
    view: APIView, request: AuthenticatedApiRequest, said: list[dict[str, Any]], *, at: Any = None, path: str = ""
) -> list[NewItem]:
    """Looks barcodes up, which may ask a provider: before any transaction."""
    wanted = [Wanted(**each) for each in said]

    def may_ask() -> None:
        throttle = UpstreamThrottle()
        if not throttle.allow_request(request, view):
            raise Throttled(throttle.wait())

    def look_up(barcode: Barcode) -> Product:
        return lookup.lookup(barcode, request.user, before_asking=may_ask)

    scanned = foods_of(wanted, look_up)
    languages = preferred_languages(request)
    return new_items(request.user, wanted, scanned=scanned, languages=languages, at=at, path=path)


def _to_copy(request: AuthenticatedApiRequest, asked: dict[str, Any]) -> list[MealItem]:
    """Raises Refused where there is nothing."""
    rows: QuerySet[MealItem] = MealItem.objects.owned_by(request.user).filter(meal__day=asked["from_date"])
    if "from_meal" in asked:
        rows = rows.filter(meal__name=diary.meal_name(asked["from_meal"]))
    items = list(rows.select_related("meal__user", "product", "recipe").order_by("meal__pk", "position", "pk"))
    if not items:
        raise Refused(_("There is nothing to copy: nothing was logged then."), field="from_date")
    return items


def _or_gone(write: Callable[[], Any]) -> Callable[[], Any]:
    """404 where it was deleted between reading and writing."""

    def checked() -> Any:
        try:
            return write()
        except (Meal.DoesNotExist, MealItem.DoesNotExist) as error:
            raise Http404 from error

    return checked


def meal_written(meal: Meal, done: Done) -> Any:
    (written,) = meals_with_items(meal.user, [meal])
    return MealWrittenSerializer(written, context={"done": done}).data


def _item_written(request: AuthenticatedApiRequest, done: Done) -> Any:
    (item,) = with_foods(request.user, done.items)
    return ItemWrittenSerializer(item, context={"done": done}).data


def _undoable(done: Done) -> Any:
    return UndoableSerializer(object(), context={"done": done}).data
