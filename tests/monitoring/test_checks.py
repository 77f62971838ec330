"""Each check meets what it is there for."""

import dataclasses
import datetime as dt
import resource
import signal
import time
from collections import deque
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django_q.models import Schedule
from django_redis.pool import ConnectionFactory
from health_check.base import HealthCheck

from dietintel.gateway.models import ProviderState
from dietintel.gateway.policy import State, to_us
from dietintel.settings import redis_cache
from monitoring import memory
from monitoring.health import checks
from monitoring.health.conditions import Status
from monitoring.health.ml_model import MlModel
from tests import services
from tests.workflows.work import Batch, Clockwork, Meal
from workflows import engine, registry, schedules
from workflows.models import Host

pytestmark = pytest.mark.django_db
SLOT = dt.timedelta(hours=6)


def found(check):
    result = checks.measure(check)
    return result.status, result.message


# --- Database ---------------------------------------------------------------------------------------------------
def test_database_that_reads_and_writes_is_well(settings):
    settings.HEALTH_DATABASE_SLOW_MS = 60_000
    result = checks.measure(checks.Database())

    assert (result.status, result.kind) == (Status.HEALTHY, "")
    assert set(result.details) == {"probe_ms", "wal_mb"}


@pytest.mark.django_db(transaction=True)
def test_read_only_database_is_unhealthy_although_it_answers():
    with connection.cursor() as cursor:
        cursor.execute(
            "PRAGMA query_only=1" if connection.vendor == "sqlite" else "SET default_transaction_read_only = on"
        )
    try:
        assert found(checks.Database()) == (Status.UNHEALTHY, "The database can only be read.")
    finally:
        connection.close()


def test_slow_database_is_degraded(settings):
    settings.HEALTH_DATABASE_SLOW_MS = 0

    status, message = found(checks.Database())

    assert status == Status.DEGRADED
    assert message.startswith("Writing and reading a row took")


# --- Cache ------------------------------------------------------------------------------------------------------
@pytest.fixture
def server(settings):
    """A Redis of its own that is the cache."""
    with services.redis() as started:
        settings.REDIS_URL, settings.CACHES = started.url, redis_cache(started.url)
        yield started
        cache.close()
        if pool := ConnectionFactory._pools.pop(started.url, None):
            pool.disconnect()


@pytest.mark.services("redis")
def test_stopped_redis_makes_the_cache_unhealthy_until_it_is_back(server, settings):
    settings.HEALTH_CACHE_SLOW_MS = 60_000
    before, _words = found(checks.Cache())
    server.stop()
    without = found(checks.Cache())
    server.start()
    after, _words = found(checks.Cache())

    assert without == (Status.UNHEALTHY, "The cache does not keep what it is given; work goes on without it.")
    assert (before, after) == (Status.HEALTHY, Status.HEALTHY)


def test_cache_that_is_part_of_the_installation_is_looked_at_as_well(settings):
    settings.HEALTH_CACHE_SLOW_MS = 60_000

    assert found(checks.Cache()) == (Status.HEALTHY, "ok")


# --- Files, memory, processors ----------------------------------------------------------------------------------
@pytest.fixture
def quota():
    """No file can become longer than a quota: what a full disk is like, for one process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_folder_that_takes_no_files_makes_storage_unhealthy_and_leaves_nothing_behind(settings, tmp_path, quota):
    settings.DATA_DIR = tmp_path

    result = checks.measure(checks.Storage())

    assert (result.status, result.kind) == (Status.UNHEALTHY, "")
    assert result.message == "Files cannot be written (File too large)."
    assert result.details["folder"] == str(tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_folders_that_take_files_are_well_and_stay_empty(settings, tmp_path):
    settings.DATA_DIR = tmp_path

    assert found(checks.Storage()) == (Status.HEALTHY, "ok")
    assert list(tmp_path.rglob("*")) == [settings.UPLOAD_DIR]


@pytest.mark.parametrize(
    ("degraded", "unhealthy", "status"),
    [
        ((100, 10**9), (100, 10**9), Status.UNHEALTHY),
        ((100, 10**9), (0, 10**9), Status.DEGRADED),
        ((100, 0), (100, 0), Status.HEALTHY),  # the smaller of the two counts
    ],
)
def test_disk_is_as_full_as_the_smaller_threshold_says(settings, degraded, unhealthy, status):
    settings.HEALTH_DISK_DEGRADED_PERCENT, settings.HEALTH_DISK_DEGRADED_MB = degraded
    settings.HEALTH_DISK_UNHEALTHY_PERCENT, settings.HEALTH_DISK_UNHEALTHY_MB = unhealthy

    assert checks.measure(checks.Disk()).status == status


def group(root: Path, membership: str, *, used: int, limit: object, cached: int = 0) -> checks.Memory:
    """The check, in a control group that is described by a line of /proc/self/cgroup."""
    first = ":memory:" in membership
    folder = root / ("memory" if first else "") / membership.rpartition(":")[2].strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    use, most, inactive = memory.FILES["memory" if first else ""]
    (folder / use).write_text(f"{used}\n")
    (folder / most).write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{inactive} {cached}\n")
    (root / "membership").write_text(f"{membership}\n3:cpu,cpuacct:/\n")
    return checks.Memory(cgroups=root, membership=root / "membership")


@pytest.mark.parametrize("membership", ["0::/", "0::/system.slice/dietintel.service", "7:memory:/", "7:memory:/a"])
@pytest.mark.parametrize(
    ("used", "status"), [(97_000_000, Status.UNHEALTHY), (87_000_000, Status.DEGRADED), (7_000_000, Status.HEALTHY)]
)
def test_limit_of_the_container_counts_and_dropped_files_do_not(settings, tmp_path, membership, used, status):
    settings.HEALTH_MEMORY_DEGRADED_PERCENT = 80 if status != Status.HEALTHY else 100  # the machine's own is not asked
    settings.HEALTH_MEMORY_UNHEALTHY_PERCENT = 92 if status != Status.HEALTHY else 100
    check = group(tmp_path, membership, used=used + 3_000_000, limit=100_000_000, cached=3_000_000)

    assert checks.measure(check).status == status


def test_limit_of_a_group_around_the_own_one_counts_too(tmp_path):
    group(tmp_path, "0::/a.slice", used=97, limit=100)
    inner = group(tmp_path, "0::/a.slice/b.service", used=97, limit="max")

    assert memory.seen(cgroups=inner.cgroups, membership=inner.membership) == memory.Memory(97, 100)


def test_container_without_a_limit_is_as_full_as_its_machine(tmp_path):
    unlimited = checks.measure(group(tmp_path, "0::/", used=10**15, limit="max"))
    machine = checks.measure(checks.Memory(membership=Path("/nowhere")))

    assert unlimited.details["limit_mb"] == machine.details["limit_mb"]


def test_processors_are_busy_when_five_minutes_were(settings, monkeypatch):
    monkeypatch.setattr(checks.Cpu, "_samples", deque())
    settings.HEALTH_CPU_PERCENT = 1
    assert checks.measure(checks.Cpu()).status == Status.HEALTHY
    at, busy, everything = checks.Cpu._samples[0]

    checks.Cpu._samples[0] = (at - checks.CPU_WINDOW_S, busy - 95, everything - 100)
    after = checks.measure(checks.Cpu())

    assert after.status == Status.DEGRADED
    assert 50 < after.details["percent"] <= 100


# --- Queue, workers, schedules ----------------------------------------------------------------------------------
@pytest.fixture
def _known(monkeypatch):
    known = {**registry._WORKFLOWS, Meal.name: Meal, Batch.name: Batch}
    monkeypatch.setattr(registry, "_WORKFLOWS", known)


def start(workflow=Meal, *, ago_s, **given):
    at = timezone.now() - dt.timedelta(seconds=ago_s)
    return engine.start(workflow, input=given or {"photo": 1}, now=at)


def host(workers=2, *, beat_ago_s=1):
    beat = timezone.now() - dt.timedelta(seconds=beat_ago_s)
    return Host.objects.create(name=f"here:{Host.objects.count()}", workers=workers, beat_at=beat)


@pytest.mark.usefixtures("_known")
def test_work_that_is_due_beside_a_free_worker_and_not_begun_is_a_stuck_queue():
    host()
    start(ago_s=40)

    status, message = found(checks.QueueMoves())

    assert status == Status.UNHEALTHY
    assert message.startswith("Work is due and a worker is free, and nothing was begun for 4")


@pytest.mark.usefixtures("_known")
def test_queue_that_moves_slowly_is_degraded_and_not_stuck():
    host()
    start(ago_s=40)
    begun = start(ago_s=3)
    worker = Clockwork()
    worker.now = timezone.now()
    assert worker.claim(worker.due(begun)[0])

    status, message = found(checks.QueueMoves())

    assert (status, message[:30]) == (Status.DEGRADED, "The oldest step has waited for")


@pytest.mark.usefixtures("_known")
def test_last_free_worker_is_kept_for_people_so_other_work_may_wait():
    host(workers=2)
    taken = start(ago_s=60)
    worker = Clockwork()
    worker.now = timezone.now() - dt.timedelta(seconds=59)
    assert worker.claim(worker.due(taken)[0])
    start(Batch, ago_s=40, photos=[1])

    assert found(checks.QueueMoves())[0] == Status.DEGRADED

    start(Meal, ago_s=40)
    assert found(checks.QueueMoves())[0] == Status.UNHEALTHY


@pytest.mark.usefixtures("_known")
def test_work_without_any_worker_is_the_workers_trouble():
    host(beat_ago_s=60)
    start(ago_s=40)

    assert found(checks.QueueMoves())[0] == Status.DEGRADED


def test_workers_are_well_while_one_beats_and_unhealthy_when_none_does(monkeypatch):
    monkeypatch.setattr(checks.Workers, "watching_since", -checks.STARTING_S)
    never = found(checks.Workers())
    old = host(beat_ago_s=60)
    silent = found(checks.Workers())
    host(workers=3)
    well = found(checks.Workers())

    assert never == (Status.UNHEALTHY, "No worker has been started.")
    assert silent == (Status.UNHEALTHY, f"No worker since {old.beat_at:%H:%M:%S} UTC.")
    assert well == (Status.HEALTHY, "0 of 3 are busy.")


def test_workers_may_take_a_moment_to_start(monkeypatch):
    monkeypatch.setattr(checks.Workers, "watching_since", time.monotonic())

    assert found(checks.Workers()) == (Status.DEGRADED, "The workers are starting.")


@pytest.mark.parametrize(
    ("ago", "status"),
    [
        (dt.timedelta(seconds=60), Status.HEALTHY),
        (dt.timedelta(minutes=5), Status.DEGRADED),
        (SLOT + dt.timedelta(minutes=5), Status.UNHEALTHY),
    ],
)
def test_schedule_is_late_and_then_missed(ago, status):
    schedules.ensure(now=timezone.now())
    Schedule.objects.update(next_run=timezone.now() - ago)

    assert checks.measure(checks.Schedules()).status == status


# --- What is not configured, and providers ----------------------------------------------------------------------
def test_model_that_is_not_there_is_disabled(settings, tmp_path):
    settings.MODEL_PATH = tmp_path / "none.onnx"

    assert found(MlModel()) == (Status.DISABLED, "There is no model for reading photos.")


def test_provider_without_its_settings_is_disabled(settings):
    settings.FDC_API_KEY = ""

    assert found(checks.Provider(provider="fdc")) == (Status.DISABLED, "This provider is not set up.")


MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, Status.HEALTHY),
        ({"calls": 20, "history": 0b11111}, Status.DEGRADED),
        ({"calls": 20, "history": 0b1111}, Status.HEALTHY),
        ({"calls": 4, "history": 0b1111}, Status.HEALTHY),
        ({"state": State.OPEN, "open_until": MINUTE}, Status.UNHEALTHY),
        ({"state": State.OPEN, "open_until": -MINUTE}, Status.DEGRADED),
        ({"state": State.HALF_OPEN}, Status.DEGRADED),
        ({"state": State.FORCED_OPEN}, Status.UNHEALTHY),
    ],
)
def test_provider_is_what_real_calls_made_of_its_breaker(row, status):
    now = to_us(time.time())
    until = {"open_until": now + row["open_until"]} if "open_until" in row else {}
    ProviderState.objects.create(key="openfoodfacts:product", last_at=now, **{**row, **until})

    assert checks.measure(checks.Provider(provider="openfoodfacts")).status == status


def test_provider_whose_search_alone_is_stopped_is_degraded():
    until = to_us(time.time()) + MINUTE
    ProviderState.objects.create(key="openfoodfacts:search", state=State.OPEN, open_until=until, last_at=until)

    assert found(checks.Provider(provider="openfoodfacts")) == (
        Status.DEGRADED,
        "It is not asked at the moment (search).",
    )


# --- What is kept of them ---------------------------------------------------------------------------------------
@dataclasses.dataclass
class Talkative(HealthCheck):  # type: ignore[misc]
    """Says what no database keeps: a place, a moment, no number, the letter 0."""

    def run(self):
        self.details = {"at": dt.date(2026, 3, 2), "in": Path("/a"), "part": float("nan"), "n": 1, "list": ["a\0"]}
        self.message = "All\0 is well."


def test_what_a_check_says_can_be_kept_and_sent_whatever_it_is():
    result = checks.measure(Talkative())

    assert (result.status, result.message) == (Status.HEALTHY, "All is well.")
    assert result.details == {"at": "2026-03-02", "in": "/a", "part": "nan", "n": 1, "list": "['a\\x00']"}
