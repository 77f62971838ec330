"""The rules of breaker, limiter and retries, as plain functions: the time and the state are arguments."""

import datetime as dt
import email.utils
import enum
import math
from dataclasses import dataclass

from dietintel.gateway.conf import MICROSECOND, BreakerPolicy, Quota, RateLimit

DEFAULT_COOLDOWN_S = 60.0
MAX_COOLDOWN_S = 3600.0
COOLDOWN_STEPS_S = (15.0, 30.0, 60.0)  # for a provider that says "too much" without saying for how long
THROTTLES_BEFORE_FAILURE = 3  # in a row; from the next on, each counts for the breaker


class State(enum.IntEnum):
    """Of a breaker. Half-open is entered by the call that claims the probe."""

    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2
    FORCED_OPEN = 3
    DISABLED = 4


@dataclass(frozen=True)
class Snapshot:
    """What decides whether a call may go out. Times are microseconds since the epoch."""

    state: State
    open_until: int
    probe_until: int
    tat: int  # theoretical arrival time of GCRA
    not_before: int  # shared cool-down
    quota_window: int = 0
    quota_used: int = 0


@dataclass(frozen=True)
class Refusal:
    """Why a call may not go out, as a `GatewayError.reason`, and for how long."""

    reason: str
    retry_after_us: int | None


def allowance_us(rate: RateLimit, *, headroom: int) -> int:
    """How far the theoretical arrival time may lie ahead of now: the burst, less what is left for others."""
    return (rate.burst - 1 - headroom) * rate.emission_us


def refusal(
    seen: Snapshot, rate: RateLimit, *, now: int, max_wait: int, headroom: int, quota: Quota | None = None
) -> Refusal | None:
    """None where the call may go out now or after waiting at most `max_wait` microseconds."""
    if seen.state is State.FORCED_OPEN:
        return Refusal("forced_open", None)
    if seen.state is State.OPEN and seen.open_until > now:
        return Refusal("open", seen.open_until - now)
    if seen.state is State.HALF_OPEN and seen.probe_until > now:
        return Refusal("half_open_busy", seen.probe_until - now)
    if seen.not_before > now + max_wait:
        return Refusal("cooldown", seen.not_before - now)
    if quota and seen.quota_window > now and seen.quota_used >= quota.limit:
        return Refusal("quota", seen.quota_window - now)
    ready_at = seen.tat - allowance_us(rate, headroom=headroom)
    if ready_at > now + max_wait:
        return Refusal("rate", ready_at - now)
    return None


def wait_us(seen: Snapshot, rate: RateLimit, *, now: int, headroom: int) -> int:
    """How long an admitted call must wait, given the state *before* it was admitted."""
    return max(0, seen.tat - allowance_us(rate, headroom=headroom) - now, seen.not_before - now)


def reconciled_tat(rate: RateLimit, *, remaining: int, now: int) -> int | None:
    """The theoretical arrival time that leaves no more than `remaining` calls at once; None where that is no less.

    Without any the next call has to wait for a whole period: by then all of them count no more.
    """
    if remaining >= rate.burst:
        return None
    if remaining <= 0:
        return now + allowance_us(rate, headroom=0) + to_us(rate.period_s)
    return now + (rate.burst - remaining) * rate.emission_us


def trip_reason(policy: BreakerPolicy, *, history: int, slow: int, calls: int) -> str | None:
    """Why the breaker must open, None where it need not.

    `history` and `slow` are bitmaps of the last calls, the newest in bit 0; `calls` says how many bits count.
    """
    streak = (1 << policy.consecutive) - 1
    if history & streak == streak:
        return f"{policy.consecutive} failures in a row"
    if calls >= policy.min_calls:
        if history.bit_count() > policy.failure_ratio * calls:
            return f"{history.bit_count()} of the last {calls} calls failed"
        if slow.bit_count() >= policy.slow_ratio * calls:
            return f"{slow.bit_count()} of the last {calls} calls were slow"
    return None


def open_seconds(policy: BreakerPolicy, *, streak: int) -> float:
    """How long to stay open the `streak`-th time in a row, from 0: doubled each time, up to the most."""
    return min(policy.max_open_s, policy.open_s * 2.0 ** min(streak, 30))


def backoff_s(retry: int, *, base_s: float, cap_s: float, chance: float) -> float:
    """Full jitter: before the `retry`-th repetition, from 1, wait a share `chance` in (0, 1] of base · 2ⁿ⁻¹.

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return chance * min(cap_s, base_s * 2.0 ** (retry - 1))


def parse_retry_after(value: str | None, *, now: dt.datetime) -> float | None:
    """Seconds to pause: whole, at most an hour. None where the header is missing; 60 where it makes no sense.

    Never raises: a header that cannot be read must not lose the call (urllib3's own parser does).
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(text)
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
            return DEFAULT_COOLDOWN_S
        seconds = ((when if when.tzinfo else when.replace(tzinfo=dt.UTC)) - now).total_seconds()
    if not math.isfinite(seconds) or seconds <= 0:
        return DEFAULT_COOLDOWN_S
    return min(MAX_COOLDOWN_S, float(math.ceil(seconds)))


def parse_remaining(value: str | None) -> int | None:
    """How many calls are left; None where the header is missing or makes no sense."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def to_us(seconds: float) -> int:
    return round(seconds * MICROSECOND)
