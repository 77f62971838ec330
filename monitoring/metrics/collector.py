"""Everything that /metrics tells, in Prometheus's text format."""

import logging
from collections.abc import Iterator

from django.db import Error as DatabaseTrouble
from django.utils import timezone
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dietintel import http_metrics
from monitoring.metrics import gateway, health, runs, system

log = logging.getLogger(__name__)


class Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from system.families()
        yield from http_metrics.families()
        kept = _kept()
        yield GaugeMetricFamily(
            "dietintel_database_up", "Whether the figures in the database could be read", value=float(bool(kept))
        )
        yield from kept


def _kept() -> list[Metric]:
    """What lives in the database; nothing while it is away: then the other figures are what is wanted most."""
    now = timezone.now()
    try:
        return [*gateway.families(), *runs.families(now=now), *health.families(now=now)]
    except DatabaseTrouble as error:
        log.error("the database does not give its figures: %s", error)
        return []


def exposition() -> bytes:
    """Up to nine queries. Never raises for want of a database."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return generate_latest(registry)
