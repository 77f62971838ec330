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


def write(sql: str, arguments: Any, *, before: str = "", wait_ms: int = LOCK_WAIT_MS) -> Row | None:
    """The one row of the answer, if any. Raises StoreUnavailable.

    `before` is a statement that is carried out first, with the same arguments. Rows are fetched to the end: SQLite
    keeps its lock until then.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        return _in_one_message(f"SET LOCAL lock_timeout = {wait_ms}", *filter(None, [before]), sql, arguments=arguments)
    with short_lock_wait(wait_ms) as cursor:
        if before:
            cursor.execute(before, arguments)
            cursor.fetchall()
        cursor.execute(sql, arguments)
        rows = cursor.fetchall()
    return rows[0] if rows else None


def _in_one_message(*statements: str, arguments: Any) -> Row | None:
    """For PostgreSQL, to which every message takes its time: one transaction, and what SET LOCAL set ends with it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("; ".join(statements), arguments)
            while cursor.nextset():
                pass
            rows = cursor.fetchall()
    except DatabaseTrouble as error:
        raise StoreUnavailable(str(error)) from error
    return rows[0] if rows else None


def inside_transaction() -> bool:
    """By the rule of `transaction.atomic(durable=True)`: the transaction of a test case does not count."""
    blocks: list[Any] = connection.atomic_blocks
    return connection.in_atomic_block and not blocks[-1]._from_testcase


@contextmanager
def short_lock_wait(wait_ms: int = LOCK_WAIT_MS) -> Iterator[CursorWrapper]:
    """Within: wait at most 2 s for another writer, and turn database trouble into StoreUnavailable.

    The gateway then fails closed: calling a provider uncounted risks a ban of the whole address.
    """
    try:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            if connection.vendor == "sqlite":
                # Past Django, whose way to SQLite takes longer than a PRAGMA.
                execute = connection.connection.execute
                shorten = f"PRAGMA busy_timeout = {wait_ms}"
                restore = f"PRAGMA busy_timeout = {settings.SQLITE_PATIENCE_S * 1000}"
            else:
                execute, shorten, restore = cursor.execute, f"SET lock_timeout = {wait_ms}", "RESET lock_timeout"
            execute(shorten)
            try:
                yield cursor
            finally:
                execute(restore)
    except DatabaseTrouble as error:
        raise StoreUnavailable(str(error)) from error
