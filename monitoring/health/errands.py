"""Work that may fail or hang, in threads of its own, so that nobody has to wait for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Errand(threading.Thread, Generic[T]):
    """Something that may fail or hang, in a thread of its own. `result` is None until it has ended well."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.began = time.monotonic()
        self.result: T | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.work()
        except Exception as error:  # noqa: BLE001 (whoever sent it asks for it)
            self.error = error
        finally:
            connections.close_all()

    @property
    def under_way(self) -> bool:
        return self.is_alive()

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began
