"""Photos over HTTP: upload, list, fetch, delete."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import REPLAYED, answer_once
from dietintel.accounts.models import User
from dietintel.accounts.throttling import UploadThrottle
from dietintel.http import AuthenticatedApiRequest
from products.pictures import UnreadablePicture
from tracking import photos
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.errors import Refused
from tracking.models import Photo
from tracking.services.photos import delete_photo, store_photo

YEAR_S = 365 * 24 * 3600
# The picture is one file and loads nothing. Opened on its own it is no page of ours, whatever a browser takes it for.
ALONE = "default-src 'none'; sandbox"


class PhotoInput(serializers.Serializer[Photo]):
    image = serializers.FileField(allow_empty_file=False)
    day = serializers.DateField(required=False, help_text="On your calendar; otherwise the camera's, where it says")
    time = serializers.TimeField(required=False, help_text="On your clock; needs `day`")


class PhotoSerializer(serializers.Serializer[Photo]):
    id = serializers.UUIDField(source="uuid")
    day = serializers.DateField(allow_null=True)
    time = serializers.TimeField(allow_null=True)
    width = serializers.IntegerField(help_text="Of the large image, in pixels")
    height = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="Of both images")
    state = serializers.ChoiceField(choices=Photo.State.choices)
    created_at = serializers.DateTimeField()
    image_url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    def get_image_url(self, photo: Photo) -> str:
        return reverse("v1:photo_image", args=[photo.uuid])

    def get_thumbnail_url(self, photo: Photo) -> str:
        return f"{self.get_image_url(photo)}?size=small"


class PhotoListSerializer(serializers.Serializer[Any]):
    results = PhotoSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def own_photo(photo_id: uuid.UUID, user: User) -> Photo:
    """Raises Http404, also for somebody else's."""
    photo = Photo.objects.owned_by(user).filter(uuid=photo_id).first()
    if photo is None:
        raise Http404
    return photo


def answered_with(
    request: AuthenticatedApiRequest, write: Callable[[], Any], sent: Sequence[Photo], *, status: int
) -> Response:
    """`answer_once` for a request that brought pictures: where it was answered before, they are not kept twice."""
    try:
        response = answer_once(request, write, status=status)
    except BaseException:
        forget(sent)
        raise
    if REPLAYED in response.headers:
        forget(sent)
    return response


def forget(photos: Sequence[Photo]) -> None:
    for photo in photos:
        delete_photo(photo)


class PhotoList(APIView):
    parser_classes = [MultiPartParser]

    def get_throttles(self) -> list[Any]:
        return [UploadThrottle()] if self.request.method == "POST" else []

    @extend_schema(parameters=PARAMETERS, responses=PhotoListSerializer, operation_id="photos_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Your photos, the newest first."""
        rows, cursor = page_of(Photo.objects.owned_by(request.user), request, by=("created_at", "pk"), descending=True)
        return Response(PhotoListSerializer({"results": rows, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request={"multipart/form-data": PhotoInput},
        responses={201: PhotoSerializer, 507: OpenApiResponse(description="NO_ROOM: the server's disk is full")},
        operation_id="photos_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Upload a photo of a meal. Place, camera and all else that is written in the file are not kept."""
        wanted = PhotoInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        try:
            photo = store_photo(
                user=request.user,
                picture=given["image"],
                now=timezone.now(),
                day=given.get("day"),
                time=given.get("time"),
            )
        except UnreadablePicture as error:
            raise serializers.ValidationError({"image": [str(error)]}) from error
        except Refused as error:
            raise serializers.ValidationError({error.field: [error.sentence]}) from error
        return answered_with(request, lambda: PhotoSerializer(photo).data, [photo], status=status.HTTP_201_CREATED)


class PhotoDetail(APIView):
    @extend_schema(responses=PhotoSerializer, operation_id="photos_get")
    def get(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Response:
        """One of your photos."""
        return Response(PhotoSerializer(own_photo(photo_id, request.user)).data)

    @extend_schema(responses={204: None}, operation_id="photos_delete")
    def delete(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Response:
        """Delete a photo, and what was learned from it."""
        delete_photo(own_photo(photo_id, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)


class _Jpeg(BaseRenderer):
    """Says what kind of content the view has; the file itself is not rendered."""

    media_type = "image/jpeg"
    format = "jpeg"


class _AsItIs(BaseContentNegotiation):
    """There is one form of the image, whatever a browser or a program says it would rather have."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        (jpeg,) = renderers
        return jpeg, str(jpeg.media_type)


class PhotoImage(APIView):
    renderer_classes = [_Jpeg]
    content_negotiation_class = _AsItIs
    metadata_class = None  # OPTIONS would describe the view, which has no words

    @extend_schema(
        parameters=[OpenApiParameter("size", str, enum=list(photos.SIZES), description="otherwise large")],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
        operation_id="photos_image",
    )
    def get(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> HttpResponse:
        """The image itself. It never changes, so a browser need not ask again."""
        size = serializers.ChoiceField(choices=list(photos.SIZES))
        try:
            wanted = size.run_validation(request.query_params.get("size", "large"))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"size": error.detail}) from error
        photo = own_photo(photo_id, request.user)
        try:
            image = photos.path_of(photo.uuid, wanted).read_bytes()
        except FileNotFoundError as error:
            raise Http404 from error
        name = f"{photo.uuid}-{wanted}"
        response = HttpResponse(image, content_type=_Jpeg.media_type)
        response["ETag"] = f'"{name}"'
        response["Cache-Control"] = f"private, max-age={YEAR_S}, immutable"
        response["Content-Disposition"] = f'inline; filename="{name}.jpg"'
        response["Content-Security-Policy"] = ALONE
        response["X-Content-Type-Options"] = "nosniff"
        patch_vary_headers(response, ["Cookie", "Authorization"])  # the next person at the same browser may not see it
        found = get_conditional_response(request._request, etag=response["ETag"], response=response)
        return found or response
