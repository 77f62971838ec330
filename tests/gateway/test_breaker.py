"""The breaker, by the clock of the test: when it opens, how it closes, and whose results count."""

import pytest

from dietintel.gateway.classify import Answer, Outcome, Verdict
from dietintel.gateway.conf import BreakerPolicy
from dietintel.gateway.errors import CircuitOpen, GatewayError, ProbeBusy, RequestRefused, Throttled, UpstreamError
from dietintel.gateway.models import ProviderState
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import Permit, StateStore
from tests.clock import FakeClock
from tests.gateway.calls import UNLIMITED, ask, changes, make_client, make_operation, opened, put_state, state
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
EASY = make_operation(rate=UNLIMITED)


def admitted(clock: FakeClock, operation=EASY, *, lease_s: float = 30.0) -> Permit:
    now = to_us(clock.now())
    return StateStore().admit("fake:read", operation, now=now, max_wait=0, headroom=0, lease=to_us(lease_s))


def recorded(permit: Permit, clock: FakeClock, *, ok: bool, elapsed_s: float = 0.1, operation=EASY) -> None:
    StateStore().record(permit, operation, ok=ok, elapsed_s=elapsed_s, now=to_us(clock.now()), event="any")


def outcomes(clock: FakeClock, pattern: str) -> None:
    """Calls one after the other: "." succeeds, "x" fails."""
    for sign in pattern:
        recorded(admitted(clock), clock, ok=sign == ".")


def state_now() -> State:
    row = ProviderState.objects.filter(key="fake:read").first()
    return State(row.state) if row else State.CLOSED


def test_five_failures_in_a_row_open_the_breaker_and_the_sixth_call_is_not_sent(provider: FakeProvider, clock):
    """Scenario 1."""
    provider.fails_with(500)
    client = make_client(provider.url, clock)
    for _call in range(5):
        with pytest.raises(UpstreamError):
            ask(client)

    with pytest.raises(CircuitOpen) as refused:
        ask(client)

    assert refused.value.reason == "open"
    assert refused.value.retry_after_s == pytest.approx(60, abs=1)
    assert provider.hits() == 5
    assert state().state == State.OPEN
    assert changes() == [(State.CLOSED, State.OPEN)]


def test_a_success_between_failures_starts_the_count_anew(provider: FakeProvider, clock):
    """Scenario 2."""
    client = make_client(provider.url, clock, rate=UNLIMITED)
    provider.fails_with(500, times=4)
    provider.answers({}, times=1)
    provider.fails_with(500)
    for expected in [UpstreamError] * 4 + [None] + [UpstreamError] * 4:
        if expected is None:
            ask(client)
        else:
            with pytest.raises(expected):
                ask(client)
    assert state().state == State.CLOSED

    with pytest.raises(UpstreamError):
        ask(client)

    assert state().state == State.OPEN


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (".x" * 50, State.CLOSED),
        ("xx.xx.xx..", State.OPEN),  # 6 of 10
        ("xx.xx.x..", State.CLOSED),  # 5 of 9
        ("xxxx." * 2 + "." * 10, State.OPEN),
        ("." * 20 + "xxxx.xxxx.x", State.CLOSED),  # 9 of the last 20
        ("." * 20 + "xxxx.xxxx.xxx", State.OPEN),  # 11 of the last 20
    ],
)
def test_more_than_half_of_the_last_calls_failing_opens_the_breaker(clock, pattern: str, expected: State):
    """Scenario 3."""
    for sign in pattern:
        if state_now() == State.CLOSED:
            recorded(admitted(clock), clock, ok=sign == ".")

    assert state_now() == expected


@pytest.mark.parametrize(("seconds", "expected"), [(9.0, State.OPEN), (7.9, State.CLOSED)])
def test_answers_that_take_very_long_open_the_breaker(clock, seconds: float, expected: State):
    """Scenario 4."""
    for _call in range(10):
        recorded(admitted(clock), clock, ok=True, elapsed_s=seconds)

    assert state().state == expected
    assert ("slow" in state().reason) == (expected == State.OPEN)


def test_failures_of_last_week_say_nothing_about_today(clock):
    outcomes(clock, "xxxx")

    clock.passes(BreakerPolicy().idle_s + 1)
    outcomes(clock, "xxxx")

    assert state().state == State.CLOSED
    assert state().calls == 4


def test_a_probe_that_succeeds_closes_the_breaker(provider: FakeProvider, clock):
    """Scenario 6, first half."""
    opened(clock)
    provider.answers({})

    ask(make_client(provider.url, clock))

    row = state()
    assert (row.state, row.history, row.calls, row.open_streak) == (State.CLOSED, 0, 0, 0)
    assert changes() == [(State.HALF_OPEN, State.CLOSED)]


def test_each_probe_that_fails_doubles_the_time_until_the_next(provider: FakeProvider, clock):
    """Scenario 6, second half."""
    opened(clock)
    provider.fails_with(500)
    client = make_client(provider.url, clock)
    pauses = []

    for _probe in range(5):
        with pytest.raises(UpstreamError):
            ask(client)
        with pytest.raises(CircuitOpen) as refused:
            ask(client)
        assert refused.value.retry_after_s is not None
        pauses.append(round(refused.value.retry_after_s))
        clock.passes(refused.value.retry_after_s)

    assert pauses == [120, 240, 480, 900, 900]
    assert provider.hits() == 5


def test_while_one_call_probes_the_others_are_refused(clock):
    opened(clock)
    admitted(clock)

    with pytest.raises(ProbeBusy) as refused:
        admitted(clock)

    assert refused.value.retry_after_s == pytest.approx(30)


def test_a_probe_without_a_verdict_leaves_the_next_call_to_probe_at_once(provider: FakeProvider, clock):
    """Scenario 8."""
    opened(clock)
    client = make_client(provider.url, clock)
    provider.answers({"error": "?"}, 422, times=4)
    provider.answers({})
    for _probe in range(4):
        with pytest.raises(RequestRefused):
            ask(client)
        assert state().state == State.HALF_OPEN

    ask(client)

    assert state().state == State.CLOSED
    assert provider.hits() == 5


def test_a_process_that_is_told_to_stop_gives_its_probe_back(provider: FakeProvider, clock):
    """Scenario 8, for SystemExit: neither a failure of the provider, nor a probe that blocks the others."""
    opened(clock)
    provider.answers({})
    client = make_client(provider.url, clock)

    def told_to_stop(answer: Answer) -> Verdict:
        raise SystemExit

    with pytest.raises(SystemExit):
        ask(client, classify=told_to_stop)

    assert state().state == State.HALF_OPEN
    ask(client)
    assert state().state == State.CLOSED


def test_results_of_calls_that_began_before_an_outage_change_nothing_after_it(clock):
    """Scenario 9, first half."""
    early = [admitted(clock) for _call in range(6)]
    outcomes(clock, "xxxxx")
    clock.passes(61)
    outcomes(clock, ".")
    before = (state().state, state().generation, state().history, state().calls)

    for permit in early:
        recorded(permit, clock, ok=False)

    assert (state().state, state().generation, state().history, state().calls) == before
    assert before[0] == State.CLOSED


@pytest.mark.parametrize("ok", [True, False])
def test_the_verdict_of_a_probe_whose_lease_another_has_taken_changes_nothing(clock, ok: bool):
    """Scenario 9, second half."""
    opened(clock)
    stale = admitted(clock, lease_s=2)
    clock.passes(2)
    current = admitted(clock, lease_s=30)

    recorded(stale, clock, ok=ok)
    StateStore().release(stale)

    assert state().state == State.HALF_OPEN
    with pytest.raises(ProbeBusy):
        admitted(clock)
    recorded(current, clock, ok=True)
    assert state().state == State.CLOSED


def test_calls_under_way_when_the_breaker_opened_cannot_open_it_further(clock):
    permits = [admitted(clock) for _call in range(9)]

    for permit in permits:
        recorded(permit, clock, ok=False)

    assert changes() == [(State.CLOSED, State.OPEN)]
    assert state().open_streak == 1


def test_a_reset_closes_the_breaker_and_ignores_what_is_still_under_way(clock):
    early = admitted(clock)
    outcomes(clock, "xxxxx")

    StateStore().reset("fake:read", actor="ada", now=to_us(clock.now()))
    recorded(early, clock, ok=False)

    row = state()
    assert (row.state, row.history, row.tat, row.not_before) == (State.CLOSED, 0, 0, 0)
    assert changes()[-1] == (State.OPEN, State.CLOSED)


def test_a_disabled_breaker_lets_calls_through_and_a_forced_one_does_not(provider: FakeProvider, clock):
    provider.fails_with(500)
    client = make_client(provider.url, clock, rate=UNLIMITED)
    put_state(state=State.DISABLED)
    for _call in range(8):
        with pytest.raises(UpstreamError):
            ask(client)
    assert state().state == State.DISABLED

    put_state(state=State.FORCED_OPEN, generation=1)
    clock.passes(10_000)
    with pytest.raises(CircuitOpen) as refused:
        ask(client)

    assert refused.value.reason == "forced_open"
    assert provider.hits() == 8


def off_classifier(answer: Answer) -> Verdict:
    if answer.status == 503:
        return Verdict(Outcome.THROTTLED, "503", cooldown_s=answer.retry_after_s, stepwise=True)
    return Verdict(Outcome.SUCCESS)


def test_a_503_that_means_too_much_pauses_ever_longer_and_counts_from_the_fourth(provider: FakeProvider, clock):
    """Scenario 17."""
    provider.fails_with(503)
    client = make_client(provider.url, clock)
    pauses: list[float] = []

    while state_now() != State.OPEN:
        with pytest.raises(GatewayError) as error:
            ask(client, classify=off_classifier)
        assert isinstance(error.value, Throttled)
        if len(pauses) < 3:
            assert state().state == State.CLOSED
            assert state().history == 0
        pauses.append((state().not_before - to_us(clock.now())) / 1_000_000)
        clock.passes(pauses[-1])

    assert pauses == [15, 30, 60, 60, 60, 60, 60, 60]
    assert provider.hits() == 8


def test_an_open_breaker_of_one_operation_leaves_the_others_alone(provider: FakeProvider, clock):
    """Scenario 17, last sentence."""
    put_state("fake:search", state=State.OPEN, open_until=to_us(clock.now() + 60))
    provider.answers({"name": "Bread"})
    client = make_client(provider.url, clock)

    with pytest.raises(CircuitOpen):
        ask(client, operation="search")

    assert ask(client, operation="read").data == {"name": "Bread"}
