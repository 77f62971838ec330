"""How long providers took, what waiting for our own limits cost, and whether trying again was worth it.

Counted where it happens, in the web server and in the workers alike, one statement for each attempt. What the database
cannot take at once is lost: a person waits for the answer.
"""

import logging

from dietintel.counting import Histogram, adding
from dietintel.gateway import sql
from dietintel.gateway.errors import StoreUnavailable
from dietintel.gateway.models import Counter

log = logging.getLogger(__name__)
TOOK = Histogram("took", (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30))
WAITED = Histogram("waited", (0.05, 0.25, 1, 2.5, 5, 10, 30, 60))
RETRY = "retry_"  # then the outcome because of which it was tried again
RETRIED = {True: "retried_success", False: "retried_failure"}
CHANGED = "changed:"  # then the breaker's old and its new state


def attempt_made(key: str, *, took_s: float, waited_s: float) -> None:
    """An attempt was sent, whatever came of it."""
    _add(key, {**TOOK.of(took_s), **WAITED.of(waited_s)})


def call_ended(key: str, *, attempts: int, answered: bool) -> None:
    """A call came to its end. Only what was sent more than once is counted."""
    if attempts > 1:
        _add(key, {RETRIED[answered]: 1})


def _add(key: str, events: dict[str, int]) -> None:
    statement, arguments = adding(Counter._meta.db_table, {(key, event): value for event, value in events.items()})
    try:
        sql.write(statement, arguments, wait_ms=sql.BRIEFLY_MS)
    except StoreUnavailable as error:
        log.warning("%s: %s was not counted: %s", key, ", ".join(events), error)
