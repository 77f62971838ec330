"""Everything goes on while the cache is killed, stalled, or holds something else than what was put there."""

import base64
import datetime as dt
import json
import os
import signal
import threading
from collections.abc import Iterator

import pytest
import redis
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone
from django_redis.pool import ConnectionFactory

from dietintel.gateway.client import CACHE
from dietintel.gateway.models import ProviderState
from dietintel.redis_cache import BriefRedis
from dietintel.settings import redis_cache
from products.models import FRESH_FOR, Product
from tests import services
from tests.factories import make_product, make_token, make_user, off_product
from tests.pictures import barcode_image, encoded
from workflows.models import Run

pytestmark = pytest.mark.django_db
needs_redis = pytest.mark.services("redis")
STALE, UNKNOWN = "3017624010701", "22007377"
PASSWORD = "a long sentence"  # noqa: S105  of make_user
# Which keys the parts of DietIntel use that keep something in the cache.
USES = {
    "session": "cached_db",
    "login": "throttle_login_1",
    "login name": "throttle_login_name",
    "upload": "throttle_upload",
    "upstream": "throttle_upstream",
    "answer": ":gw:",
    "refresh": ":refreshing:",
}


@pytest.fixture
def server(settings, monkeypatch) -> Iterator[services.RedisServer]:
    """A Redis of its own that is DietIntel's cache for one test."""
    monkeypatch.setattr(CACHE, "_skip_until", 0.0)
    with services.redis() as started:
        settings.CACHES = redis_cache(started.url)
        yield started
        cache.close()
        if pool := ConnectionFactory._pools.pop(started.url, None):  # it would serve whoever gets the port next
            pool.disconnect()


@pytest.fixture
def inside(server) -> Iterator[redis.Redis]:
    """A connection past DietIntel, to see and to spoil what the server holds."""
    with redis.Redis.from_url(server.url) as connection:
        yield connection


class Household:
    """A person in a browser and with a program, and the foods they look up."""

    def __init__(self, provider):
        self.provider = provider
        self.user = make_user()
        self.browser = Client(raise_request_exception=False)
        self.api = Client(headers={"Authorization": f"Bearer {make_token(self.user)}"}, raise_request_exception=False)
        self.stale = make_product(
            barcode=STALE, name="Old", fetched_at=timezone.now() - FRESH_FOR - dt.timedelta(days=1)
        )
        provider.knows(UNKNOWN, off_product(code=UNKNOWN, product_name="New"))
        self.logs_in(self.browser)

    def logs_in(self, browser):
        response = browser.post("/login/", {"username": self.user.username, "password": PASSWORD})
        assert (response.status_code, response.headers.get("Location")) == (302, "/")

    def is_signed_in(self):
        response = self.browser.get("/settings/")
        assert (response.status_code, response.context["user"]) == (200, self.user)

    def scans(self):
        response = self.api.post("/api/v1/products/scan", {"image": encoded(barcode_image(STALE))})
        assert response.status_code == 200
        assert [code["barcode"] for code in response.json()["codes"]] == [STALE]

    def looks_up_unknown(self):
        Product.objects.filter(barcode=UNKNOWN).delete()
        ProviderState.objects.all().delete()  # what is asked again and again here would run into our limit
        response = self.api.get(f"/api/v1/products/{UNKNOWN}")
        assert (response.status_code, response.json()["name"]) == (200, "New")

    def looks_up_stale(self):
        response = self.api.get(f"/api/v1/products/{STALE}")
        assert (response.status_code, response.json()["stale"]) == (200, True)

    def goes_on(self):
        self.is_signed_in()
        self.logs_in(Client(raise_request_exception=False))
        self.scans()
        self.looks_up_unknown()
        self.looks_up_stale()


@pytest.fixture
def household(server, provider) -> Household:
    return Household(provider)


def waited_for(caplog):
    """How often Redis was waited for in vain: each costs its time-out, half a second."""
    return sum("Timeout" in record.getMessage() for record in caplog.records)


def stall(server):
    os.kill(server.process.pid, signal.SIGSTOP)


def keys_of(inside, use):
    return [key for key in inside.keys("*") if USES[use].encode() in key]


@needs_redis
def test_the_cache_is_used_by_all_that_are_tested_here(household, inside):
    household.goes_on()
    household.goes_on()

    assert [use for use in USES if not keys_of(inside, use)] == []
    assert household.provider.hits() == 1
    assert Run.objects.count() == 1


# --- No server --------------------------------------------------------------------------------------------------
@needs_redis
def test_redis_is_killed_in_mid_use_and_comes_back(household, server, inside):
    household.goes_on()

    server.process.kill()
    server.process.wait()
    household.goes_on()
    household.goes_on()
    household.browser.get("/settings/")
    server.start()

    household.goes_on()
    assert [use for use in USES if not keys_of(inside, use)] == []


@needs_redis
def test_redis_dies_while_it_is_being_asked(household, server):
    household.goes_on()

    stall(server)
    killer = threading.Timer(0.1, server.process.kill)
    killer.start()
    household.goes_on()
    killer.join()

    household.is_signed_in()


@needs_redis
def test_stalled_redis_costs_half_a_second_and_is_then_left_alone(household, server, inside, caplog):
    household.goes_on()

    stall(server)
    household.is_signed_in()
    household.goes_on()
    for _ in range(10):
        household.is_signed_in()
    assert waited_for(caplog) <= 2  # some thirty touches; a second one where the steps took longer than the pause
    os.kill(server.process.pid, signal.SIGCONT)

    household.goes_on()
    BriefRedis.left_alone_until.clear()  # the pause is over
    inside.flushall()
    household.goes_on()
    assert keys_of(inside, "session")
    assert keys_of(inside, "refresh")


@needs_redis
@pytest.mark.parametrize("step", ["logs_in", "is_signed_in", "scans", "looks_up_unknown", "looks_up_stale"])
def test_each_step_survives_being_the_one_that_meets_a_stalled_redis(household, server, step):
    household.goes_on()

    stall(server)
    getattr(household, step)(*([Client(raise_request_exception=False)] if step == "logs_in" else []))


@needs_redis
def test_server_that_refuses_at_once_is_asked_again_at_once(server):
    cache.set("a", 1)
    server.process.kill()
    server.process.wait()
    assert cache.get("a", "nothing") == "nothing"
    assert cache.add("a", 1) is None
    server.start()

    cache.set("a", 2)

    assert cache.get("a") == 2


# --- Something else in it ---------------------------------------------------------------------------------------
UNREADABLE = {
    "a list of Redis": None,
    "nothing": b"",
    "no UTF-8": b"\xff\xfe{",
    "a pickle": b"\x80\x04K\x01.",
    "no JSON": b'{"expires": ',
    "too deep": b"[" * 100_000,
    "too many digits": b"9" * 5000,
}
NO_LISTS_OF_TIMES = [b"5", b"null", b"true", b'"text"', b"{}", b'{"a": 1}', b"[null]", b'["a"]', b"[{}]", b"[[]]"]


def spoil(inside, key, stored):
    if stored is None:
        inside.delete(key)
        inside.lpush(key, "a", "b")
    else:
        inside.set(key, stored)


@needs_redis
@pytest.mark.parametrize("stored", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_not_there(household, inside, stored):
    household.goes_on()
    for key in inside.keys("*"):
        spoil(inside, key, stored)

    household.goes_on()

    assert household.provider.hits() == 2  # the kept answer was not there, so the provider was asked
    assert keys_of(inside, "refresh")  # and the note that a refresh is on its way was made anew
    household.looks_up_unknown()
    household.looks_up_stale()
    assert (household.provider.hits(), Run.objects.count()) == (2, 1)


@needs_redis
def test_throttle_that_finds_no_list_of_times_starts_to_count_anew(household, inside):
    household.goes_on()
    throttles = [key for use in ("login", "login name", "upload", "upstream") for key in keys_of(inside, use)]
    assert len(throttles) == 4

    for stored in NO_LISTS_OF_TIMES:
        for key in throttles:
            spoil(inside, key, stored)
        household.logs_in(Client(raise_request_exception=False))
        household.scans()
        household.looks_up_unknown()

        assert [len(json.loads(inside.get(key))) for key in throttles] == [1, 1, 1, 1]


@needs_redis
def test_throttle_still_throttles_on_this_cache(household):
    stranger = Client(raise_request_exception=False)

    codes = [stranger.post("/login/", {"username": "nobody", "password": "x"}).status_code for _ in range(11)]

    assert codes[-1] == 429
    household.is_signed_in()


# --- The database as the cache ----------------------------------------------------------------------------------
@pytest.mark.parametrize("garbage", [b"", b"\x80", b"not a pickle", b"cno.such\nmodule\n.", b"\x80\x04h\x07."])
def test_database_cache_that_holds_garbage_is_an_empty_cache(provider, settings, garbage):
    if settings.REDIS_URL:
        pytest.skip("this run has no database cache")
    household = Household(provider)
    household.goes_on()
    with connections["cache" if "cache" in settings.DATABASES else "default"].cursor() as cursor:
        cursor.execute("UPDATE dietintel_cache SET value = %s", [base64.b64encode(garbage).decode()])

    household.goes_on()

    assert (household.provider.hits(), Run.objects.count()) == (2, 1)
