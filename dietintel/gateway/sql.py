"""The gateway's own statements: one at a time, in no transaction, and never waiting long for another writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.backends.utils import CursorWrapper

from dietintel.gateway.errors import StoreUnavailable

LOCK_WAIT_MS = 2000
BRIEFLY_MS = 100  # for what may be lost

Row = tuple[Any, ...]


def read(sql: str, arguments: Any) -> Row | None:
    """The first row. Raises StoreUnavailable."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            row: Row | None = cursor.fetchone()
            return row
    except DatabaseTrouble as error:
        raise StoreUnavailable(str(error)) from error


def write(sql: str, arguments: Any, *, wait_ms: int = LOCK_WAIT_MS) -> Row | None:
    """The one row of the answer, if any. Fetched to the end: SQLite keeps its lock until then."""
    with short_lock_wait(wait_ms) as cursor:
        cursor.execute(sql, arguments)
        rows = cursor.fetchall()
    return rows[0] if rows else None


@contextmanager
def short_lock_wait(wait_ms: int = LOCK_WAIT_MS) -> Iterator[CursorWrapper]:
    """Within: wait at most 2 s for another writer, and turn database trouble into StoreUnavailable.

    The gateway then fails closed: calling a provider uncounted risks a ban of the whole address.
    """
    if connection.vendor == "sqlite":
        shorten = f"PRAGMA busy_timeout = {wait_ms}"
        restore = f"PRAGMA busy_timeout = {settings.SQLITE_PATIENCE_S * 1000}"
    else:
        shorten, restore = f"SET lock_timeout = {wait_ms}", "RESET lock_timeout"
    try:
        with connection.cursor() as cursor:
            cursor.execute(shorten)
            try:
                yield cursor
            finally:
                cursor.execute(restore)
    except DatabaseTrouble as error:
        raise StoreUnavailable(str(error)) from error
