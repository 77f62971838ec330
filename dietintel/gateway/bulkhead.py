"""Keeps slow providers from taking all threads of a web process: one bound for all providers together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dietintel.gateway.errors import BulkheadFull


class Bulkhead:
    """At most `places` calls at a time, those that wait included; one more is refused at once, not queued."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises BulkheadFull, with a second as the time to come back."""
        if not self._places.acquire(blocking=False):
            raise BulkheadFull(retry_after_s=1.0)
        try:
            yield
        finally:
            self._places.release()
