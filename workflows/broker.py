"""The queue: four lanes in the application's database. A message holds the id of a step and nothing else."""

import datetime as dt
import os
import time
from contextlib import suppress
from typing import Any

from django.db import Error as DatabaseTrouble
from django.db import connections, transaction
from django.db.models import Case, F, IntegerField, Value, When
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task

from workflows.models import Host
from workflows.processes import this_host
from workflows.states import Priority

KEYS = {priority: f"{priority.value}:{priority.name.lower()}" for priority in Priority}
AGED_AFTER = dt.timedelta(minutes=10)  # then it counts as one class higher, never above HIGH
STAT_EVERY_S = 2.0
LEASE_S = 12  # how long a worker may say nothing before its step is given to another
HARD_STOP_S = 2  # after the step's own limit django-q ends the process, which it does 3 s later than it is told


class LaneBroker(ORM):  # type: ignore[misc]
    """django-q's broker, with an order, and nothing handed out before a worker is free to begin."""

    queue: Any = None  # set by the sentinel: knows which workers wait
    workers = 1
    not_before: dt.datetime | None = None
    sent: int | None = None
    _stat_at = 0.0

    def __init__(self, list_key: str | None = None, *, priority: Priority = Priority.NORMAL) -> None:
        super().__init__(list_key=list_key)
        self.list_key = KEYS[priority]

    def timeout(self, task: object) -> dt.datetime:
        return timezone.now() + dt.timedelta(seconds=LEASE_S)

    def enqueue(self, task: str) -> int:
        due = self.not_before or timezone.now()
        self.sent = self.get_connection().create(key=self.list_key, payload=task, lock=due).pk
        return self.sent

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The most urgent message that is due, once a worker is free; None after a moment without one."""
        if self.queue is not None and not self.queue.hungry():
            return None
        due = self._due()
        if connections[Conf.ORM].features.has_select_for_update_skip_locked:
            with transaction.atomic(using=Conf.ORM):
                rows = list(due.select_for_update(skip_locked=True)[:1])
                self.get_connection().filter(pk__in=[row.pk for row in rows]).update(lock=self.timeout(None))
        else:
            here = self.get_connection()
            rows = [row for row in due[:1] if here.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))]
        if rows:
            return [(row.pk, row.payload) for row in rows]
        time.sleep(Conf.POLL)
        return None

    def _due(self) -> Any:
        now = timezone.now()
        wanted = list(KEYS.values())
        if self.queue is not None and self.workers > 1 and self.queue.free() <= 1:
            wanted = [KEYS[Priority.CRITICAL], KEYS[Priority.HIGH]]  # the last free worker is for people who wait
        old = now - AGED_AFTER
        lane = Case(
            When(key=KEYS[Priority.CRITICAL], then=Value(0)),
            When(key=KEYS[Priority.HIGH], then=Value(1)),
            When(key=KEYS[Priority.NORMAL], lock__lt=old, then=Value(1)),
            When(key=KEYS[Priority.NORMAL], then=Value(2)),
            When(key=KEYS[Priority.LOW], lock__lt=old, then=Value(2)),
            default=Value(3),
            output_field=IntegerField(),
        )
        return self.get_connection().filter(key__in=wanted, lock__lte=now).order_by(lane, F("id"))

    def queue_size(self) -> int:
        return int(self.get_connection().filter(key__in=KEYS.values(), lock__lte=timezone.now()).count())

    def lock_size(self) -> int:
        return int(self.get_connection().filter(key__in=KEYS.values(), lock__gt=timezone.now()).count())

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """django-q beats twice a second, which would write a gigabyte a day into a cache on SQLite."""
        if time.monotonic() - self._stat_at > STAT_EVERY_S:
            self._stat_at = time.monotonic()
            super().set_stat(key, value, 5 * STAT_EVERY_S)
            name = f"{this_host()}:{os.getpid()}"
            with suppress(DatabaseTrouble):  # it comes back, and then it beats again
                Host.objects.update_or_create(name=name, defaults={"workers": self.workers, "beat_at": timezone.now()})


def send(step_id: int, *, priority: int, due: dt.datetime, timeout_s: int) -> int:
    """Put a step into its lane, in the transaction under way: no message without its step, no step without one.

    Returns the message's id.
    """
    broker = LaneBroker(priority=Priority(priority))
    broker.not_before = due
    async_task(
        "workflows.tasks.execute",
        step_id,
        broker=broker,
        timeout=timeout_s + HARD_STOP_S,
        task_name=f"step {step_id}",
        save=False,
        ack_failure=False,
    )
    assert broker.sent is not None
    return broker.sent


def hold(message: int | None, *, now: dt.datetime) -> None:
    """Keep a message from being delivered again while its step is worked on."""
    if message is not None:
        OrmQ.objects.using(Conf.ORM).filter(pk=message).update(lock=now + dt.timedelta(seconds=LEASE_S))


def waiting(messages: set[int]) -> set[int]:
    """Those of `messages` that are still in the queue."""
    return set(OrmQ.objects.using(Conf.ORM).filter(pk__in=messages).values_list("pk", flat=True))


def drop(messages: set[int]) -> None:
    OrmQ.objects.using(Conf.ORM).filter(pk__in=messages).delete()
