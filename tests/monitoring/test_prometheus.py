"""A real Prometheus asks a running DietIntel: every panel and every alert has something to show."""

import json
import math
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from dietintel.gateway.errors import GatewayError
from dietintel.gateway.policy import to_us
from dietintel.gateway.store import StateStore
from monitoring.health.conditions import Impact, Phase, Status
from monitoring.models import Check, HealAttempt
from tests.gateway.calls import KEY, TWICE, UNLIMITED, ask, make_client
from tests.provider import FakeProvider
from tests.services import ALERTS, PrometheusServer, find_prometheus, prometheus
from tests.test_serve import wait_until
from tests.workflows.work import Clockwork, Meal, step_of
from workflows import engine, registry

DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards"
NAMES = (
    *(f"dietintel_gateway_{name}" for name in (
        "requests_total", "rejected_total", "request_duration_seconds_bucket", "retries_total", "retried_calls_total",
        "rate_wait_seconds_bucket", "circuitbreaker_state", "circuitbreaker_transitions_total", "failure_ratio",
        "slow_ratio", "available_permits", "cooldown_seconds", "cache_events_total",
    )),
    *(f"dietintel_workflow_{name}" for name in (
        "runs_total", "run_duration_seconds_bucket", "step_attempts_total", "ready_steps", "oldest_ready_seconds",
        "lost_total", "fenced_total", "step_duration_seconds_bucket",
    )),
    "dietintel_child_restarts_total", "dietintel_health_status", "dietintel_health_heals_total",
    "dietintel_http_requests_total", "dietintel_http_request_duration_seconds_bucket", "dietintel_errors_total",
    "dietintel_system_cpu_ratio", "dietintel_system_memory_bytes", "dietintel_system_disk_free_bytes",
)  # fmt: skip
COMPARISON = re.compile(r"(?P<figure>.+) (==|<|>) [\d.]+")


def panels() -> dict[str, str]:
    """Query by panel and letter."""
    boards = [json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))]
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for board in boards
        for panel in board["panels"]
        for target in panel["targets"]
    }


def something_of_everything(address: str, provider: FakeProvider) -> None:
    """The second time, Prometheus sees the counters grow."""
    _calls(provider)
    _runs()
    HealAttempt.objects.create(check_name="cache", heal="drop the pool", at=timezone.now(), outcome="healed")
    for path in ("/login/", "/nowhere/"):
        requests.get(f"{address}{path}", timeout=5)


def _calls(provider: FakeProvider) -> None:
    StateStore().reset(KEY, actor="ada", now=to_us(time.time()))
    client = make_client(provider.url, rate=UNLIMITED, retry_base_s=0.01)
    provider.fails_with(500, times=1)
    provider.answers({})
    for _call in range(12):
        ask(client, caller=TWICE)
    for _call in range(3):
        ask(client, "/bread", caller=TWICE)
    provider.fails_with(500)
    for _call in range(5):  # until the breaker opens, and once more
        with suppress(GatewayError):
            ask(client, caller=TWICE)


def _runs() -> None:
    worker = Clockwork()
    worker.now = timezone.now()
    worker.finish(engine.start(Meal, input={"photo": "p"}, now=worker.now))
    failing = engine.start(Meal, input={"photo": "p"}, now=worker.now)
    worker.fail(worker.claim(step_of(failing, "image")))


def finite(server: PrometheusServer, query: str) -> list[float]:
    values = [float(series["value"][1]) for series in server.get("query", query=query)["result"]]
    return [value for value in values if math.isfinite(value)]


def seen(server: PrometheusServer, query: str, at_least: float) -> None:
    wait_until(lambda: max(finite(server, query), default=0.0) >= at_least)


@pytest.mark.services("prometheus")
@pytest.mark.django_db(transaction=True)
def test_every_panel_and_every_alert_has_data_after_some_load(live_server, provider: FakeProvider, monkeypatch):
    monkeypatch.setitem(registry._WORKFLOWS, Meal.name, Meal)
    Check.objects.create(
        name="cache", impact=Impact.IMPORTANT, status=Status.DEGRADED, phase=Phase.WELL, checked_at=timezone.now()
    )
    failed = 'dietintel_workflow_runs_total{workflow="test_meal",state="failed"}'

    with prometheus(live_server.url.removeprefix("http://")) as server:
        for time_ in (1, 2):
            something_of_everything(live_server.url, provider)
            seen(server, failed, at_least=time_)
        without_data = {title: query for title, query in panels().items() if not finite(server, query)}
        missing = [name for name in NAMES if not finite(server, name)]
        rules = _rules(server)
        silent = {rule["name"]: rule["query"] for rule in rules if not finite(server, figure(rule["query"]))}
        wait_until(lambda: all(rule["health"] == "ok" for rule in _rules(server)))

    assert missing == []
    assert without_data == {}
    assert silent == {}
    assert len(rules) == ALERTS.read_text().count("alert: ") > 10


def _rules(server: PrometheusServer) -> list[Any]:
    return [rule for group in server.get("rules")["groups"] for rule in group["rules"]]


def figure(alert: str) -> str:
    """What an alert compares, without the comparison: that is there, while nothing is wrong, too."""
    compared = COMPARISON.fullmatch(alert)
    assert compared, alert
    return compared["figure"]


@pytest.mark.services("prometheus")
def test_the_configuration_for_prometheus_is_valid():
    promtool = find_prometheus().with_name("promtool")
    said = subprocess.run(
        [promtool, "check", "config", ALERTS.with_name("prometheus.yml")], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stdout + said.stderr
