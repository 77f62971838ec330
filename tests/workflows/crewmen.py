"""What the processes of a crew do with runs. They are found by name, so they stand in a module."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.utils import timezone
from django_q.scheduler import scheduler

from tests.workflows.deeds import Five
from workflows import engine, registry, schedules, tasks
from workflows.execution import work_on
from workflows.models import Run, Step


def start_often(times):
    """In as many threads at once, all with one key."""

    def one(_number):
        try:
            return str(engine.start(Five, input={"place": "/nowhere"}, key="the one", now=timezone.now()).uuid)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def complete_or_cancel(pks):
    """Half of the processes work, the others cancel, all in the same order."""
    registry.register(Five)
    cancels = int(multiprocessing.current_process().name.rpartition("-")[2]) % 2
    for pk in pks:
        if cancels:
            try:
                engine.cancel(Run.objects.get(pk=pk), by="ada", now=timezone.now())
            except engine.AlreadyEnded:
                continue
        else:
            work_on(Step.objects.get(run=pk, name="five").pk)


def ensure_schedules():
    schedules.ensure(now=timezone.now())


def look_at_schedules():
    scheduler()


def start_slot(name, slot):
    return tasks.start_scheduled(name, slot)
