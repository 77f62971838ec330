"""What is looked at every two seconds, in a process of its own: neither a request nor the queue waits for it."""

import logging
import time

from django.db import Error as DatabaseTrouble
from django.db import connection
from django.utils import timezone

from workflows import engine, schedules
from workflows.processes import lives

log = logging.getLogger(__name__)
ROUND_S = 2.0
SCHEDULES_EVERY_S = 60.0
_schedules_at = 0.0


def look_around() -> None:
    """One round. What goes wrong in it is logged, and the next round tries again."""
    global _schedules_at
    try:
        mended = engine.sweep(now=timezone.now(), alive=lives)
        if mended:
            log.warning("%d step(s) or run(s) were taken up again", mended)
        if time.monotonic() - _schedules_at > SCHEDULES_EVERY_S:
            _schedules_at = time.monotonic()
            schedules.ensure(now=timezone.now())
    except DatabaseTrouble as error:
        log.error("the watch could not use the database: %s", error)
        connection.close()
