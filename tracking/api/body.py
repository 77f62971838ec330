"""Weights, measurements and charts over HTTP."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.accounts.models import User
from dietintel.http import AuthenticatedApiRequest
from products.nutrients import NUTRIENTS
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.dates import clock_of
from tracking.errors import Refused
from tracking.models import Measurement, MeasurementKind, WeightEntry
from tracking.serializers.body import (
    ChartSerializer,
    KindChanges,
    KindInput,
    KindListSerializer,
    KindSerializer,
    MeasurementChanges,
    MeasurementInput,
    MeasurementListInput,
    MeasurementListSerializer,
    MeasurementSerializer,
    WeightChanges,
    WeightInput,
    WeightListSerializer,
    WeightSerializer,
    new_when,
)
from tracking.serializers.diary import RangeInput
from tracking.series import ONE_DAY
from tracking.services import body
from tracking.services.diary import EARLIEST, LATEST
from tracking.summaries import MOST_DAYS, history_of
from tracking.totals import SUMMED
from tracking.weights import weights_of

TAKEN = OpenApiResponse(description="CONFLICT: there is one of that minute already")
USUAL_DAYS = 30
Row = TypeVar("Row", bound=Model)


# --- Weight -----------------------------------------------------------------------------------------------------
class WeightList(APIView):
    @extend_schema(parameters=[RangeInput, *PARAMETERS], responses=WeightListSerializer, operation_id="weights_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Your weights with their trend, the latest first. Kilograms, whatever unit your pages show."""
        asked = RangeInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = _between(WeightEntry.objects.owned_by(request.user), asked.validated_data)
        found, cursor = page_of(rows, request, by=("day", "time"), descending=True)
        weighed = {each.entry.pk: each for each in weights_of(request.user)} if found else {}
        results = [weighed[entry.pk] for entry in found if entry.pk in weighed]
        return Response(WeightListSerializer({"results": results, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=WeightInput,
        responses={201: WeightSerializer, 409: TAKEN},
        operation_id="weights_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Write a weight down."""
        wanted = WeightInput(data=request.data)
        wanted.is_valid(raise_exception=True)

        def write() -> dict[str, Any]:
            values = new_when(wanted.validated_data, clock_of(request.user))
            return _weight(body.weigh(request.user, **values))

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class WeightDetail(APIView):
    @extend_schema(responses=WeightSerializer, operation_id="weights_read")
    def get(self, request: AuthenticatedApiRequest, weight_id: int) -> Response:
        return Response(_weight(_own_weight(request.user, weight_id)))

    @extend_schema(request=WeightChanges, responses={200: WeightSerializer, 409: TAKEN}, operation_id="weights_change")
    def patch(self, request: AuthenticatedApiRequest, weight_id: int) -> Response:
        """Change some of it."""
        entry, wanted = _own_weight(request.user, weight_id), WeightChanges(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(_weight(body.change_weight(entry, wanted.validated_data)))

    @extend_schema(responses={204: None}, operation_id="weights_delete")
    def delete(self, request: AuthenticatedApiRequest, weight_id: int) -> Response:
        _own_weight(request.user, weight_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _own_weight(user: User, pk: int) -> WeightEntry:
    entry = get_object_or_404(WeightEntry.objects.owned_by(user), pk=pk)
    entry.user = user
    return entry


def _weight(entry: WeightEntry) -> dict[str, Any]:
    weighed = next((each for each in weights_of(entry.user) if each.entry.pk == entry.pk), None)
    if weighed is None:  # deleted meanwhile
        raise Http404
    return dict(WeightSerializer(weighed).data)


def _between(rows: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
    columns = {"from": "day__gte", "to": "day__lte", "kind": "kind_id"}
    return rows.filter(**{columns[name]: value for name, value in asked.items()})


# --- Measurements -----------------------------------------------------------------------------------------------
class KindList(APIView):
    @extend_schema(parameters=PARAMETERS, responses=KindListSerializer, operation_id="measurement_kinds_list")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What you measure, by name."""
        found, cursor = page_of(MeasurementKind.objects.owned_by(request.user), request, by=["name"])
        return Response(KindListSerializer({"results": found, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=KindInput,
        responses={201: KindSerializer, 409: OpenApiResponse(description="CONFLICT: you measure that already")},
        operation_id="measurement_kinds_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Something new to measure, in a unit of your own."""
        wanted = KindInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        return answer_once(
            request,
            lambda: dict(KindSerializer(body.add_kind(request.user, **wanted.validated_data)).data),
            status=status.HTTP_201_CREATED,
        )


class KindDetail(APIView):
    @extend_schema(responses=KindSerializer, operation_id="measurement_kinds_read")
    def get(self, request: AuthenticatedApiRequest, kind_id: int) -> Response:
        return Response(KindSerializer(_own(MeasurementKind.objects.owned_by(request.user), kind_id)).data)

    @extend_schema(request=KindChanges, responses=KindSerializer, operation_id="measurement_kinds_change")
    def patch(self, request: AuthenticatedApiRequest, kind_id: int) -> Response:
        """Another name or unit; the values stay the numbers they are."""
        kind, wanted = _own(MeasurementKind.objects.owned_by(request.user), kind_id), KindChanges(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(KindSerializer(body.change_kind(kind, wanted.validated_data)).data)

    @extend_schema(responses={204: None}, operation_id="measurement_kinds_delete")
    def delete(self, request: AuthenticatedApiRequest, kind_id: int) -> Response:
        """All its values go with it."""
        _own(MeasurementKind.objects.owned_by(request.user), kind_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeasurementList(APIView):
    @extend_schema(
        parameters=[MeasurementListInput, *PARAMETERS],
        responses=MeasurementListSerializer,
        operation_id="measurements_list",
    )
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What you measured, the latest first."""
        asked = MeasurementListInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = _between(Measurement.objects.owned_by(request.user), asked.validated_data)
        found, cursor = page_of(rows, request, by=("day", "time", "pk"), descending=True)
        return Response(MeasurementListSerializer({"results": found, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=MeasurementInput,
        responses={201: MeasurementSerializer, 409: TAKEN},
        operation_id="measurements_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Write a value down. 404 where the kind is none of yours."""
        wanted = MeasurementInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = new_when(wanted.validated_data, clock_of(request.user))
        kind = _own(MeasurementKind.objects.owned_by(request.user), values.pop("kind"))
        kind.user = request.user
        return answer_once(
            request,
            lambda: dict(MeasurementSerializer(body.measure(kind, **values)).data),
            status=status.HTTP_201_CREATED,
        )


class MeasurementDetail(APIView):
    @extend_schema(responses=MeasurementSerializer, operation_id="measurements_read")
    def get(self, request: AuthenticatedApiRequest, measurement_id: int) -> Response:
        return Response(MeasurementSerializer(self._entry(request, measurement_id)).data)

    @extend_schema(
        request=MeasurementChanges,
        responses={200: MeasurementSerializer, 409: TAKEN},
        operation_id="measurements_change",
    )
    def patch(self, request: AuthenticatedApiRequest, measurement_id: int) -> Response:
        """Change some of it."""
        entry, wanted = self._entry(request, measurement_id), MeasurementChanges(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(MeasurementSerializer(body.change_measurement(entry, wanted.validated_data)).data)

    @extend_schema(responses={204: None}, operation_id="measurements_delete")
    def delete(self, request: AuthenticatedApiRequest, measurement_id: int) -> Response:
        self._entry(request, measurement_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _entry(self, request: AuthenticatedApiRequest, pk: int) -> Measurement:
        entry = _own(Measurement.objects.owned_by(request.user).select_related("kind"), pk)
        entry.kind.user = request.user
        return entry


def _own(rows: QuerySet[Row], pk: int) -> Row:
    return get_object_or_404(rows, pk=pk)


# --- Charts -----------------------------------------------------------------------------------------------------
class ChartDetail(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("nutrient", str, OpenApiParameter.PATH, enum=sorted(SUMMED)), RangeInput],
        responses=ChartSerializer,
        operation_id="charts_read",
    )
    def get(self, request: AuthenticatedApiRequest, nutrient: str) -> Response:
        """One nutrient, day by day: the last 30 days where none are named, at most ten years."""
        if nutrient not in SUMMED:
            raise Http404
        asked = RangeInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        today = clock_of(request.user).date()
        last = asked.validated_data.get("to", today)
        first = asked.validated_data.get("from") or max(EARLIEST, last) - (USUAL_DAYS - 1) * ONE_DAY
        if not EARLIEST <= first <= last <= LATEST or (last - first).days >= MOST_DAYS:
            raise Refused(_("Ask for one day to ten years, the first day first."), field="from")
        history = history_of(request.user, nutrient, first, last)
        means, mean = history.series.weekly_means(before=today), history.series.mean(before=today)
        days = [
            {
                "date": day,
                "value": each.value,
                "at_least": each.at_least,
                "mean_7": means[day].shown if day in means else None,
                "target": history.targets.get(day),
            }
            for day, each in history.series.inside().items()
        ]
        chart = {
            "nutrient": nutrient,
            "unit": NUTRIENTS[nutrient].unit,
            "first": first,
            "last": last,
            "mean": mean and mean.shown,
            "mean_at_least": bool(mean and mean.at_least),
            "days": days,
        }
        return Response(ChartSerializer(chart).data)
