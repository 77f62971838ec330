"""Whether the service lives, whether it is ready for requests, and how it is."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from health_check.views import HealthCheckView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.authentication import SessionAuthentication, TokenAuthentication
from monitoring.access import IsMonitor, MonitorAuthentication
from monitoring.health import snapshot
from monitoring.health.conditions import Status
from monitoring.health.watched import all_watched


class MonitorView(APIView):
    authentication_classes = [MonitorAuthentication, TokenAuthentication, SessionAuthentication]
    permission_classes = [IsMonitor]


class Ping(MonitorView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="monitoring_ping")
    def get(self, request: Request) -> Response:
        """Liveness: the process answers. Nothing else is looked at."""
        return Response({"status": "ok"})


class CheckShownSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField([each.value for each in Status])
    message = serializers.CharField()
    response_time_ms = serializers.FloatField()
    checked_at = serializers.DateTimeField()
    details = serializers.DictField(help_text="Figures; words too, for staff")


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    message = serializers.CharField(help_text="In one sentence: what is wrong")
    timestamp = serializers.DateTimeField(allow_null=True, help_text="When it was measured; null: never")
    checks = serializers.DictField(child=CheckShownSerializer())


class Health(MonitorView):
    @extend_schema(
        responses={200: HealthSerializer, 503: OpenApiResponse(HealthSerializer, "Unhealthy, or nobody is measuring")},
        operation_id="monitoring_health",
    )
    def get(self, request: Request) -> Response:
        """How the service is: healthy, degraded or unhealthy. From the last measurement, so it is quick."""
        found = snapshot.read()
        return Response(health_body(found, words=_for_staff(request)), status=_http_status(found.status))


class HealthOf(MonitorView):
    @extend_schema(
        responses={200: CheckShownSerializer, 404: OpenApiResponse(description="NOT_FOUND"),
                   503: OpenApiResponse(CheckShownSerializer, "Unhealthy, or nobody is measuring")},
        operation_id="monitoring_health_check",
    )  # fmt: skip
    def get(self, request: Request, check: str) -> Response:
        """How one part of the service is."""
        found = snapshot.read()
        if check not in found.checks:
            if check in all_watched():
                body = {"status": Status.UNHEALTHY, "message": found.message if found.stale else "Not measured yet."}
                return Response(body, status=503)
            raise Http404
        body = check_body(found.checks[check], words=_for_staff(request))
        if found.stale:
            body |= {"status": Status.UNHEALTHY, "message": found.message}
        return Response(body, status=_http_status(body["status"]))


def health_body(found: snapshot.Snapshot, *, words: bool) -> dict[str, Any]:
    """As the API and the command with `--json` say it. `words`: whether details are more than figures."""
    return {
        "status": found.status,
        "message": found.message,
        "timestamp": found.at,
        "checks": {name: check_body(each, words=words) for name, each in found.checks.items()},
    }


def check_body(check: Mapping[str, Any], *, words: bool) -> dict[str, Any]:
    """Words in details name hosts, paths and errors, of which an outsider could make use."""
    shown = {name: check[name] for name in ("status", "message", "response_time_ms", "checked_at")}
    return {**shown, "details": {k: v for k, v in check["details"].items() if words or not isinstance(v, str)}}


def _for_staff(request: Request) -> bool:
    return bool(request.user and request.user.is_staff)


def _http_status(status: str) -> int:
    return 503 if status == Status.UNHEALTHY else 200


class Ready(MonitorView):
    @extend_schema(
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiResponse(OpenApiTypes.OBJECT, "Not migrated, or no database")},
        operation_id="monitoring_ready",
    )
    def get(self, request: Request) -> HttpResponse:
        """Readiness: the database answers and has every migration. Checked live."""
        response: HttpResponse = async_to_sync(_readiness)(request._request)
        return response


@dataclasses.dataclass
class Migrations(HealthCheck):
    """Every migration is applied."""

    _applied: ClassVar[bool] = False  # once applied they stay so; looking takes some milliseconds

    async def run(self) -> None:
        # On the request's own thread: in tests and on SQLite another thread is another connection.
        if not Migrations._applied:
            await sync_to_async(self._look)()

    def _look(self) -> None:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise ServiceUnavailable("migrations are missing: run manage.py migrate")
        Migrations._applied = True


class Readiness(HealthCheckView):
    checks = ["health_check.Database", Migrations]

    async def get(self, request: Any, *args: Any, **kwargs: Any) -> JsonResponse:
        results = [await check.get_result() for check in self.get_checks()]
        checks = {
            each.check.labels["check"].lower(): str(each.error.message) if each.error else "ok" for each in results
        }
        bad = any(each.error and not isinstance(each.error, ServiceWarning) for each in results)
        return JsonResponse({"status": "unavailable" if bad else "ready", "checks": checks}, status=503 if bad else 200)


_readiness = Readiness.as_view()
