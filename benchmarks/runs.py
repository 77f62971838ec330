"""What a durable step costs, and how fast runs go through the worker.

    python -m benchmarks.runs                                  SQLite in a temporary folder
    DATABASE_URL=postgres://… python -m benchmarks.runs        an empty database of your own

Beside the figures of the engine in one process stand those of the service, as `serve` starts it: two workers, the watch
and the web server.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

BUSY_RUNS = 100
IDLE_RUNS = 30


def one_process(runs: int) -> None:
    """The engine alone: a run of five steps that do nothing, worked off by this process."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from benchmarks.workflows import Five
    from workflows import engine
    from workflows.execution import work_on
    from workflows.models import Run
    from workflows.states import StepState

    def work_off(run: Run) -> None:
        while step := run.steps.filter(state=StepState.READY).values_list("pk", flat=True).first():
            work_on(step)

    work_off(engine.start(Five, now=timezone.now()))
    with CaptureQueriesContext(connection) as queries:
        run = engine.start(Five, now=timezone.now())
    say("statements of a start", str(_own(queries.captured_queries)))
    counts = []
    for _step in range(5):
        step = run.steps.filter(state=StepState.READY).values_list("pk", flat=True)[0]
        with CaptureQueriesContext(connection) as queries:
            work_on(step)
        counts.append(_own(queries.captured_queries))
    say("statements of each of its steps", f"{counts} and 3 of the queue")
    runs_to_do = [engine.start(Five, now=timezone.now()) for _ in range(runs)]
    began = time.perf_counter()
    for run in runs_to_do:
        work_off(run)
    per_step = (time.perf_counter() - began) / runs / 5
    began = time.perf_counter()
    for _run in range(runs):
        for function in Five.definition.functions.values():
            function(None, None, None) if function.__name__ != "one" else function(None, None)
    bare = (time.perf_counter() - began) / runs / 5
    say("a durable step", f"{per_step * 1e3:.1f} ms more than the bare function ({bare * 1e6:.1f} µs)")


def _own(queries: list[dict[str, str]]) -> int:
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")) for query in queries)


def the_service(folder: Path) -> None:
    from django.utils import timezone

    from benchmarks.workflows import Five, Wait
    from workflows import engine
    from workflows.models import Attempt, Host, Run
    from workflows.states import LIVE_RUN

    Host.objects.all().delete()
    before = time.perf_counter()
    service = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.service"], stdout=subprocess.DEVNULL, stderr=(folder / "said").open("wb")
    )

    def done(runs: list[Run]) -> bool:
        return not Run.objects.filter(pk__in=[run.pk for run in runs], state__in=LIVE_RUN).exists()

    until(lambda: done([engine.start(Wait, input={"seconds": 0}, now=timezone.now())]) or Host.objects.exists())
    until(lambda: not Run.objects.live().exists())
    say("from the start of the service to its first finished run", f"{time.perf_counter() - before:.1f} s")
    waits = []
    for _run in range(IDLE_RUNS):
        run = engine.start(Wait, input={"seconds": 0}, now=timezone.now())
        until(lambda run=run: done([run]))  # type: ignore[misc]
        waits.append((Attempt.objects.get(step__run=run).started_at - run.created_at).total_seconds())
    say("from a run's start to its first step, idle", f"median {statistics.median(waits) * 1e3:.0f} ms")
    runs = [engine.start(Five, now=timezone.now()) for _ in range(BUSY_RUNS)]
    began = time.perf_counter()
    count = Attempt.objects.filter(finished_at__isnull=False).count()
    until(lambda: done(runs))
    took = time.perf_counter() - began
    count = Attempt.objects.filter(finished_at__isnull=False).count() - count
    say("steps per second, two workers", f"{count / took:.0f}")

    run = engine.start(Wait, input={"seconds": 2}, now=timezone.now())
    until(lambda: Attempt.objects.filter(step__run=run).exists())
    attempt = Attempt.objects.get(step__run=run)
    psutil.Process(int(attempt.worker.rsplit(":", 2)[1])).kill()
    killed = timezone.now()
    until(lambda: done([run]))
    again = Attempt.objects.get(step__run=run, number=2).started_at
    say("from kill -9 of its worker to the next attempt", f"{(again - killed).total_seconds():.1f} s")

    everything = [psutil.Process(service.pid), *psutil.Process(service.pid).children(recursive=True)]
    pss = sum(process.memory_full_info().pss for process in everything) / 2**20
    say("memory (PSS) of all", f"{pss:.0f} MiB in {len(everything)} processes")
    before_s = sum(sum(process.cpu_times()[:2]) for process in everything)
    time.sleep(10)
    after_s = sum(sum(process.cpu_times()[:2]) for process in everything)
    say("CPU while idle", f"{(after_s - before_s) * 10:.1f} % of a core")
    before = time.perf_counter()
    service.terminate()
    code = service.wait(60)
    say("stop", f"{time.perf_counter() - before:.1f} s, exit code {code}")


def until(condition: Callable[[], Any]) -> None:
    while not condition():
        time.sleep(0.02)


def say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<58} {figure}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="dietintel.settings", DATA_DIR=folder, LOG_LEVEL="WARNING",
            OFF_CONTACT="a@example.org",
        )  # fmt: skip
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from benchmarks import workflows  # noqa: F401 (registers them)

        one_process(options.runs)
        the_service(Path(folder))


if __name__ == "__main__":
    main()
