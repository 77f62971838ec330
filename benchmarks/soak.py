"""Twenty minutes of everything: mixed runs, kill -9 of what works on them, pages asked for; what is left at the end.

    python -m benchmarks.soak                          SQLite in a temporary folder, 20 minutes
    python -m benchmarks.soak --postgres --minutes 5   a private PostgreSQL

Two workers get short runs, batches and runs whose optional step fails. Every few seconds a worker or the process that
hands out messages is killed, sometimes the first process of the worker or the watch; never the web server, so that each
answer other than 200 is an error. A line a minute; the last ones say what must be zero. Exit code 1 where it is not.
What the service logs goes to stderr.

The memory is that of the whole service (PSS). Growth is from the mean of the samples after the first minute, ten of
them, to the mean of the last ten: a process that was killed starts small, so single samples jump.
"""

import argparse
import datetime as dt
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import requests

from benchmarks.common import Service, installation, percentile, whole_service

if TYPE_CHECKING:
    from workflows.definitions import Workflow

RUNS_AT_ONCE = 12
MEMORY_EVERY_S = 5.0
WARM_S = 60.0
SAMPLES = 10


@dataclass
class Reader(threading.Thread):
    """Somebody who asks for one page after the other, four a second."""

    port: int
    cookie: str
    ended: threading.Event = field(default_factory=threading.Event)
    answers: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        day = dt.datetime.now(dt.UTC).date()
        pages = ["/", f"/day/{day}/", "/runs/", "/foods/", "/api/v1/workflows/list", "/admin/workflows/run/"]
        with requests.Session() as asking:
            asking.cookies.set("sessionid", self.cookie)
            number = 0
            while not self.ended.wait(0.25):
                page = pages[number % len(pages)]
                number += 1
                began = time.perf_counter()
                try:
                    status = str(asking.get(f"http://127.0.0.1:{self.port}{page}", timeout=30).status_code)
                except requests.RequestException as error:
                    status = type(error).__name__
                self.took_s.append(time.perf_counter() - began)
                self.answers[status if status == "200" else f"{page}: {status}"] += 1


def somebody() -> str:
    """The login of somebody who may see everything."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from dietintel.accounts.models import User

    call_command("collectstatic", interactive=False, verbosity=0)
    client = Client()
    client.force_login(User.objects.create_superuser("soak"))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def work(chosen: random.Random) -> None:
    """Start a run of some kind."""
    from django.utils import timezone

    from benchmarks.workflows import Five, Items, Shaky, Wait
    from workflows import engine

    kinds: list[tuple[type[Workflow], dict[str, float]]] = [
        (Five, {}), (Wait, {"seconds": 0.3}), (Wait, {"seconds": 2}), (Items, {"items": 20}), (Shaky, {}),
    ]  # fmt: skip
    workflow, given = chosen.choice(kinds)
    engine.start(workflow, input=given, now=timezone.now())


def victims(service: Service, chosen: random.Random) -> Iterator[psutil.Process]:
    """Whom to kill now: mostly nobody."""
    if chosen.random() < 0.03:
        with suppress(psutil.Error):
            children = service.processes()[0].children()
            yield from [each for each in children if each.cmdline()[-1] == chosen.choice(["worker", "watch"])]
    elif chosen.random() < 0.25 and (pool := service.workers()):
        yield chosen.choice(pool)


def soak(service: Service, *, seconds: float, seed: int) -> tuple[list[float], Counter[str]]:
    """The memory as it went, in MiB, and who was killed how often."""
    from workflows.models import Run

    chosen, kills = random.Random(seed), Counter[str]()
    memory: list[float] = []
    began = sampled = said = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        if Run.objects.live().count() < RUNS_AT_ONCE:
            work(chosen)
        if chosen.random() < 0.2:
            for victim in victims(service, chosen):
                with suppress(psutil.Error):
                    victim.kill()
                    kills["of " + ("a pool process" if victim.ppid() != service.process.pid else "a part")] += 1
        if now - sampled > MEMORY_EVERY_S and now - began > WARM_S:
            sampled = now
            memory.append(service.memory_mib())
        if now - said > 60:
            said = now
            ended = Run.objects.filter(finished_at__isnull=False).count()
            latest = f"{memory[-1]:.0f}" if memory else "-"
            say(f"minute {(now - began) / 60:.0f}: {ended} runs ended, {kills.total()} kills, {latest} MiB")
        time.sleep(0.1)
    return memory, kills


def left_over() -> dict[str, int]:
    """What must not be there when all runs have ended."""
    from django_q.models import OrmQ

    from workflows.models import Attempt, Run, Step
    from workflows.states import ENDED_STEP, Outcome, RunState

    poisoned = Step.objects.filter(error__startswith="poison").values("run")
    return {
        "live runs": Run.objects.live().count(),
        "steps that have not ended": Step.objects.exclude(state__in=ENDED_STEP).count(),
        "open attempts": Attempt.objects.filter(outcome=Outcome.OPEN).count(),
        "messages in the queue": OrmQ.objects.count(),
        "runs that failed, other than by poison": Run.objects.filter(state=RunState.FAILED)
        .exclude(pk__in=poisoned)
        .count(),
    }


def alive(processes: list[psutil.Process]) -> int:
    found = 0
    for process in processes:
        with suppress(psutil.Error):
            found += process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return found


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="store_true", help="on a private PostgreSQL (see tests/services.py)")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of what is started and killed")
    chosen = parser.parse_args()
    quiet = {"ACCESS_LOG": "no", "LOG_LEVEL": "ERROR", "MAX_CONCURRENT_REQUESTS": "2"}
    with installation(postgres=chosen.postgres, **quiet), whole_service(**quiet) as service:
        from workflows.models import Run

        reader = Reader(service.port, somebody())
        reader.start()
        memory, kills = soak(service, seconds=chosen.minutes * 60, seed=chosen.seed)
        patience = time.monotonic() + 120
        while any(left_over().values()) and time.monotonic() < patience:
            time.sleep(0.5)
        reader.ended.set()
        reader.join()
        left, everything = left_over(), service.processes()
        service.process.terminate()
        code = service.process.wait(60)
        states = Counter(Run.objects.values_list("state", flat=True))
        first, last = statistics.mean(memory[:SAMPLES]), statistics.mean(memory[-SAMPLES:])
        say(f"runs: {dict(states)}; kills: {dict(kills)}")
        say(f"memory: {first:.0f} MiB, in the end {last:.0f} MiB ({(last / first - 1) * 100:+.1f} %)")
        took = [each * 1e3 for each in reader.took_s]
        say(f"pages: {dict(reader.answers)}, p50 {percentile(took, 50):.0f} ms, p95 {percentile(took, 95):.0f} ms")
        left |= {"answers other than 200": reader.answers.total() - reader.answers["200"]}
        left |= {"exit code": code, "processes after the stop": alive(everything)}
    for what, number in left.items():
        say(f"{what}: {number}")
    sys.exit(1 if any(left.values()) else 0)


if __name__ == "__main__":
    main()
