"""Caches in trouble. Only real ones show what a cache raises; these raise what others might."""

from typing import Any

from django.core.cache.backends.locmem import LocMemCache


class RaisingCache(LocMemCache):
    """Raises the exception class that `LOCATION` names, at every touch."""

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(name, params)
        self._error = {error.__name__: error for error in (OSError, KeyError, ImportError, AttributeError, EOFError)}[
            name
        ]

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise self._error

    set = get
