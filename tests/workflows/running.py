"""A service of real processes on the database of the test, and what a test asks of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from django.db import connections
from django.utils import timezone

from tests.workflows.deeds import Photo, marks
from workflows import engine
from workflows.models import Attempt, Run, Step
from workflows.states import LIVE_RUN, StepState

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 90.0  # for machines that are busy with other things; the limits that matter are asserted apart


def wait_until(condition, patience_s=PATIENCE_S, every_s=0.05):
    ends = time.monotonic() + patience_s
    while not (result := condition()):
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(every_s)
    return result


class Running:
    """`serve` with the workflows of the tests."""

    def __init__(self, folder, *options, **environment):
        self.said = Path(folder) / "said"
        self.options = options
        names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
        self.environment = {
            **os.environ,
            "TEST_DATABASES": json.dumps(names),
            "MAX_CONCURRENT_REQUESTS": "3",
            "LOG_FORMAT": "text",
            **environment,
        }
        self.start()

    def start(self):
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.workflows.service", "serve", *self.options],
                env=self.environment, cwd=ROOT, stdout=said, stderr=said,
            )  # fmt: skip
        wait_until(self.is_up)

    def is_up(self):
        return len(self.pool()) == int(self.environment["MAX_CONCURRENT_REQUESTS"]) + 1

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill_everything(self):
        everything = self.everything()
        for process in everything:
            with suppress(psutil.Error):
                process.kill()
        self.process.wait()
        wait_until(lambda: not alive(everything))

    def everything(self):
        if self.process.poll() is not None:
            return []
        service = psutil.Process(self.process.pid)
        return [service, *service.children(recursive=True)]

    def child(self, word):
        """What the supervisor started as `word`; None for a moment while it is started again."""
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if process.cmdline()[-1] == word or word in process.cmdline()[2:4]:
                    return process
        return None

    def pool(self):
        """The sentinel's children: the workers, and the pusher that brings them messages."""
        try:
            sentinel = self.child("worker")
            return sentinel.children() if sentinel else []
        except psutil.Error:
            return []


def alive(processes):
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def start(workflow, **given):
    key = given.pop("key", "")
    return engine.start(workflow, input=given, key=key, now=timezone.now())


def ended(*runs):
    """The runs, once all have ended."""
    ids = [run.pk for run in runs]
    wait_until(lambda: not Run.objects.filter(pk__in=ids, state__in=LIVE_RUN).exists())
    return list(Run.objects.filter(pk__in=ids).order_by("pk"))


def working_on(run, name=None):
    """The step that is being worked on, once one is."""
    steps = Step.objects.filter(run=run, state=StepState.RUNNING, **({"name": name} if name else {}))
    return wait_until(steps.first)


def worker_of(step):
    """The process that works on it."""
    return psutil.Process(int(step.worker.rsplit(":", 2)[1]))


def calls(place):
    """How often each was called."""
    return Counter(what for what, _pid, _at in marks(place))


def outcomes(run):
    return [attempt.outcome for attempt in Attempt.objects.filter(step__run=run).order_by("pk")]


def photos(place, number, *, seconds):
    return [start(Photo, place=str(place), number=each, seconds=seconds) for each in range(number)]


def seconds(began, ended):
    return (ended - began).total_seconds()
