"""Runs over HTTP: how they are, what they were, and stopping them."""

import uuid
from typing import Any

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.models import User
from dietintel.http import AuthenticatedApiRequest
from workflows import engine, reading
from workflows.models import Run
from workflows.serializers import RunListSerializer, RunSerializer, StatisticsSerializer
from workflows.states import RunState

PAGE, MOST = 20, 100


def own_run(run_id: uuid.UUID, user: User) -> Run:
    """Raises Http404, also for somebody else's."""
    run = Run.objects.owned_by(user).filter(uuid=run_id).first()
    if run is None:
        raise Http404
    return run


class RunStatus(APIView):
    @extend_schema(responses=RunSerializer, operation_id="workflows_status")
    def get(self, request: AuthenticatedApiRequest, run_id: uuid.UUID) -> Response:
        """One of your runs, with every step, its tries and the reason it waits."""
        (shown,) = reading.shown([own_run(run_id, request.user)], now=timezone.now())
        return Response(RunSerializer(shown).data)


class RunCancel(APIView):
    @extend_schema(
        responses={200: RunSerializer, 409: OpenApiResponse(description="WORKFLOW_ENDED: it has ended already")},
        operation_id="workflows_cancel",
    )
    def delete(self, request: AuthenticatedApiRequest, run_id: uuid.UUID) -> Response:
        """Stop a run: nothing new begins, and what runs is stopped within seconds."""
        run = engine.cancel(own_run(run_id, request.user), by=request.user.get_username(), now=timezone.now())
        (shown,) = reading.shown([run], now=timezone.now())
        return Response(RunSerializer(shown).data)


class RunRetry(APIView):
    @extend_schema(
        request=None,
        responses={200: RunSerializer, 409: OpenApiResponse(description="NOTHING_TO_RETRY")},
        operation_id="workflows_retry",
    )
    def post(self, request: AuthenticatedApiRequest, run_id: uuid.UUID) -> Response:
        """Go on with a run from where it broke; what is done is not done again."""
        run = engine.retry(own_run(run_id, request.user), by=request.user.get_username(), now=timezone.now())
        (shown,) = reading.shown([run], now=timezone.now())
        return Response(RunSerializer(shown).data)


class RunListInput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=RunState.choices, required=False)
    workflow = serializers.CharField(max_length=60, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=PAGE)
    cursor = serializers.UUIDField(required=False, help_text="`next_cursor` of the page before")


class RunList(APIView):
    @extend_schema(
        parameters=[RunListInput, OpenApiParameter("status", str, enum=RunState.values)],
        responses=RunListSerializer,
        operation_id="workflows_list",
    )
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Your runs, the newest first."""
        wanted = RunListInput(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        runs = Run.objects.owned_by(request.user).order_by("-created_at", "-pk")
        if "status" in given:
            runs = runs.filter(state=given["status"])
        if "workflow" in given:
            runs = runs.filter(workflow=given["workflow"])
        if "cursor" in given:
            last = own_run(given["cursor"], request.user)
            runs = runs.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk))
        page = list(runs[: given["limit"] + 1])
        found = reading.shown(page[: given["limit"]], now=timezone.now())
        more = found[-1].run.uuid if len(page) > given["limit"] else None
        return Response(RunListSerializer({"results": found, "next_cursor": more}).data)


class RunStatistics(APIView):
    @extend_schema(responses=StatisticsSerializer, operation_id="workflows_stats")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Your runs, counted by state and by workflow."""
        return Response(StatisticsSerializer(reading.statistics(user=request.user)).data)
