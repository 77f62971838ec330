"""What weeks showed, over HTTP."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.http import AuthenticatedApiRequest
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.dates import today_of
from tracking.insights.words import sentences
from tracking.models import Insight
from tracking.runs.insights import begin
from tracking.serializers.insights import InsightListSerializer, InsightSerializer, WeekInput
from tracking.services.insights import is_outdated, whole_week
from tracking.statements import Statement
from tracking.units import Units, units_of_person
from workflows.serializers import StartedSerializer


class InsightsWeekly(APIView):
    @extend_schema(
        parameters=[KEY],
        request=WeekInput,
        responses={202: StartedSerializer, 422: OpenApiResponse(description="The week is not over yet")},
        operation_id="workflows_insights_weekly",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Look back on a week. Where that is being done already, it is the same run that is answered."""
        wanted = WeekInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        week = whole_week(wanted.validated_data["week"], today=today_of(request.user))

        def write() -> dict[str, Any]:
            return dict(StartedSerializer(begin(request.user, week, now=timezone.now())).data)

        return answer_once(request, write, status=status.HTTP_202_ACCEPTED)


class InsightList(APIView):
    @extend_schema(parameters=PARAMETERS, responses=InsightListSerializer, operation_id="insights")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """The weeks that were looked back on, the newest first."""
        rows = Insight.objects.owned_by(request.user)
        found, cursor = page_of(rows, request, by=["week"], descending=True)
        return Response(InsightListSerializer({"results": found, "next_cursor": cursor}).data)


class InsightDetail(APIView):
    @extend_schema(responses=InsightSerializer, operation_id="insights_week")
    def get(self, request: AuthenticatedApiRequest, monday: str) -> Response:
        """One week: what it showed in words, and the figures behind that."""
        insight = _own(request, monday)
        units = units_of_person(request.user)
        shown = {
            "figures": None,
            "week": insight.week,
            "created_at": insight.created_at,
            "outdated": is_outdated(insight),
            "suggestions": _told(insight.suggestions, units),
            "findings": _told(insight.findings, units),
        }
        # The figures as they were kept: another version may have kept others than are described.
        return Response({**InsightSerializer(shown).data, "figures": insight.figures})


def _own(request: AuthenticatedApiRequest, monday: str) -> Insight:
    """Raises Http404, also for somebody else's."""
    try:
        week = dt.date.fromisoformat(monday)
    except ValueError as error:
        raise Http404 from error
    insight = Insight.objects.owned_by(request.user).filter(week=week).first()
    if insight is None:
        raise Http404
    insight.user = request.user
    return insight


def _told(kept: Iterable[Mapping[str, Any]], units: Units) -> list[dict[str, Any]]:
    """Those that have words; of another version's, the others have none any more."""
    found = []
    for each in kept:
        for said in sentences([Statement.of(each)], units):
            found.append({**each, "sentence": said.sentence})
    return found
