"""What the watch found, and what was done about it."""

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitoring.health.conditions import Status
from monitoring.models import Check, HealAttempt

VALUES = {Status.HEALTHY: 1.0, Status.DEGRADED: 0.5, Status.UNHEALTHY: 0.0}


def families(*, now: dt.datetime) -> Iterator[Metric]:
    """Two queries."""
    status = GaugeMetricFamily(
        "dietintel_health_status", "1 healthy, 0.5 degraded, 0 unhealthy; absent while disabled", labels=["check"]
    )
    exhausted = GaugeMetricFamily(
        "dietintel_health_exhausted", "1 where nothing more is tried: a person is needed", labels=["check"]
    )
    checks = list(Check.objects.only("name", "status", "exhausted", "checked_at"))
    for check in checks:
        if Status(check.status) in VALUES:
            status.add_metric([check.name], VALUES[Status(check.status)])
        exhausted.add_metric([check.name], float(check.exhausted))
    yield from (status, exhausted)
    if checks:
        age_s = (now - max(check.checked_at for check in checks)).total_seconds()
        yield GaugeMetricFamily("dietintel_health_age_seconds", "Since anything was checked", value=max(0.0, age_s))
    yield _heals({check.name for check in checks})


def _heals(checks: set[str]) -> Metric:
    # No cleaning deletes these rows; one that did would make the counter shrink.
    heals = CounterMetricFamily(
        "dietintel_health_heals", "Remedies tried, by what came of it", labels=["check", "outcome"]
    )
    rows = HealAttempt.objects.order_by().values_list("check_name", "outcome").annotate(Count("pk"))
    tried = {(check, outcome): times for check, outcome, times in rows}
    for check in sorted(checks | {check for check, _outcome in tried}):
        for outcome in HealAttempt.Outcome.values:
            heals.add_metric([check, outcome], tried.get((check, outcome), 0))
    return heals
