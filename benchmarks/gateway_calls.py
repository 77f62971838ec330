"""What the gateway costs: microseconds in a protected call, and whole calls beside bare ones.

    python -m benchmarks.gateway_calls [--postgres]

First the parts, in one thread: the shared state alone (leave to call, and the outcome), a call that the breaker
refuses, an answer from the cache, and everything but HTTP. Then whole calls to a provider on this machine that answers
at once, each for something new, with 1 and 4 threads, by turns with a bare session of `requests`. The difference is
what matters, beside the 50 ms and more that a real provider takes.

Aim: shared state p50 at most 150 µs on SQLite and 2 ms on PostgreSQL; refused 60 and 500 µs; cached 100 and 500 µs.
"""

import itertools
import os
import statistics
import threading
import time
from collections.abc import Callable
from unittest import mock

import requests

from benchmarks.common import Row, installation, options, percentile, provider, report

THREADS = (1, 4)
PERCENTS = (50, 95, 99)
KEY = "fake:read"  # of the client that tests/gateway/calls.py makes

_things = itertools.count()


def main() -> None:
    chosen = options(__doc__, seconds=2, rounds=5).parse_args()
    with provider() as url, installation(postgres=chosen.postgres, WEB_THREADS="8", LOG_LEVEL="ERROR"):
        parts = _parts(url, calls=round(chosen.seconds * chosen.rounds * 50))
        whole = [_whole(url, threads, chosen.rounds, chosen.seconds) for threads in THREADS]
    report(parts, whole, as_json=chosen.json)


def _parts(url: str, *, calls: int) -> list[Row]:
    from dietintel.gateway import client as gateway
    from dietintel.gateway.classify import Answer
    from dietintel.gateway.errors import CircuitOpen
    from dietintel.gateway.policy import to_us
    from dietintel.gateway.store import StateStore
    from tests.gateway.calls import UNLIMITED, ask, make_client, make_operation

    client, store, operation = make_client(url, rate=UNLIMITED), StateStore(), make_operation(rate=UNLIMITED)

    def shared_state() -> None:
        now = to_us(time.time())
        permit = store.admit(KEY, operation, now=now, max_wait=0, headroom=0, lease=to_us(30))
        store.record(permit, operation, ok=True, elapsed_s=0.1, now=now, event="success")

    def refused() -> None:
        try:
            store.admit(KEY, operation, now=to_us(time.time()), max_wait=0, headroom=0, lease=to_us(30))
        except CircuitOpen:
            return
        raise SystemExit("the breaker let a call through")

    rows = [_timed("shared state: admit and record", shared_state, calls)]
    ask(client, "/kept")
    rows.append(_timed("whole call, cached", lambda: ask(client, "/kept"), calls))
    answer = Answer(200, {"name": "x"}, True, None)
    with mock.patch.object(gateway, "fetch", return_value=answer):
        rows.append(_timed("whole call but HTTP", lambda: ask(client, _new_path()), calls))
    now = to_us(time.time())
    store.force_open(KEY, actor="benchmark", now=now)
    rows.append(_timed("shared state: refused", refused, calls))
    store.reset(KEY, actor="benchmark", now=now)
    return rows


def _timed(name: str, call: Callable[[], object], calls: int) -> Row:
    for _warm in range(50):
        call()
    took_us = []
    for _call in range(calls):
        began = time.perf_counter()
        call()
        took_us.append((time.perf_counter() - began) * 1e6)
    return {"": name, **{f"p{percent} µs": percentile(took_us, percent) for percent in PERCENTS}}


def _whole(url: str, threads: int, rounds: int, seconds: float) -> Row:
    """Calls through the gateway and bare ones by turns."""
    from tests.gateway.calls import UNLIMITED, ask, make_client

    def through_the_gateway() -> Callable[[], object]:
        client = make_client(url, rate=UNLIMITED)
        return lambda: ask(client, _new_path())

    def bare() -> Callable[[], object]:
        session = requests.Session()
        session.trust_env = False
        return lambda: session.get(url + _new_path(), timeout=10).json()

    ratios, slower, figures = [], [], []
    for _round in range(rounds):
        ours, theirs = (_in_threads(made, threads, seconds) for made in (through_the_gateway, bare))
        ratios.append(len(ours) / len(theirs))
        slower.append(statistics.median(ours) - statistics.median(theirs))
        figures.append([len(ours) / seconds, len(theirs) / seconds, *(percentile(ours, p) for p in PERCENTS)])
    through, without, *latencies = (statistics.median(column) for column in zip(*figures, strict=True))
    return {
        "threads": str(threads),
        "gateway /s": through,
        "bare /s": without,
        "ratio": statistics.median(ratios),
        **{f"p{percent} ms": took / 1000 for percent, took in zip(PERCENTS, latencies, strict=True)},
        "added p50 ms": statistics.median(slower) / 1000,
    }


def _in_threads(made: Callable[[], Callable[[], object]], threads: int, seconds: float) -> list[float]:
    """Call as often as possible, in each thread with a caller of its own; how many microseconds each call took."""
    from django.db import connections

    took_us: list[float] = []
    ends = time.monotonic() + seconds

    def go_on() -> None:
        call = made()
        try:
            while time.monotonic() < ends:
                began = time.perf_counter()
                call()
                took_us.append((time.perf_counter() - began) * 1e6)
        finally:
            connections.close_all()

    running = [threading.Thread(target=go_on) for _number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return took_us


def _new_path() -> str:
    return f"/thing/{os.getpid()}/{next(_things)}"


if __name__ == "__main__":
    main()
