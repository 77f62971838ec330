"""Days over HTTP: what was eaten, what it adds up to, and what is left of the target."""

import datetime as dt
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.http import AuthenticatedApiRequest
from tracking.dates import today_of
from tracking.errors import Refused
from tracking.serializers.diary import MOST_DAYS, DayListSerializer, DaySerializer, RangeInput
from tracking.services.diary import EARLIEST, LATEST
from tracking.summaries import day_of, totals_between
from tracking.targets import targets_between

WEEK = dt.timedelta(days=6)


class DayDetail(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("date", str, OpenApiParameter.PATH, description="2026-03-02, or `today`")],
        responses=DaySerializer,
        operation_id="days_read",
    )
    def get(self, request: AuthenticatedApiRequest, date: str) -> Response:
        """A day of the diary: meals with their items, sums, target and what is left of it."""
        day = day_of(request.user, today_of(request.user) if date == "today" else _date(date))
        return Response(DaySerializer(day).data)


class DayList(APIView):
    @extend_schema(parameters=[RangeInput], responses=DayListSerializer, operation_id="days_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What each day with anything in it adds up to: at most 400 days, the last seven where none are named."""
        asked = RangeInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        first, last = _range(asked.validated_data, today=today_of(request.user))
        targets = targets_between(request.user, first, last)
        sums = totals_between(request.user, first, last)
        rows = [{"date": date, "totals": totals, "target": targets.get(date)} for date, totals in sums.items()]
        return Response(DayListSerializer({"results": rows, "next_cursor": None}).data)


def _date(text: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError as error:
        raise Http404 from error
    if not EARLIEST <= date <= LATEST:
        raise Http404
    return date


def _range(asked: dict[str, Any], *, today: dt.date) -> tuple[dt.date, dt.date]:
    """Raises Refused."""
    last: dt.date = min(max(asked.get("to", max(today, asked.get("from", today))), EARLIEST), LATEST)
    first: dt.date = min(max(asked.get("from", last - WEEK), EARLIEST), LATEST)
    if first > last:
        raise Refused(_("The first day is after the last."), field="from")
    if (last - first).days >= MOST_DAYS:
        raise Refused(_("Ask for at most %(most)d days at once.") % {"most": MOST_DAYS}, field="from")
    return first, last
