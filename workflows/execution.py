"""Working on a step in this process: within its time, keeping its lease, stopping when told."""

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from workflows import engine, figures
from workflows.broker import LEASE_S
from workflows.engine import Claim, Lost
from workflows.processes import this_worker
from workflows.states import Outcome

log = logging.getLogger(__name__)
T = TypeVar("T")
P = ParamSpec("P")
BEAT_S = 2.0
UNHEARD_S = LEASE_S * 0.75  # without a renewal for so long, the worker stops before another may begin
GRACE_S = 3.0  # for a step that was told to stop; then its process is ended
PROGRESS_EVERY_S = 0.5
RECORD_EVERY_S = 0.5
# Set by the sentinel, and seen by the workers that it forked: when the service began to stop, in seconds of the
# monotonic clock; 0 while it goes on. Without a lock, which a worker could die with.
stopping_since = multiprocessing.Value("d", 0.0, lock=False)


class Stopped(BaseException):
    """The work is to end now: raised in the step's own code, and nowhere else.

    A BaseException: a step that catches Exception must not swallow it. One that does is ended with its process.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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
    """What the queue calls: claim, work, record. Returns what happened, in a word.

    Raises only what the database raises; the step is somebody's again when the lease is over. Whatever happens to this
    process meanwhile, the step's row knows.
    """
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)  # django-q's alarm would also cut off the recording
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
    with _Watch(claim) as watch:

        def work() -> Any:
            return watch.over(lambda: function(workflow, context, **claim.arguments))

        try:
            if claim.plan.tx:
                engine.succeed(claim, work=work, doubts=context.doubts, now=timezone.now())
                return "done"
            output = work()
        except Stopped as stopped:
            _fresh_connections()
            return _persistently(_stopped, claim, stopped.why)
        except Lost:
            raise
        except (Exception, SystemExit) as error:  # a step's failure, of whatever kind, belongs into its row
            if claim.plan.tx and isinstance(error, (OperationalError, InterfaceError)):
                raise  # the database went away: nothing happened, and the next attempt may find it there
            return _persistently(_failed, claim, error)
        try:
            _persistently(engine.succeed, claim, output, doubts=context.doubts, now=timezone.now())
        except (TypeError, ValueError) as error:  # an output that is no JSON, or too much of it
            return _failed(claim, error)
        return "done"


def _persistently(record: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`record`, again and again while the database is away, as long as the step may be ours.

    A report that was committed, though nobody could be told, ends in Lost: as true as any other word for it.
    """
    ends = time.monotonic() + LEASE_S
    while True:
        try:
            return record(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > ends or connection.in_atomic_block:
                raise
            log.warning("a report has to wait for the database: %s", error)
            connection.close()
            time.sleep(RECORD_EVERY_S)


def _stopped(claim: Claim, why: str) -> str:
    """Record that the step's work was ended from outside."""
    if why == "lost":
        raise Lost
    if why == "timeout":
        took = f"took longer than {claim.plan.timeout_s} s"
        engine.fail(claim, took, worth_retrying=True, outcome=Outcome.TIMEOUT, now=timezone.now())
        return why
    outcome = Outcome.INTERRUPTED if why == "interrupted" else Outcome.CANCELLED
    engine.give_back(claim, outcome=outcome, now=timezone.now())
    return outcome.value


def _failed(claim: Claim, error: BaseException) -> str:
    log.warning("%s.%s failed: %s", claim.workflow.name, claim.plan.name, error, exc_info=error)
    engine.fail(
        claim,
        f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))[-4000:]}",
        worth_retrying=claim.workflow.definition.retries[claim.plan.name].worth(error),
        retry_after_s=float(getattr(error, "retry_after_s", None) or 0),
        now=timezone.now(),
    )
    return "error"


def _fresh_connections() -> None:
    """Forget what the step's code was in the middle of: also a transaction that it was stopped while closing."""
    for alias in connections:
        with suppress(DatabaseTrouble):
            connections[alias].close()
        del connections[alias]


class _Watch(threading.Thread):
    """Renews the lease every two seconds, and ends the step's work when it is to end.

    First by a signal, which raises Stopped in the main thread while that is in the step's own code. Code that does not
    hear it (a library in C) or swallows it is ended with its process, after what happened is written down.
    """

    def __init__(self, claim: Claim) -> None:
        super().__init__(daemon=True)
        self.claim = claim
        self._why = ""
        self._inside = False  # the main thread is in the step's own code
        self._limit = self._heard = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "_Watch":
        self._heard = time.monotonic()
        self._limit = self._heard + self.claim.plan.timeout_s
        if threading.current_thread() is threading.main_thread():  # else there is no way in; only tests do so
            self._before = signal.signal(signal.SIGUSR1, self._hear)
            self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        if self.ident is not None:
            self.join(BEAT_S)
            signal.signal(signal.SIGUSR1, self._before)

    def over(self, work: Callable[[], T]) -> T:
        """`work`, the step's own code."""
        try:
            self._inside = True
            return work()
        finally:
            self._inside = False

    def _hear(self, *_: object) -> None:
        if self._inside:
            raise Stopped(self._why)

    # --- In its thread ------------------------------------------------------------------------------------------
    def run(self) -> None:
        try:
            while not self._ended.wait(self._pause_s()):
                if self._why and self._inside:
                    self._end_process()
                why = self._look()
                if why and self._inside and not self._why:
                    self._why = why
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        finally:
            connection.close()

    def _pause_s(self) -> float:
        left_s = self._limit - time.monotonic()
        return GRACE_S if self._why else min(BEAT_S, left_s) if left_s > 0 else BEAT_S

    def _look(self) -> str | None:
        since = stopping_since.value
        if since and time.monotonic() - since > settings.SHUTDOWN_TIMEOUT:
            return "interrupted"
        if time.monotonic() >= self._limit:
            return "timeout"
        try:
            why = engine.renew(self.claim, now=timezone.now())
        except DatabaseTrouble as error:
            log.warning("the lease of step %d could not be renewed: %s", self.claim.step_id, error)
            with suppress(DatabaseTrouble):
                connection.close()
            return "lost" if time.monotonic() - self._heard > UNHEARD_S else None
        self._heard = time.monotonic()
        return why

    def _end_process(self) -> None:
        log.error("%s.%s does not stop: %s", self.claim.workflow.name, self.claim.plan.name, self._why)
        if not self.claim.plan.tx:  # the main thread has the locks then
            with suppress(Lost, DatabaseTrouble):
                _stopped(self.claim, self._why)
        os.kill(os.getpid(), signal.SIGKILL)
