"""From single results to a condition: suspected, confirmed, recovering, flapping; and when to try a remedy. Pure."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

CONFIRM_AFTER = 3  # bad results in a row …
CONFIRM_WITHIN = dt.timedelta(seconds=30)  # … or bad for so long
HEALTHY_AFTER = 2  # good results in a row
WATCHED = 20  # results of which half may have changed before it is called flapping
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=60), dt.timedelta(minutes=15)
HEALS_AN_HOUR = 5
HOUR = dt.timedelta(hours=1)


class Status(enum.StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    DISABLED = "disabled"


class Impact(enum.StrEnum):
    """How much a check counts in the whole."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    INFO = "info"


class Phase(enum.StrEnum):
    WELL = "well"
    SUSPECT = "suspect"  # bad, for a moment
    CONFIRMED = "confirmed"  # bad for long enough to act, and to tell somebody
    RECOVERING = "recovering"  # good again, for a moment


@dataclass(frozen=True)
class Result:
    """What one check found. `kind` is "check_error" or "check_timeout" where the check itself is what failed."""

    status: Status
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    response_ms: float = 0.0


@dataclass(frozen=True)
class Condition:
    """What is known of one check. `changes` is a bitmap of the last results, 1 where one was another than before."""

    status: Status = Status.HEALTHY
    since: dt.datetime | None = None
    phase: Phase = Phase.WELL
    bad_since: dt.datetime | None = None
    fails: int = 0
    oks: int = 0
    changes: int = 0
    seen: int = 0
    last: Status | None = None  # of the newest result itself; `status` may say "flapping" instead
    heals: tuple[dt.datetime, ...] = ()  # of this incident's last hour, oldest first
    heals_in_row: int = 0
    exhausted: bool = False
    told: bool = False  # whether this incident was told to somebody, so that its end is told as well

    @property
    def flapping(self) -> bool:
        return self.seen >= WATCHED and self.changes.bit_count() * 2 >= WATCHED


class Happened(enum.StrEnum):
    """What somebody should know of, each once."""

    FLIPPED = "flipped"
    CONFIRMED = "confirmed"
    RECOVERED = "recovered"
    FLAPPING = "flapping"
    STEADY = "steady"


def advance(before: Condition, result: Result, *, now: dt.datetime) -> tuple[Condition, list[Happened]]:
    """The condition after one more result, and what happened with it."""
    bad = result.status is Status.UNHEALTHY
    changed = before.last is not None and before.last is not result.status
    after = replace(
        before,
        last=result.status,
        changes=(before.changes << 1 | changed) & (1 << WATCHED) - 1,
        seen=min(WATCHED, before.seen + 1),
        fails=before.fails + 1 if bad else 0,
        oks=0 if bad else before.oks + 1,
        bad_since=(before.bad_since or now) if bad else before.bad_since,
    )
    after = _phase(after, bad=bad, now=now)
    if after.phase is Phase.WELL and result.status is Status.HEALTHY:
        after = _well(after)  # remedies for what was degraded are over as well
    status = result.status
    if after.flapping and status is not Status.DISABLED:
        status = Status.DEGRADED
    happened = []
    if status is not before.status or before.since is None:
        after = replace(after, status=status, since=now)
        happened.append(Happened.FLIPPED)
    # While it goes to and fro one word about that is enough: not one about each incident.
    if after.flapping != before.flapping:
        happened.append(Happened.FLAPPING if after.flapping else Happened.STEADY)
    if after.phase is Phase.CONFIRMED and not after.told and not after.flapping:
        after = replace(after, told=True)
        happened.append(Happened.CONFIRMED)
    if after.phase is Phase.WELL and after.told:
        after = replace(after, told=False)
        happened.append(Happened.RECOVERED)
    return after, happened


def _phase(now_is: Condition, *, bad: bool, now: dt.datetime) -> Condition:
    phase = now_is.phase
    if bad:
        long_enough = now_is.bad_since is not None and now - now_is.bad_since >= CONFIRM_WITHIN
        if phase is Phase.RECOVERING or now_is.fails >= CONFIRM_AFTER or long_enough:
            return replace(now_is, phase=Phase.CONFIRMED)
        return now_is if phase is Phase.CONFIRMED else replace(now_is, phase=Phase.SUSPECT)
    if phase is Phase.SUSPECT:
        return _well(now_is)
    if phase in {Phase.CONFIRMED, Phase.RECOVERING}:
        return _well(now_is) if now_is.oks >= HEALTHY_AFTER else replace(now_is, phase=Phase.RECOVERING)
    return now_is


def _well(condition: Condition) -> Condition:
    return replace(condition, phase=Phase.WELL, bad_since=None, heals_in_row=0, exhausted=False)


def may_heal(condition: Condition, *, disruptive: bool, kind: str, now: dt.datetime, degraded: bool = False) -> bool:
    """Whether a remedy may be tried now: a gentle one at once, a disruptive one when the trouble is confirmed.

    Never while flapping, and a broken check (`kind`) is no reason to disturb what it checks. `degraded`: whether it is
    a remedy for what is degraded only.
    """
    wanted = Status.DEGRADED if degraded else Status.UNHEALTHY
    if condition.last is not wanted or condition.flapping or condition.exhausted:
        return False
    if disruptive and (condition.phase is not Phase.CONFIRMED or kind):
        return False
    if condition.heals and now - condition.heals[-1] < pause_after(condition.heals_in_row):
        return False
    return len(_recent(condition, now)) < HEALS_AN_HOUR


def healed(condition: Condition, *, now: dt.datetime, by_hand: bool = False) -> Condition:
    """After a remedy was tried, whatever came of it. `by_hand`: a person looks at it, so the counting begins anew."""
    if by_hand:
        return replace(condition, heals=(now,), heals_in_row=1, exhausted=False)
    heals = (*_recent(condition, now), now)
    return replace(
        condition,
        heals=heals,
        heals_in_row=condition.heals_in_row + 1,
        exhausted=condition.exhausted or len(heals) >= HEALS_AN_HOUR,
    )


def pause_after(tries: int) -> dt.timedelta:
    """After the `tries`-th remedy in a row, from 1: a minute, doubled each time, a quarter of an hour at most."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(max(0, tries - 1), 20)))


def _recent(condition: Condition, now: dt.datetime) -> tuple[dt.datetime, ...]:
    return tuple(at for at in condition.heals if now - at < HOUR)


def aggregate(statuses: Mapping[str, tuple[Status, Impact]]) -> Status:
    """Of the whole service. What is not configured, or only informs, never counts."""
    counted = [(status, impact) for status, impact in statuses.values() if impact is not Impact.INFO]
    if any(status is Status.UNHEALTHY and impact is Impact.CRITICAL for status, impact in counted):
        return Status.UNHEALTHY
    if any(status in {Status.UNHEALTHY, Status.DEGRADED} for status, _impact in counted):
        return Status.DEGRADED
    return Status.HEALTHY
