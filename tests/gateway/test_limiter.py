"""Tokens, reservations and cool-downs, by the clock of the test."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dietintel.gateway import policy
from dietintel.gateway.classify import Answer, Verdict, default_classifier
from dietintel.gateway.conf import CallPolicy, RateLimit
from dietintel.gateway.errors import (
    CircuitOpen,
    CoolingDown,
    GatewayError,
    RateLimited,
    Throttled,
    UpstreamError,
    UpstreamTimeout,
)
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway.calls import ONCE, PATIENT, T_S, ask, make_client, make_operation, put_state, state
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
BATCH = CallPolicy(attempts=1, total_s=30, max_wait_s=0, headroom=2)


def most_in_any(window_s: float, times: list[float]) -> int:
    """The largest number of `times` in any half-open window."""
    return max((sum(start <= at < start + window_s - 1e-6 for at in times) for start in times), default=0)


def test_each_retry_spends_a_token_of_its_own(provider: FakeProvider, clock: FakeClock):
    """Scenario 12. Retries below the gateway would be hits that no token was spent for."""
    provider.fails_with(500)
    put_state(state=State.DISABLED)
    client = make_client(provider.url, clock)
    sent_at: list[float] = []

    def noting(answer: Answer) -> Verdict:
        sent_at.append(clock.now())
        return default_classifier(answer)

    began = clock.now()
    for _call in range(5):
        with pytest.raises(UpstreamError):
            ask(client, caller=CallPolicy(attempts=4, total_s=100, max_wait_s=60, headroom=0), classify=noting)

    assert provider.hits() == len(sent_at) == 20
    assert most_in_any(60, sent_at) <= 15
    assert clock.now() - began == pytest.approx(15 * T_S, abs=1)  # five at once, fifteen at the pace of the limiter


def test_calls_wait_in_the_order_they_came_each_for_a_token_of_its_own(provider: FakeProvider, clock: FakeClock):
    """Scenario 13."""
    store, operation = StateStore(), make_operation()
    now = to_us(clock.now())

    def admit():
        return store.admit("fake:read", operation, now=now, max_wait=to_us(60), headroom=0, lease=to_us(30))

    assert [admit().wait_s for _call in range(5)] == [0] * 5
    with CaptureQueriesContext(connection) as queries:
        waits = [admit().wait_s for _call in range(3)]

    assert waits == pytest.approx([5.45, 10.91, 16.36], abs=0.02)
    assert sum("UPDATE" in query["sql"] for query in queries.captured_queries) == 3


def test_a_call_that_waits_for_its_token_asks_the_database_once_before_and_once_after(
    provider: FakeProvider, clock: FakeClock
):
    """Scenario 13: no polling."""
    provider.answers({})
    client = make_client(provider.url, clock)
    for _call in range(5):
        ask(client)

    ask(client, caller=PATIENT)

    assert clock.sleeps == pytest.approx([5.45], abs=0.02)


def test_background_calls_leave_tokens_for_people(provider: FakeProvider, clock: FakeClock):
    """Scenario 14."""
    provider.answers({})
    client = make_client(provider.url, clock)
    for _call in range(3):
        ask(client, caller=BATCH)
    with pytest.raises(RateLimited):
        ask(client, caller=BATCH)

    for _call in range(2):
        ask(client, caller=ONCE)
    with pytest.raises(RateLimited) as refused:
        ask(client, caller=ONCE)

    assert refused.value.retry_after_s == pytest.approx(5.45, abs=0.02)
    assert provider.hits() == 5


def test_a_refused_call_spends_nothing(clock: FakeClock):
    store, operation = StateStore(), make_operation()
    put_state(tat=to_us(clock.now() + 1000))

    for _call in range(3):
        with pytest.raises(RateLimited):
            store.admit("fake:read", operation, now=to_us(clock.now()), max_wait=0, headroom=0, lease=1)

    assert state().tat == to_us(clock.now() + 1000)


def test_a_pause_that_the_provider_asks_for_holds_for_everybody(provider: FakeProvider, clock: FakeClock):
    """Scenario 15."""
    provider.fails_with(429, headers={"Retry-After": "30"}, times=1)
    one, other = make_client(provider.url, clock), make_client(provider.url, clock)
    with pytest.raises(Throttled) as throttled:
        ask(one)
    assert throttled.value.retry_after_s == 30

    with pytest.raises(CoolingDown) as refused:
        ask(other)

    assert refused.value.retry_after_s == pytest.approx(30)
    assert provider.hits() == 1
    assert (state().state, state().history, state().calls) == (State.CLOSED, 0, 0)


def test_a_shorter_pause_does_not_end_a_longer_one(clock: FakeClock):
    """Scenario 15."""
    put_state()
    now = to_us(clock.now())
    StateStore().cool_down("fake:read", pause_s=30, now=now)

    StateStore().cool_down("fake:read", pause_s=5, now=now)

    assert state().not_before == now + to_us(30)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("1.5", 2), ("-5", 60), ("garbage", 60), ("86400", 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 60)],
)
def test_whatever_a_provider_names_as_pause_becomes_a_sensible_one(
    provider: FakeProvider, clock: FakeClock, header: str, seconds: float
):
    """Scenario 16; the forms of a date are in test_policy."""
    provider.fails_with(429, headers={"Retry-After": header})

    with pytest.raises(Throttled) as error:
        ask(make_client(provider.url, clock))

    assert error.value.retry_after_s == seconds
    assert state().not_before == to_us(clock.now() + seconds)


def test_a_success_ends_a_row_of_throttles(provider: FakeProvider, clock: FakeClock):
    client = make_client(provider.url, clock)
    for _round in range(3):
        provider.fails_with(429, headers={"Retry-After": "5"}, times=3)
        provider.answers({})
        for _call in range(3):
            with pytest.raises(Throttled):
                ask(client)
            clock.passes(60)
        ask(client)
        clock.passes(60)

    assert state().history == 0


class InterruptedClock(FakeClock):
    """While somebody sleeps, `meanwhile` happens."""

    def __init__(self, meanwhile) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self._meanwhile(to_us(self.now()))
        super().sleep(seconds)


def opens(now: int) -> None:
    put_state(state=State.OPEN, open_until=now + to_us(60), generation=7)


def begins_a_pause(now: int) -> None:
    StateStore().cool_down("fake:read", pause_s=30, now=now)


@pytest.mark.parametrize(("meanwhile", "expected"), [(opens, CircuitOpen), (begins_a_pause, CoolingDown)])
def test_a_call_whose_turn_comes_after_the_provider_was_given_up_is_not_sent(
    provider: FakeProvider, meanwhile, expected: type[GatewayError]
):
    provider.answers({})
    clock = InterruptedClock(meanwhile)
    client = make_client(provider.url, clock)
    put_state(tat=to_us(clock.now() + 5 * T_S))

    with pytest.raises(expected) as refused:
        ask(client, caller=PATIENT)

    assert refused.value.retry_after_s == pytest.approx(60 - T_S if expected is CircuitOpen else 30 - T_S, abs=0.01)
    assert provider.hits() == 0


def test_a_pause_may_be_waited_for_and_the_call_is_sent_at_its_end(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    put_state(not_before=to_us(clock.now() + 20))

    ask(make_client(provider.url, clock), caller=PATIENT)

    assert clock.sleeps == pytest.approx([20])
    assert provider.hits() == 1


def test_many_calls_that_wait_for_the_end_of_a_pause_do_not_go_out_on_top_of_the_limit(clock: FakeClock):
    store, operation = StateStore(), make_operation()
    now = to_us(clock.now())
    put_state(not_before=now + to_us(50))

    sent_at = []
    for at in (now, now + to_us(50), now + to_us(60), now + to_us(70)):
        for _call in range(40):
            try:
                permit = store.admit("fake:read", operation, now=at, max_wait=to_us(60), headroom=0, lease=to_us(99))
            except RateLimited:
                break
            sent_at.append(at / 1_000_000 + permit.wait_s)

    assert len(sent_at) > 15
    assert min(sent_at) == pytest.approx(clock.now() + 50)
    assert most_in_any(60, sent_at) <= 15


@pytest.mark.parametrize("seed", range(3))
def test_no_mixture_of_callers_and_pauses_brings_more_calls_than_the_limit(clock: FakeClock, seed: int):
    chance = random.Random(seed)
    rate = RateLimit(limit=chance.randint(2, 8), period_s=10, burst=1, margin=0)
    rate = RateLimit(limit=rate.limit, period_s=10, burst=chance.randint(1, rate.limit), margin=0)
    store, operation = StateStore(), make_operation(rate=rate)
    sent_at = []
    for _call in range(150):
        clock.passes(chance.choice([0, 0, 0, 0.1, 1, 5]))
        now = to_us(clock.now())
        if chance.random() < 0.05:
            store.cool_down("fake:read", pause_s=chance.randint(1, 15), now=now)
        try:
            permit = store.admit(
                "fake:read", operation, now=now, max_wait=to_us(chance.choice([0, 0, 20])),
                headroom=chance.choice([0, 0, rate.burst - 1]), lease=to_us(99),
            )  # fmt: skip
        except (RateLimited, CoolingDown):
            continue
        sent_at.append(now / 1_000_000 + permit.wait_s)

    assert len(sent_at) > 10
    assert most_in_any(10, sent_at) <= rate.limit


def test_waiting_for_a_token_never_leaves_the_provider_too_little_time(provider: FakeProvider, clock: FakeClock):
    """Else it would be blamed for a timeout that is ours."""
    provider.answers({})
    client = make_client(provider.url, clock)
    put_state(tat=to_us(clock.now() + 9 * T_S))  # the next token is 27 s away

    with pytest.raises(RateLimited):
        ask(client, caller=PATIENT, total_s=30)
    with pytest.raises(UpstreamTimeout):
        ask(client, caller=PATIENT, total_s=0.1)

    assert provider.hits() == 0
    assert state().calls == 0


def test_refusals_tell_the_reason_in_order_of_weight(clock: FakeClock):
    now = to_us(clock.now())
    rate = make_operation().rate

    def reason(**changes) -> str | None:
        seen = policy.Snapshot(
            **{"state": State.CLOSED, "open_until": 0, "probe_until": 0, "tat": 0, "not_before": 0, **changes}
        )
        refused = policy.refusal(seen, rate, now=now, max_wait=0, headroom=0)
        return refused.reason if refused else None

    later = now + to_us(100)
    assert reason() is None
    assert reason(tat=later) == "rate"
    assert reason(tat=later, not_before=later) == "cooldown"
    assert reason(tat=later, not_before=later, state=State.OPEN, open_until=later) == "open"
    assert reason(state=State.HALF_OPEN, probe_until=later) == "half_open_busy"
    assert reason(state=State.FORCED_OPEN) == "forced_open"
