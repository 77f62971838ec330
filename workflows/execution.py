"""Working on a step in this process: within its time, keeping its lease, stopping when told."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.utils import timezone

from workflows import engine, figures
from workflows.broker import LEASE_S
from workflows.engine import Claim, Lost
from workflows.states import Outcome

log = logging.getLogger(__name__)
T = TypeVar("T")
BEAT_S = 2.0
UNHEARD_S = LEASE_S * 0.75  # without a renewal for so long, the worker stops before another may begin
PROGRESS_EVERY_S = 0.5
# Set by the sentinel, and seen by the workers that it forked: when the service began to stop, in seconds of the
# monotonic clock; 0 while it goes on.
stopping_since = multiprocessing.Value("d", 0.0)


class Stopped(BaseException):
    """The work is to end now. A BaseException: a step that catches Exception must not swallow it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TimedOut(Stopped):
    """The step took longer than it may."""


@dataclass
class Context:
    """What a step may ask and tell: its first argument."""

    claim: Claim
    doubts: list[str] = field(default_factory=list)
    _told_at: float = 0.0

    @property
    def run_id(self) -> int:
        return self.claim.run_id

    @property
    def attempt(self) -> int:
        """From 1."""
        return self.claim.attempt

    def progress(self, share: float, note: str = "") -> None:
        """How far the step is, 0 to 1; `note` is shown beside it. Written twice a second at most."""
        if share >= 1 or time.monotonic() - self._told_at > PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            engine.report_progress(self.claim, share, note)

    def degrade(self, why: str) -> None:
        """The run will be completed, but not as well as it could be: `why`, as a sentence for the person."""
        self.doubts.append(why)

    def once(self, name: str, call: Callable[[str], T]) -> T:
        """The result of `call`, made once for all attempts of this step, unless the process dies in the middle of it.

        `call` gets an idempotency key, the same each time, for whoever it talks to. Its result has to be JSON.
        """
        kept = engine.remembered(self.claim)
        if name not in kept:
            result = call(f"{self.claim.idempotency_key}:{name}")
            engine.remember(self.claim, name, result)
            return result
        again: T = kept[name]
        return again


def work_on(step_id: int) -> str:
    """What the queue calls: claim, work, record. Returns what happened, in a word; raises nothing.

    Whatever happens to this process meanwhile, the step's row knows.
    """
    claim = engine.claim(step_id, worker=this_worker(), now=timezone.now())
    if claim is None:
        return "not due"
    try:
        return _attempt(claim)
    except Lost:
        log.warning("%s.%s: somebody else has it by now", claim.workflow.name, claim.plan.name)
        figures.report_refused(claim.workflow.name, claim.plan.name)
        return "lost"


def _attempt(claim: Claim) -> str:
    context = Context(claim)
    workflow = claim.workflow()
    function = workflow.definition.functions[claim.plan.name]

    def call() -> Any:
        return function(workflow, context, **claim.arguments)

    try:
        with _limits(claim):
            if claim.plan.tx:
                engine.succeed(claim, work=call, doubts=context.doubts, now=timezone.now())
                return "done"
            output = call()
    except TimedOut as error:
        engine.fail(claim, error.why, worth_retrying=True, outcome=Outcome.TIMEOUT, now=timezone.now())
        return "timeout"
    except Stopped as error:
        if error.why == "lost":
            raise Lost from error
        outcome = Outcome.INTERRUPTED if error.why == "interrupted" else Outcome.CANCELLED
        engine.give_back(claim, outcome=outcome, now=timezone.now())
        return outcome.value
    except Lost:
        raise
    except Exception as error:  # noqa: BLE001 (a step's failure, of whatever kind, belongs into its row)
        _failed(claim, error)
        return "error"
    try:
        engine.succeed(claim, output, doubts=context.doubts, now=timezone.now())
    except (TypeError, ValueError) as error:  # an output that is no JSON, or too much of it
        _failed(claim, error)
        return "error"
    return "done"


def _failed(claim: Claim, error: Exception) -> None:
    log.warning("%s.%s failed: %s", claim.workflow.name, claim.plan.name, error, exc_info=error)
    engine.fail(
        claim,
        f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))[-4000:]}",
        worth_retrying=claim.workflow.definition.retries[claim.plan.name].worth(error),
        retry_after_s=float(getattr(error, "retry_after_s", None) or 0),
        now=timezone.now(),
    )


@contextmanager
def _limits(claim: Claim) -> Iterator[None]:
    """Ends the step at its time limit, and when its watch says so: by signals, which reach the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield  # without signals there is no way in; only tests work on steps in other threads
        return
    watch = _Watch(claim)

    def at_limit(*_: object) -> None:
        raise TimedOut(f"took longer than {claim.plan.timeout_s} s")

    def told(*_: object) -> None:
        raise Stopped(watch.why)

    before = signal.signal(signal.SIGALRM, at_limit), signal.signal(signal.SIGUSR1, told)
    signal.setitimer(signal.ITIMER_REAL, claim.plan.timeout_s)
    watch.start()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        watch.end()
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGUSR1, before[1])


class _Watch(threading.Thread):
    """Renews the lease every two seconds, and stops the work when it is to end."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(daemon=True)
        self.claim = claim
        self.why = ""
        self._over = threading.Event()
        self._deciding = threading.Lock()
        self._main = threading.main_thread().ident
        self._heard = time.monotonic()

    def run(self) -> None:
        try:
            while not self._over.wait(BEAT_S):
                why = self._look()
                if why:
                    self._stop_work(why)
                    return
        finally:
            connection.close()

    def end(self) -> None:
        with self._deciding:
            self._over.set()
        self.join(BEAT_S)

    def _look(self) -> str | None:
        since = stopping_since.value
        if since and time.monotonic() - since > settings.SHUTDOWN_TIMEOUT:
            return "interrupted"
        try:
            why = engine.renew(self.claim, now=timezone.now())
        except DatabaseTrouble as error:
            log.warning("the lease of step %d could not be renewed: %s", self.claim.step_id, error)
            with suppress(DatabaseTrouble):
                connection.close()
            return "lost" if time.monotonic() - self._heard > UNHEARD_S else None
        self._heard = time.monotonic()
        return why

    def _stop_work(self, why: str) -> None:
        with self._deciding:
            if not self._over.is_set() and self._main is not None:
                self.why = why
                signal.pthread_kill(self._main, signal.SIGUSR1)


def this_worker() -> str:
    """host:pid:start time. The start time, because pids are used again."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{_started(os.getpid())}"


def lives(worker: str) -> bool:
    """Whether that worker is a process of this host. One of another host is taken to live: its lease will tell."""
    host, pid, started = worker.rsplit(":", 2)
    if host != socket.gethostname()[:40]:
        return True
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """When a process began, in clock ticks since the machine did: field 22 of proc(5) stat. Empty where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
