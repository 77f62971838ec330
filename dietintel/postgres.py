"""PostgreSQL for people who wait: a server that hangs is told from one that works, and given up."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

T = TypeVar("T")
PATIENCE_S = 10.0  # for one statement; no page and no answer of the API takes a second of it


class ImpatientConnection(psycopg.Connection[Any]):
    """Closed, and an OperationalError, where a statement is not answered within PATIENCE_S.

    No time-out of the server's (statement_timeout) helps against a server that stands still, and none of TCP's: its
    machine goes on to say that it received what was sent. For the web server only: steps of runs and migrations take
    the time that they need.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, PATIENCE_S if timeout is None else timeout)
        except psycopg.OperationalError:
            if timeout is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # nobody knows what the server has done of it, or will do
            raise
