"""Remedies against real trouble: each is needed, helps, and is written down."""

import datetime as dt
import os
import signal
import sqlite3
import threading
import time

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_redis.pool import ConnectionFactory

from dietintel.redis_cache import BriefRedis
from dietintel.serve import Child
from dietintel.settings import redis_cache
from monitoring.health import checks, healing
from monitoring.health.conditions import Condition, Phase, Result, Status
from monitoring.health.healing import CheckpointWal, CloseConnections, Heal, RestartWorker, SweepOrphans
from monitoring.health.watching import Watch
from monitoring.models import Alert, Flip, HealAttempt, Probe
from tests import services
from tests.clock import FakeClock
from tests.monitoring.conftest import ILL, State, connection_parameters, patient, rounds
from tests.test_serve import wait_until
from tests.workflows.work import Clockwork, Meal
from workflows import engine, registry, schedules
from workflows.models import Host, Run
from workflows.reading import Queue

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
needs_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite has such a log")
needs_postgres = pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite knows no other connections")


def ladder(*, phase, fails, last=Status.UNHEALTHY, **more):
    return Condition(status=last, last=last, phase=phase, fails=fails, **more)


def tried(heals, look):
    return [(each.heal, each.outcome) for each in healing.mend("it", heals, look=look)]


# --- Which, and when --------------------------------------------------------------------------------------------
GENTLE_FIRST = (SweepOrphans, RestartWorker)


@pytest.mark.parametrize(
    ("heals", "condition", "kind", "wanted"),
    [
        (GENTLE_FIRST, ladder(phase=Phase.SUSPECT, fails=1), "", [SweepOrphans]),
        (GENTLE_FIRST, ladder(phase=Phase.SUSPECT, fails=2), "", []),
        (GENTLE_FIRST, ladder(phase=Phase.CONFIRMED, fails=3), "", [RestartWorker]),
        (GENTLE_FIRST, ladder(phase=Phase.CONFIRMED, fails=3), "check_error", []),
        (GENTLE_FIRST, ladder(phase=Phase.CONFIRMED, fails=4, heals=(NOON,), heals_in_row=1), "", []),
        (
            (CloseConnections, CheckpointWal),
            ladder(phase=Phase.SUSPECT, fails=1),
            "",
            [CloseConnections, CheckpointWal],
        ),
        (
            (CloseConnections, CheckpointWal),
            ladder(phase=Phase.WELL, fails=0, last=Status.DEGRADED),
            "",
            [CheckpointWal],
        ),
        (GENTLE_FIRST, ladder(phase=Phase.WELL, fails=0, last=Status.DEGRADED), "", []),
        (GENTLE_FIRST, ladder(phase=Phase.WELL, fails=0, last=Status.HEALTHY), "", []),
    ],
)
def test_gentle_remedies_come_at_once_and_disruptive_ones_when_it_is_certain(heals, condition, kind, wanted):
    assert healing.due(heals, condition, kind=kind, now=NOON) == wanted


def test_remedies_are_tried_until_one_helps():
    class Helpless(Heal):
        name, label = "helpless", ""

        def apply(self):
            return "Tried."

    class Broken(Helpless):
        name = "broken"

        def apply(self):
            raise OSError("no such thing")

    class Helpful(Helpless):
        name = "helpful"

        def apply(self):
            ill.clear()
            return "Done."

    ill = {True}

    def look():
        return Result(Status.UNHEALTHY if ill else Status.HEALTHY)

    assert tried([Helpless, Broken, Helpful, Helpless], look) == [
        ("helpless", "no_effect"),
        ("broken", "error"),
        ("helpful", "healed"),
    ]


def test_remedy_that_hangs_is_left_to_itself_the_next_one_has_its_turn_and_there_is_no_second_copy():
    class Hanging(Heal):
        name, label, limit_s = "hanging", "", 0.05

        def apply(self):
            begun.append(1)
            release.wait(10)
            return "At last."

    class Helpful(Heal):
        name, label = "helpful", ""

        def apply(self):
            return "Done."

    begun: list[int] = []
    release = threading.Event()

    first = healing.mend("it", [Hanging, Helpful], look=lambda: Result(Status.HEALTHY))
    again = healing.mend("it", [Hanging], look=lambda: Result(Status.HEALTHY))
    release.set()

    assert [(each.heal, each.outcome) for each in first] == [("hanging", "error"), ("helpful", "healed")]
    assert first[0].note == "It did not end within 0.05 s, and is left to itself."
    assert [each.note for each in again] == ["The last try still hangs; there is no second one beside it."]
    assert begun == [1]


def test_remedy_that_never_helps_is_tried_at_growing_distance_and_then_somebody_is_called():
    class Helpless(Heal):
        name, label = "helpless", ""

        def apply(self):
            return "Tried."

    clock = FakeClock()
    watch = Watch(
        [patient(State(ILL), heals=(Helpless,))], now=lambda: dt.datetime.fromtimestamp(clock.now(), tz=dt.UTC)
    )

    def later():
        clock.passes(30)
        watch.round()
        for errand in watch._healing.values():
            errand.join()
        return watch.conditions["patient"].exhausted

    rounds(watch, later)
    heals = watch.conditions["patient"].heals
    for _again in range(10):
        later()
    rounds(watch, lambda: Alert.objects.count() == 2)

    gaps = [(b - a).total_seconds() for a, b in zip(heals, heals[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert [gap >= pause for gap, pause in zip(gaps, (60, 120, 240, 480), strict=True)] == [True] * 4
    assert HealAttempt.objects.count() == 5
    assert sorted(Alert.objects.values_list("kind", flat=True)) == ["exhausted", "incident"]


# --- Database ---------------------------------------------------------------------------------------------------
@needs_postgres
def test_forgotten_transaction_that_holds_a_lock_is_ended(monkeypatch):
    monkeypatch.setattr(healing, "IDLE_TRANSACTION_S", 0)
    Probe.objects.create(pk=1, written="before")
    forgotten = psycopg.connect(**connection_parameters())
    forgotten.execute("SELECT 1 FROM monitoring_probe FOR UPDATE")
    assert checks.measure(checks.Database()).message == "The database has been locked for more than 2 s."

    outcome = tried([CloseConnections], lambda: checks.measure(checks.Database()))

    assert outcome == [("close_connections", "healed")]
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    connection.close()


@needs_sqlite
def test_grown_log_is_written_back_once_nobody_reads_from_it(settings):
    settings.HEALTH_WAL_MB = 1
    reader = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM monitoring_flip").fetchone()
    for _batch in range(3):
        rows = [Flip(check_name="it", at=NOON, to_status="healthy", message="x" * 300) for _ in range(2_000)]
        Flip.objects.bulk_create(rows)
    grown = checks.measure(checks.Database())

    while_read = tried([CheckpointWal], lambda: checks.measure(checks.Database()))
    reader.close()
    afterwards = tried([CheckpointWal], lambda: checks.measure(checks.Database()))
    nothing_left = tried([CheckpointWal], lambda: checks.measure(checks.Database()))

    assert (grown.status, "write-ahead log has grown" in grown.message) == (Status.DEGRADED, True)
    assert while_read == [("checkpoint_wal", "no_effect")]
    assert afterwards == [("checkpoint_wal", "healed")]
    assert nothing_left == [("checkpoint_wal", "no_effect")]
    assert checks.wal_bytes() < 1_000_000


# --- Cache, files, schedules ------------------------------------------------------------------------------------
@pytest.mark.services("redis")
def test_redis_that_was_left_alone_is_asked_again_at_once(settings):
    settings.HEALTH_CACHE_SLOW_MS = 10_000
    with services.redis() as server:
        settings.REDIS_URL, settings.CACHES = server.url, redis_cache(server.url)
        server.process.send_signal(signal.SIGSTOP)
        stalled = checks.measure(checks.Cache()).status
        server.process.send_signal(signal.SIGCONT)
        left_alone = checks.measure(checks.Cache()).status

        outcome = [("drop_pool", "no_effect")]
        for _again in range(5):  # a busy machine may be too slow for the cache's short patience once more
            if outcome != [("drop_pool", "healed")]:
                outcome = tried([healing.DropPool], lambda: checks.measure(checks.Cache()))

        assert (stalled, left_alone) == (Status.UNHEALTHY, Status.UNHEALTHY)
        assert outcome == [("drop_pool", "healed")]
        pool = ConnectionFactory._pools.pop(server.url)
        assert pool not in BriefRedis.left_alone_until
        cache.close()
        pool.disconnect()


def test_unfinished_uploads_and_old_runs_make_room(settings):
    def upload(name, *, hours_ago):
        file = settings.UPLOAD_DIR / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 1000)
        os.utime(file, (time.time() - hours_ago * 3600,) * 2)
        return file

    gone, young, photo = upload("a/1.part", hours_ago=2), upload("2.part", hours_ago=0), upload("3.jpg", hours_ago=900)
    old = timezone.now() - dt.timedelta(days=100)
    Run.objects.create(workflow="cleanup", plan=[], state="completed", created_at=old, finished_at=old)

    attempt = healing.mend("disk", [healing.Prune], look=lambda: Result(Status.HEALTHY))[0]

    assert (attempt.outcome, attempt.note) == ("healed", "Deleted 1 unfinished upload(s) of 0 MB and 1 old row(s).")
    assert [file.exists() for file in (gone, young, photo)] == [False, True, True]
    assert Run.objects.count() == 0


def test_missed_schedule_starts_its_newest_time_once():
    schedules.ensure(now=timezone.now())
    Schedule.objects.update(next_run=timezone.now() - dt.timedelta(hours=15))

    first = tried([healing.FireMissed], lambda: checks.measure(checks.Schedules()))
    again = healing.FireMissed().apply()

    assert first == [("fire_missed", "healed")]
    assert again == "Started 0 late schedule(s)."
    run = Run.objects.get(workflow="cleanup")
    slot = dt.datetime.fromisoformat(run.key.removeprefix("slot "))
    assert dt.timedelta(0) <= timezone.now() - slot < dt.timedelta(hours=6)
    assert not Schedule.objects.filter(next_run__lte=timezone.now()).exists()


# --- Workers ----------------------------------------------------------------------------------------------------
@pytest.fixture
def _known(monkeypatch):
    monkeypatch.setattr(registry, "_WORKFLOWS", {**registry._WORKFLOWS, Meal.name: Meal})


@pytest.mark.usefixtures("_known")
def test_step_without_a_message_is_sent_again():
    run = engine.start(Meal, input={"photo": 1}, now=timezone.now() - dt.timedelta(seconds=60))
    OrmQ.objects.all().delete()

    healing.SweepOrphans().apply()

    assert OrmQ.objects.count() == run.steps.filter(state="ready").count() == 1


@pytest.mark.usefixtures("_known")
def test_no_worker_is_disturbed_while_all_are_busy(settings):
    Host.objects.create(name="here:1", workers=1, beat_at=timezone.now())
    run = engine.start(Meal, input={"photo": 1}, now=timezone.now())
    worker = Clockwork()
    worker.now = timezone.now()
    assert worker.claim(worker.due(run)[0])

    for heal in (RestartWorker, healing.RecycleIdle):
        with pytest.raises(healing.NotNow, match="busy"):
            heal().apply()

    assert Queue.seen(now=timezone.now()).running == 1
    assert not settings.RESTART_WORKER_FILE.exists()


def test_worker_of_another_machine_cannot_be_restarted_and_that_is_said(settings, monkeypatch):
    monkeypatch.setattr(healing, "TAKEN_UP_S", 0.3)

    with pytest.raises(healing.NotNow, match="No service took up the request"):
        RestartWorker().apply()

    assert not settings.RESTART_WORKER_FILE.exists()


def test_supervisor_restarts_what_it_is_asked_to_also_where_it_does_not_listen(settings, tmp_path):
    deaf = ["sh", "-c", f"trap '' TERM; touch {tmp_path}/deaf; while true; do sleep 0.1; done"]
    child = Child("worker", deaf, request=settings.RESTART_WORKER_FILE)
    child.keep_alive(0.0)
    first = child.process
    assert first is not None
    wait_until((tmp_path / "deaf").exists)
    settings.RESTART_WORKER_FILE.write_text("because")

    child.restart_if_asked(100.0)
    taken_up = not settings.RESTART_WORKER_FILE.exists()
    child.restart_if_asked(104.0)
    patient_until = first.poll()
    child.restart_if_asked(105.0)
    child.keep_alive(105.1)
    child.keep_alive(105.1)

    assert (taken_up, patient_until, first.poll()) == (True, None, -signal.SIGKILL)
    assert child.process is not None
    assert child.process.pid != first.pid
    child.kill_group()
