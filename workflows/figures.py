"""How many runs and attempts ended how, and after how long. Counted in the transaction in which it happened.

So a count is exact: what is rolled back was never counted, and what a dead worker reports twice is refused before.
"""

import datetime as dt
import logging

from django.db import Error as DatabaseTrouble
from django.db import connection, transaction

from dietintel.counting import Histogram, adding
from workflows.models import Attempt, Counter, Run, Step
from workflows.states import Outcome

log = logging.getLogger(__name__)
RUN_TOOK = Histogram("took", (0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200))
STEP_TOOK = Histogram("took", (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600))
DEGRADED, REFUSED = "degraded", "refused"


def attempt_ended(step: Step, outcome: Outcome, *, now: dt.datetime) -> None:
    attempt = Attempt.objects.filter(step=step, number=step.token)
    for workflow, began in attempt.values_list("step__run__workflow", "started_at"):
        took = STEP_TOOK.of(max(0.0, (now - began).total_seconds()))
        _add(f"{workflow}.{step.name}", {outcome.value: 1, **took})


def run_ended(run: Run, *, now: dt.datetime) -> None:
    """Also says so in the log, once that is certain."""
    took_s = max(0.0, (now - (run.started_at or now)).total_seconds())
    degraded = {DEGRADED: 1} if run.degraded else {}
    _add(run.workflow, {run.state: 1, **degraded, **RUN_TOOK.of(took_s)})
    about = {"run": str(run.uuid), "workflow": run.workflow, "state": run.state, "degraded": run.degraded}
    facts = {**about, "duration_s": round(took_s, 3), "request_id": run.request_id or "-"}
    transaction.on_commit(lambda: log.info("run of %s %s", facts["workflow"], facts["state"], extra=facts))


def report_refused(workflow: str, step: str) -> None:
    """A worker that was away too long reported something that nobody believes any more. Outside of transactions."""
    try:
        _add(f"{workflow}.{step}", {REFUSED: 1})
    except DatabaseTrouble as error:
        log.warning("%s.%s: a refused report was not counted: %s", workflow, step, error)


def _add(key: str, events: dict[str, int]) -> None:
    counts = {(key, event): value for event, value in events.items()}
    with connection.cursor() as cursor:
        cursor.execute(*adding(Counter._meta.db_table, counts))
        cursor.fetchall()  # SQLite keeps its lock until then
