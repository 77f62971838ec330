"""What is looked at, one class for each check, on the classes of django-health-check.

A check raises ServiceWarning where something is degraded, ServiceUnavailable where it is unhealthy, NotConfigured where
there is nothing to look at, and returns where all is well. `message` says more of a good result; `details` hold figures
for everybody who may ask, and words for staff alone: paths, hosts, errors.
"""

import dataclasses
import datetime as dt
import inspect
import math
import os
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

import health_check
import psutil
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db import Error as DatabaseTrouble
from django.db.models import Max
from django.utils import timezone
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning

from dietintel.gateway.overview import Overview, configured, overview
from dietintel.gateway.policy import State, to_us
from dietintel.room import MEGABYTE, least_bytes, nearly_full
from monitoring import memory
from monitoring.health.conditions import Result, Status
from monitoring.models import Probe
from workflows import schedules
from workflows.models import Attempt, Host, Step
from workflows.reading import BEATS_FOR, Queue
from workflows.states import Priority, StepState

LOCK_PATIENCE_S = 2  # a database that stays locked for longer is called unhealthy
STARTING_S = 25.0  # so long after the watch began, missing workers are taken to be starting
CPU_WINDOW_S = 300.0
FEW_CALLS = 5  # of fewer, a share of failures says nothing


class NotConfigured(HealthCheckException):
    """There is nothing to look at; `message` says why."""


def measure(check: HealthCheck) -> Result:
    """What `check` finds now. Whatever it raises is a result."""
    began = time.perf_counter()
    status, kind, message, error = Status.HEALTHY, "", "", ""
    try:
        async_to_sync(check.run)() if inspect.iscoroutinefunction(check.run) else check.run()
    except NotConfigured as found:
        status, message = Status.DISABLED, str(found.message)
    except ServiceWarning as found:
        status, message = Status.DEGRADED, str(found.message)
    except HealthCheckException as found:
        status, message = Status.UNHEALTHY, str(found.message)
    except Exception as found:  # noqa: BLE001 (a check that breaks is itself a finding)
        status, kind = Status.UNHEALTHY, "check_error"
        message, error = f"The check itself failed ({type(found).__name__}).", str(found)[:500]
    details = {**getattr(check, "details", {}), **({"error": error} if error else {})}
    return Result(
        status,
        (message or str(getattr(check, "message", "")) or "ok").replace("\0", ""),
        {name: _plain(value) for name, value in details.items()},
        kind,
        round((time.perf_counter() - began) * 1000, 1),
    )


def _plain(value: object) -> str | int | float | None:
    """What every database, file and format can keep: details come from checks of any app."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value).replace("\0", "")


@dataclasses.dataclass
class Database(health_check.Database):
    """Reads, and writes a row and reads it again: a database may answer and yet be full, locked or read-only."""

    def run(self) -> None:
        self.details: dict[str, Any] = {}
        began = time.perf_counter()
        super().run()
        try:
            self._write()
        except DatabaseTrouble as error:
            self.details["error"] = str(error)
            raise ServiceUnavailable(_write_trouble(error)) from error
        slow_ms = (time.perf_counter() - began) * 1000
        wal_mb = wal_bytes() / MEGABYTE
        self.details |= {"probe_ms": round(slow_ms, 1), "wal_mb": round(wal_mb, 1)}
        if wal_mb > settings.HEALTH_WAL_MB:
            raise ServiceWarning(f"The write-ahead log has grown to {wal_mb:.0f} MB.")
        if slow_ms > settings.HEALTH_DATABASE_SLOW_MS:
            raise ServiceWarning(f"Writing and reading a row took {slow_ms:.0f} ms.")

    def _write(self) -> None:
        said = uuid.uuid4().hex
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA busy_timeout={LOCK_PATIENCE_S * 1000}")
            else:
                cursor.execute(f"SET lock_timeout = '{LOCK_PATIENCE_S}s'")
                cursor.execute(f"SET statement_timeout = '{2 * LOCK_PATIENCE_S}s'")
        with transaction.atomic():
            Probe.objects.update_or_create(pk=1, defaults={"written": said})
            if Probe.objects.values_list("written", flat=True).get(pk=1) != said:
                raise ServiceUnavailable("A row did not say what had just been written to it.")


def _write_trouble(error: DatabaseTrouble) -> str:
    said = str(error).lower()
    if "lock" in said:
        return f"The database has been locked for more than {LOCK_PATIENCE_S} s."
    if "readonly" in said or "read-only" in said:
        return "The database can only be read."
    if "full" in said or "no space" in said:
        return "The database has no room left."
    return f"The database cannot be written ({type(error).__name__})."


def wal_bytes() -> int:
    """The size of SQLite's write-ahead log; 0 where there is none."""
    if connection.vendor != "sqlite":
        return 0
    try:
        return os.stat(f"{connections[DEFAULT_DB_ALIAS].settings_dict['NAME']}-wal").st_size
    except OSError:
        return 0


@dataclasses.dataclass
class Cache(health_check.Cache):
    key_prefix: str = dataclasses.field(default="health", repr=False)

    async def run(self) -> None:
        self.details: dict[str, Any] = {"shared": bool(settings.REDIS_URL)}
        slow_ms = await self._probe()
        for _again in range(2):  # the first use opens the connection, and any one may meet a busy moment
            if slow_ms > settings.HEALTH_CACHE_SLOW_MS:
                slow_ms = min(slow_ms, await self._probe())
        self.details["probe_ms"] = round(slow_ms, 1)
        if slow_ms > settings.HEALTH_CACHE_SLOW_MS:
            raise ServiceWarning(f"Writing and reading a value took {slow_ms:.0f} ms.")

    async def _probe(self) -> float:
        """Milliseconds."""
        began = time.perf_counter()
        try:
            await super().run()
        except ServiceUnavailable as error:
            raise ServiceUnavailable("The cache does not keep what it is given; work goes on without it.") from error
        return (time.perf_counter() - began) * 1000


class _Fsynced(FileSystemStorage):
    """A folder whose files are on the disk when `save` returns."""

    def _save(self, name: str, content: Any) -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc]
        with self.open(saved) as file:
            os.fsync(file.fileno())
        return saved


@dataclasses.dataclass
class Storage(health_check.Storage):
    """Writes, reads and deletes a file in every folder that DietIntel keeps things in."""

    def run(self) -> None:
        self.details: dict[str, Any] = {}
        for folder in sorted({settings.DATA_DIR, settings.UPLOAD_DIR}):
            self._folder = folder
            try:
                super().run()
            except OSError as error:
                self.details |= {"folder": str(folder), "error": str(error)}
                raise ServiceUnavailable(f"Files cannot be written ({error.strerror}).") from error

    @property
    def storage(self) -> FileSystemStorage:
        return _Fsynced(location=self._folder)

    def get_file_name(self) -> str:
        return f".health-{uuid.uuid4().hex}"


@dataclasses.dataclass
class Disk(HealthCheck):
    """Free space where data and photos are kept. django-health-check's own knows one threshold, and only warns."""

    def run(self) -> None:
        self.details: dict[str, Any] = {}
        by_room = sorted(
            (settings.DATA_DIR, settings.UPLOAD_DIR), key=lambda folder: psutil.disk_usage(str(folder)).free
        )
        used = psutil.disk_usage(str(by_room[0]))
        self.details = {"free_mb": used.free // MEGABYTE, "total_mb": used.total // MEGABYTE}
        self.message = f"{used.free / 1000 / MEGABYTE:.1f} GB are free."
        if nearly_full(by_room[0]):
            raise ServiceUnavailable(f"Only {used.free // MEGABYTE} MB are free.")
        percent, megabytes = settings.HEALTH_DISK_DEGRADED_PERCENT, settings.HEALTH_DISK_DEGRADED_MB
        if used.free < least_bytes(used.total, percent, megabytes):
            raise ServiceWarning(f"Only {used.free // MEGABYTE} MB are free.")


@dataclasses.dataclass
class Memory(HealthCheck):
    """Of the machine, or of the control group that a container is held in, whichever is fuller."""

    cgroups: Path = memory.CGROUPS
    membership: Path = memory.MEMBERSHIP

    def run(self) -> None:
        found = memory.seen(cgroups=self.cgroups, membership=self.membership)
        percent = found.share * 100
        self.details: dict[str, Any] = {"used_mb": found.used // MEGABYTE, "limit_mb": found.limit // MEGABYTE}
        self.details |= {"percent": round(percent, 1)}
        self.message = f"{percent:.0f} % of {found.limit / 1000 / MEGABYTE:.1f} GB are in use."
        if percent > settings.HEALTH_MEMORY_UNHEALTHY_PERCENT:
            raise ServiceUnavailable(self.message)
        if percent > settings.HEALTH_MEMORY_DEGRADED_PERCENT:
            raise ServiceWarning(self.message)


@dataclasses.dataclass
class Cpu(HealthCheck):
    """The mean of five minutes: a busy second is what a processor is for."""

    _samples: ClassVar[deque[tuple[float, float, float]]] = deque()  # monotonic seconds, busy and all processor seconds

    def run(self) -> None:
        times, now = psutil.cpu_times(), time.monotonic()
        everything = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = everything - times.idle - getattr(times, "iowait", 0.0)
        samples = Cpu._samples
        samples.append((now, busy, everything))
        while now - samples[0][0] > CPU_WINDOW_S and len(samples) > 2:
            samples.popleft()
        spent = everything - samples[0][2]
        percent = 100 * (busy - samples[0][1]) / spent if spent > 0 else 0.0
        self.details = {"percent": round(percent, 1), "over_s": round(now - samples[0][0])}
        self.message = f"{percent:.0f} % busy over {self.details['over_s']} s."
        if percent > settings.HEALTH_CPU_PERCENT and self.details["over_s"] >= CPU_WINDOW_S * 0.9:
            raise ServiceWarning(self.message)


@dataclasses.dataclass
class QueueMoves(HealthCheck):
    """Work that is due is begun, where a worker is free for it."""

    def run(self) -> None:
        now = timezone.now()
        queue = Queue.seen(now=now)
        due = Step.objects.filter(state=StepState.READY, not_before__lte=now)
        waited_s = _seconds_since(due.order_by("not_before").values_list("not_before", flat=True).first(), now)
        free = queue.workers - queue.running
        self.details = {"due": queue.ahead[max(Priority)], "oldest_s": waited_s, "free": max(0, free)}
        self.details |= {"running": queue.running}
        if free == 1 and queue.workers > 1:  # the last free worker is kept for people who wait
            due = due.filter(run__priority__lte=Priority.HIGH)
        takeable_s = _seconds_since(due.order_by("not_before").values_list("not_before", flat=True).first(), now)
        claimed = Attempt.objects.order_by("-pk").values_list("started_at", flat=True).first()
        still_s = min(takeable_s, _seconds_since(claimed, now) if claimed else takeable_s)
        if free > 0 and still_s > settings.HEALTH_QUEUE_STUCK_S:
            raise ServiceUnavailable(f"Work is due and a worker is free, and nothing was begun for {still_s:.0f} s.")
        if waited_s > settings.HEALTH_QUEUE_WAIT_S:
            raise ServiceWarning(f"The oldest step has waited for {waited_s:.0f} s.")


def _seconds_since(at: dt.datetime | None, now: dt.datetime) -> float:
    return round((now - at).total_seconds(), 1) if at else 0.0


@dataclasses.dataclass
class Workers(HealthCheck):
    """A worker service said lately that it is there."""

    watching_since: ClassVar[float] = time.monotonic()

    def run(self) -> None:
        now = timezone.now()
        hosts = list(Host.objects.filter(beat_at__gt=now - BEATS_FOR))
        running = Step.objects.filter(state=StepState.RUNNING).count()
        count = sum(host.workers for host in hosts)
        self.details = {"workers": count, "busy": running, "hosts": ", ".join(sorted(host.name for host in hosts))}
        self.message = f"{running} of {count} are busy."
        if hosts:
            return
        if time.monotonic() - self.watching_since < STARTING_S:
            raise ServiceWarning("The workers are starting.")
        last = Host.objects.aggregate(last=Max("beat_at"))["last"]
        raise ServiceUnavailable(f"No worker since {last:%H:%M:%S} UTC." if last else "No worker has been started.")


@dataclasses.dataclass
class Schedules(HealthCheck):
    """What is to happen at a time happens at that time."""

    def run(self) -> None:
        late = schedules.late(now=timezone.now(), by=dt.timedelta(seconds=settings.HEALTH_SCHEDULE_LATE_S))
        self.details = {"late": len(late), "names": ", ".join(each.name for each in late)}
        if any(each.missed >= 2 for each in late):
            raise ServiceUnavailable(f"{len(late)} schedule(s) missed more than one time.")
        if late:
            raise ServiceWarning(f"{len(late)} schedule(s) are late.")


@dataclasses.dataclass
class Provider(HealthCheck):
    """A provider of food data, from real calls: nobody is asked only to see whether they answer.

    Its first operation is what it is there for: a search that is stopped leaves the provider degraded only. When the
    breaker's wait is over the next question of a person is the probe, so there is no remedy here.
    """

    provider: str = ""

    def run(self) -> None:
        mine = [each for each in overview(configured(), now=to_us(time.time())) if each.provider == self.provider]
        if not any(each.burst is not None for each in mine):  # there are no limits for what is not configured
            raise NotConfigured("This provider is not set up.")
        failed, calls = sum(each.failed for each in mine), sum(each.calls for each in mine)
        self.details = {"failed": failed, "calls": calls, "states": _states(mine)}
        self.details |= {"error": "; ".join(filter(None, (each.last_error for each in mine)))}
        for bad, trouble, words in (
            ({State.OPEN, State.FORCED_OPEN}, ServiceUnavailable, "It is not asked at the moment"),
            ({State.HALF_OPEN}, ServiceWarning, "It failed; the next question to it is a test"),
        ):
            found = [each.operation for each in mine if each.state in {state.name.lower() for state in bad}]
            if found:
                only_beside = mine[0].operation not in found
                raise (ServiceWarning if only_beside else trouble)(f"{words} ({', '.join(found)}).")
        if calls >= FEW_CALLS and failed * 100 > calls * settings.HEALTH_PROVIDER_ERRORS_PERCENT:
            raise ServiceWarning(f"{failed} of the last {calls} questions failed.")


def _states(operations: list[Overview]) -> str:
    return ", ".join(f"{each.operation} {each.state}" for each in operations)


def provider_names() -> list[str]:
    """Those that there are settings for, and those that are configured."""
    return list(dict.fromkeys([*settings.PROVIDER_ORDER, *(config.name for config in configured())]))
