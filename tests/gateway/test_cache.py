"""Answers that are kept: fresh ones, old ones that stand in for a failing provider, and "no such thing"."""

import time
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from dietintel.gateway.cache import SLICE, Entry, ResponseCache, sweep
from dietintel.gateway.client import BaseAPIClient
from dietintel.gateway.conf import CachePolicy
from dietintel.gateway.errors import (
    AuthFailed,
    CircuitOpen,
    GatewayError,
    RateLimited,
    RequestRefused,
    Throttled,
    UpstreamError,
    UpstreamNotFound,
    UpstreamTimeout,
)
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway.calls import DAY, HOUR, ONCE, ask, counted, make_client, make_operation, put_state, state
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
BREAD = {"name": "Bread"}


def test_an_answer_is_fresh_for_its_time_and_then_asked_for_again(provider: FakeProvider, clock: FakeClock):
    provider.answers(BREAD)
    client = make_client(provider.url, clock)
    first = ask(client, "/bread")
    clock.passes(DAY - 1)

    second = ask(client, "/bread")

    assert (first.source, second.source) == ("network", "cache")
    assert second.data == BREAD
    assert second.fetched_at == first.fetched_at
    assert provider.hits() == 1
    clock.passes(2)
    assert ask(client, "/bread").source == "network"
    assert (counted("cache_hit"), counted("cache_miss")) == (1, 2)


def broken(provider: FakeProvider) -> None:
    provider.fails_with(500)


def silent(provider: FakeProvider) -> None:
    provider.delays(5)


def away(provider: FakeProvider) -> None:
    provider.refuses()


def throttling(provider: FakeProvider) -> None:
    provider.fails_with(429)


def maintained(provider: FakeProvider) -> None:
    provider.answers("<html>", content_type="text/html")


def given_up(provider: FakeProvider) -> None:
    put_state(state=State.OPEN, open_until=to_us(FakeClock().now() + 100 * DAY))


def out_of_tokens(provider: FakeProvider) -> None:
    put_state(tat=to_us(FakeClock().now() + 100 * DAY))


@pytest.mark.parametrize("trouble", [broken, silent, away, throttling, maintained, given_up, out_of_tokens])
def test_an_old_answer_stands_in_for_a_provider_that_cannot_be_asked(provider: FakeProvider, clock, trouble):
    """Scenario 20."""
    provider.answers(BREAD)
    client = make_client(provider.url, clock, read_s=0.2)
    first = ask(client, "/bread")
    clock.passes(DAY + HOUR)
    trouble(provider)

    answer = ask(client, "/bread")

    assert (answer.data, answer.source, answer.fetched_at) == (BREAD, "stale", first.fetched_at)
    assert counted("cache_stale") == 1
    if trouble is away:
        provider.comes_back()


def test_a_provider_that_no_longer_knows_replaces_the_old_answer(provider: FakeProvider, clock: FakeClock):
    """Scenario 20."""
    provider.answers(BREAD, times=1)
    client = make_client(provider.url, clock)
    ask(client, "/bread")
    clock.passes(DAY + HOUR)

    with pytest.raises(UpstreamNotFound):
        ask(client, "/bread")
    provider.fails_with(500)
    clock.passes(HOUR + 1)

    with pytest.raises(UpstreamError):
        ask(client, "/bread")


def test_an_answer_that_is_too_old_is_not_served(provider: FakeProvider, clock: FakeClock):
    """Scenario 20."""
    provider.answers(BREAD, times=1)
    provider.fails_with(500)
    client = make_client(provider.url, clock)
    ask(client, "/bread")
    clock.passes(8 * DAY + 1)

    with pytest.raises(UpstreamError):
        ask(client, "/bread")


@pytest.mark.parametrize(("status", "error"), [(401, AuthFailed), (422, RequestRefused)])
def test_an_old_answer_does_not_hide_that_we_are_refused(provider: FakeProvider, clock, status: int, error):
    provider.answers(BREAD, times=1)
    provider.answers({}, status)
    client = make_client(provider.url, clock)
    ask(client, "/bread")
    clock.passes(DAY + HOUR)

    with pytest.raises(error):
        ask(client, "/bread")


def test_no_is_believed_for_its_time(provider: FakeProvider, clock: FakeClock):
    """Scenario 21."""
    client = make_client(provider.url, clock)
    for _call in range(3):
        with pytest.raises(UpstreamNotFound):
            ask(client, "/nothing")
    assert provider.hits() == 1
    assert counted("cache_negative_hit") == 2

    clock.passes(HOUR + 1)
    with pytest.raises(UpstreamNotFound):
        ask(client, "/nothing")

    assert provider.hits() == 2
    assert state().history == 0


def test_no_is_never_served_for_longer_because_the_provider_fails(provider: FakeProvider, clock: FakeClock):
    """Scenario 21."""
    client = make_client(provider.url, clock)
    with pytest.raises(UpstreamNotFound):
        ask(client, "/nothing")
    clock.passes(HOUR + 1)
    provider.fails_with(500)

    with pytest.raises(UpstreamError):
        ask(client, "/nothing")


def test_a_kept_answer_that_this_version_cannot_read_is_asked_for_again(provider: FakeProvider, clock: FakeClock):
    provider.answers(BREAD)
    client = make_client(provider.url, clock)
    ask(client, "/bread")

    def newer(body: object) -> dict[str, object]:
        assert isinstance(body, dict)
        return {"title": body["title"]}

    provider.answers({"title": "Bread"})
    answer = ask(client, "/bread", parse=newer)

    assert (answer.data, answer.source) == ({"title": "Bread"}, "network")


def test_a_purge_makes_everything_kept_unfindable_in_every_process(provider: FakeProvider, clock: FakeClock):
    provider.answers(BREAD)
    ask(make_client(provider.url, clock), "/bread")

    StateStore().purge_cache("fake:read")
    ask(make_client(provider.url, clock), "/bread")

    assert provider.hits() == 2


# --- What may not lie about for longer than a provider allows ---------------------------------------------------
A_DAY_AT_MOST = CachePolicy(ttl_s=12 * HOUR, negative_ttl_s=HOUR, stale_s=12 * HOUR)


def rows() -> list[str]:
    """The keys of all that the database cache has on disk, findable or not."""
    if settings.REDIS_URL:
        pytest.skip("Redis deletes what has expired by itself")
    with connections["cache" if "cache" in connections else "default"].cursor() as cursor:
        cursor.execute("SELECT cache_key FROM dietintel_cache")
        return [key for (key,) in cursor.fetchall()]


def test_nothing_that_may_be_kept_for_a_day_is_there_a_day_later(provider: FakeProvider):
    """Scenario 23."""
    provider.answers(BREAD)
    longer = make_client(provider.url)
    config = replace(longer.config, name="limited", operations={"read": make_operation(cache=A_DAY_AT_MOST)})
    limited = BaseAPIClient(config, cache=ResponseCache())
    for client in (limited, longer):
        ask(client, "/bread")
        ask(client, "/butter")
    assert sum("limited:read" in key for key in rows()) == 2

    sweep(now=time.time() + 12 * HOUR)
    assert sum("limited:read" in key for key in rows()) == 2

    assert sweep(now=time.time() + 24 * HOUR) == 2
    assert sum("limited:read" in key for key in rows()) == 0
    assert sum("fake:read" in key for key in rows()) == 2


def test_much_that_has_expired_is_deleted_in_slices():
    now = time.time()
    for number in range(SLICE + 20):
        ResponseCache().put(f"gw:many:{number}", Entry(BREAD, True, now, now, now + 60), now=now)
    alias = "cache" if "cache" in connections else "default"

    with CaptureQueriesContext(connections[alias]) as captured:
        assert sweep(now=now + 61) == (0 if settings.REDIS_URL else SLICE + 20)

    assert len(captured) == (0 if settings.REDIS_URL else 2)


def test_a_cache_that_cannot_be_swept_is_left_as_it_is(settings):
    settings.CACHES = {
        "default": {"BACKEND": "dietintel.cache.DisposableDatabaseCache", "LOCATION": "a_table_that_is_not_there"}
    }
    with transaction.atomic():
        assert sweep(now=time.time()) == 0
        transaction.set_rollback(True)


def test_a_failure_is_not_kept(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(500, times=1)
    provider.answers(BREAD)
    client = make_client(provider.url, clock)
    with pytest.raises(GatewayError):
        ask(client, "/bread")

    assert ask(client, "/bread", caller=ONCE).data == BREAD


def test_errors_keep_their_kind_where_nothing_is_kept(provider: FakeProvider, clock: FakeClock):
    client = make_client(provider.url, clock, read_s=0.2)
    for trouble, error in (
        (silent, UpstreamTimeout),
        (throttling, Throttled),
        (out_of_tokens, RateLimited),
        (given_up, CircuitOpen),
    ):
        provider.recovers()
        put_state(state=State.CLOSED, not_before=0, tat=0)
        trouble(provider)
        with pytest.raises(error):
            ask(client)
