"""What can be tried to mend something: by the rules, or because an operator asked for it; the same either way.

Each remedy is bounded, says what it did, and is safe to repeat. Whether it is time for one, `conditions` knows.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.core.cache import caches
from django.db import connection, connections
from django.utils import timezone

from dietintel.cache import DisposableDatabaseCache
from dietintel.room import MEGABYTE
from monitoring.health.checks import LOCK_PATIENCE_S, wal_bytes
from monitoring.health.conditions import Condition, Result, Status, may_heal
from monitoring.health.errands import Errand
from monitoring.models import HealAttempt
from workflows import cleaning, engine, schedules
from workflows.processes import lives
from workflows.reading import Queue

log = logging.getLogger(__name__)
IDLE_TRANSACTION_S = 30  # nothing of ours waits so long inside of a transaction
TAKEN_UP_S = 5.0  # `serve` looks several times a second
LEFTOVER_AFTER_S = 3600.0  # an upload that was not finished by then never will be
LOOK_AGAIN_S = 1.0


class NotNow(Exception):
    """Nothing was done; the message is why."""


class Heal:
    """One remedy. A disruptive one disturbs work that goes on, and waits until the trouble is certain."""

    name: ClassVar[str]
    label: ClassVar[str]
    disruptive: ClassVar[bool] = False
    when_degraded: ClassVar[bool] = False  # also tried for what is degraded only
    settle_s: ClassVar[float] = 0.0  # until its effect can be seen
    limit_s: ClassVar[float] = 60.0  # then it counts as hung, and the next one gets its turn

    def apply(self) -> str:
        """Do it. Returns what was done, in a sentence; raises NotNow, or what went wrong."""
        raise NotImplementedError


class CloseConnections(Heal):
    """PostgreSQL: ends transactions that wait for nobody and may hold a lock."""

    name, label = "close_connections", "close stale connections"

    def apply(self) -> str:
        if connection.vendor != "postgresql":
            raise NotNow("SQLite is a file: nobody can close what another process has opened.")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND usename = current_user AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%%'"
                " AND state_change < now() - make_interval(secs => %s)",
                [IDLE_TRANSACTION_S],
            )
            ended = len(cursor.fetchall())
        return f"Ended {ended} connection(s) that were idle inside of a transaction."


class CheckpointWal(Heal):
    """SQLite: writes the log back into the database, and makes it short again."""

    name, label, when_degraded = "checkpoint_wal", "write the log back", True

    def apply(self) -> str:
        before = wal_bytes()
        if connection.vendor != "sqlite" or before <= settings.HEALTH_WAL_MB * MEGABYTE:
            raise NotNow("There is no log that has grown.")
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={LOCK_PATIENCE_S * 1000}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = cursor.fetchone()[0]
        if busy:
            raise NotNow("Somebody reads from the log, so it cannot be made shorter.")
        return f"Wrote {before // MEGABYTE} MB of the log back."


class SweepOrphans(Heal):
    name, label, settle_s = "sweep_orphans", "take up steps that were left behind", 2.0

    def apply(self) -> str:
        return f"Took up {engine.sweep(now=timezone.now(), alive=lives)} step(s) or run(s) again."


class RestartWorker(Heal):
    """Has `serve` start the worker again. Steps that it was working on are lost, and begun again by the new one."""

    name, label, disruptive, settle_s = "restart_worker", "restart the worker", True, 20.0

    def apply(self) -> str:
        queue = Queue.seen(now=timezone.now())
        if 0 < queue.workers <= queue.running:
            raise NotNow("All workers are busy; none is disturbed.")
        return _restart(f"by the remedy {self.name}")


class RecycleIdle(Heal):
    """Gives back the memory of workers that have nothing to do: all of them, or none."""

    name, label, settle_s = "recycle_idle", "restart the worker while it is idle", 10.0

    def apply(self) -> str:
        queue = Queue.seen(now=timezone.now())
        if not queue.workers:
            raise NotNow("There is no worker.")
        if queue.running:
            raise NotNow("Workers are busy; none is disturbed.")
        return _restart(f"by the remedy {self.name}")


def _restart(why: str) -> str:
    file = settings.RESTART_WORKER_FILE
    file.write_text(why)
    ends = time.monotonic() + TAKEN_UP_S
    while file.exists():
        if time.monotonic() > ends:
            file.unlink(missing_ok=True)
            raise NotNow("No service took up the request: the worker does not run beside this data folder.")
        time.sleep(0.1)
    return "The worker is being started again."


class DropPool(Heal):
    """Redis: forgets connections that may be dead, and does not leave the server alone any longer."""

    name, label = "drop_pool", "drop the connections to the cache"

    def apply(self) -> str:
        cache: Any = caches["default"]
        if isinstance(cache, DisposableDatabaseCache):
            connections.close_all()
            return "Opened the cache's table anew."
        from dietintel.redis_cache import BriefRedis

        pool = cache.client.get_client().connection_pool
        pool.disconnect()
        BriefRedis.left_alone_until.pop(pool, None)
        return "Dropped the connections to Redis."


class Prune(Heal):
    """Makes room: uploads that were never finished, then what is older than it is kept."""

    name, label, limit_s = "prune", "delete unfinished uploads and old data", 600.0

    def apply(self) -> str:
        files, freed = _unfinished_uploads()
        now = timezone.now()
        rows = sum(cleaning.clean(rule, now=now) for rule in cleaning.rules())
        return f"Deleted {files} unfinished upload(s) of {freed // MEGABYTE} MB and {rows} old row(s)."


def _unfinished_uploads() -> tuple[int, int]:
    """Files `*.part`, which is what a photo is called until all of it is there. Returns how many, and their bytes."""
    count, freed = 0, 0
    for file in settings.UPLOAD_DIR.rglob("*.part"):
        try:
            seen = file.lstat()
            if time.time() - seen.st_mtime > LEFTOVER_AFTER_S:
                file.unlink()
                count, freed = count + 1, freed + seen.st_size
        except FileNotFoundError:
            continue  # it was finished at this moment
    return count, freed


class FireMissed(Heal):
    name, label = "fire_missed", "start what was missed last"

    def apply(self) -> str:
        by = dt.timedelta(seconds=settings.HEALTH_SCHEDULE_LATE_S)
        return f"Started {schedules.catch_up(now=timezone.now(), by=by)} late schedule(s)."


def due(heals: Sequence[type[Heal]], condition: Condition, *, kind: str, now: dt.datetime) -> list[type[Heal]]:
    """Which of a check's remedies are to be tried now, in order.

    Gentle ones come at once. Where a disruptive one follows, they are tried with the first bad result only, and the
    pauses are those of the disruptive one.
    """
    if condition.last is Status.DEGRADED:
        found = [heal for heal in heals if heal.when_degraded]
        return found if may_heal(condition, disruptive=False, kind=kind, now=now, degraded=True) else []
    disruptive = [heal for heal in heals if heal.disruptive]
    gentle = [heal for heal in heals if not heal.disruptive]
    if disruptive and may_heal(condition, disruptive=True, kind=kind, now=now):
        return disruptive
    if may_heal(condition, disruptive=False, kind=kind, now=now) and (condition.fails == 1 or not disruptive):
        return gentle
    return []


def counts(heals: Sequence[type[Heal]], tried: Sequence[type[Heal]]) -> bool:
    """Whether `tried` starts the next pause: not gentle ones before a disruptive one."""
    return any(heal.disruptive for heal in tried) or not any(heal.disruptive for heal in heals)


def mend(check: str, heals: Sequence[type[Heal]], *, look: Callable[[], Result], by: str = "") -> list[HealAttempt]:
    """Try remedies in order, until one helps. `look` measures the check again. Returns the tries, not saved."""
    tries = []
    for heal in heals:
        tries.append(_try(check, heal(), look, by))
        if tries[-1].outcome == HealAttempt.Outcome.HEALED:
            break
    return tries


def _try(check: str, heal: Heal, look: Callable[[], Result], by: str) -> HealAttempt:
    at, began = timezone.now(), time.monotonic()
    note, outcome = _outcome(check, heal, look)
    took_s = round(time.monotonic() - began, 2)
    log.warning("%s: %s: %s (%s)", check, heal.name, outcome.value, note)
    return HealAttempt(check_name=check, heal=heal.name, at=at, took_s=took_s, outcome=outcome, note=note[:300], by=by)


_hanging: dict[tuple[str, str], Errand[tuple[str, HealAttempt.Outcome]]] = {}  # by check and remedy


def _outcome(check: str, heal: Heal, look: Callable[[], Result]) -> tuple[str, HealAttempt.Outcome]:
    """Whatever goes wrong with a remedy, or however long it takes, the next one may help."""
    key = (check, heal.name)
    if (hanging := _hanging.get(key)) and hanging.under_way:
        return "The last try still hangs; there is no second one beside it.", HealAttempt.Outcome.ERROR
    errand = Errand(lambda: _applied(heal, look))
    errand.join(heal.limit_s)
    if errand.under_way:
        _hanging[key] = errand
        return f"It did not end within {heal.limit_s:g} s, and is left to itself.", HealAttempt.Outcome.ERROR
    if errand.result is None:
        log.warning("%s of %s failed", heal.name, check, exc_info=errand.error)
        return f"{type(errand.error).__name__}: {errand.error}", HealAttempt.Outcome.ERROR
    return errand.result


def _applied(heal: Heal, look: Callable[[], Result]) -> tuple[str, HealAttempt.Outcome]:
    try:
        note = heal.apply()
    except NotNow as why:
        return str(why), HealAttempt.Outcome.NO_EFFECT
    return note, HealAttempt.Outcome.HEALED if _helps(heal, look) else HealAttempt.Outcome.NO_EFFECT


def _helps(heal: Heal, look: Callable[[], Result]) -> bool:
    """Whether the check finds the trouble gone, at once or before the remedy has settled."""
    good = {Status.HEALTHY, Status.DISABLED, *(() if heal.when_degraded else (Status.DEGRADED,))}
    ends = time.monotonic() + heal.settle_s
    while look().status not in good:
        if time.monotonic() >= ends:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True
