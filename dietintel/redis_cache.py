"""django-redis, in trouble empty. Apart from the other cache, as Redis is loaded only where there is one."""

import logging
import time
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django_redis.cache import RedisCache

log = logging.getLogger(__name__)
PATIENCE_S = 0.2  # a Redis that fails only after this …
PAUSE_S = 10.0  # … is left alone for so long, as every touch would cost as much again


class BriefRedis(redis.Redis):
    """Leaves a server that does not answer alone for a while, so that one touch in a request is slow and not each.

    A server that refuses at once costs nothing, and is asked each time.
    """

    left_alone_until: ClassVar[WeakKeyDictionary[object, float]] = WeakKeyDictionary()  # one pool per address

    def execute_command(self, *args: Any, **options: Any) -> Any:
        began = time.monotonic()
        if began < self.left_alone_until.get(self.connection_pool, 0.0):
            raise redis.ConnectionError("left alone for a while")
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            log.warning("Redis: %s", error)
            ended = time.monotonic()
            if ended - began > PATIENCE_S:
                log.warning("Redis is left alone for %d s", PAUSE_S)
                self.left_alone_until[self.connection_pool] = ended + PAUSE_S
            raise


class DisposableRedisCache(RedisCache):  # type: ignore[misc]
    """django-redis, for which a value that cannot be read is not there."""

    def get(self, key: Any, default: Any = None, version: int | None = None, client: Any = None) -> Any:
        try:
            return super().get(key, default, version, client)
        except (ValueError, RecursionError) as error:
            log.warning("the cache holds something unreadable (%s)", type(error).__name__)  # keys may be secrets
            return default

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, client: Any = None
    ) -> bool | None:
        """None: the server could not be asked."""
        added: bool | None = super().add(key, value, timeout, version, client)
        if added is False and self.get(key, version=version) is None:  # something is in the way that nobody can read
            added = self.set(key, value, timeout, version)
        return added
