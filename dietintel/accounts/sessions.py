"""Logins: in the database, and in the cache for speed."""

from typing import Any

from django.contrib.sessions.backends import cached_db
from django.core.cache import cache


class SessionStore(cached_db.SessionStore):
    """Django's own, for which whatever else stands under a session's key in the cache is not there."""

    def load(self) -> dict[str, Any]:
        loaded: Any = super().load()
        if isinstance(loaded, dict) and loaded:
            return loaded
        cache.delete(self.cache_key)
        from_database: dict[str, Any] = super().load()
        return from_database
