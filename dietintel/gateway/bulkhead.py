"""Keeps slow providers from taking all threads of a web process: one bound for all providers together."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dietintel.gateway.errors import BulkheadFull


class Bulkhead:
    """At most `places` calls at a time, those that wait included; one more is refused at once, not queued."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._asked: Counter[str] = Counter()  # by those inside
        self._lock = threading.Lock()

    @contextmanager
    def place(self, question: str) -> Iterator[None]:
        """Raises BulkheadFull, with a second as the time to come back."""
        with self._lock:
            if self._free <= 0:
                raise BulkheadFull(retry_after_s=1.0)
            self._free -= 1
            self._asked[question] += 1
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
                self._asked -= Counter([question])  # which also forgets what nobody asks any more

    def asks(self, question: str) -> bool:
        """Whether somebody inside asks this very question."""
        with self._lock:
            return self._asked[question] > 0
