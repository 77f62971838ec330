"""Versions of what recognition learned of one's own photos, over HTTP."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.http import AuthenticatedApiRequest
from tracking.api.writing import KEY, answered_once
from tracking.models import Recogniser
from tracking.services import recognisers
from workflows.serializers import StartedSerializer


class FiguresSerializer(serializers.Serializer[Any]):
    """How it did on photos that were held out."""

    photos = serializers.IntegerField(help_text="That were held out; each was asked about twice")
    right = serializers.IntegerField(help_text="Whose meal was its first guess")
    sure = serializers.IntegerField(help_text="Of these, so sure that nobody need be asked")
    wrong_sure = serializers.IntegerField(help_text="Sure answers that were wrong, of twice as many questions")
    log_loss = serializers.FloatField(help_text="Smaller is better")


class RecogniserSerializer(serializers.Serializer[Recogniser]):
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Recogniser.State.choices)
    created_at = serializers.DateTimeField()
    learned_from = serializers.IntegerField(
        source="figures.learned_from", allow_null=True, default=None, help_text="Photos; null: not evaluated yet"
    )
    figures = serializers.SerializerMethodField()
    before = serializers.SerializerMethodField(help_text="Of what was in use then, on the same photos")

    @extend_schema(responses=FiguresSerializer(allow_null=True))
    def get_figures(self, row: Recogniser) -> dict[str, Any] | None:
        return FiguresSerializer(row.figures).data if row.figures else None

    def get_before(self, row: Recogniser) -> dict[str, Any] | None:
        return FiguresSerializer(row.figures["before"]).data if row.figures else None


class RecogniserListSerializer(serializers.Serializer[Any]):
    results = RecogniserSerializer(many=True)


def _listed(request: AuthenticatedApiRequest) -> dict[str, Any]:
    rows = Recogniser.objects.owned_by(request.user).defer("weights").order_by("-version")
    return RecogniserListSerializer({"results": rows}).data


class RecogniserList(APIView):
    @extend_schema(responses=RecogniserListSerializer, operation_id="recognisers_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What was learned from your photos, the newest version first. At most one is active."""
        return Response(_listed(request))


class RecogniserTrain(APIView):
    @extend_schema(
        parameters=[KEY],
        request=None,
        responses={202: StartedSerializer, 422: OpenApiResponse(description="Too few confirmed photos")},
        operation_id="recognisers_train",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Learn from your confirmed photos. The run that is under way already, where there is one."""

        def write() -> dict[str, Any]:
            run = recognisers.start_training(user=request.user, now=timezone.now())
            return StartedSerializer(run).data

        return answer_once(request, write, status=status.HTTP_202_ACCEPTED)


class RecogniserActivate(APIView):
    @extend_schema(
        parameters=[KEY],
        request=None,
        responses={200: RecogniserListSerializer, 409: OpenApiResponse(description="It cannot be used")},
        operation_id="recognisers_activate",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, version: int) -> Response:
        """Take an earlier version into use again; 0 for none, which is recognition without training."""
        if version:
            get_object_or_404(Recogniser.objects.owned_by(request.user).defer("weights"), version=version)

        def write() -> dict[str, Any]:
            recognisers.activate(user=request.user, version=version, by=request.user.get_username())
            return _listed(request)

        return answer_once(request, write, status=status.HTTP_200_OK)
