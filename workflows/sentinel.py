"""django-q's process tree, mended where a killed worker would stop it for good.

django-q's processes share locks, and a process that is killed while it has one takes it along: its queue to the
workers, its queue of results, and the timer of each worker. Here the first is repaired, and the others do without.
See docs/how-a-run-survives-a-crash.md.
"""

import gc
import logging
import multiprocessing
import os
import signal
import struct
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.reduction import ForkingPickler
from typing import Any

from django.db import Error as DatabaseTrouble
from django.db import connections
from django_q import cluster
from django_q.conf import Conf
from django_q.monitor import save_task
from django_q.queues import Queue
from django_q.worker import worker

from workflows.execution import stopping_since

log = logging.getLogger(__name__)
MOST_WORKERS = 64
IDLE = -1.0  # django-q's sign for it
UNSAID_S = 1.0  # between taking the read lock and saying so are microseconds


class PatientQueue(Queue):  # type: ignore[misc]
    """django-q's queue to its workers, that knows who waits, and who holds the lock they wait with.

    Every worker writes only in its own seat, so nobody needs a lock to say that it waits.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seat = -1  # of this process; set by the sentinel just before it forks a worker
        self.waits = multiprocessing.Array("b", MOST_WORKERS, lock=False)  # by seat; 1: it is inside get()
        self.holder = multiprocessing.Value("i", 0, lock=False)  # the one that has the read lock, by pid
        self.wake = multiprocessing.Semaphore(0)  # somebody waits, or took what was on its way

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """At once and without a thread in between, so that what is on its way is in the pipe and nowhere else."""
        message = ForkingPickler.dumps(obj)
        with self._wlock:
            self._writer.send_bytes(message)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.waits[self.seat] = 1
        self.wake.release()
        with self._rlock:
            self.holder.value = os.getpid()
            self._reader.poll(None)
            self.waits[self.seat] = 0  # before it is out of the pipe: nobody sees this worker as free any more
            message = self._recv_bytes()
            self.holder.value = 0
        self.wake.release()
        return ForkingPickler.loads(message)

    def close(self) -> None:
        """There is no thread to end."""

    def join_thread(self) -> None: ...

    def qsize(self) -> int:
        return int(self._reader.poll())

    def free(self) -> int:
        """Workers that wait and have nothing on its way to them."""
        return 0 if self._reader.poll() else sum(self.waits)

    def hungry(self, timeout: float = 1.0) -> bool:
        """Whether a worker is free and may begin something, after waiting a moment for one."""
        while not self.free():
            if not self.wake.acquire(timeout=timeout):
                return False
        while self.wake.acquire(block=False):
            pass
        return not stopping_since.value

    def mend_after_worker(self, seat: int, pid: int) -> None:
        """That worker is dead: its seat is empty, and the lock is free again if it had it."""
        self.waits[seat] = 0
        if self.holder.value == pid or self._held_by_nobody():
            self._keep_whole()
            self.holder.value = 0
            self._rlock.release()

    def mend_after_pusher(self) -> None:
        """Beside the pusher only the caller writes."""
        self._wlock.acquire(block=False)
        self._wlock.release()

    def _held_by_nobody(self) -> bool:
        """Whether the worker died between taking the lock and saying so, or between saying and giving it back."""
        if self.holder.value:
            return False
        if self._rlock.acquire(timeout=UNSAID_S):
            self._rlock.release()
            return False
        return not self.holder.value

    def _keep_whole(self) -> None:
        """Leave no half of a message in the pipe. A message that is lost is delivered again when its lease is over."""
        left = b""
        while self._reader.poll():
            left += os.read(self._reader.fileno(), 1 << 16)
        if len(left) > 4 and struct.unpack("!i", left[:4])[0] == len(left) - 4:
            os.write(self._writer.fileno(), left)


class Results:
    """What became of a task, dealt with by the worker itself: stands in for the queue to django-q's monitor."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def put(self, task: Any) -> None:
        if task == "STOP":
            return
        try:
            if not task["success"]:
                log.error("%s failed: %s", task["name"], task["result"])
                save_task(task, self._broker)
            if task["success"] or task.get("ack_failure"):
                self._broker.acknowledge(task["ack_id"])
        except DatabaseTrouble as error:  # then it is delivered again, and found to be done
            log.warning("what became of %s could not be kept: %s", task["name"], error)

    def qsize(self) -> int:
        return 0

    def empty(self) -> bool:
        return True

    def close(self) -> None: ...

    def join_thread(self) -> None: ...


class NoMonitor:
    """Stands in for the process that would read the queue of results."""

    pid = 0

    def __init__(self, ended: Any) -> None:
        self._ended = ended

    def is_alive(self) -> bool:
        return not self._ended.is_set()


class Timer:
    """What a worker is at: IDLE, -2 when it is to be replaced, else the seconds it may go on working.

    Stands in for a multiprocessing.Value. Only the worker sets it; that the sentinel counts it down is ignored.
    """

    def __init__(self) -> None:
        self._sentinel = os.getpid()
        self._until = multiprocessing.Value("d", IDLE, lock=False)

    def get_lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    @property
    def value(self) -> float:
        until: float = self._until.value
        return until if until < 0 else max(0.0, until - time.monotonic())

    @value.setter
    def value(self, seconds: float) -> None:
        if os.getpid() != self._sentinel:
            self._until.value = seconds if seconds <= 0 else time.monotonic() + seconds


class Asked:
    """Whether the worker is to stop. Stands in for a multiprocessing.Event.

    It is set by a signal, in the middle of whatever its process does: waiting for a lock that this process has would
    never end.
    """

    def __init__(self) -> None:
        self._asked = False

    def set(self, *_: object) -> None:
        self._asked = True

    def is_set(self) -> bool:
        return self._asked

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return self._asked


class PatientSentinel(cluster.Sentinel):  # type: ignore[misc]
    """Replaces workers, and gives back what they died with. Ends when `stop_event` is set, after all of them."""

    def __init__(self, stop_event: Asked) -> None:
        super().__init__(stop_event, Asked(), uuid.uuid4(), start=False)
        self.task_queue = PatientQueue()
        self.result_queue = Results(self.broker)
        self.broker.queue = self.task_queue  # the pusher inherits it when it is forked
        self.broker.workers = Conf.WORKERS

    def spawn_worker(self) -> None:
        taken = {process.seat for process in self.pool}
        self.task_queue.seat = next(seat for seat in range(MOST_WORKERS + 1) if seat not in taken)
        self.spawn_process(worker, self.task_queue, self.result_queue, Timer(), self.timeout)
        self.pool[-1].seat = self.task_queue.seat

    def spawn_monitor(self) -> NoMonitor:
        return NoMonitor(self.event_out)

    def reincarnate(self, process: Any) -> None:
        if process in self.pool:
            if process.is_alive():
                log.error("worker %d took too long and is ended", process.pid)
                process.kill()
                process.join()
            self.task_queue.mend_after_worker(process.seat, process.pid)
        elif process is self.pusher:
            self.task_queue.mend_after_pusher()
        super().reincarnate(process)

    def stop(self) -> None:
        stopping_since.value = time.monotonic()
        super().stop()


def run_cluster() -> None:
    """Until SIGTERM or SIGINT. The body of the `worker` command.

    This process is the sentinel: django-q would fork one, and do nothing beside it but wait.
    """
    asked = Asked()
    sentinel = PatientSentinel(asked)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked.set)
    os.register_at_fork(after_in_child=_hear_as_workers)
    gc.collect()
    gc.freeze()  # what the processes forked from here share stays shared: the collector does not touch it
    sentinel.start()
    connections.close_all()


def _hear_as_workers() -> None:
    """What the sentinel hears is not for its children. Ctrl-C reaches them too, and they go on until told."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
