"""What an operator is told about each operation, and what an operator may do to it."""

import datetime as dt
from typing import NoReturn

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dietintel.gateway.classify import Outcome
from dietintel.gateway.client import BaseAPIClient
from dietintel.gateway.errors import CircuitOpen, ForcedOpen, GatewayError, RateLimited
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.overview import (
    CHANGES_SHOWN,
    CacheFigures,
    Overview,
    UnknownProvider,
    cache_by_provider,
    configured,
    overview,
    reset,
    tokens_left,
)
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from products.providers import in_order
from tests.clock import FakeClock
from tests.gateway.calls import (
    KEY,
    PATIENT,
    SCENARIO,
    T_S,
    UNLIMITED,
    ask,
    changes,
    counted,
    make_client,
    opened,
    put_state,
    state,
)
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
CONFIG = make_client("http://127.0.0.1:9").config


def look(clock: FakeClock) -> list[Overview]:
    return overview([CONFIG], now=to_us(clock.now()))


def ask_for_ever(client: BaseAPIClient) -> NoReturn:
    while True:
        ask(client)


def seen(clock: FakeClock, key: str = KEY) -> Overview:
    return next(each for each in look(clock) if each.key == key)


# --- What is told -----------------------------------------------------------------------------------------------
def test_what_was_never_called_is_closed_with_all_its_tokens(clock: FakeClock):
    never = seen(clock)

    assert (never.provider, never.operation, never.state, never.reason) == ("fake", "read", "closed", "")
    assert (never.tokens, never.burst, never.cooldown_s, never.open_for_s) == (5, 5, 0, None)
    assert (never.failed, never.calls, never.last_error, never.last_error_at) == (0, 0, "", None)
    assert (never.requests, never.rejected, never.retries, never.transitions) == ({}, {}, 0, ())
    assert never.cache.hit_ratio is None


def test_configured_operations_come_first_in_their_order_then_all_that_has_a_row(clock: FakeClock):
    put_state("older:read")
    put_state("fake:search")
    put_state("ancient:read")

    assert [each.key for each in look(clock)] == ["fake:read", "fake:search", "ancient:read", "older:read"]
    assert seen(clock, "older:read").tokens is seen(clock, "older:read").burst is None


@pytest.mark.parametrize(
    ("columns", "told", "open_for_s"),
    [
        ({"state": State.CLOSED}, "closed", None),
        ({"state": State.OPEN, "open_until": 41_500_000}, "open", 42),
        ({"state": State.OPEN, "open_until": 0}, "half_open", None),
        ({"state": State.HALF_OPEN, "probe_until": 9_000_000}, "half_open", None),
        ({"state": State.FORCED_OPEN, "open_until": 9_000_000}, "forced_open", None),
        ({"state": State.DISABLED}, "disabled", None),
    ],
)
def test_the_state_is_what_time_has_made_of_it(clock: FakeClock, columns, told: str, open_for_s: int | None):
    began = to_us(clock.now())
    times = {name: began + columns[name] for name in ("open_until", "probe_until") if name in columns}
    put_state(**{**columns, **times})

    assert (seen(clock).state, seen(clock).open_for_s) == (told, open_for_s)


@pytest.mark.parametrize(("ahead_s", "left"), [(-100, 5), (0, 5), (0.1, 4), (T_S, 4), (2 * T_S, 3), (300, 0)])
def test_tokens_are_counted_from_the_theoretical_arrival_time(ahead_s: float, left: int):
    now = to_us(1_790_000_000)
    assert tokens_left(SCENARIO, tat=now + to_us(ahead_s), now=now) == left


def test_as_many_calls_go_out_as_tokens_were_told(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock)
    for used in range(2, 9):
        ask(client)
        clock.passes(T_S / used)
        told = seen(clock).tokens
        sent = provider.hits()
        with pytest.raises(RateLimited):
            ask_for_ever(client)
        assert provider.hits() - sent == told
        clock.passes(2 * T_S)


def test_calls_are_told_by_outcome_with_what_was_not_sent_and_the_last_error(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(500)
    client = make_client(provider.url, clock, rate=UNLIMITED)
    for _call in range(6):
        with pytest.raises(GatewayError):
            ask(client)
    clock.passes(18)

    told = seen(clock)

    assert (told.state, told.reason, told.open_for_s) == ("open", "5 failures in a row", 42)
    assert (told.failed, told.calls) == (5, 5)
    assert (told.requests, told.rejected) == ({"failure": 5}, {"open": 1})
    assert told.last_error == "failure: 500"
    assert told.last_error_at == dt.datetime.fromtimestamp(clock.now() - 18, tz=dt.UTC)
    (tripped,) = told.transitions
    assert (tripped.from_state, tripped.to_state, tripped.actor) == ("closed", "open", "")


def test_failures_of_long_ago_are_not_told_as_if_they_were_new(clock: FakeClock):
    put_state(history=0b11, calls=4, last_at=to_us(clock.now()))
    assert (seen(clock).failed, seen(clock).calls) == (2, 4)

    clock.passes(601)

    assert (seen(clock).failed, seen(clock).calls) == (0, 0)


def test_a_pause_is_told_in_seconds_that_are_left(clock: FakeClock):
    StateStore().cool_down(KEY, pause_s=30, now=to_us(clock.now()))  # without a row nothing is paused
    put_state()
    StateStore().cool_down(KEY, pause_s=30, now=to_us(clock.now()))
    clock.passes(10)

    assert seen(clock).cooldown_s == 20


def test_every_outcome_has_its_place_among_the_requests(clock: FakeClock):
    put_state()
    Counter.objects.bulk_create(Counter(key=KEY, event=outcome.value, value=1) for outcome in Outcome)
    Counter.objects.create(key=KEY, event="retry_timeout", value=7)

    assert sum(seen(clock).requests.values()) == len(Outcome)
    assert seen(clock).retries == 7


def test_the_cache_is_told_as_it_was_used(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock)
    for _call in range(4):
        ask(client, "/bread")

    figures = seen(clock).cache

    assert figures == CacheFigures(hits=3, misses=1)
    assert figures.hit_ratio == 0.75


def test_a_provider_s_cache_is_that_of_all_its_operations(clock: FakeClock):
    put_state("other:read")
    for key, event, value in [("fake:read", "cache_hit", 1), ("fake:search", "cache_negative_hit", 2),
                              ("fake:search", "cache_miss", 1), ("other:read", "cache_stale", 4)]:  # fmt: skip
        Counter.objects.create(key=key, event=event, value=value)

    by_provider = cache_by_provider(look(clock))

    assert by_provider == {"fake": CacheFigures(hits=1, negative=2, misses=1), "other": CacheFigures(stale=4)}
    assert by_provider["fake"].hit_ratio == 0.75


def test_the_last_changes_of_each_are_told_the_newest_first(clock: FakeClock):
    for number in range(9):
        for operation in ("read", "search"):
            StateStore().force_open(f"fake:{operation}", actor=f"ada{number}", now=to_us(clock.now()))

    for told in look(clock):
        assert [change.actor for change in told.transitions] == ["ada8", "ada7", "ada6", "ada5", "ada4"]
        assert len(told.transitions) == CHANGES_SHOWN


def test_fifty_operations_cost_as_many_queries_as_five(clock: FakeClock):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            look(clock)
        return len(captured)

    for number in range(50):
        put_state(f"old{number}:read")
        Counter.objects.create(key=f"old{number}:read", event="success", value=1)
        Transition.objects.create(
            key=f"old{number}:read", at=dt.datetime.now(dt.UTC), from_state=0, to_state=1, reason=""
        )
        if number in {4, 49}:
            assert queries() == 3


def test_the_configured_ones_are_those_of_the_apps(settings):
    settings.FDC_API_KEY = "k" * 40

    assert configured() == [config for provider in in_order() for config in provider.configs]
    assert len(configured()) > len(in_order())  # a search at another address is a config of its own
    assert "fdc" in [config.name for config in configured()]


# --- What an operator may do ------------------------------------------------------------------------------------
def test_forced_open_sends_nothing_for_any_time_and_says_who_did_it(provider: FakeProvider, clock: FakeClock):
    StateStore().force_open(KEY, actor="ada", now=to_us(clock.now()))
    clock.passes(86_400)

    with pytest.raises(ForcedOpen):
        ask(make_client(provider.url, clock))

    assert provider.hits() == 0
    assert (seen(clock).state, seen(clock).reason) == ("forced_open", "stopped by ada")
    assert changes() == [(State.CLOSED, State.FORCED_OPEN)]
    assert Transition.objects.get().actor == "ada"


def test_a_call_that_waits_for_its_turn_is_not_sent_once_an_operator_stops_the_provider(
    provider: FakeProvider, clock: FakeClock
):
    put_state(tat=to_us(clock.now() + 60))
    client = make_client(provider.url, clock)
    clock.sleep = lambda seconds: StateStore().force_open(KEY, actor="ada", now=to_us(clock.now()))  # type: ignore[method-assign]

    with pytest.raises(CircuitOpen):
        ask(client, caller=PATIENT)

    assert provider.hits() == 0


def test_a_disabled_breaker_lets_calls_out_however_many_fail(provider: FakeProvider, clock: FakeClock):
    opened(clock, ago_s=1)
    StateStore().disable(KEY, actor="ada", now=to_us(clock.now()))
    provider.fails_with(500)
    client = make_client(provider.url, clock, rate=UNLIMITED)

    for _call in range(12):
        with pytest.raises(GatewayError):
            ask(client)

    assert provider.hits() == 12
    assert seen(clock).state == "disabled"
    assert changes() == [(State.OPEN, State.DISABLED)]


def test_a_result_from_before_an_operator_s_decision_does_not_undo_it(clock: FakeClock):
    now = to_us(clock.now())
    opened(clock)
    operation = CONFIG.operations["read"]
    probe = StateStore().admit(KEY, operation, now=now, max_wait=0, headroom=0, lease=to_us(30))

    StateStore().force_open(KEY, actor="ada", now=now)
    StateStore().record(probe, operation, ok=True, elapsed_s=0.1, now=now, event="success")

    assert seen(clock).state == "forced_open"


def test_clearing_a_pause_lets_calls_out_and_leaves_breaker_and_tokens_as_they_are(
    provider: FakeProvider, clock: FakeClock
):
    provider.answers({})
    now = to_us(clock.now())
    put_state(state=State.DISABLED, not_before=now + to_us(600), throttle_streak=3, tat=now + to_us(T_S))

    StateStore().clear_cool_down(KEY, actor="ada", now=now)
    ask(make_client(provider.url, clock))

    assert provider.hits() == 1
    assert (seen(clock).state, seen(clock).tokens, state().throttle_streak) == ("disabled", 3, 0)
    audited = Transition.objects.get()
    assert (audited.from_state, audited.to_state, audited.reason, audited.actor) == (4, 4, "cool-down cleared", "ada")


def test_clearing_a_pause_does_not_lose_the_verdict_of_a_probe_under_way(clock: FakeClock):
    now = to_us(clock.now())
    opened(clock)
    operation = CONFIG.operations["read"]
    probe = StateStore().admit(KEY, operation, now=now, max_wait=0, headroom=0, lease=to_us(30))

    StateStore().clear_cool_down(KEY, actor="ada", now=now)
    StateStore().record(probe, operation, ok=True, elapsed_s=0.1, now=now, event="success")

    assert seen(clock).state == "closed"


def test_a_reset_is_for_all_operations_of_the_provider_and_for_no_other(clock: FakeClock):
    now = to_us(clock.now())
    for key in ("fake:read", "fake:search", "other:read"):
        put_state(key, state=State.FORCED_OPEN, tat=now + to_us(600), not_before=now + to_us(600))

    after = reset("fake", [CONFIG], actor="ada", now=now)

    assert [(each.key, each.state, each.tokens, each.cooldown_s) for each in after] == [
        ("fake:read", "closed", 5, 0),
        ("fake:search", "closed", 5, 0),
    ]
    assert seen(clock, "other:read").state == "forced_open"
    assert set(Transition.objects.values_list("key", "actor")) == {("fake:read", "ada"), ("fake:search", "ada")}


def test_a_provider_that_is_switched_off_by_now_can_still_be_reset(clock: FakeClock):
    put_state("older:read", state=State.OPEN)

    (after,) = reset("older", [CONFIG], actor="ada", now=to_us(clock.now()))

    assert after.state == "closed"


def test_an_unknown_name_is_answered_with_the_known_ones_and_changes_nothing(clock: FakeClock):
    with pytest.raises(UnknownProvider, match="no provider called fak. There are: fake."):
        reset("fak", [CONFIG], actor="ada", now=to_us(clock.now()))

    assert not ProviderState.objects.exists()
    assert counted("success") == 0
