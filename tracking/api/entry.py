"""Quick logging over HTTP: recents, favourites, and one line of text."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.http import AuthenticatedApiRequest, preferred_languages
from products.foods import Food
from products.models import Product
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.errors import Refused
from tracking.models import Favourite, Recipe
from tracking.recents import recents
from tracking.serializers.entry import (
    FavouriteInput,
    FavouriteListSerializer,
    FavouriteSerializer,
    LinesSerializer,
    RecentListSerializer,
    RecentsInput,
    TextInput,
)
from tracking.services.diary import meal_name
from tracking.services.favourites import set_favourite
from tracking.summaries import with_foods
from tracking.text_entry import read


class Recents(APIView):
    @extend_schema(parameters=[RecentsInput], responses=RecentListSerializer, operation_id="recents_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What the person is likely to log now: favourites first, then by how often, when and in which meal."""
        asked = RecentsInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        meal = asked.validated_data.get("meal")
        found = recents(
            request.user,
            now=timezone.now(),
            meal=meal_name(meal) if meal else None,
            limit=asked.validated_data["limit"],
        )
        with_foods(request.user, [recent.item for recent in found])
        return Response(RecentListSerializer({"results": found, "next_cursor": None}).data)


class FavouriteList(APIView):
    @extend_schema(parameters=PARAMETERS, responses=FavouriteListSerializer, operation_id="favourites_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Foods and recipes that the person wants at hand, the newest first."""
        rows = Favourite.objects.owned_by(request.user).select_related("recipe")
        found, cursor = page_of(rows, request, by=("created_at", "pk"), descending=True)
        page = {"results": found, "next_cursor": cursor}
        return Response(FavouriteListSerializer(page, context=_foods(request, found)).data)

    @extend_schema(
        parameters=[KEY],
        request=FavouriteInput,
        responses={
            201: FavouriteSerializer,
            404: OpenApiResponse(description="There is no such food or recipe"),
            422: OpenApiResponse(description="VALIDATION_FAILED: send a product or a recipe"),
        },
        operation_id="favourites_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Make a food or a recipe a favourite. Safe to repeat."""
        wanted = FavouriteInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        if len(wanted.validated_data) != 1:
            raise Refused(_("Send a product or a recipe."))
        product, recipe = _liked(request, **wanted.validated_data)

        def write() -> Any:
            made = set_favourite(request.user, product=product, recipe=recipe, on=True)
            assert made is not None
            return FavouriteSerializer(made, context=_foods(request, [made])).data

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class FavouriteDetail(APIView):
    @extend_schema(parameters=[KEY], responses={204: None}, operation_id="favourites_delete")
    @answered_once
    def delete(self, request: AuthenticatedApiRequest, favourite_id: int) -> Response:
        """Not a favourite any more."""
        found = get_object_or_404(Favourite.objects.owned_by(request.user), pk=favourite_id)

        def write() -> None:
            found.delete()

        return answer_once(request, write, status=status.HTTP_204_NO_CONTENT)


class TextEntry(APIView):
    @extend_schema(
        request=TextInput,
        responses={200: LinesSerializer, 422: OpenApiResponse(description="VALIDATION_FAILED: no text, or too much")},
        operation_id="entries_parse",
    )
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Understand a line like "2 eggs, 150 g rice cooked, 1 tbsp olive oil". Writes nothing, and asks nobody."""
        wanted = TextInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        lines = read(wanted.validated_data["text"], request.user, preferred_languages(request))
        return Response(LinesSerializer({"lines": lines}).data)


def _liked(
    request: AuthenticatedApiRequest, product: Any = None, recipe: int | None = None
) -> tuple[Product | None, Recipe | None]:
    if product is not None:
        return get_object_or_404(Product.objects.visible_to(request.user), uuid=product), None
    return None, get_object_or_404(Recipe.objects.owned_by(request.user), pk=recipe)


def _foods(request: AuthenticatedApiRequest, favourites: list[Favourite]) -> dict[str, Any]:
    ids = [favourite.product_id for favourite in favourites if favourite.product_id]
    products = Product.objects.visible_to(request.user).corrected_for(request.user).in_bulk(ids)
    languages, now = preferred_languages(request), timezone.now()
    return {"foods": {pk: Food(product, languages, now) for pk, product in products.items()}}
