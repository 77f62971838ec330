"""Calls to providers: counters from their rows, the rest from what admin and API show too."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from dietintel.gateway import figures
from dietintel.gateway.classify import Outcome
from dietintel.gateway.errors import BY_REASON
from dietintel.gateway.models import Counter
from dietintel.gateway.overview import OUTCOMES, REJECTED, Overview, configured, overview
from dietintel.gateway.policy import State, to_us
from monitoring.metrics.building import histogram

PREFIX = "dietintel_gateway_"
WHERE = ["provider", "operation"]
CACHE_EVENTS = {
    "cache_hit": "hit",
    "cache_negative_hit": "negative_hit",
    "cache_miss": "miss",
    "cache_stale": "stale_error",
    "cache_joined": "joined",
}
RETRIED = {event: "success" if answered else "failure" for answered, event in figures.RETRIED.items()}
# A token that was refused is asked for anew, and the call sent again.
RETRIED_AFTER = [each.value for each in Outcome if each.worth_retrying or each is Outcome.AUTH]
STATES = [state.name.lower() for state in State]
REASONS = [reason for reason in BY_REASON if reason not in OUTCOMES]


def families() -> Iterator[Metric]:
    """Three queries, however long the history is."""
    operations = overview(configured(), now=to_us(time.time()), history=False)
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for key, event, value in Counter.objects.values_list("key", "event", "value"):
        counted[key][event] = value
    by_key = {each.key: counted[each.key] for each in operations}
    yield from _counters(by_key)
    yield from _durations(by_key)
    yield from _gauges(operations)


def _counters(counted: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    # What never happened is told as 0: of a counter that appears with 1, Prometheus does not see the increase.
    requests = CounterMetricFamily(
        f"{PREFIX}requests", "Attempts sent, by what came of them", labels=[*WHERE, "outcome"]
    )
    rejected = CounterMetricFamily(f"{PREFIX}rejected", "Attempts not sent, by reason", labels=[*WHERE, "reason"])
    retries = CounterMetricFamily(
        f"{PREFIX}retries", "Attempts that repeated another, by what had come of it", labels=[*WHERE, "reason"]
    )
    retried = CounterMetricFamily(
        f"{PREFIX}retried_calls", "Calls sent more than once, by how they ended", labels=[*WHERE, "outcome"]
    )
    cache = CounterMetricFamily(
        f"{PREFIX}cache_events", "Questions to the cache, by how it met them", labels=[*WHERE, "event"]
    )
    changes = CounterMetricFamily(
        f"{PREFIX}circuitbreaker_transitions", "Changes of breakers", labels=[*WHERE, "from", "to"]
    )
    for key, events in counted.items():
        where = labels(key)
        for outcome in OUTCOMES:
            requests.add_metric([*where, outcome], events.get(outcome, 0))
        for reason in REASONS:
            rejected.add_metric([*where, reason], events.get(f"{REJECTED}{reason}", 0))
        for reason in RETRIED_AFTER:
            retries.add_metric([*where, reason], events.get(f"{figures.RETRY}{reason}", 0))
        for event, outcome in RETRIED.items():
            retried.add_metric([*where, outcome], events.get(event, 0))
        for event, name in CACHE_EVENTS.items():
            cache.add_metric([*where, name], events.get(event, 0))
        for event, value in events.items():
            if event.startswith(figures.CHANGED):
                changes.add_metric([*where, *event.removeprefix(figures.CHANGED).split(":")], value)
    yield from (requests, rejected, retries, retried, cache, changes)


def _durations(counted: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    rows = [(labels(key), events) for key, events in counted.items()]
    yield histogram(f"{PREFIX}request_duration_seconds", "How long attempts took", WHERE, figures.TOOK, rows)
    yield histogram(
        f"{PREFIX}rate_wait_seconds", "How long attempts waited for our limits", WHERE, figures.WAITED, rows
    )


def _gauges(operations: list[Overview]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        f"{PREFIX}circuitbreaker_state", "1 for the state that the breaker is in", labels=[*WHERE, "state"]
    )
    failed = GaugeMetricFamily(f"{PREFIX}failure_ratio", "Of the last calls, those that failed", labels=WHERE)
    slow = GaugeMetricFamily(f"{PREFIX}slow_ratio", "Of the last calls, those that were slow", labels=WHERE)
    permits = GaugeMetricFamily(f"{PREFIX}available_permits", "Calls that may go out at once", labels=WHERE)
    pause = GaugeMetricFamily(f"{PREFIX}cooldown_seconds", "Left of the pause that was asked for", labels=WHERE)
    for each in operations:
        where = [each.provider, each.operation]
        for name in STATES:
            state.add_metric([*where, name], float(each.state == name))
        for family, value in (
            (failed, each.ratio(each.failed)),
            (slow, each.ratio(each.slow)),
            (permits, each.tokens),
            (pause, each.cooldown_s),
        ):
            if value is not None:
                family.add_metric(where, value)
    yield from (state, failed, slow, permits, pause)


def labels(key: str) -> list[str]:
    provider, _colon, operation = key.partition(":")
    return [provider, operation]
