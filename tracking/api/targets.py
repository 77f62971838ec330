"""Profile, targets and energy spent, over HTTP."""

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.http import AuthenticatedApiRequest
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.dates import today_of
from tracking.energy import need_kcal
from tracking.expenditure import Expenditure, Missing, sentence_of, window
from tracking.models import Target
from tracking.needs import expenditure_of, person_of
from tracking.serializers.targets import (
    ExpenditureSerializer,
    ProfileChangesSerializer,
    ProfileSerializer,
    TargetInput,
    TargetListSerializer,
    TargetOfDaySerializer,
    TargetSerializer,
)
from tracking.services import targets as services
from tracking.targets import targets_between


def _as_json(target: Target) -> dict[str, Any]:
    return dict(TargetSerializer(target).data)


class ProfileDetail(APIView):
    @extend_schema(responses=ProfileSerializer, operation_id="profile")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Who you are, as far as you said."""
        return Response(ProfileSerializer(services.profile_of(request.user)).data)

    @extend_schema(request=ProfileChangesSerializer, responses=ProfileSerializer, operation_id="profile_change")
    def patch(self, request: AuthenticatedApiRequest) -> Response:
        """Change some of it."""
        wanted = ProfileChangesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changed = services.save_profile(request.user, wanted.validated_data, today=today_of(request.user))
        return Response(ProfileSerializer(changed).data)


class TargetList(APIView):
    @extend_schema(parameters=PARAMETERS, responses=TargetListSerializer, operation_id="targets")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """All targets, the latest first."""
        rows = Target.objects.owned_by(request.user).prefetch_related("days")
        found, cursor = page_of(rows, request, by=["starts_on"], descending=True)
        return Response(TargetListSerializer({"results": found, "next_cursor": cursor}).data)

    @extend_schema(
        parameters=[KEY],
        request=TargetInput,
        responses={201: TargetSerializer, 422: OpenApiResponse(description="Wrong values, or not a safe target")},
        operation_id="targets_create",
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Aim for this from a day on. It takes the place of a target that starts on the same day; all others stay."""
        wanted = TargetInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        today = today_of(request.user)

        def write() -> dict[str, Any]:
            starts_on = wanted.validated_data.get("starts_on", today)
            return _as_json(services.set_target(request.user, starts_on=starts_on, today=today, **wanted.entered()))

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class TargetDetail(APIView):
    @extend_schema(responses=TargetSerializer, operation_id="targets_one")
    def get(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        return Response(_as_json(self._target(request, pk)))

    @extend_schema(responses={204: None}, operation_id="targets_delete")
    def delete(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Forget it: its days are judged by the target before it."""
        self._target(request, pk).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _target(self, request: AuthenticatedApiRequest, pk: int) -> Target:
        return get_object_or_404(Target.objects.owned_by(request.user).prefetch_related("days"), pk=pk)


class TargetOfDay(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("date", dt.date, description="Otherwise today, by the person's clock")],
        responses=TargetOfDaySerializer,
        operation_id="targets_of_day",
    )
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What one day is judged by: the target that was in force then, in kcal and grams."""
        text = request.query_params.get("date")
        try:
            date = serializers.DateField().run_validation(text) if text is not None else today_of(request.user)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"date": error.detail}) from error
        target = targets_between(request.user, date, date).get(date)
        return Response(TargetOfDaySerializer({"date": date, "target": target}).data)


class ExpenditureDetail(APIView):
    @extend_schema(responses=ExpenditureSerializer, operation_id="expenditure")
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """What you spend a day: by your diary of the last 28 days, and by the formula."""
        today = today_of(request.user)
        spent = expenditure_of(request.user, today)
        person = person_of(services.profile_of(request.user), today)
        first, last = window(today)
        shown = {
            "first": first,
            "last": last,
            "diary": spent if isinstance(spent, Expenditure) else None,
            "missing": asdict(spent) | {"message": sentence_of(spent)} if isinstance(spent, Missing) else None,
            "formula": need_kcal(person),
            "formula_missing": person.missing,
        }
        return Response(ExpenditureSerializer(shown).data)
