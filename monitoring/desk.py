"""What the operator's page shows beside the checks: the work, what failed of it, and the size of things. Reads only."""

import datetime as dt
import os
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import Left

from dietintel import __version__
from monitoring.health.checks import wal_bytes
from monitoring.models import HealAttempt
from workflows import reading, schedules
from workflows.models import Attempt, Event, Run, Step
from workflows.reading import Queue
from workflows.runs import Cleanup
from workflows.states import ENDED_RUN, Outcome, Priority, RunState, StepState

LATELY = dt.timedelta(hours=24)
MOST_RUNNING, MOST_FAILURES, MOST_HEALS = 8, 8, 200
MOST_STEPS, ERROR_LENGTH = 500, 200


@dataclass(frozen=True)
class Lane:
    """The steps of one priority; `due_at`: since when the oldest could have begun, None where none waits."""

    label: str
    due: int
    later: int
    running: int
    due_at: dt.datetime | None


def work(*, now: dt.datetime) -> dict[str, Any]:
    """What the workers do and what waits for them. Five queries."""
    running = Step.objects.filter(state=StepState.RUNNING).select_related("run").defer("item", "output", "once")
    return {"queue": Queue.seen(now=now), "lanes": _lanes(now), "running": running.order_by("pk")[:MOST_RUNNING]}


def _lanes(now: dt.datetime) -> list[Lane]:
    found: list[Lane] = []
    for name, lane in reading.lanes(now=now).items():
        waited_s: Any = lane.pop("oldest_due_s")
        due_at = None if waited_s is None else now - dt.timedelta(seconds=waited_s)
        counts: dict[str, Any] = lane
        found.append(Lane(str(Priority[name.upper()].label), due_at=due_at, **counts))
    return found


def ended(*, now: dt.datetime) -> dict[str, int]:
    """The runs of the last 24 hours by how they ended. Three queries."""
    since = now - LATELY
    states = {state.value: Count("pk", filter=Q(state=state)) for state in ENDED_RUN}
    degraded = Count("pk", filter=Q(state=RunState.COMPLETED, degraded=True))
    counted: dict[str, int] = Run.objects.filter(finished_at__gt=since).aggregate(**states, degraded=degraded)
    return {
        **counted,
        "retried": Event.objects.filter(kind="retried", at__gt=since).count(),
        "lost": Attempt.objects.filter(outcome=Outcome.LOST, finished_at__gt=since).count(),
    }


@dataclass
class Failure:
    """Steps that failed in the same way. `run_id` is the newest of their runs."""

    workflow: str
    step: str
    error: str
    run_id: int
    runs: int = 0


def failures(*, now: dt.datetime) -> list[Failure]:
    """Why the failed runs of the last 24 hours did, by step and error, the most frequent first. One query."""
    steps = Step.objects.filter(state=StepState.FAILED, run__state=RunState.FAILED, run__finished_at__gt=now - LATELY)
    rows = steps.order_by("-run_id").values_list("run__workflow", "name", Left("error", ERROR_LENGTH), "run_id")
    found: dict[tuple[str, str, str], Failure] = {}
    for workflow, step, error, run_id in dict.fromkeys(rows[:MOST_STEPS]):  # of many items one is enough
        kind = (workflow, step, error.partition("\n")[0])
        found.setdefault(kind, Failure(*kind, run_id)).runs += 1
    return sorted(found.values(), key=lambda each: -each.runs)[:MOST_FAILURES]


def heals() -> list[HealAttempt]:
    """The newest first."""
    return list(HealAttempt.objects.all()[:MOST_HEALS])


def data() -> dict[str, Any]:
    """How large the database is, when it was last cleaned, and what starts next. Three queries."""
    return {
        "database": connection.display_name,
        "database_bytes": _database_bytes(),
        "cleaned": Run.objects.filter(workflow=Cleanup.name).only("state", "finished_at").first(),
        "version": __version__,
        "upcoming": schedules.upcoming(),
    }


def _database_bytes() -> int:
    if connection.vendor == "sqlite":
        return os.stat(str(connection.settings_dict["NAME"])).st_size + wal_bytes()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
