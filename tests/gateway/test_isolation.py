"""Scenario 24: trouble of the database, of the cache or of one provider stays where it is."""

import base64
import pickle
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction
from django_redis import get_redis_connection

from dietintel.gateway.cache import PAUSE_S, Entry, ResponseCache
from dietintel.gateway.errors import GatewayMisuse, StoreUnavailable, UpstreamNotFound
from dietintel.gateway.models import Lease, ProviderState
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway.calls import DAY, UNLIMITED, ask, counted, make_client, put_state
from tests.gateway.conftest import InThread
from tests.provider import FakeProvider

BREAD = {"name": "Bread"}


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_refused_and_nothing_is_sent(provider: FakeProvider):
    client = make_client(provider.url)

    with pytest.raises(GatewayMisuse), transaction.atomic():
        ask(client)

    assert provider.hits() == 0


@pytest.mark.django_db
def test_a_call_inside_a_transaction_of_its_own_is_refused_in_ordinary_tests_too(provider: FakeProvider):
    with pytest.raises(GatewayMisuse), transaction.atomic():
        ask(make_client(provider.url))


# --- A database that somebody else has locked -------------------------------------------------------------------


@contextmanager
def locked_by_somebody_else(table: str) -> Iterator[None]:
    """SQLite has one lock for everything; on PostgreSQL the rows of `table` are locked."""
    is_locked, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
                is_locked.set()
                is_over.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_locked.wait(5)
    try:
        yield
    finally:
        is_over.set()
        thread.join()


LOCKED = [ProviderState._meta.db_table, Lease._meta.db_table]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", LOCKED)
def test_with_a_locked_database_nothing_is_sent_and_the_caller_hears_of_it_soon(provider: FakeProvider, table: str):
    provider.answers(BREAD)
    client = make_client(provider.url)
    put_state()

    with locked_by_somebody_else(table):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            ask(client)
        took = time.monotonic() - began

    assert 1.9 < took < 2.5
    assert provider.hits() == 0
    assert counted("rejected_store") == 1
    assert ask(client).data == BREAD


@pytest.mark.django_db(transaction=True)
def test_with_a_locked_database_an_old_answer_is_served(provider: FakeProvider, clock: FakeClock):
    provider.answers(BREAD)
    client = make_client(provider.url, clock)
    ask(client, "/bread")
    clock.passes(DAY + 1)

    with locked_by_somebody_else(LOCKED[0]):
        began = time.monotonic()
        answer = ask(client, "/bread")
        took = time.monotonic() - began

    assert (answer.data, answer.source) == (BREAD, "stale")
    assert took < 2.5


@pytest.mark.django_db(transaction=True)
def test_a_fresh_answer_hardly_waits_for_a_locked_database(provider: FakeProvider, clock: FakeClock):
    provider.answers(BREAD)
    client = make_client(provider.url, clock)
    ask(client, "/bread")

    with locked_by_somebody_else("gateway_counter"):
        began = time.monotonic()
        assert ask(client, "/bread").source == "cache"

    assert time.monotonic() - began < 0.5


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_not_lost_because_it_could_not_be_recorded(provider: FakeProvider, in_thread: InThread):
    provider.answers(BREAD)
    provider.delays(0.5)
    client = make_client(provider.url)
    asking = in_thread(ask, client)
    while not provider.hits():
        time.sleep(0.005)

    with locked_by_somebody_else(LOCKED[0]):
        answer = asking.result()

    assert answer.data == BREAD


@pytest.mark.django_db(transaction=True)
def test_the_short_patience_of_the_gateway_is_not_left_to_the_others(provider: FakeProvider):
    def patience() -> str:
        asks = "PRAGMA busy_timeout" if connection.vendor == "sqlite" else "SHOW lock_timeout"
        with connection.cursor() as cursor:
            cursor.execute(asks)
            return str(cursor.fetchone()[0])

    before = patience()
    StateStore().count("fake:read", "something")
    assert patience() == before

    with locked_by_somebody_else("gateway_counter"), pytest.raises(StoreUnavailable):
        StateStore().count("fake:read", "something", wait_ms=50)

    assert patience() == before
    StateStore().count("fake:read", "something")
    assert counted("something") == 2


# --- A cache in trouble -----------------------------------------------------------------------------------------
REDIS_OPTIONS = {"SOCKET_CONNECT_TIMEOUT": 0.3, "SOCKET_TIMEOUT": 0.5}


def a_cache(backend: str, location: str, **options: Any) -> dict[str, Any]:
    return {"default": {"BACKEND": backend, "LOCATION": location, **({"OPTIONS": options} if options else {})}}


def redis_at(port: int, *, quiet: bool) -> dict[str, Any]:
    url = f"redis://127.0.0.1:{port}/{int(quiet)}"  # pools are shared by address
    return a_cache("django_redis.cache.RedisCache", url, IGNORE_EXCEPTIONS=quiet, **REDIS_OPTIONS)


@pytest.mark.django_db
@pytest.mark.parametrize("error", ["OSError", "KeyError", "ImportError", "AttributeError", "EOFError"])
def test_a_cache_that_raises_is_an_empty_cache(provider: FakeProvider, clock, settings, error: str):
    settings.CACHES = a_cache("tests.gateway.broken_caches.RaisingCache", error)
    provider.answers(BREAD)
    client = make_client(provider.url, clock)

    assert ask(client, "/bread").data == BREAD
    assert ask(client, "/bread").source == "network"


@pytest.mark.django_db
@pytest.mark.parametrize("quiet", [True, False])
def test_a_cache_server_that_is_down_is_an_empty_cache(provider: FakeProvider, clock, settings, quiet: bool):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.CACHES = redis_at(nobody.getsockname()[1], quiet=quiet)
        provider.answers(BREAD)
        client = make_client(provider.url, clock)

        assert ask(client, "/bread").data == BREAD
        assert ask(client, "/bread").source == "network"


@pytest.mark.django_db
@pytest.mark.parametrize("quiet", [True, False])
def test_a_cache_server_that_hangs_costs_half_a_second_once(provider: FakeProvider, clock, settings, quiet: bool):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CACHES = redis_at(silent.getsockname()[1], quiet=quiet)
        provider.answers(BREAD)
        client = make_client(provider.url, clock)
        began = time.monotonic()

        for _call in range(3):
            assert ask(client, "/bread").source == "network"

        assert time.monotonic() - began < 1.2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "stored",
    [
        "text", 5, None, [], {}, {"body": 1},
        {"body": 1, "found": True, "fetched_at": "now", "fresh_until": 1, "keep_until": 1},
        {"body": "not a product", "found": True, "fetched_at": 1, "fresh_until": 1e12, "keep_until": 1e12},
    ],
)  # fmt: skip
def test_something_else_in_the_cache_is_nothing_in_the_cache(provider: FakeProvider, clock, stored: object):
    provider.answers(BREAD)
    client = make_client(provider.url, clock)

    class Remembering(ResponseCache):
        def get(self, key: str) -> Entry | None:
            cache.set(key, stored, 60)
            return super().get(key)

    client = make_client(provider.url, clock, cache=Remembering())

    assert ask(client, "/bread").data == BREAD


GARBAGE = [
    b"", b"\x80", b"not a pickle", b"cno.such\nmodule\n.", b"cos\nno_such_name\n.", b"\x80\x04h\x07.", b"I1\nI2\n.",
    pickle.dumps({"body": 1})[:-4],
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("garbage", GARBAGE)
def test_bytes_that_do_not_decode_are_nothing_in_the_cache(provider: FakeProvider, clock, settings, garbage: bytes):
    provider.answers(BREAD)
    ask(make_client(provider.url, clock), "/bread")
    if settings.REDIS_URL:
        (kept,) = get_redis_connection().keys("*gw:fake*")
        get_redis_connection().set(kept, garbage)
    else:
        with connections["cache" if "cache" in settings.DATABASES else "default"].cursor() as cursor:
            cursor.execute("UPDATE dietintel_cache SET value = %s", [base64.b64encode(garbage).decode()])
            assert cursor.rowcount == 1

    assert ask(make_client(provider.url, clock), "/bread").data == BREAD


def test_a_cache_in_trouble_is_left_alone_for_a_while_and_then_asked_again(settings):
    settings.CACHES = a_cache("tests.gateway.broken_caches.RaisingCache", "OSError")
    kept = ResponseCache()
    kept.get("a")
    settings.CACHES = a_cache("django.core.cache.backends.locmem.LocMemCache", "for this test")
    entry = Entry(BREAD, True, 1.0, 2.0, 3.0)

    kept.put("a", entry, now=1.0)
    assert kept.get("a") is None

    kept._skip_until -= PAUSE_S
    kept.put("a", entry, now=1.0)
    assert kept.get("a") == entry


@pytest.mark.django_db
def test_no_such_thing_is_said_with_a_broken_cache_too(provider: FakeProvider, clock, settings):
    settings.CACHES = a_cache("tests.gateway.broken_caches.RaisingCache", "OSError")
    client = make_client(provider.url, clock)

    for _call in range(2):
        with pytest.raises(UpstreamNotFound):
            ask(client, "/nothing")


@pytest.mark.django_db(transaction=True)
def test_threads_that_ask_the_same_without_a_cache_all_get_an_answer(
    provider: FakeProvider, settings, in_thread: InThread
):
    settings.CACHES = a_cache("tests.gateway.broken_caches.RaisingCache", "OSError")
    provider.answers(BREAD)
    provider.delays(0.1)
    clients = [make_client(provider.url, rate=UNLIMITED) for _thread in range(4)]

    calls = [in_thread(ask, client, "/bread") for client in clients]

    assert [call.result().data for call in calls] == [BREAD] * 4


def test_sqlite_here_is_the_one_whose_single_statements_return_rows():
    assert sqlite3.sqlite_version_info >= (3, 35)
