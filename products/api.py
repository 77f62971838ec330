"""Foods over HTTP: lookup, search, own foods, corrections, scans."""

import uuid
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import Throttled
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import KEY, answer_once, answered_once
from dietintel.accounts.models import User
from dietintel.accounts.throttling import UploadThrottle, UpstreamThrottle
from dietintel.http import AuthenticatedApiRequest, preferred_languages
from products import lookup, online, scanning, services
from products.barcodes import Barcode, InvalidBarcode
from products.foods import Food
from products.models import Product
from products.pictures import UnreadablePicture
from products.search import MOST, PAGE, InvalidCursor, search
from products.serializers import (
    FoodChangesSerializer,
    FoodListSerializer,
    FoodSerializer,
    InvalidBarcodeError,
    OnlineSearchInput,
    OnlineSearchOutput,
    OwnFoodSerializer,
    ScanInput,
    ScanOutput,
    as_json,
)


def shown(product: Product, request: AuthenticatedApiRequest) -> Food:
    return Food(product, preferred_languages(request), timezone.now())


def _reference(text: str) -> Barcode | uuid.UUID:
    try:
        return lookup.parse_reference(text)
    except InvalidBarcode as error:
        raise InvalidBarcodeError({"barcode": [str(error)]}, code="INVALID_BARCODE") from error


def _here(text: str, user: User) -> Product:
    product = lookup.here(_reference(text), user)
    if product is None:
        raise Http404
    return product


class ProductList(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("search", str, description="Words or beginnings of words; misspelt ones are forgiven"),
            OpenApiParameter("limit", int, description=f"1 to {MOST}, otherwise {PAGE}"),
            OpenApiParameter("cursor", str, description="`next_cursor` of the page before"),
        ],
        responses=FoodListSerializer,
        operation_id="products_search",
    )
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Search the local catalogue and own foods, best first."""
        text = request.query_params.get("search", "")
        limit = serializers.IntegerField(min_value=1, max_value=MOST)
        try:
            wanted = limit.run_validation(request.query_params.get("limit", PAGE))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"limit": error.detail}) from error
        try:
            page = search(text[:200], request.user, limit=wanted, cursor=request.query_params.get("cursor", ""))
        except InvalidCursor as error:
            raise serializers.ValidationError({"cursor": [str(error)]}) from error
        foods = [shown(product, request) for product in page.products]
        return Response(FoodListSerializer({"results": foods, "next_cursor": page.next_cursor}).data)

    @extend_schema(
        parameters=[KEY], request=OwnFoodSerializer, responses={201: FoodSerializer}, operation_id="products_create"
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Enter an own food."""
        wanted = OwnFoodSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)

        def write() -> dict[str, Any]:
            food = services.create_own_food(owner=request.user, **wanted.validated_data)
            return as_json(shown(food, request))

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class ProductDetail(APIView):
    @extend_schema(
        operation_id="products_lookup",
        responses={
            200: FoodSerializer,
            404: OpenApiResponse(
                description="PRODUCT_NOT_FOUND: the providers do not know it; enter it as an own food"
            ),
            422: OpenApiResponse(description="INVALID_BARCODE"),
            503: OpenApiResponse(description="PROVIDERS_UNAVAILABLE: nobody could be asked; try again later"),
        },
    )
    def get(self, request: AuthenticatedApiRequest, reference: str) -> Response:
        """Look a food up by its barcode, asking the providers where it is not known here; or fetch it by its id."""
        product = lookup.find(_reference(reference), request.user, before_asking=lambda: self._may_ask(request))
        if product is None:
            raise Http404
        return Response(as_json(shown(product, request)))

    @extend_schema(request=FoodChangesSerializer, responses=FoodSerializer, operation_id="products_change")
    def patch(self, request: AuthenticatedApiRequest, reference: str) -> Response:
        """Change an own food; or correct a provider's food, for yourself alone.

        409 FIGURES_NOT_KEPT where the source lets nobody keep its figures: post them as an own food instead.
        """
        product = _here(reference, request.user)
        changes = FoodChangesSerializer(data=request.data)
        changes.is_valid(raise_exception=True)
        if product.owner_id is None:
            services.correct(product, request.user, changes.validated_data)
        else:
            services.change_own_food(product, changes.validated_data)
        return Response(as_json(shown(_here(reference, request.user), request)))

    @extend_schema(responses={204: None}, operation_id="products_delete")
    def delete(self, request: AuthenticatedApiRequest, reference: str) -> Response:
        """Delete an own food; or take back your correction of a provider's food. 404 where there is none."""
        product = _here(reference, request.user)
        if product.owner_id is not None:
            product.delete()
        elif not services.withdraw_correction(product, request.user):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _may_ask(self, request: AuthenticatedApiRequest) -> None:
        throttle = UpstreamThrottle()
        if not throttle.allow_request(request, self):
            raise Throttled(throttle.wait())


class Scan(APIView):
    parser_classes = [MultiPartParser]
    throttle_classes = [UploadThrottle]

    @extend_schema(request={"multipart/form-data": ScanInput}, responses=ScanOutput, operation_id="products_scan")
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Read the barcodes in a photo. The photo is not kept."""
        wanted = ScanInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            codes = scanning.barcodes_in(wanted.validated_data["image"])
        except UnreadablePicture as error:
            raise serializers.ValidationError({"image": [str(error)]}) from error
        read: list[dict[str, Any]] = []
        for code in codes:
            product = lookup.known(code, request.user)
            read.append({"barcode": str(code), "product": shown(product, request) if product else None})
        return Response(ScanOutput({"codes": read}).data)


class OnlineSearch(APIView):
    throttle_classes = [UpstreamThrottle]

    @extend_schema(
        operation_id="gateway_search",
        parameters=[OnlineSearchInput],
        responses={
            200: OnlineSearchOutput,
            404: OpenApiResponse(description="No such provider, or it is switched off or cannot search"),
            422: OpenApiResponse(description="VALIDATION_FAILED: no words in `q`, too long, or a wrong `limit`"),
            503: OpenApiResponse(description="PROVIDERS_UNAVAILABLE: it could not be asked; see Retry-After"),
        },
    )
    def get(self, request: AuthenticatedApiRequest, provider: str) -> Response:
        """Search at one provider by name, because a person asked for it. Not while typing: providers allow few."""
        asked = online.called(provider)
        if asked is None:
            raise Http404
        wanted = OnlineSearchInput(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        text = wanted.validated_data["q"]
        found = online.search(asked, text, request.user, limit=wanted.validated_data["limit"])
        foods = [shown(product, request) for product in found.products]
        return Response(OnlineSearchOutput({"provider": provider, "query": text, "results": foods}).data)
