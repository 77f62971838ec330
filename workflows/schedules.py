"""Workflows that start by themselves: rows of django-q's schedule, made from the definitions and from nothing else."""

import datetime as dt
import logging
import zlib
from dataclasses import dataclass

from django.db import connection, transaction
from django_q.models import Schedule

from workflows import registry, tasks
from workflows.definitions import Workflow

log = logging.getLogger(__name__)
STARTER = "workflows.tasks.start_scheduled"


def ensure(*, now: dt.datetime) -> int:
    """Make the rows what the definitions say, and delete any other. Returns how many were mended.

    One row that cannot be read stops django-q's scheduler for all others, so nothing that is not ours may stay.
    """
    wanted = {workflow.name: workflow for workflow in registry.all_workflows() if workflow.every}
    mended = 0
    with transaction.atomic():
        if connection.vendor == "postgresql":  # several hosts may find none: there is no row to lock, nor a unique name
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(STARTER.encode())])
        for row in Schedule.objects.select_for_update():
            workflow = wanted.pop(row.name, None) if row.name else None
            if workflow is None:
                log.warning("schedule %s is nobody's: deleted", row.name)
                row.delete()
                mended += 1
            elif _columns(workflow) != {name: getattr(row, name) for name in _columns(workflow)} or not row.next_run:
                Schedule.objects.filter(pk=row.pk).update(**_columns(workflow), next_run=_next(workflow, now))
                mended += 1
        for workflow in wanted.values():
            Schedule.objects.create(name=workflow.name, next_run=_next(workflow, now), **_columns(workflow))
            mended += 1
    return mended


def upcoming() -> list[tuple[str, dt.datetime]]:
    """The name and the next time of every schedule, the next one first. One query."""
    rows = Schedule.objects.filter(next_run__isnull=False).order_by("next_run", "name")
    return [(name or "", at) for name, at in rows.values_list("name", "next_run")]


@dataclass(frozen=True)
class Late:
    """A schedule whose time has come and gone. `slot` is the newest of the `missed` ones."""

    name: str
    slot: dt.datetime
    missed: int


def late(*, now: dt.datetime, by: dt.timedelta) -> list[Late]:
    """The schedules that should have begun something more than `by` ago. One query."""
    found = []
    for name, due, minutes in Schedule.objects.filter(next_run__lt=now - by).values_list("name", "next_run", "minutes"):
        every = dt.timedelta(minutes=minutes or 1)
        passed = (now - due) // every
        found.append(Late(name, due + passed * every, passed + 1))
    return found


def catch_up(*, now: dt.datetime, by: dt.timedelta) -> int:
    """Start what each late schedule missed last, once, and none of what it missed before. Returns how many were late.

    Safe to repeat: a slot has one run, whoever starts it.
    """
    found = late(now=now, by=by)
    for each in found:
        with transaction.atomic():
            tasks.start_scheduled(each.name, each.slot.isoformat())
            workflow = registry.workflow_called(each.name)
            Schedule.objects.filter(name=each.name, next_run__lte=each.slot).update(next_run=_next(workflow, now))
    return len(found)


def _columns(workflow: type[Workflow]) -> dict[str, object]:
    assert workflow.every
    return {
        "func": STARTER,
        "args": repr((workflow.name,)),
        "kwargs": None,
        "hook": None,
        "schedule_type": Schedule.MINUTES,
        "minutes": int(workflow.every.total_seconds() // 60),
        "repeats": -1,
        "cron": None,
        "cluster": None,
        "intended_date_kwarg": "slot",
    }


def _next(workflow: type[Workflow], now: dt.datetime) -> dt.datetime:
    """The next whole multiple of its interval since the epoch: the same slots on every host, whenever it began."""
    assert workflow.every
    every = workflow.every.total_seconds()
    return dt.datetime.fromtimestamp((now.timestamp() // every + 1) * every, tz=dt.UTC)
