"""The rules as arithmetic: nothing here has a database, a network or a clock."""

import datetime as dt
import email.utils
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dietintel.gateway import policy
from dietintel.gateway.conf import BreakerPolicy, RateLimit
from dietintel.gateway.policy import Snapshot, State, to_us

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
START = 1_790_000_000_000_000


@st.composite
def rates(draw: st.DrawFn) -> RateLimit:
    limit = draw(st.integers(1, 40))
    burst = draw(st.integers(1, limit))
    return RateLimit(limit=limit, period_s=draw(st.sampled_from([1, 7, 60, 3600])), burst=burst, margin=0)


def admissions(rate: RateLimit, gaps: list[int], *, max_wait: int = 0) -> list[int]:
    """When calls go out that are asked for with these gaps between them, in microseconds."""
    tat, now, sent = 0, START, []
    for gap in gaps:
        now += gap
        before = Snapshot(State.CLOSED, 0, 0, max(tat, now), 0)
        seen = Snapshot(State.CLOSED, 0, 0, tat, 0)
        if policy.refusal(seen, rate, now=now, max_wait=max_wait, headroom=0) is None:
            sent.append(now + policy.wait_us(before, rate, now=now, headroom=0))
            tat = max(tat, now) + rate.emission_us
    return sent


@given(rate=rates(), shares=st.lists(st.sampled_from([0, 0, 0, 1, 30, 99, 100, 101, 250]), max_size=120))
def test_no_window_ever_sees_more_calls_than_the_limit(rate: RateLimit, shares: list[int]):
    window = to_us(rate.period_s)
    for max_wait in (0, window):
        sent = admissions(rate, [share * rate.emission_us // 100 for share in shares], max_wait=max_wait)
        for start in sent:
            assert sum(start <= at < start + window for at in sent) <= rate.limit


@given(rate=rates())
def test_a_burst_is_admitted_whole_and_the_next_call_is_not(rate: RateLimit):
    assert len(admissions(rate, [0] * (rate.burst + 5))) == rate.burst


@given(rate=rates(), remaining=st.integers(0, 50))
def test_no_more_calls_go_out_at_once_than_the_provider_says_are_left(rate: RateLimit, remaining: int):
    tat = policy.reconciled_tat(rate, remaining=remaining, now=START) or 0
    sent = 0
    while policy.refusal(Snapshot(State.CLOSED, 0, 0, tat, 0), rate, now=START, max_wait=0, headroom=0) is None:
        sent, tat = sent + 1, max(tat, START) + rate.emission_us

    assert sent == min(remaining, rate.burst)


@given(rate=rates())
def test_a_provider_that_takes_no_more_is_left_alone_for_its_whole_period(rate: RateLimit):
    tat = policy.reconciled_tat(rate, remaining=0, now=START)
    assert tat is not None

    refused = policy.refusal(Snapshot(State.CLOSED, 0, 0, tat, 0), rate, now=START, max_wait=0, headroom=0)

    assert refused == policy.Refusal("rate", to_us(rate.period_s))


@pytest.mark.parametrize(
    ("header", "remaining"),
    [("0", 0), (" 17 ", 17), (None, None), ("", None), ("-1", None), ("٣", None), ("9" * 10, None)],
)
def test_what_a_provider_says_is_left_is_a_number_or_nothing(header: str | None, remaining: int | None):
    assert policy.parse_remaining(header) == remaining


@given(rate=rates())
def test_a_refusal_names_the_moment_from_which_a_call_is_admitted(rate: RateLimit):
    tat = START + rate.burst * rate.emission_us
    seen = Snapshot(State.CLOSED, 0, 0, tat, 0)
    refused = policy.refusal(seen, rate, now=START, max_wait=0, headroom=0)
    assert refused is not None
    assert refused.retry_after_us is not None

    then = START + refused.retry_after_us

    assert policy.refusal(seen, rate, now=then, max_wait=0, headroom=0) is None
    assert policy.refusal(seen, rate, now=then - 1, max_wait=0, headroom=0) is not None


@pytest.mark.parametrize(("burst", "seconds"), [(1, 4.0), (4, 5.0), (5, 5.4545), (10, 10.0)])
def test_a_larger_burst_is_paid_for_with_a_slower_pace(burst: int, seconds: float):
    rate = RateLimit(limit=15, period_s=60, burst=burst, margin=0)

    assert rate.emission_us / 1_000_000 == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("wrong", [{"burst": 0}, {"burst": 16}, {"period_s": 0}, {"margin": -0.1}])
def test_a_limit_that_makes_no_sense_is_refused_when_it_is_written(wrong: dict[str, float]):
    values: dict[str, float] = {"limit": 15, "period_s": 60, "burst": 5, **wrong}
    with pytest.raises(ValueError, match="rate limit"):
        RateLimit(**values)  # type: ignore[arg-type]


@given(outcomes=st.lists(st.booleans(), max_size=60))
def test_a_breaker_trips_exactly_when_a_count_by_hand_says_so(outcomes: list[bool]):
    rules = BreakerPolicy()
    history = 0
    for failed in outcomes:
        history = (history * 2 + failed) & ((1 << rules.window) - 1)
    last = outcomes[-rules.window :]
    in_a_row = len(last) >= 5 and all(last[-5:])
    too_many = len(last) >= 10 and sum(last) > len(last) / 2

    reason = policy.trip_reason(rules, history=history, slow=0, calls=len(last))

    assert (reason is not None) == (in_a_row or too_many)


@given(slow=st.integers(0, 20), calls=st.integers(0, 20))
def test_slowness_trips_only_when_nearly_all_of_enough_calls_are_slow(slow: int, calls: int):
    slow = min(slow, calls)

    reason = policy.trip_reason(BreakerPolicy(), history=0, slow=(1 << slow) - 1, calls=calls)

    assert (reason is not None) == (calls >= 10 and slow >= 0.8 * calls)


@given(streak=st.integers(0, 100_000))
def test_the_time_open_grows_with_each_failed_probe_up_to_its_most(streak: int):
    rules = BreakerPolicy()

    seconds = policy.open_seconds(rules, streak=streak)

    assert rules.open_s <= seconds <= policy.open_seconds(rules, streak=streak + 1) <= rules.max_open_s


@given(retry=st.integers(1, 50), chance=st.floats(1e-9, 1))
def test_a_pause_before_a_retry_is_positive_and_bounded(retry: int, chance: float):
    assert 0 < policy.backoff_s(retry, base_s=0.5, cap_s=8, chance=chance) <= 8


ODD = ["", " ", "+1e400", "nan", "-inf", "1e308", "0", "Fri, 31 Dec 99999 23:59:59 GMT", "1, 2", "\x00", "12:00", "٣"]
ODD += ["Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "Mon, 01 Jan 0001 00:00:00 +2359", "Mon,,,", "a" * 10_000]
MONTHS = st.sampled_from(["Jan", "Feb", "Nov", "Xxx"])


@given(st.one_of(st.sampled_from(ODD), st.text(), st.builds(
    lambda day, month, year, clock, zone: f"Mon, {day} {month} {year} {clock} {zone}",
    st.integers(-5, 40), MONTHS, st.integers(-1, 10**6), st.text("0123456789:", max_size=9), st.text("+-0123456789GMT"),
)))  # fmt: skip
def test_no_retry_after_header_whatever_raises_or_pauses_for_more_than_an_hour(header: str):
    """Scenario 16."""
    seconds = policy.parse_retry_after(header, now=NOW)

    assert seconds is not None
    assert 0 < seconds <= policy.MAX_COOLDOWN_S
    assert seconds == math.ceil(seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (email.utils.format_datetime(NOW + dt.timedelta(seconds=120), usegmt=True), 120),
        (email.utils.format_datetime(NOW - dt.timedelta(days=1), usegmt=True), 60),
        ("Sat, 21 Nov 2026 12:02:00", 120),
        ("1.5", 2),
        ("-5", 60),
        ("garbage", 60),
        ("86400", 3600),
    ],
)
def test_retry_after_in_all_its_forms(header: str | None, seconds: float | None):
    """Scenario 16."""
    assert policy.parse_retry_after(header, now=NOW) == seconds
