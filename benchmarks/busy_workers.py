"""How soon pages are answered while all workers compute: 20 requests a second for a minute, then 100 at once.

    python -m benchmarks.busy_workers                 SQLite in a temporary folder
    python -m benchmarks.busy_workers --postgres      a private PostgreSQL

The whole service runs as `serve` starts it; two workers keep two cores busy. What is asked for is a day of the diary,
with a token. An answer's time counts from when it should have been asked for: waiting for a connection is in it.

Aim: p95 below 200 ms, nothing but 200, and of the 100 at once all within a second, on two cores that do nothing else.
"""

import datetime as dt
import selectors
import socket
import time
from contextlib import ExitStack

from benchmarks.common import Client, Row, installation, new_token, options, percentile, report, whole_service

A_SECOND, AT_ONCE = 20, 100
CONNECTIONS = 20
WORKERS = 2
BURN_S = 60  # more than the measurements: the workers are busy until the service is stopped


def steadily(port: int, clients: list[Client], seconds: float) -> list[float]:
    """The seconds that each answer took, asking A_SECOND times a second whatever was answered before."""
    took: list[float] = []
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        connect(port, clients, ready, stack)
        free, asked_at = list(clients), dict.fromkeys(map(id, clients), 0.0)
        began = time.perf_counter()
        due = [began + number / A_SECOND for number in range(int(seconds * A_SECOND))]
        while due or len(free) < len(clients):
            while due and free and due[0] <= time.perf_counter():
                client = free.pop(0)  # in turn: one that is never used is hung up on
                asked_at[id(client)] = due.pop(0)
                client.ask()
            for key, _events in ready.select(timeout=0.005):
                if key.data.has_answer():
                    took.append(time.perf_counter() - asked_at[id(key.data)])
                    free.append(key.data)
    return took


def at_once(port: int, clients: list[Client]) -> list[float]:
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        connect(port, clients, ready, stack)
        for client in clients:
            client.ask()
        waiting = len(clients)
        while waiting:
            waiting -= sum(key.data.has_answer() for key, _events in ready.select())
    return [client.latencies_s[-1] for client in clients]


def connect(port: int, clients: list[Client], ready: selectors.BaseSelector, stack: ExitStack) -> None:
    for client in clients:
        client.connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.register(client.connection, selectors.EVENT_READ, client)


def row(what: str, took: list[float], clients: list[Client]) -> Row:
    statuses = [status for client in clients for status in client.statuses]
    return {
        "asked": what,
        "answers": len(took),
        "p50 ms": percentile(took, 50) * 1e3,
        "p95 ms": percentile(took, 95) * 1e3,
        "p99 ms": percentile(took, 99) * 1e3,
        "most ms": max(took) * 1e3,
        "not 200": str(sum(status != 200 for status in statuses)),
    }


def main() -> None:
    chosen = options(__doc__, seconds=60, rounds=1).parse_args()
    busy = {"MAX_CONCURRENT_REQUESTS": str(WORKERS), "SHUTDOWN_TIMEOUT": "1"}
    with installation(postgres=chosen.postgres, ACCESS_LOG="no"), whole_service(**busy) as service:
        from django.utils import timezone

        from benchmarks.workflows import Burn
        from workflows import engine
        from workflows.models import Step
        from workflows.states import StepState

        token = new_token("benchmark")
        path = f"/api/v1/days/{dt.datetime.now(dt.UTC).date()}"
        steadily(service.port, [Client(lambda: path, token)], 1)  # warm
        for _worker in range(WORKERS):
            seconds = chosen.seconds * chosen.rounds + BURN_S
            engine.start(Burn, input={"seconds": seconds}, now=timezone.now())
        while Step.objects.filter(state=StepState.RUNNING).count() < WORKERS:
            time.sleep(0.1)
        rows = []
        for _round in range(chosen.rounds):
            clients = [Client(lambda: path, token) for _ in range(CONNECTIONS)]
            rows.append(row(f"{A_SECOND} a second", steadily(service.port, clients, chosen.seconds), clients))
            crowd = [Client(lambda: path, token) for _ in range(AT_ONCE)]
            rows.append(row(f"{AT_ONCE} at once", at_once(service.port, crowd), crowd))
        assert Step.objects.filter(state=StepState.RUNNING).count() == WORKERS
    report(rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
