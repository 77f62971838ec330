"""The figures over HTTP: /metrics for Prometheus, monitoring/metrics as JSON."""

import dataclasses
import time
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from dietintel import http_metrics
from dietintel.gateway.overview import Overview, cache_by_provider, configured, overview
from dietintel.gateway.policy import to_us
from monitoring.api import MonitorView
from monitoring.metrics import collector, runs
from monitoring.metrics.system import Machine
from workflows import figures, reading
from workflows.states import ENDED_RUN, Outcome


class OneFormat(BaseContentNegotiation):
    """Whatever the caller accepts: there is nothing to choose from."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class Prometheus(MonitorView):
    content_negotiation_class = OneFormat

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """In Prometheus's text format."""
        return HttpResponse(collector.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Metrics(MonitorView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="monitoring_metrics")
    def get(self, request: Request) -> Response:
        """System, queue, runs, HTTP, providers and cache at this moment. Prometheus finds more at /metrics.

        `http` counts since the web server started, `runs`, `gateway` and `cache` since the beginning.
        """
        operations = overview(configured(), now=to_us(time.time()), history=False)
        return Response(
            {
                "system": _system(),
                "queue": reading.lanes(now=timezone.now()),
                "runs": _runs(),
                "http": _http(),
                "gateway": _gateway(operations),
                "cache": {
                    name: {**dataclasses.asdict(each), "hit_ratio": each.hit_ratio}
                    for name, each in cache_by_provider(operations).items()
                },
            }
        )


def _system() -> dict[str, Any]:
    machine = Machine.seen()
    return {
        "cpu": {"ratio": round(machine.cpu_ratio, 3)},
        "memory": {"used_bytes": machine.memory_used, "total_bytes": machine.memory_total},
        "disk": {"free_bytes": machine.disk_free, "total_bytes": machine.disk_total},
    }


def _runs() -> dict[str, int]:
    counted = runs.all_counted()
    names = [*(state.value for state in ENDED_RUN), figures.DEGRADED]
    found = {name: sum(events.get(name, 0) for key, events in counted.items() if "." not in key) for name in names}
    return {**found, "lost": runs.total(counted, Outcome.LOST), "fenced": runs.total(counted, figures.REFUSED)}


def _http() -> dict[str, Any]:
    seen = http_metrics.seen()
    quantiles = {"p50_ms": seen.p50_s, "p95_ms": seen.p95_s, "p99_ms": seen.p99_s}
    in_ms = {name: None if value is None else round(value * 1000, 1) for name, value in quantiles.items()}
    return {"count": seen.count, "errors": seen.errors, **in_ms}


def _gateway(operations: list[Overview]) -> dict[str, dict[str, Any]]:
    """Provider → operation → figures."""
    told: dict[str, dict[str, Any]] = {}
    for each in operations:
        told.setdefault(each.provider, {})[each.operation] = {
            "state": each.state,
            "tokens": each.tokens,
            "cooldown_s": each.cooldown_s,
            "failed": each.failed,
            "calls": each.calls,
            "requests": each.requests,
            "retries": each.retries,
            "rejected": each.rejected,
        }
    return told
