"""Workflows for real processes: their steps take time, die, hang and fail, and leave a mark each time they are called.

`place` is a folder of the test. A file in it that is called like a step makes that step fail.
"""

import hashlib
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from django.contrib.auth.models import Group

from workflows.definitions import Retry, Workflow, step
from workflows.states import Priority


def mark(place, what):
    """One line, in one write: processes that do it together do not mix."""
    with (Path(place) / "marks").open("ab", buffering=0) as marks:
        marks.write(f"{what} {os.getpid()} {time.time()}\n".encode())


def marks(place):
    """What was called, by which process, when."""
    file = Path(place) / "marks"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(what, int(pid), float(at)) for what, pid, at in map(str.split, lines)]


def fail_if_told(place, what):
    if (Path(place) / what).exists():
        raise OSError(f"{what} cannot be reached")


def nap(seconds):
    """Python code that works and can be stopped."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(min(0.05, seconds))


class Photo(Workflow):
    """Like the analysis of a photo: two steps that work, and one that writes a row."""

    name = "deed_photo"
    priority = Priority.HIGH

    @step(timeout=60)
    def image(self, ctx, place, number, seconds):
        mark(place, f"image-{number}")
        nap(seconds)
        return f"image {number}"

    @step(timeout=60)
    def inference(self, ctx, place, number, seconds, image):
        mark(place, f"inference-{number}")
        nap(seconds)
        return f"food of {image}"

    @step(tx=True)
    def history(self, ctx, number, inference):
        return [Group.objects.create(name=str(number)).name, inference]


class Nap(Workflow):
    name = "deed_nap"
    priority = Priority.HIGH

    @step(timeout=120)
    def nap(self, ctx, place, seconds):
        mark(place, f"nap-{seconds}")
        nap(seconds)
        return os.getpid()


class Killer(Workflow):
    """Takes its process along, always."""

    name = "deed_killer"

    @step
    def die(self, ctx, place):
        mark(place, "die")
        os.kill(os.getpid(), signal.SIGKILL)

    @step
    def after(self, ctx, die):
        return die


class Deaf(Workflow):
    """Code that hears no signals: a library in C that lets other threads run, or one that does not."""

    name = "deed_deaf"

    @step(timeout=3, retry=Retry(2, base=0.1, cap=0.1))
    def compute(self, ctx, place, how):
        mark(place, "compute")
        if how == "alone":
            return sum(range(10**11))
        return hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9).hex()


class Stubborn(Workflow):
    """Stops for nothing; `patience` is in C as well."""

    name = "deed_stubborn"

    @step(timeout=100)
    def stay(self, ctx, place, how):
        mark(place, "stay")
        if how == "in C":
            return hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9).hex()
        while True:
            with suppress(BaseException):
                nap(60)


class Flaky(Workflow):
    """Succeeds at the fourth try."""

    name = "deed_flaky"
    priority = Priority.HIGH

    @step(retry=Retry(4, base=0.8, cap=1.6, on=(OSError,)))
    def ask(self, ctx, place, number):
        mark(place, f"ask-{number}")
        if ctx.attempt < 4:
            raise OSError("not now")
        return ctx.attempt


class Five(Workflow):
    """Five steps in a row; the fourth and an optional one ask somebody who may be down."""

    name = "deed_five"
    priority = Priority.HIGH

    @step
    def one(self, ctx, place):
        mark(place, "one")
        return 1

    @step
    def two(self, ctx, place, one):
        mark(place, "two")
        return one + 1

    @step(optional=True)
    def advice(self, ctx, place, two):
        mark(place, "advice")
        fail_if_told(place, "advice")
        return "eat more soup"

    @step
    def four(self, ctx, place, two):
        mark(place, "four")
        fail_if_told(place, "four")
        return two + 2

    @step(tx=True)
    def five(self, ctx, place, four, advice=None):
        mark(place, "five")
        return four + 1


class Many(Workflow):
    """Something for each of many, four at once; a negative one fails."""

    name = "deed_many"
    priority = Priority.LOW

    @step
    def plan(self, ctx, numbers):
        return numbers

    @step(map="plan", max_parallel=4, min_success=0.8)
    def each(self, ctx, place, item):
        mark(place, f"each-{item}")
        if item < 0:
            raise ValueError(f"{item} is no food")
        return item * item

    @step(tx=True)
    def summary(self, ctx, each):
        return each


class Crowd(Workflow):
    """As many low steps at once as there are numbers."""

    name = "deed_crowd"
    priority = Priority.LOW

    @step
    def plan(self, ctx, numbers):
        return numbers

    @step(map="plan")
    def each(self, ctx, place, item):
        mark(place, "crowd")
        nap(1)


class Busy(Workflow):
    """Keeps a core busy."""

    name = "deed_busy"
    priority = Priority.HIGH

    @step(timeout=200)
    def burn(self, ctx, seconds):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            sum(range(1000))
