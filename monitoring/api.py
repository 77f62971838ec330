"""Whether the service lives, and whether it is ready for requests."""

import dataclasses
from typing import Any, ClassVar

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from health_check.views import HealthCheckView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.authentication import SessionAuthentication, TokenAuthentication
from monitoring.access import IsMonitor, MonitorAuthentication


class MonitorView(APIView):
    authentication_classes = [MonitorAuthentication, TokenAuthentication, SessionAuthentication]
    permission_classes = [IsMonitor]


class Ping(MonitorView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="monitoring_ping")
    def get(self, request: Request) -> Response:
        """Liveness: the process answers. Nothing else is looked at."""
        return Response({"status": "ok"})


class Ready(MonitorView):
    @extend_schema(
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiResponse(description="Not migrated, or no database")},
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
