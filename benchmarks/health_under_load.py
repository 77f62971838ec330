"""What monitors wait, and whether anything fails, while a hundred people ask at once and remedies run.

    python -m benchmarks.health_under_load [--postgres]

The whole service runs. A hundred clients ask for a known food at the same moment, again and again with pauses; beside
them one asks `ping` and one `health`, twenty times a second. Every five seconds every remedy that there is for
database, cache, disk, queue, workers and memory is asked for, the restart of the idle worker with them. A `health` that
says 503 because something is unhealthy is an answer, not an error.

Aim: no error, and a p95 of at most 50 ms for `ping` and `health`.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.common import (
    BARCODE,
    Client,
    Row,
    installation,
    known_food,
    new_token,
    options,
    percentile,
    report,
    run,
)

PEOPLE, PAUSE_S, MONITOR_PAUSE_S, MEND_EVERY_S = 100, 5.0, 0.05, 5.0
MENDED = ("database", "cache", "disk", "queue", "workers", "memory")
PATIENCE_S = 60.0
MONITOR = "benchmark-monitor"


def main() -> None:
    chosen = options(__doc__, seconds=30, rounds=1).parse_args()
    rows: list[Row] = []
    with ExitStack() as stack:
        stack.enter_context(
            installation(postgres=chosen.postgres, MONITORING_TOKEN=MONITOR, ACCESS_LOG="no", LOG_LEVEL="ERROR")
        )
        known_food()
        token = new_token("person")
        port = stack.enter_context(service())
        monitors = {
            name: Client(lambda name=name: f"/api/v1/monitoring/{name}", MONITOR, MONITOR_PAUSE_S)  # type: ignore[misc]
            for name in ("ping", "health")
        }
        people = [Client(lambda: f"/api/v1/products/{BARCODE}", token, PAUSE_S) for _number in range(PEOPLE)]
        run(port, [monitors["health"]], 1)  # warm
        monitors["health"].latencies_s.clear()
        with mending() as heals:
            run(port, [*people, *monitors.values()], chosen.seconds)
        rows.append(_row("100 at once", people))
        rows += [_row(name, [client]) for name, client in monitors.items()]
    report(rows, as_json=chosen.json)
    if not chosen.json:
        sys.stdout.write("remedies: " + ", ".join(f"{what} {times}" for what, times in sorted(heals.items())) + "\n")


def _row(name: str, clients: list[Client]) -> Row:
    latencies = [latency * 1000 for client in clients for latency in client.latencies_s]
    fine = {200, 503} if name == "health" else {200}
    failed = sum(status not in fine for client in clients for status in client.statuses)
    figures: Row = {f"p{percent} ms": percentile(latencies, percent) for percent in (50, 95, 99)}
    return {"": name, "answers": float(len(latencies)), "errors": float(failed), **figures, "most ms": max(latencies)}


@contextmanager
def service() -> Iterator[int]:
    """The whole of it; its port. Within `installation`."""
    from tests.services import free_port

    port = free_port()
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, str(root / "manage.py"), "serve"], cwd=root, env={**os.environ, "PORT": str(port)}
    )
    try:
        ends = time.monotonic() + PATIENCE_S
        while not _measured():
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit("the service did not start")
            time.sleep(0.5)
        yield port
    finally:
        process.terminate()
        process.wait()


def _measured() -> bool:
    from monitoring.health import snapshot
    from monitoring.models import Check

    found = snapshot.read()
    return not found.stale and found.checks["workers"]["status"] == "healthy" and Check.objects.exists()


@contextmanager
def mending() -> Iterator[Counter[str]]:
    """Ask for every remedy as an operator would, again and again; what was done."""
    from django.db import connection

    from monitoring.models import Check, HealAttempt

    done: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.wait(MEND_EVERY_S):
            Check.objects.filter(name__in=MENDED).update(asked_by="benchmark")
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield done
    finally:
        over.set()
        asking.join()
        done.update(HealAttempt.objects.values_list("heal", flat=True))


if __name__ == "__main__":
    main()
