"""What /metrics and monitoring/metrics tell, compared with what really happened."""

import datetime as dt
import logging
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from dietintel import http_metrics, restarts
from dietintel.counting import Histogram
from dietintel.gateway.errors import GatewayError
from dietintel.gateway.models import Counter as GatewayCounter
from dietintel.gateway.models import ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from dietintel.http_metrics import HttpMetricsMiddleware, quantile
from dietintel.serve import Child
from monitoring.health.conditions import Impact, Phase, Status
from monitoring.metrics import collector
from monitoring.models import Check, HealAttempt
from tests.factories import make_product, make_token, make_user
from tests.gateway import jobs
from tests.gateway.calls import KEY, TWICE, UNLIMITED, ask, make_client, put_state
from tests.gateway.crew import Crew
from tests.services import free_port
from tests.workflows.work import Batch, Busy, Clockwork, Meal, step_of
from workflows import cleaning, engine, execution, registry
from workflows.models import Counter as RunCounter
from workflows.models import Run, Step
from workflows.states import Outcome, StepState

pytestmark = pytest.mark.django_db
PATHS = ["/metrics", "/api/v1/monitoring/metrics"]
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Figures:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape() -> Figures:
    response = Client().get("/metrics")
    assert response.status_code == 200
    return parsed(response.content.decode())


def value(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.get((name, tuple(sorted(labels.items()))))


def there(figures: Figures, name: str, **labels: str) -> float:
    """One that has to be there."""
    return figures[name, tuple(sorted(labels.items()))]


def total(figures: Figures, name: str, **labels: str) -> float:
    """Of all that have these labels."""
    return sum(value for (each, has), value in figures.items() if each == name and set(labels.items()) <= set(has))


def gateway(figures: Figures, name: str, **labels: str) -> float | None:
    return value(figures, f"dietintel_gateway_{name}", provider="fake", operation="read", **labels)


@pytest.fixture
def worker(monkeypatch) -> Clockwork:
    known = {**registry._WORKFLOWS, Meal.name: Meal, Batch.name: Batch}
    monkeypatch.setattr(registry, "_WORKFLOWS", known)
    return Clockwork()


# --- Who may ask, and in what form ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", PATHS)
def test_the_machine_itself_staff_and_the_monitor_may_ask_and_nobody_else(settings, path):
    settings.MONITORING_TOKEN = "let-me-see"

    def status(secret: str = "", **how: Any) -> int:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return Client(headers=headers, **how).get(path).status_code

    away = {"REMOTE_ADDR": "192.0.2.7"}
    assert status() == 200
    assert status("let-me-see", **away) == 200
    assert status(make_token(make_user(is_staff=True)), **away) == 200
    assert status(**away) == 401
    assert status("let-me-peep", **away) == 401
    assert status(make_token(), **away) == 403
    assert status(HTTP_X_FORWARDED_FOR="127.0.0.1") == 401


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=1.0.0,*/*;q=0.1", "text/plain", "text/html"])
def test_the_text_is_prometheus_own_whatever_is_accepted(client, accept):
    response = client.get("/metrics", headers={"Accept": accept})

    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert parsed(response.content.decode())


def test_monitor_gets_figures_without_a_database(tmp_path):
    nobody = f"postgres://test@127.0.0.1:{free_port()}/food"
    asks = """
import django, sys
django.setup()
from django.test import Client
client = Client(headers={"Authorization": "Bearer let-me-see"}, REMOTE_ADDR="192.0.2.7")
sys.stdout.write(client.get("/metrics").content.decode())
"""
    settings = {"DATABASE_URL": nobody, "DATA_DIR": str(tmp_path), "MONITORING_TOKEN": "let-me-see"}

    ended = subprocess.run(
        [sys.executable, "-c", asks],
        env={**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "dietintel.settings", "ALLOWED_HOSTS": "testserver"},
        capture_output=True,
        text=True,
        check=True,
    )

    figures = parsed(ended.stdout)
    assert value(figures, "dietintel_database_up") == 0
    assert value(figures, "dietintel_system_memory_bytes", kind="total")


def test_labels_are_few_and_never_ids(client, provider, worker):
    client.get("/foods/3017624010701/")
    client.get("/no/such/5f0c9d0e-7a52-4a3a-9a53-7f5a1f3a1c11/")
    run = engine.start(Meal, input={"photo": "a-picture"}, now=worker.now)
    worker.finish(run)

    text = client.get("/metrics").content.decode()

    assert "3017624010701" not in text
    assert "5f0c9d0e" not in text
    assert str(run.uuid) not in text
    assert "a-picture" not in text


# --- Calls to providers -----------------------------------------------------------------------------------------
def test_after_recycled_and_killed_workers_every_call_is_counted_once(provider, transactional_db):
    provider.answers({})
    for generation in range(3):
        crew = Crew(1)
        crew.run(jobs.ask_often, provider.url, 7)
        crew.kill() if generation == 1 else crew.dismiss()
    StateStore().force_open(KEY, actor="ada", now=to_us(time.time()))
    StateStore().reset(KEY, actor="ada", now=to_us(time.time()))
    provider.fails_with(500)
    jobs.ask_often(provider.url, 7)

    figures = scrape()

    assert total(figures, "dietintel_gateway_requests_total") == provider.hits() == 26
    assert gateway(figures, "requests_total", outcome="success") == 21
    assert gateway(figures, "request_duration_seconds_count") == provider.hits()
    assert gateway(figures, "rate_wait_seconds_count") == provider.hits()
    assert gateway(figures, "rejected_total", reason="open") == 2
    for row in ProviderState.objects.all():
        provider_name, _colon, operation = row.key.partition(":")
        where = {"provider": provider_name, "operation": operation}
        assert total(figures, "dietintel_gateway_circuitbreaker_state", **where) == 1
    assert gateway(figures, "circuitbreaker_state", state="open") == 1
    assert total(figures, "dietintel_gateway_circuitbreaker_transitions_total") == Transition.objects.count() == 3
    assert gateway(figures, "circuitbreaker_transitions_total", **{"from": "closed", "to": "open"}) == 1


def test_changes_of_breakers_stay_counted_when_their_rows_are_deleted(client):
    long_ago = to_us(time.time() - 200 * 86_400)
    StateStore().force_open(KEY, actor="ada", now=long_ago)
    (rule,) = [rule for rule in cleaning.rules() if rule.name == "changes of breakers"]

    assert cleaning.clean(rule, now=timezone.now()) == 1

    assert gateway(scrape(), "circuitbreaker_transitions_total", **{"from": "closed", "to": "forced_open"}) == 1


def test_calls_that_were_sent_again_are_told_by_how_they_ended(provider, clock):
    client = make_client(provider.url, clock, rate=UNLIMITED)
    provider.fails_with(500, times=1)
    provider.answers({})
    ask(client, caller=TWICE)
    ask(client, caller=TWICE)
    provider.fails_with(500)
    with pytest.raises(GatewayError):
        ask(client, caller=TWICE)

    figures = scrape()

    assert gateway(figures, "retries_total", reason="failure") == 2
    assert gateway(figures, "retries_total", reason="timeout") == 0
    assert gateway(figures, "retried_calls_total", outcome="success") == 1
    assert gateway(figures, "retried_calls_total", outcome="failure") == 1


def test_limits_pauses_and_shares_are_told_as_they_are(provider):
    now = time.time()
    columns: dict[str, Any] = {
        "history": 0b111,
        "slow": 0b1,
        "calls": 12,
        "last_at": to_us(now),
        "not_before": to_us(now + 30),
    }
    put_state(**columns)
    put_state("off:few", history=0b111, calls=3, last_at=to_us(now))

    figures = scrape()

    assert gateway(figures, "failure_ratio") == 3 / 12
    assert gateway(figures, "slow_ratio") == 1 / 12
    assert gateway(figures, "cooldown_seconds") == 30
    assert value(figures, "dietintel_gateway_failure_ratio", provider="off", operation="few") is None
    assert there(figures, "dietintel_gateway_available_permits", provider="openfoodfacts", operation="product") > 0


def test_what_never_happened_to_a_provider_is_told_as_nothing(client):
    put_state()

    figures = scrape()

    assert gateway(figures, "requests_total", outcome="timeout") == 0
    assert gateway(figures, "cache_events_total", event="hit") == 0
    assert gateway(figures, "request_duration_seconds_count") is None


# --- Runs -------------------------------------------------------------------------------------------------------
def steps(figures: Figures, outcome: str) -> float:
    return total(figures, "dietintel_workflow_step_attempts_total", workflow="test_meal", outcome=outcome)


def runs(figures: Figures, state: str) -> float | None:
    return value(figures, "dietintel_workflow_runs_total", workflow="test_meal", state=state)


def test_runs_and_attempts_are_counted_by_how_they_ended(worker):
    def begin() -> Run:
        return engine.start(Meal, input={"photo": "p"}, now=worker.now)

    worker.finish(begin())
    failing = begin()
    worker.fail(worker.claim(step_of(failing, "image")))
    engine.cancel(begin(), by="ada", now=worker.now)
    slow = begin()
    claim = worker.claim(step_of(slow, "image"))
    worker.wait(2)
    engine.fail(claim, "too long", worth_retrying=False, outcome=Outcome.TIMEOUT, now=worker.now)

    figures = scrape()

    assert {state: runs(figures, state) for state in ("completed", "failed", "cancelled")} == {
        "completed": 1,
        "failed": 2,
        "cancelled": 1,
    }
    assert (steps(figures, "succeeded"), steps(figures, "error"), steps(figures, "timeout")) == (4, 1, 1)
    assert total(figures, "dietintel_workflow_run_duration_seconds_count", workflow="test_meal") == 4
    took = {"workflow": "test_meal", "step": "image"}
    assert value(figures, "dietintel_workflow_step_duration_seconds_count", **took) == 3
    assert value(figures, "dietintel_workflow_step_duration_seconds_sum", **took) == 2
    assert value(figures, "dietintel_workflow_step_duration_seconds_bucket", **took, le="1.0") == 2


def test_a_run_that_failed_and_was_retried_well_counts_as_both(worker):
    run = engine.start(Meal, input={"photo": "p"}, now=worker.now)
    worker.fail(worker.claim(step_of(run, "image")))
    engine.retry(Run.objects.get(), by="ada", now=worker.now)
    worker.finish(run)

    figures = scrape()

    assert (runs(figures, "failed"), runs(figures, "completed")) == (1, 1)


def test_deleted_runs_stay_counted(worker):
    worker.finish(engine.start(Meal, input={"photo": "p"}, now=worker.now))
    before = scrape()
    (rule,) = [rule for rule in cleaning.rules() if rule.name == "ended runs"]

    assert cleaning.clean(rule, now=worker.now + cleaning.RUNS_KEPT + dt.timedelta(days=1)) == 1

    assert not Run.objects.exists()
    workflow = {each: value for each, value in before.items() if each[0].startswith("dietintel_workflow_")}
    assert workflow.items() <= scrape().items()


def test_what_is_rolled_back_was_never_counted(worker):
    run = engine.start(Meal, input={"photo": "p"}, now=worker.now)
    claim = worker.claim(step_of(run, "image"))

    def recorded_in_vain() -> None:
        with transaction.atomic():
            engine.succeed(claim, "x", now=worker.now)
            raise Busy

    with pytest.raises(Busy):
        recorded_in_vain()

    assert not RunCounter.objects.exists()


def test_a_dead_worker_and_its_late_report_are_told(worker, monkeypatch):
    run = engine.start(Meal, input={"photo": "p"}, now=timezone.now())

    def image(self, ctx, photo):
        """The worker sleeps so long that another takes the step over."""
        Step.objects.filter(run=run, name="image").update(lease_until=timezone.now())
        engine.sweep(now=timezone.now())
        return photo

    monkeypatch.setitem(Meal.definition.functions, "image", image)

    assert execution.work_on(step_of(run, "image").pk) == "lost"

    figures = scrape()
    assert value(figures, "dietintel_workflow_lost_total") == 1
    assert value(figures, "dietintel_workflow_fenced_total") == 1
    assert (steps(figures, "lost"), steps(figures, "succeeded")) == (1, 0)


def test_waiting_steps_are_told_by_priority_with_the_oldest(worker):
    engine.start(Meal, input={"photo": "p"}, now=timezone.now() - dt.timedelta(seconds=90))
    later = engine.start(Batch, input={"photos": []}, now=timezone.now())
    Step.objects.filter(run=later, state=StepState.READY).update(not_before=timezone.now() + dt.timedelta(hours=1))

    figures = scrape()

    ready = {p: value(figures, "dietintel_workflow_ready_steps", priority=p) for p in ("critical", "high", "low")}
    assert ready == {"critical": 0, "high": 1, "low": 0}
    assert 90 <= there(figures, "dietintel_workflow_oldest_ready_seconds") < 150


def test_the_end_of_a_run_is_one_line_with_the_id_of_its_request(worker, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.INFO, "workflows")
    with django_capture_on_commit_callbacks(execute=True):
        run = engine.start(Meal, input={"photo": "p"}, now=worker.now)
        Run.objects.update(request_id="from-a-phone")
        worker.finish(run)

    (line,) = [record for record in caplog.records if record.name == "workflows.figures"]
    assert line.getMessage() == "run of test_meal completed"
    assert (line.run, line.request_id, line.duration_s) == (str(run.uuid), "from-a-phone", 0)


# --- The machine, its processes, its health ---------------------------------------------------------------------
def test_checks_and_remedies_are_told(client):
    now = timezone.now()
    for name, status in [("cache", Status.DEGRADED), ("cpu", Status.DISABLED), ("disk", Status.UNHEALTHY)]:
        Check.objects.create(
            name=name,
            impact=Impact.INFO,
            status=status,
            phase=Phase.WELL,
            checked_at=now - dt.timedelta(seconds=40),
            exhausted=name == "disk",
        )
    for outcome in ("healed", "no_effect", "no_effect"):
        HealAttempt.objects.create(check_name="disk", heal="prune", at=now, outcome=outcome)

    figures = scrape()

    told = {name: value(figures, "dietintel_health_status", check=name) for name in ("cache", "cpu", "disk")}
    assert told == {"cache": 0.5, "cpu": None, "disk": 0}
    assert value(figures, "dietintel_health_exhausted", check="disk") == 1
    assert 40 <= there(figures, "dietintel_health_age_seconds") < 100
    heals = {each: value(figures, "dietintel_health_heals_total", check="disk", outcome=each)
             for each in ("healed", "no_effect", "error")}  # fmt: skip
    assert heals == {"healed": 1, "no_effect": 2, "error": 0}


@pytest.fixture
def no_restarts(tmp_path, monkeypatch):
    monkeypatch.setattr(restarts, "FOLDER", tmp_path / "restarts")


def test_parts_that_died_are_told_with_the_reason(no_restarts):
    for code in ("raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)", "raise SystemExit(3)", ""):
        child = Child("worker", [sys.executable, "-c", code])
        child.keep_alive(time.monotonic())
        assert child.process is not None
        child.process.wait()
        child.keep_alive(time.monotonic())

    figures = scrape()

    told = {
        why: value(figures, "dietintel_child_restarts_total", child="worker", reason=why) for why in restarts.REASONS
    }
    assert told == {"error": 2, "killed": 1, "ended": 1}
    assert total(figures, "dietintel_child_restarts_total", child="web") == 0


def test_a_broken_file_of_restarts_is_begun_anew(no_restarts):
    restarts.count("web", -9)
    (restarts.FOLDER / "web.json").write_text('{"killed": ')

    restarts.count("web", 1)

    assert list(restarts.counted()) == [("web", "error", 1)]


# --- HTTP -------------------------------------------------------------------------------------------------------
def test_answers_are_counted_by_pattern_status_and_kind_of_error(client):
    client.force_login(make_user())
    make_product(barcode="3017624010701")
    make_product(barcode="5000159407236")
    before = scrape()

    client.get("/foods/3017624010701/")
    client.get("/foods/5000159407236/")
    client.get("/api/v1/products/not-a-barcode")
    client.get("/nowhere/")
    client.generic("BREW", "/nowhere/")

    after = scrape()
    new = {each: after[each] - before.get(each, 0) for each in after if after[each] != before.get(each, 0)}
    assert {each: new[each] for each in new if each[0] == "dietintel_http_requests_total"} == {
        counted("GET", "foods/<str:reference>/", "200"): 2,
        counted("GET", "api/v1/products/<path:reference>", "422"): 1,
        counted("GET", "(none)", "404"): 1,
        counted("other", "(none)", "404"): 1,
    }
    errors = {
        dict(labels)["category"]: more for (name, labels), more in new.items() if name == "dietintel_errors_total"
    }
    assert errors == {"validation": 1, "not_found": 2}
    assert total(new, "dietintel_http_request_duration_seconds_count") == 5


def counted(method: str, route: str, status: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "dietintel_http_requests_total", (("method", method), ("route", route), ("status", status))


def test_static_files_and_metrics_themselves_are_not_counted(client):
    before = http_metrics.seen().count

    client.get("/static/css/base.css").close()
    client.get("/metrics")

    assert http_metrics.seen().count == before


def test_the_api_s_own_word_for_an_error_goes_before_the_status():
    class Answer(HttpResponse):
        data = {"error": {"category": "workflow"}}

    before = http_metrics.seen().errors.get("workflow", 0)

    HttpMetricsMiddleware(lambda request: Answer(status=409))(RequestFactory().get("/x"))

    assert http_metrics.seen().errors["workflow"] == before + 1


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, [], None),
        (0.5, [(1.0, 0.0), (float("inf"), 0.0)], None),
        (0.5, [(1.0, 10.0), (float("inf"), 10.0)], 0.5),
        (0.95, [(1.0, 90.0), (2.0, 100.0), (float("inf"), 100.0)], 1.5),
        (0.99, [(1.0, 50.0), (2.0, 50.0), (float("inf"), 100.0)], 2.0),
    ],
)
def test_quantiles_are_read_from_buckets_as_prometheus_does(share, buckets, expected):
    assert quantile(share, buckets) == expected


@pytest.mark.parametrize(
    ("seconds", "upto"), [(0.0, [1, 1, 1]), (0.1, [1, 1, 1]), (0.2, [0, 1, 1]), (1.0, [0, 1, 1]), (1.1, [0, 0, 1])]
)
def test_a_duration_falls_into_the_bucket_that_it_just_fits(seconds, upto):
    histogram = Histogram("took", (0.1, 1))

    assert histogram.seen(histogram.of(seconds)) == (upto, seconds)


# --- As JSON ----------------------------------------------------------------------------------------------------
def test_json_has_every_part_with_its_figures(client, provider, clock, worker):
    provider.answers({})
    gateway_client = make_client(provider.url, clock, rate=UNLIMITED)
    for _time in range(4):
        ask(gateway_client, "/bread")
    worker.finish(engine.start(Meal, input={"photo": "p"}, now=worker.now))
    engine.start(Meal, input={"photo": "p"}, now=timezone.now())
    client.get("/login/")

    told = client.get("/api/v1/monitoring/metrics").json()

    assert list(told) == ["system", "queue", "runs", "http", "gateway", "cache"]
    assert 0 <= told["system"]["cpu"]["ratio"] <= 1
    assert 0 < told["system"]["memory"]["used_bytes"] < told["system"]["memory"]["total_bytes"]
    assert 0 < told["system"]["disk"]["free_bytes"] <= told["system"]["disk"]["total_bytes"]
    assert (told["queue"]["high"]["due"], told["queue"]["low"]["due"]) == (1, 0)
    assert told["runs"] == {"completed": 1, "failed": 0, "cancelled": 0, "degraded": 0, "lost": 0, "fenced": 0}
    assert told["http"]["count"] >= 1
    assert 0 < told["http"]["p50_ms"] <= told["http"]["p95_ms"] <= told["http"]["p99_ms"]
    assert told["gateway"]["fake"]["read"]["requests"] == {"success": 1}
    assert told["cache"]["fake"] == {"hits": 3, "misses": 1, "stale": 0, "negative": 0, "joined": 0, "hit_ratio": 0.75}


# --- What a scrape costs ----------------------------------------------------------------------------------------
def test_a_scrape_asks_as_many_queries_for_a_long_history_as_for_a_short_one(worker):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            collector.exposition()
        return len(captured)

    before = queries()
    now = timezone.now()
    for number in range(10):
        put_state(f"off{number}:read")
        GatewayCounter.objects.create(key=f"off{number}:read", event="success", value=1)
        Check.objects.create(name=f"provider_{number}", impact="info", status="healthy", phase="well", checked_at=now)
    Transition.objects.bulk_create(
        Transition(key="off0:read", at=now, from_state=State.CLOSED, to_state=State.OPEN, reason="")
        for _row in range(99)
    )
    for _run in range(5):
        worker.finish(engine.start(Meal, input={"photo": "p"}, now=worker.now))

    assert queries() == before <= 9
