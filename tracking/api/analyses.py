"""Photos that are looked at, over HTTP: start, see what came of it, confirm or discard it."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import Throttled
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.accounts.throttling import UploadThrottle
from dietintel.http import AuthenticatedApiRequest, preferred_languages
from products.pictures import UnreadablePicture
from tracking.api.diary import FOODS_NOT_FOUND, REFUSED, items_to_log, meal_written
from tracking.api.photos import answered_with, forget, own_photo
from tracking.api.writing import KEY, answered_once
from tracking.drafts import Offered, feedback_now, offered, ticked
from tracking.errors import Refused
from tracking.feedback import WORDS
from tracking.models import Draft, Meal, Photo
from tracking.serializers.diary import MealWrittenSerializer
from tracking.serializers.drafts import (
    AnalyseInput,
    BatchInput,
    BatchStartedSerializer,
    ConfirmInput,
    DraftSerializer,
)
from tracking.services import analyses, drafts
from tracking.services.diary import NewItem
from tracking.services.photos import store_photo
from tracking.statements import said
from tracking.units import units_of_person
from workflows.serializers import StartedSerializer

NO_ROOM = {507: OpenApiResponse(description="NO_ROOM: the server's disk is full")}
NO_DRAFT = {
    404: OpenApiResponse(description="NOT_FOUND: nobody looked at it, or the draft was discarded"),
    409: OpenApiResponse(description="ANALYSIS_RUNNING: ask again in a moment; or CONFLICT: confirmed already"),
    502: OpenApiResponse(description="ANALYSIS_FAILED: the photo is kept; retry the run, or log the meal by hand"),
}


class _Starting(APIView):
    """Begins runs. Pictures that come along are kept first."""

    parser_classes = [JSONParser, MultiPartParser]

    def get_throttles(self) -> list[Any]:
        return [UploadThrottle()]

    def stored(self, request: AuthenticatedApiRequest, files: Sequence[UploadedFile], field: str) -> list[Photo]:
        """All of them or none. Raises ValidationError, Throttled and NoRoom."""
        kept: list[Photo] = []
        try:
            for place, file in enumerate(files):
                self._may_send(request, place)
                kept.append(store_photo(user=request.user, picture=file, now=timezone.now()))
        except UnreadablePicture as error:
            forget(kept)
            raise serializers.ValidationError({field.format(place=len(kept)): [str(error)]}) from error
        except BaseException:
            forget(kept)
            raise
        return kept

    def _may_send(self, request: AuthenticatedApiRequest, place: int) -> None:
        """The first is counted with the request."""
        throttle = UploadThrottle()
        if place and not throttle.allow_request(request, self):
            raise Throttled(throttle.wait())


class AnalyseMeal(_Starting):
    @extend_schema(
        parameters=[KEY],
        request={"application/json": AnalyseInput, "multipart/form-data": AnalyseInput},
        responses={202: StartedSerializer, 404: OpenApiResponse(description="NOT_FOUND"), 422: REFUSED, **NO_ROOM},
        operation_id="workflows_meals_analyze",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Have a photo looked at; what came of it is its draft, `photos/{id}/draft`, whose id is in the run's result.

        While a photo is being looked at, its run is returned again.
        """
        wanted = AnalyseInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        meal = _meal(given["meal_id"], request) if "meal_id" in given else None
        sent = self.stored(request, [given["image"]], "image") if "image" in given else []
        photo = sent[0] if sent else own_photo(given["photo_id"], request.user)

        def write() -> Any:
            return StartedSerializer(analyses.analyse(photo, meal=meal, now=timezone.now())).data

        return answered_with(request, write, sent, status=status.HTTP_202_ACCEPTED)


class AnalyseBatch(_Starting):
    @extend_schema(
        parameters=[KEY],
        request={"application/json": BatchInput, "multipart/form-data": BatchInput},
        responses={202: BatchStartedSerializer, 404: OpenApiResponse(description="NOT_FOUND"), 422: REFUSED, **NO_ROOM},
        operation_id="workflows_meals_analyze_batch",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Have several photos looked at, in one run. Each becomes a draft; one that fails does not fail the others."""
        wanted = BatchInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        sent = self.stored(request, given["images"], "images.{place}") if "images" in given else []
        photos = sent or _own_photos(given["photo_ids"], request)

        def write() -> Any:
            return BatchStartedSerializer(analyses.analyse_batch(request.user, photos, now=timezone.now())).data

        return answered_with(request, write, sent, status=status.HTTP_202_ACCEPTED)


class DraftDetail(APIView):
    @extend_schema(responses={200: DraftSerializer, **NO_DRAFT}, operation_id="photos_draft")
    def get(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Response:
        """What may be on a photo, and what it does to the day. Nothing of it counts before it is confirmed."""
        draft = _draft(request, photo_id)
        lines = _lines(request, draft)
        statements = feedback_now(draft, ticked(lines))
        units = units_of_person(request.user)
        feedback = [
            {**each.kept(), "sentence": words.sentence} for each in statements for words in said([each], WORDS, units)
        ]
        context = {"lines": lines, "feedback": feedback}
        return Response(DraftSerializer(draft, context=context).data)

    @extend_schema(parameters=[KEY], responses={204: None, **NO_DRAFT}, operation_id="photos_draft_discard")
    @answered_once
    def delete(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Response:
        """Log nothing of it. The photo stays."""
        draft = _draft(request, photo_id)
        return answer_once(
            request, lambda: drafts.discard(draft, now=timezone.now()), status=status.HTTP_204_NO_CONTENT
        )


class DraftConfirm(APIView):
    @extend_schema(
        parameters=[KEY],
        request=ConfirmInput,
        responses={201: MealWrittenSerializer, 422: REFUSED, **NO_DRAFT, **FOODS_NOT_FOUND},
        operation_id="photos_draft_confirm",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Response:
        """Log what it was, and teach it to the recognition of your own photos. Once: a second time is a conflict."""
        draft = _draft(request, photo_id)
        wanted = ConfirmInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        day, meal = draft.place
        day, meal, time = given.get("date", day), given.get("name", meal), given.get("time", draft.time)
        if "items" in given:
            items = items_to_log(self, request, given["items"], at=time, path="items.{place}.")
        else:
            items = _ticked(request, draft)

        def write() -> Any:
            done = drafts.confirm(draft, items, day=day, meal=meal, time=time, now=timezone.now())
            return meal_written(done.items[0].meal, done)

        return answer_once(request, write, status=status.HTTP_201_CREATED)


# --- What they share --------------------------------------------------------------------------------------------
def _meal(meal_id: int, request: AuthenticatedApiRequest) -> Meal:
    return get_object_or_404(Meal.objects.owned_by(request.user), pk=meal_id)


def _own_photos(ids: Sequence[uuid.UUID], request: AuthenticatedApiRequest) -> list[Photo]:
    """In this order. Raises Http404, also for somebody else's."""
    there = {photo.uuid: photo for photo in Photo.objects.owned_by(request.user).filter(uuid__in=ids)}
    if there.keys() != set(ids):
        raise Http404
    return [there[each] for each in ids]


def _draft(request: AuthenticatedApiRequest, photo_id: uuid.UUID) -> Draft:
    """Raises Http404; StillLooking and LookFailed where that is why there is none."""
    draft = analyses.draft_of(own_photo(photo_id, request.user))
    if draft is None:
        raise Http404
    return draft


def _lines(request: AuthenticatedApiRequest, draft: Draft) -> list[Offered]:
    items = list(draft.items.select_related("product", "recipe"))
    return offered(request.user, items, preferred_languages(request))


def _ticked(request: AuthenticatedApiRequest, draft: Draft) -> list[NewItem]:
    lines = [line for line in _lines(request, draft) if line.ticked]
    found = [line.eaten.some(line.much.quantity, line.much.unit) for line in lines if line.eaten and line.much]
    if not found:
        raise Refused(_("Nothing of it is likely. Name the items."), field="items")
    return found
