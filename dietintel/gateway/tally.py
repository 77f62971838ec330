"""Counts what happens far more often than calls, in memory: a write per cache hit would cost more than the hit.

What is counted of calls themselves is exact, and written where it happens. Here a process that is killed loses its
last counts, 10 s of them at most while it is busy.
"""

import logging
import os
import threading
import time
from collections import Counter as Counts
from multiprocessing.util import Finalize

from dietintel.gateway import sql
from dietintel.gateway.errors import StoreUnavailable
from dietintel.gateway.models import Counter

log = logging.getLogger(__name__)
COUNTER = Counter._meta.db_table
FLUSH_EVERY_S = 10.0
FLUSH_AT = 1000  # events


class Tally:
    """The counts of this process that are not in the database yet. Shared by its threads, not inherited by a fork."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counts[tuple[str, str]] = Counts()
        self._events = 0
        self._flushed_at = -FLUSH_EVERY_S  # so that a process that counts once in a while writes at once
        self._ends_well = False

    def add(self, key: str, event: str) -> None:
        """Add one. Now and then this writes, and waits a moment for another writer at most."""
        with self._lock:
            self._counts[key, event] += 1
            self._events += 1
            due = self._events >= FLUSH_AT or time.monotonic() - self._flushed_at >= FLUSH_EVERY_S
            if not self._ends_well:
                # Also runs where `atexit` does not: in the forked workers of the queue and of the web server.
                Finalize(None, self.flush, exitpriority=0)
                self._ends_well = True
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered, in one statement. In a transaction it is left for later: that may be undone."""
        if sql.inside_transaction():
            return
        with self._lock:
            gathered, self._counts = self._counts, Counts()
            self._events, self._flushed_at = 0, time.monotonic()
        if not gathered:
            return
        rows = sorted((key, event, value) for (key, event), value in gathered.items())  # one order: no deadlock
        try:
            sql.write(
                f"INSERT INTO {COUNTER} (key, event, value) VALUES {', '.join(['(%s, %s, %s)'] * len(rows))} "
                f"ON CONFLICT (key, event) DO UPDATE SET value = {COUNTER}.value + excluded.value RETURNING value",
                [each for row in rows for each in row],
                wait_ms=sql.BRIEFLY_MS,
            )
        except StoreUnavailable as error:
            log.warning("%d counts are kept for later: %s", len(rows), error)
            with self._lock:
                self._counts.update(gathered)

    def forget(self) -> None:
        with self._lock:
            self._counts.clear()


TALLY = Tally()
