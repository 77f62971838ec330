"""Django's database cache, fit to be the only one. In trouble it is empty."""

import logging
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache.backends.db import DatabaseCache
from django.core.management import call_command
from django.db import DatabaseError, connections, router
from django.db.models import Model

log = logging.getLogger(__name__)
T = TypeVar("T")
# What unpickling garbage raises.
UNPICKLING = (pickle.PickleError, EOFError, ValueError, TypeError, AttributeError, ImportError, LookupError)


class CacheRouter:
    """Sends the cache's table to its own SQLite file where there is one, and keeps everything else out of that file.

    Its own file, so that counters survive a request that rolls back and cache writes never wait for the diary's lock.
    """

    def _is_cache(self, app_label: str) -> bool:
        return app_label == "django_cache" and "cache" in settings.DATABASES

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "cache" if self._is_cache(model._meta.app_label) else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if "cache" not in settings.DATABASES:
            return None
        return (db == "cache") == self._is_cache(app_label)


class DisposableDatabaseCache(DatabaseCache):
    """A database cache that may be deleted at any time: a cache that cannot be read is empty, never an error."""

    _table: str
    cache_model_class: type[Model]

    def _or(self, fallback: T, call: Callable[[], T]) -> T:
        try:
            return call()
        except DatabaseError as error:
            log.warning("cache unavailable: %s", error)
            self._make_table_again()
            return fallback

    def _make_table_again(self) -> None:
        alias = router.db_for_write(self.cache_model_class)
        connection = connections[alias]
        if connection.in_atomic_block or alias == "default":
            return  # inside a transaction nothing can be mended, and the application's database is migrated by hand
        try:
            if self._table not in connection.introspection.table_names():
                call_command("createcachetable", self._table, database=alias, verbosity=0)
        except DatabaseError:
            connection.close()  # a file that was replaced or damaged: the next call opens it anew

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return self._or(default, lambda: super(DisposableDatabaseCache, self).get(key, default, version))
        except UNPICKLING as error:
            log.warning("the cache holds something unreadable (%s)", type(error).__name__)  # keys may be secrets
            return default

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        return self._or({}, lambda: super(DisposableDatabaseCache, self).get_many(keys, version))

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        self._or(None, lambda: super(DisposableDatabaseCache, self).set(key, value, *args, **kwargs))

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        added = bool(self._or(True, lambda: super(DisposableDatabaseCache, self).add(key, value, *args, **kwargs)))
        if not added and self.get(key, version=kwargs.get("version")) is None:
            self.set(key, value, *args, **kwargs)  # something is in the way that nobody can read
            return True
        return added

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._or(False, lambda: super(DisposableDatabaseCache, self).delete(key, version))
