"""The watch, with checks that find, break and hang, and a database that goes away."""

import dataclasses
import json
import sqlite3
import subprocess
import sys
import threading
import time

import psycopg
import pytest
import requests
from django.core.cache import cache
from django.db import OperationalError, connection
from django_redis.pool import ConnectionFactory
from health_check.exceptions import ServiceWarning

from dietintel.gateway.models import ProviderState
from dietintel.gateway.policy import State as BreakerState
from dietintel.gateway.policy import to_us
from dietintel.settings import redis_cache
from monitoring.health import snapshot, watching
from monitoring.health.conditions import Impact, Phase, Status
from monitoring.health.errands import Errand
from monitoring.health.healing import Heal
from monitoring.health.watched import OWN, Watched, all_watched, impacts
from monitoring.health.watching import Watch
from monitoring.models import Alert, Check, Flip, HealAttempt
from tests import services
from tests.factories import make_user
from tests.monitoring.conftest import ILL, State, connection_parameters, patient, rounds, settle
from tests.monitoring.test_alerts import Hook, serving  # noqa: F401  (one is a fixture)
from tests.test_serve import ROOT, environment, serve, wait_until  # noqa: F401  (two of them are fixtures)

pytestmark = pytest.mark.django_db(transaction=True)


def phase_of(watch, name="patient"):
    return watch.conditions[name].phase


def test_results_become_rows_flips_and_a_snapshot():
    state = State()
    watch = Watch([patient(state), patient(State(ServiceWarning("Slow.")), "other", impact=Impact.IMPORTANT)])

    rounds(watch, lambda: Check.objects.count() == 2)

    assert dict(Check.objects.values_list("name", "status")) == {"patient": "healthy", "other": "degraded"}
    assert sorted(Flip.objects.values_list("check_name", "from_status", "to_status")) == [
        ("other", "", "degraded"),
        ("patient", "", "healthy"),
    ]
    found = snapshot.read()
    assert (found.status, found.message, found.stale) == (Status.DEGRADED, "other: Slow.", False)
    assert found.checks["other"]["message"] == "Slow."


def test_check_that_raises_is_an_unhealthy_result_of_its_own_kind_and_disturbs_nobody():
    state, healthy = State(ZeroDivisionError("secret words")), State()
    watch = Watch([patient(state), patient(healthy, "other")])

    rounds(watch, lambda: phase_of(watch) == Phase.CONFIRMED)

    shown = snapshot.read().checks
    assert (shown["patient"]["status"], shown["patient"]["kind"]) == ("unhealthy", "check_error")
    assert shown["patient"]["message"] == "The check itself failed (ZeroDivisionError)."
    assert shown["patient"]["details"] == {"error": "secret words"}
    assert (shown["other"]["status"], shown["other"]["kind"]) == ("healthy", "")


def test_hung_check_is_told_has_no_second_copy_and_holds_up_nobody():
    release, state, healthy = threading.Event(), State(), State()
    state.trouble = release.wait
    watch = Watch([patient(state, limit_s=0.1), patient(healthy, "other")])

    rounds(watch, lambda: phase_of(watch) == Phase.CONFIRMED)

    shown = snapshot.read().checks
    assert (shown["patient"]["status"], shown["patient"]["kind"]) == ("unhealthy", "check_timeout")
    assert shown["other"]["status"] == "healthy"
    assert (state.looks, healthy.looks >= 3) == (1, True)

    state.trouble = None
    release.set()
    rounds(watch, lambda: phase_of(watch) == Phase.WELL)
    assert snapshot.read().checks["patient"]["status"] == "healthy"


def test_incident_is_one_alert_and_its_end_another(settings):
    state = State(ILL)
    watch = Watch([patient(state)])
    rounds(watch, lambda: watch.conditions["patient"].fails > 5)

    state.trouble = None
    rounds(watch, lambda: phase_of(watch) == Phase.WELL)
    watch.round()
    settle(watch)

    assert list(Alert.objects.order_by("made_at").values_list("kind", "subject")) == [
        ("incident", "DietIntel: patient is unhealthy"),
        ("recovery", "DietIntel: patient is well again"),
    ]


def test_one_provider_down_alarms_nobody_and_all_of_them_do():
    one, two = State(ILL), State()
    down = {"impact": Impact.INFO}
    watch = Watch([patient(one, "provider_one", **down), patient(two, "provider_two", **down)])
    rounds(watch, lambda: phase_of(watch, "provider_one") == Phase.CONFIRMED)
    alone = (watch.status(), Alert.objects.count())

    two.trouble = ILL
    rounds(watch, lambda: phase_of(watch, "provider_two") == Phase.CONFIRMED)
    rounds(watch, lambda: Alert.objects.count() == 2)

    assert alone == (Status.HEALTHY, 0)
    assert watch.status() == Status.DEGRADED
    assert set(Alert.objects.values_list("check_name", "kind")) == {
        ("provider_one", "incident"),
        ("provider_two", "incident"),
    }


def test_check_that_only_informs_may_go_to_and_fro_without_waking_anybody():
    state = State()
    watch = Watch([patient(state, impact=Impact.INFO)])

    def to_and_fro():
        state.trouble = None if state.trouble else ILL
        return watch.conditions["patient"].flapping

    rounds(watch, to_and_fro)

    assert watch.alerts == []
    assert not Alert.objects.exists()


def test_what_is_found_while_rows_are_being_written_is_kept_when_writing_fails(monkeypatch):
    release, state = threading.Event(), State()

    def locked(rows, batch):
        release.wait(10)
        raise OperationalError("database is locked")

    watch = Watch([patient(state)])
    rounds(watch, lambda: Flip.objects.count() == 1)
    monkeypatch.setattr(watching, "_save", locked)
    monkeypatch.setattr(watching, "GATHER_S", 0.05)
    for trouble in (ILL, None):  # the second flip comes while the first is being written
        state.trouble = trouble
        watch.round()
    release.set()
    settle(watch)
    monkeypatch.undo()

    rounds(watch, lambda: Flip.objects.count() == 3)


def test_alert_that_the_watch_wrote_before_it_remembered_is_not_sent_twice(settings):
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/nobody"
    watch = Watch([patient(State(ILL))])
    rounds(watch, lambda: Alert.objects.exists())

    watch._recalling = Errand(lambda: watching.recall(watch.watched))  # as if the database had said nothing before
    watch._recalling.join()
    watch._learn_what_was_known()

    assert len(watch.alerts) == 1


def test_watch_that_is_started_again_knows_what_it_knew(settings):
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/nobody"
    state = State(ILL)
    first = Watch([patient(state)])
    rounds(first, lambda: Alert.objects.filter(tries__gte=1).exists())
    Check.objects.create(
        name="gone", impact="info", status="healthy", phase="well", checked_at=first.checked_at["patient"]
    )

    second = Watch([patient(state)])

    assert second.conditions["patient"].phase == Phase.CONFIRMED
    assert second.conditions["patient"].told
    assert [each.kind for each in second.alerts] == ["incident"]
    assert list(Check.objects.values_list("name", flat=True)) == ["patient"]
    rounds(second, lambda: second.conditions["patient"].fails > 5)
    assert Alert.objects.count() == 1


@pytest.fixture
def locked():
    """The database is locked by somebody else, for all writers, until the function is called."""
    other: sqlite3.Connection | psycopg.Connection
    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = psycopg.connect(**connection_parameters())
        other.execute("LOCK TABLE monitoring_probe, monitoring_check IN ACCESS EXCLUSIVE MODE")
    yield other.rollback
    other.close()


def test_locked_database_is_told_at_once_and_written_down_when_it_is_free(locked, settings, serving):  # noqa: F811
    hook = serving(Hook())
    settings.ALERT_WEBHOOK_URL, settings.HEALTH_DATABASE_SLOW_MS = hook.url, 60_000
    database = next(each for each in OWN if each.name == "database")
    watch = Watch([Watched("database", database.impact, database.make, every_s=0.0, limit_s=8.0)])

    rounds(watch, lambda: phase_of(watch, "database") == Phase.CONFIRMED, 60, settled=False)

    rounds(watch, lambda: hook.got, 60, settled=False)
    found = snapshot.read()
    assert [body["kind"] for _path, _type, body in hook.got] == ["incident"]
    assert (found.status, found.stale) == (Status.UNHEALTHY, False)
    assert found.checks["database"]["message"] == "The database has been locked for more than 2 s."

    locked()
    rounds(watch, lambda: Check.objects.filter(status="healthy").exists(), patience_s=60)
    kept = list(Flip.objects.order_by("at").values_list("from_status", "to_status"))
    assert kept == [("", "unhealthy"), ("unhealthy", "healthy")]
    assert snapshot.read().status == Status.HEALTHY


def test_operator_s_request_is_done_once_and_signed(settings):
    class Cure(Heal):
        name, label = "cure", "cure"

        def apply(self):
            state.trouble = None
            return "Cured."

    state = State()
    watch = Watch([patient(state, heals=(Cure,))])
    rounds(watch, lambda: Check.objects.exists())
    Check.objects.update(asked_by="operator")

    rounds(watch, lambda: HealAttempt.objects.exists())
    for _again in range(3):
        watch.round()

    settle(watch)
    assert list(HealAttempt.objects.values_list("check_name", "heal", "outcome", "note", "by")) == [
        ("patient", "cure", "healed", "Cured.", "operator")
    ]
    assert Check.objects.get().asked_by == ""


def test_every_check_of_the_contract_is_watched(settings):
    settings.PROVIDER_ORDER = ["openfoodfacts", "fdc"]

    assert list(all_watched()) == [
        "database", "cache", "storage", "disk", "memory", "cpu", "queue", "workers", "schedules", "ml_model",
        "provider_openfoodfacts", "provider_fdc",
    ]  # fmt: skip


def test_providers_count_only_together():
    watched = {
        name: patient(State(), name, impact=Impact.INFO) for name in ("provider_a", "provider_b", "provider_off")
    }
    statuses = {"provider_a": Status.UNHEALTHY, "provider_b": Status.HEALTHY, "provider_off": Status.DISABLED}

    assert set(impacts(watched, statuses).values()) == {Impact.INFO}
    assert impacts(watched, {**statuses, "provider_b": Status.UNHEALTHY}) == {
        "provider_a": Impact.IMPORTANT,
        "provider_b": Impact.IMPORTANT,
        "provider_off": Impact.INFO,
    }


# --- The whole service ------------------------------------------------------------------------------------------
LOOK = """
import json
from monitoring.models import Alert, HealAttempt
from workflows.models import Run
print(json.dumps({
    "heals": [list(row) for row in HealAttempt.objects.order_by("at").values_list("check_name", "heal", "outcome")],
    "alerts": [list(row) for row in Alert.objects.order_by("made_at").values_list("check_name", "kind")],
    "runs": list(Run.objects.values_list("state", flat=True)),
}))
"""
START = """
from django.utils import timezone
from workflows import engine, registry
engine.start(registry.workflow_called("cleanup"), now=timezone.now())
"""


def shell(settings, script):
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", script]
    return subprocess.run(command, env=settings, check=True, capture_output=True, text=True, timeout=120).stdout


def settled(found):
    """What was looked at, once there is no more to come."""
    return found if len(found["alerts"]) == 2 and found["runs"] == ["completed"] else {}


def nobody_measures(answer):
    return answer if answer[2].startswith("Nobody") else ()


def pusher(service):
    """The process that hands messages to the workers: the last that the sentinel started."""
    sentinel = wait_until(lambda: service.child("manage.py worker"))
    wait_until(lambda: len(sentinel.children()) >= 2 + 1)  # two workers, pusher
    return max(sentinel.children(), key=lambda process: (process.create_time(), process.pid))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.services("postgres"), pytest.mark.long])])
def database_url(request):
    if request.param == "sqlite":
        yield {}
    else:
        with services.postgres() as url:
            yield {"DATABASE_URL": url}


@pytest.mark.long
def test_wedged_queue_is_mended_by_itself_and_a_watch_that_stops_is_noticed(serve, environment, database_url, tmp_path):  # noqa: F811, E501
    everything = {**environment, **database_url, "DATA_DIR": str(tmp_path), "HEALTH_QUEUE_STUCK_S": "3"}
    shell(everything, "from django.core.management import call_command; call_command('migrate', verbosity=0)")
    service = serve(**{name: everything[name] for name in everything if environment.get(name) != everything[name]})

    def health(name=""):
        try:
            found = requests.get(f"http://127.0.0.1:{service.port}/api/v1/monitoring/health{name}", timeout=5)
        except requests.ConnectionError:
            return 0, "", ""
        return found.status_code, found.json()["status"], found.json()["message"]

    wait_until(lambda: health("/workers")[1] == "healthy", 60)
    frozen = pusher(service)
    time.sleep(1)  # the sentinel goes on to watch over them
    frozen.suspend()
    shell(everything, START)

    wait_until(lambda: health("/queue")[:2] == (503, "unhealthy"), 40)
    wait_until(lambda: health("/queue")[:2] == (200, "healthy"), 40)
    found = wait_until(lambda: settled(json.loads(shell(everything, LOOK))), 40)
    assert found["runs"] == ["completed"]
    assert found["heals"][0] == ["queue", "sweep_orphans", "no_effect"]
    assert found["heals"][-1] == ["queue", "restart_worker", "healed"]
    assert found["alerts"] == [["queue", "incident"], ["queue", "recovery"]]
    assert not frozen.is_running()

    watch = service.child("manage.py watch")
    watch.suspend()
    code, status, message = wait_until(lambda: nobody_measures(health()), 25)
    watch.resume()
    assert (code, status) == (503, "unhealthy")
    assert message.startswith("Nobody is measuring since")
    wait_until(lambda: health()[0] == 200, 40)


@pytest.mark.services("redis")
def test_without_cache_and_provider_the_service_is_degraded_and_food_can_be_kept(settings, client):
    with services.redis() as server:
        settings.REDIS_URL, settings.CACHES = server.url, redis_cache(server.url)
        settings.PROVIDER_ORDER, settings.HEALTH_DATABASE_SLOW_MS = ["openfoodfacts"], 60_000
        server.stop()
        until = to_us(time.time() + 600)
        ProviderState.objects.create(key="openfoodfacts:product", state=BreakerState.OPEN, open_until=until)
        wanted = ("cache", "database", "provider_openfoodfacts")
        watch = Watch([dataclasses.replace(all_watched()[name], every_s=0.0) for name in wanted])
        rounds(watch, lambda: phase_of(watch, "cache") == phase_of(watch, wanted[2]) == Phase.CONFIRMED, 60)

        answers = [client.get(f"/api/v1/monitoring/{path}") for path in ("ping", "ready", "health")]
        client.force_login(make_user())
        kept = client.post(
            "/api/v1/products", {"name": "Soup", "per_100": {"energy_kcal": 50}}, content_type="application/json"
        )

        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert answers[2].json()["status"] == "degraded"
        assert {name: each["status"] for name, each in answers[2].json()["checks"].items()} == {
            "cache": "unhealthy",
            "database": "healthy",
            "provider_openfoodfacts": "unhealthy",
        }
        assert kept.status_code == 201, kept.content
        cache.close()
        if pool := ConnectionFactory._pools.pop(server.url, None):
            pool.disconnect()
