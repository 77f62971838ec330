"""django-q's process tree, mended where a killed worker would stop it for good.

See docs/how-a-run-survives-a-crash.md.
"""

import multiprocessing
import os
import time
from multiprocessing.reduction import ForkingPickler
from typing import Any

from django_q import cluster
from django_q.conf import Conf
from django_q.queues import Queue

from workflows.execution import stopping_since

MOST_WORKERS = 64


class PatientQueue(Queue):  # type: ignore[misc]
    """django-q's queue to its workers, that knows who waits, and who holds the lock they wait with."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.waiting = multiprocessing.Array("i", MOST_WORKERS)  # pids of the workers inside get(); 0: nobody
        self.holder = multiprocessing.Value("i", 0, lock=False)  # the one that has the read lock, by pid
        self.wake = multiprocessing.Semaphore(0)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        me = os.getpid()
        with self.waiting.get_lock():
            self.waiting[self.waiting[:].index(0)] = me
        self.wake.release()
        with self._rlock:
            self.holder.value = me
            data = self._recv_bytes()
            self.size.increment(-1)
            self.forget(me)
            self.holder.value = 0
        self._sem.release()
        return ForkingPickler.loads(data)

    def forget(self, pid: int) -> None:
        """This worker does not wait any more, or does not live."""
        with self.waiting.get_lock():
            for at, waits in enumerate(self.waiting[:]):
                if waits == pid:
                    self.waiting[at] = 0

    def free(self) -> int:
        """Workers that wait and have nothing on its way to them."""
        waiting: int = sum(pid != 0 for pid in self.waiting[:])
        return waiting - int(self.qsize())

    def hungry(self, timeout: float = 1.0) -> bool:
        """Whether a worker is free, after waiting a moment for one."""
        while self.wake.acquire(block=False):
            pass
        while self.free() <= 0:
            if not self.wake.acquire(timeout=timeout):
                if self.qsize() and not self._buffer and not self._reader.poll():
                    self.size.increment(-self.qsize())  # who died while taking a message did not count it
                return False
        return True


class PatientSentinel(cluster.Sentinel):  # type: ignore[misc]
    """Gives the lock back that a worker died with: with django-q's own, nobody would ever get a task again."""

    def __init__(self, *args: Any, start: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, start=False, **kwargs)
        self.task_queue = PatientQueue()
        self.broker.queue = self.task_queue  # the pusher inherits it when it is forked
        self.broker.workers = Conf.WORKERS
        if start:
            self.start()

    def reincarnate(self, process: Any) -> None:
        queue = self.task_queue
        if process in self.pool and process.exitcode and process.timer.value == -1:  # it died idle
            queue.forget(process.pid)
            if queue.holder.value == process.pid:
                queue.holder.value = 0
                queue._rlock.release()
        super().reincarnate(process)

    def stop(self) -> None:
        stopping_since.value = time.monotonic()
        super().stop()


def run_cluster() -> None:
    """Until SIGTERM. The body of the `worker` command."""
    cluster.Sentinel = PatientSentinel  # Cluster.start() looks the name up in its module
    cluster.Cluster().start()
