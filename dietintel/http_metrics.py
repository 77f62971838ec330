"""Counts and durations of the web server's own answers, since it started. Prometheus's library keeps them in memory.

Several web processes (WEB_WORKERS) write them into files of one folder, so that whichever is asked tells for all.
"""

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

from dietintel.http import CATEGORIES, GetResponse

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the library's own variable: where processes put their counts together
METRICS_PATH = "/metrics"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NOWHERE = "(none)"  # what was refused before its address was looked up, and addresses that are not ours
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

# When each series began: nobody asks, and it makes the text a quarter longer.
disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()
REQUESTS = Counter("dietintel_http_requests", "Requests answered", ["method", "route", "status"], registry=_registry)
DURATION = Histogram(
    "dietintel_http_request_duration_seconds",
    "From the request's arrival to its answer",
    ["route"],
    buckets=BOUNDS_S,
    registry=_registry,
)
ERRORS = Counter(
    "dietintel_errors", "Answers that were errors, as the API calls them", ["category"], registry=_registry
)


def share() -> None:
    """For `serve`, before it starts several web processes: makes their folder, empty of what the last ones left."""
    folder = settings.DATA_DIR / f"web-metrics-{settings.PORT}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED] = str(folder)  # which they inherit


class HttpMetricsMiddleware:
    """Counts every answer but those of static files and of /metrics itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        for category in (*CATEGORIES.values(), "workflow"):
            ERRORS.labels(category)  # told as 0: a counter that appears with 1 hides its first increase

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        if request.path != METRICS_PATH and not request.path.startswith(settings.STATIC_URL):
            _count(request, response, time.perf_counter() - began)
        return response


def _count(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    match = request.resolver_match
    route = match.route if match else NOWHERE  # the pattern: an address has ids in it, and there is no end of them
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(method, route, response.status_code).inc()
    DURATION.labels(route).observe(seconds)
    if response.status_code >= 400:
        ERRORS.labels(_category(response)).inc()


def _category(response: HttpResponse) -> str:
    data: Any = getattr(response, "data", None)
    try:
        return str(data["error"]["category"])  # what the API said; it knows more than the status
    except (TypeError, LookupError):
        return CATEGORIES.get(response.status_code, "internal" if response.status_code >= 500 else "validation")


# --- Reading ----------------------------------------------------------------------------------------------------
def families() -> Iterable[Metric]:
    """For Prometheus."""
    if SHARED in os.environ:
        # Its annotations say that it wants a registry; it only registers itself there.
        return MultiProcessCollector(None).collect()  # type: ignore[no-any-return, no-untyped-call]
    return _registry.collect()


@dataclass(frozen=True)
class Seen:
    """Since the web server started. Quantiles are seconds, read from buckets; None while nothing was answered."""

    count: int
    errors: dict[str, int]
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


def seen() -> Seen:
    """All routes together."""
    count, errors, buckets = 0.0, {}, defaultdict[float, float](float)
    for sample in (sample for family in families() for sample in family.samples):
        if sample.name == "dietintel_http_requests_total":
            count += sample.value
        elif sample.name == "dietintel_errors_total":
            errors[sample.labels["category"]] = int(sample.value)
        elif sample.name == "dietintel_http_request_duration_seconds_bucket":
            buckets[float(sample.labels["le"])] += sample.value
    counted = sorted(buckets.items())
    return Seen(int(count), errors, *(quantile(share, counted) for share in (0.5, 0.95, 0.99)))


def quantile(share: float, counted: list[tuple[float, float]]) -> float | None:
    """As Prometheus's histogram_quantile: linear within the bucket. `counted`: (bound, so many took at most that).

    The highest finite bound where it lies beyond; None without any.
    """
    if not counted or not counted[-1][1]:
        return None
    rank = share * counted[-1][1]
    for (low, below), (high, upto) in pairwise(_with_start(counted)):
        if upto >= rank:
            return low if high == float("inf") else low + (high - low) * (rank - below) / (upto - below)
    return None


def _with_start(counted: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    yield 0.0, 0.0
    yield from counted
