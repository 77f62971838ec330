"""Answers of providers, kept for a while. A cache in trouble is an empty cache: nothing is raised, little time lost."""

import datetime as dt
import hashlib
import json
import logging
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache as django_cache
from django.core.cache import caches
from django.db import Error as DatabaseTrouble
from django.db import connections, router

from dietintel.cache import DisposableDatabaseCache

try:
    from redis.exceptions import RedisError
except ModuleNotFoundError:  # where there is no Redis: `dietintel.settings`
    RedisError = OSError  # type: ignore[assignment, misc]

log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE_S = 0.4  # a cache slower than this is not worth asking …
PAUSE_S = 30.0  # … for this long
SLICE = 500  # rows
# What the backends raise when the server is away, or when what is stored is not what was stored: unpickling garbage
# raises almost anything, and packing a body that is nested very deeply a RecursionError.
TROUBLE = (
    DatabaseTrouble, RedisError, OSError, pickle.PickleError, EOFError, ValueError, TypeError,
    AttributeError, ImportError, LookupError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """An answer: `body` as JSON holds it, None for "not found". Times are seconds since the epoch."""

    body: Any
    found: bool
    fetched_at: float
    fresh_until: float
    keep_until: float


def cache_key(provider_operation: str, epoch: int, path: str, params: Mapping[str, str]) -> str:
    """The same for the same question. A new epoch makes all older entries unfindable, which is how they are purged."""
    asked = json.dumps([path, sorted(params.items())])
    return f"gw:{provider_operation}:{epoch}:{hashlib.sha256(asked.encode()).hexdigest()[:32]}"


def sweep(*, now: float) -> int:
    """Delete what has expired by `now` from the database cache, and say how much. Redis does so by itself.

    Django leaves an expired row on disk until somebody asks for its key or the table is full, and some providers
    allow nothing of theirs to be kept that long. In slices, so that nobody waits long for the lock.
    """
    kept = caches["default"]
    if not isinstance(kept, DisposableDatabaseCache):
        return 0
    connection = connections[router.db_for_write(kept.cache_model_class)]
    table = connection.ops.quote_name(kept._table)
    expired = connection.ops.adapt_datetimefield_value(dt.datetime.fromtimestamp(now, tz=dt.UTC))
    slice_ = f"SELECT cache_key FROM {table} WHERE expires <= %s LIMIT {SLICE}"
    deleted: int = 0
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE cache_key IN ({slice_})", [expired])
                deleted += cursor.rowcount
                if cursor.rowcount < SLICE:
                    return deleted
        except DatabaseTrouble as error:
            log.warning("the cache could not be swept: %s", error)
            return deleted


class ResponseCache:
    """Entries in Django's cache. After trouble the cache is left alone for 30 s, so that a stalled one costs little."""

    def __init__(self) -> None:
        self._skip_until = 0.0

    def get(self, key: str) -> Entry | None:
        stored = self._guarded(lambda: django_cache.get(key))
        if not isinstance(stored, dict):
            return None
        try:
            entry = Entry(**stored)
            times = (entry.fetched_at, entry.fresh_until, entry.keep_until)
        except TypeError:
            return None
        return entry if all(isinstance(at, int | float) for at in times) else None

    def put(self, key: str, entry: Entry, *, now: float) -> None:
        timeout = max(1, round(entry.keep_until - now))
        self._guarded(lambda: django_cache.set(key, vars(entry), timeout))

    def remembers(self, fact: str) -> bool:
        """Whether `remember` was called for the fact, by any process, and the cache still knows."""
        return self._guarded(lambda: django_cache.get(fact)) is True

    def remember(self, fact: str, *, for_s: int) -> None:
        self._guarded(lambda: django_cache.set(fact, True, for_s))

    def _guarded(self, call: Callable[[], T]) -> T | None:
        began = time.monotonic()
        if began < self._skip_until:
            return None
        try:
            return call()
        except TROUBLE as error:
            log.warning("the cache is left alone for %d s: %s", PAUSE_S, error)
            self._skip_until = time.monotonic() + PAUSE_S
            return None
        finally:
            if time.monotonic() - began > PATIENCE_S:
                self._skip_until = time.monotonic() + PAUSE_S
