"""What the processes of a crew do. Results are plain values, because they travel through a pipe."""

import datetime as dt
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

from dietintel.gateway.clock import SystemClock
from dietintel.gateway.conf import CallPolicy, Quota, RateLimit
from dietintel.gateway.errors import GatewayError
from dietintel.gateway.models import Transition
from dietintel.gateway.policy import to_us
from dietintel.gateway.store import StateStore
from dietintel.gateway.tally import TALLY
from tests.gateway.calls import UNLIMITED, ask, make_client, make_operation

ONE_TRY = CallPolicy(attempts=1, total_s=10, max_wait_s=0, headroom=0)


class BehindClock(SystemClock):
    """Its leases end `by_s` seconds early for everybody else."""

    def __init__(self, by_s: float) -> None:
        self._by_s = by_s

    def now(self) -> float:
        return super().now() - self._by_s


def hammer(url: str, seconds: float) -> list[str]:
    """Ask new things all the time; what became of each."""
    client = make_client(url, rate=UNLIMITED)
    ends = time.monotonic() + seconds
    became = []
    while time.monotonic() < ends:
        became.append(_reason(lambda: ask(client, caller=ONE_TRY)))
    return became


def ask_often(url: str, times: int) -> list[str]:
    client = make_client(url, rate=UNLIMITED)
    return [_reason(lambda: ask(client, caller=ONE_TRY)) for _call in range(times)]


def ask_at_the_limit(url: str, seconds: float, rate: RateLimit) -> int:
    """Ask for `seconds`, as often as the limiter lets; how often it did."""
    client = make_client(url, rate=rate)
    ends = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < ends:
        sent += _reason(lambda: ask(client, caller=ONE_TRY)) == "answered"
        time.sleep(0.002)
    return sent


def admissions(seconds: float, rate: RateLimit) -> list[int]:
    """Claim tokens for `seconds` without calling anybody; when each was granted, in microseconds."""
    store, operation = StateStore(), make_operation(rate=rate)
    ends = time.monotonic() + seconds
    granted = []
    while time.monotonic() < ends:
        now = to_us(time.time())
        try:
            store.admit("fake:read", operation, now=now, max_wait=0, headroom=0, lease=to_us(30))
        except GatewayError:
            time.sleep(0.001)
        else:
            granted.append(now)
    return granted


def claims(moments: list[int], rate: RateLimit, quota: Quota | None = None) -> int:
    """How many of these moments brought a token, each with one try."""
    store, operation = StateStore(), make_operation(rate=rate, quota=quota)
    got = 0
    for now in moments:
        try:
            store.admit("fake:read", operation, now=now, max_wait=0, headroom=0, lease=to_us(30))
        except GatewayError:
            continue
        got += 1
    return got


def count(event: str, times: int) -> None:
    for _time in range(times):
        StateStore().count("fake:read", event)


def count_in_memory(event: str, times: int) -> None:
    for _time in range(times):
        TALLY.add("fake:read", event)


def flush() -> None:
    TALLY.flush()


def forget() -> None:
    """What this process did for other tests."""
    TALLY.forget()


def ask_now(url: str, path: str = "") -> str:
    """What became of one question."""
    return _reason(lambda: ask(make_client(url, rate=UNLIMITED), path, caller=ONE_TRY))


def ask_kept_things(url: str, times: int) -> None:
    """Each of ten questions so often."""
    for number in range(10 * times):
        ask_now(url, f"/kept/{os.getpid()}/{number % 10}")


def take_tokens(seconds: float) -> list[float]:
    """Admit and record as calls do, with a short rest between; how long each admission took, in seconds."""
    store, operation = StateStore(), make_operation(rate=UNLIMITED)
    ends = time.monotonic() + seconds
    took = []
    while time.monotonic() < ends:
        now, began = to_us(time.time()), time.monotonic()
        permit = store.admit("fake:read", operation, now=now, max_wait=0, headroom=0, lease=to_us(30))
        took.append(time.monotonic() - began)
        store.record(permit, operation, ok=True, elapsed_s=0.1, now=now, event="success")
        time.sleep(0.005)
    return took


def import_in_slices(seconds: float, rows: int) -> list[float]:
    """As an importer does: read a slice of so many rows, write it, let others have the lock; how long each took."""
    ends = time.monotonic() + seconds
    held = []
    at = dt.datetime.now(dt.UTC)
    while time.monotonic() < ends:
        slice_ = [Transition(key="imported", at=at, from_state=0, to_state=1, reason=f"{n}") for n in range(rows)]
        began = time.monotonic()
        with transaction.atomic():
            Transition.objects.bulk_create(slice_)
        held.append(time.monotonic() - began)
        time.sleep(held[-1])  # as long as the lock was held
    return held


def ask_the_same(url: str, path: str, threads: int, total_s: float = 5.0) -> list[tuple[Any, float]]:
    """From so many threads at once: the name in the answer, or the reason for none, and after how long."""
    results: list[tuple[Any, float]] = []

    def once() -> None:
        client = make_client(url, rate=UNLIMITED)
        began = time.monotonic()
        try:
            answer: Any = ask(client, path, total_s=total_s).data["name"]
        except GatewayError as error:
            answer = error.reason
        finally:
            connections.close_all()
        results.append((answer, time.monotonic() - began))

    running = [threading.Thread(target=once) for _thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


def lead_and_hang(url: str, path: str, lease_s: float) -> None:
    """Ask, with a lease that ends in `lease_s` for the others."""
    by_s = 3.0 + 5.0 - lease_s  # of the deadline below, and what the gateway adds to it
    ask(make_client(url, BehindClock(by_s), rate=UNLIMITED), path, total_s=3.0)


def claim_a_probe(lease_s: float) -> int:
    """When, in microseconds. Nobody hears how it ended."""
    now = to_us(time.time())
    StateStore().admit("fake:read", make_operation(), now=now, max_wait=0, headroom=0, lease=to_us(lease_s))
    return now


def _reason(call: Callable[[], Any]) -> str:
    try:
        call()
    except GatewayError as error:
        return error.reason
    return "answered"
