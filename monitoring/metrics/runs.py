"""Runs: what ended and how from the engine's own counters, what waits from the steps that are ready now."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping

from django.db.models import Count, Min
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitoring.metrics.building import histogram
from workflows import figures, registry
from workflows.models import Counter, Step
from workflows.states import ENDED_RUN, Outcome, Priority, StepState

PREFIX = "dietintel_workflow_"
STEP = ["workflow", "step"]
OUTCOMES = [outcome.value for outcome in Outcome if outcome not in {Outcome.OPEN, Outcome.REPLACED}]
Counted = Mapping[str, Mapping[str, int]]


def families(*, now: dt.datetime) -> Iterator[Metric]:
    """Two queries, however many runs there were."""
    counted = all_counted()
    steps = {key: events for key, events in counted.items() if "." in key}
    yield from _runs({key: events for key, events in counted.items() if "." not in key})
    yield from _steps(steps)
    yield from _waiting(now)


def all_counted() -> Counted:
    """By workflow or "workflow.step", then by event. Every workflow that there is has an entry."""
    counted: dict[str, dict[str, int]] = defaultdict(dict, {each.name: {} for each in registry.all_workflows()})
    for key, event, value in Counter.objects.order_by("key", "event").values_list("key", "event", "value"):
        counted[key][event] = value
    return counted


def total(counted: Counted, event: str) -> int:
    return sum(events.get(event, 0) for events in counted.values())


def _runs(counted: Counted) -> Iterator[Metric]:
    ended = CounterMetricFamily(f"{PREFIX}runs", "Runs that ended, by how", labels=["workflow", "state"])
    degraded = CounterMetricFamily(f"{PREFIX}degraded", "Runs completed with doubts", labels=["workflow"])
    for workflow, events in counted.items():
        for state in ENDED_RUN:
            ended.add_metric([workflow, state.value], events.get(state.value, 0))
        degraded.add_metric([workflow], events.get(figures.DEGRADED, 0))
    rows = [([workflow], events) for workflow, events in counted.items()]
    about = "From a run's first claim to its end"
    yield from (ended, degraded)
    yield histogram(f"{PREFIX}run_duration_seconds", about, ["workflow"], figures.RUN_TOOK, rows)


def _steps(counted: Counted) -> Iterator[Metric]:
    attempts = CounterMetricFamily(f"{PREFIX}step_attempts", "Attempts that ended, by how", labels=[*STEP, "outcome"])
    for key, events in counted.items():
        for outcome in OUTCOMES:
            attempts.add_metric([*key.split("."), outcome], events.get(outcome, 0))
    yield attempts
    yield CounterMetricFamily(f"{PREFIX}lost", "Attempts whose worker died", value=total(counted, Outcome.LOST))
    yield CounterMetricFamily(
        f"{PREFIX}fenced", "Late reports that were not believed", value=total(counted, figures.REFUSED)
    )
    rows = [(key.split("."), events) for key, events in counted.items()]
    yield histogram(f"{PREFIX}step_duration_seconds", "How long attempts took", STEP, figures.STEP_TOOK, rows)


def _waiting(now: dt.datetime) -> Iterator[Metric]:
    due = Step.objects.filter(state=StepState.READY, not_before__lte=now)
    lanes = due.order_by().values_list("run__priority").annotate(Count("pk"), Min("not_before"))
    found = {priority: (count, since) for priority, count, since in lanes}
    ready = GaugeMetricFamily(f"{PREFIX}ready_steps", "Steps that wait for a worker", labels=["priority"])
    for priority in Priority:
        ready.add_metric([priority.name.lower()], found.get(priority, (0, now))[0])
    oldest = min((since for _count, since in found.values()), default=now)
    yield ready
    yield GaugeMetricFamily(
        f"{PREFIX}oldest_ready_seconds", "How long the oldest of them has waited", value=(now - oldest).total_seconds()
    )
