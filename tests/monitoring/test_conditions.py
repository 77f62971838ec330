"""What follows from results that come one after the other."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.health.conditions import (
    HEALS_AN_HOUR,
    Condition,
    Happened,
    Impact,
    Phase,
    Result,
    Status,
    advance,
    aggregate,
    healed,
    may_heal,
    pause_after,
)

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
GOOD, BAD = Result(Status.HEALTHY), Result(Status.UNHEALTHY)
RESULTS = st.lists(st.sampled_from([GOOD, BAD, Result(Status.DEGRADED)]), max_size=60)


def after(*results, every_s=5, start=NOON, condition=None):
    """The condition after `results`, and everything that happened."""
    condition, happened = condition or Condition(), []
    for number, result in enumerate(results):
        condition, news = advance(condition, result, now=start + dt.timedelta(seconds=number * every_s))
        happened += news
    return condition, happened


def test_one_bad_result_is_shown_at_once_and_suspected_only():
    condition, happened = after(GOOD, BAD)

    assert (condition.status, condition.phase) == (Status.UNHEALTHY, Phase.SUSPECT)
    assert happened == [Happened.FLIPPED, Happened.FLIPPED]


def test_three_bad_results_or_half_a_minute_confirm_it_once():
    quick, told = after(GOOD, BAD, BAD, BAD, BAD, BAD)
    slow, _told = after(GOOD, BAD, BAD, every_s=31)

    assert (quick.phase, told.count(Happened.CONFIRMED)) == (Phase.CONFIRMED, 1)
    assert slow.phase == Phase.CONFIRMED


def test_two_good_results_end_the_incident_and_one_does_not():
    once, _none = after(BAD, BAD, BAD, GOOD)
    twice, told = after(BAD, BAD, BAD, GOOD, GOOD)

    assert once.phase == Phase.RECOVERING
    assert (twice.phase, told.count(Happened.RECOVERED)) == (Phase.WELL, 1)


def test_what_goes_to_and_fro_is_flapping_degraded_and_left_alone():
    condition, told = after(*[BAD, GOOD] * 15)
    condition, _more = advance(condition, BAD, now=NOON + dt.timedelta(hours=1))

    assert (condition.status, condition.flapping) == (Status.DEGRADED, True)
    assert told.count(Happened.FLAPPING) == 1
    assert not may_heal(condition, disruptive=False, kind="", now=NOON + dt.timedelta(hours=1))


def test_a_gentle_remedy_is_tried_at_once_and_a_disruptive_one_when_it_is_confirmed():
    suspect, _none = after(GOOD, BAD)
    confirmed, _none = after(GOOD, BAD, BAD, BAD)

    assert may_heal(suspect, disruptive=False, kind="", now=NOON)
    assert not may_heal(suspect, disruptive=True, kind="", now=NOON)
    assert may_heal(confirmed, disruptive=True, kind="", now=NOON)


def test_a_check_that_is_broken_itself_disturbs_nothing():
    confirmed, _none = after(BAD, BAD, BAD)

    assert not may_heal(confirmed, disruptive=True, kind="check_error", now=NOON)


def test_remedies_that_never_help_come_at_growing_distance_and_then_no_more():
    condition, _none = after(BAD, BAD, BAD)
    now, tried = NOON, []

    for _second in range(3 * 3600):
        if may_heal(condition, disruptive=True, kind="", now=now):
            condition = healed(condition, now=now)
            tried.append((now - NOON).total_seconds())
        now += dt.timedelta(seconds=1)

    assert tried == [0, 60, 180, 420, 900]
    assert condition.exhausted


def test_after_it_was_well_a_new_incident_starts_with_the_shortest_pause():
    condition, _none = after(BAD, BAD, BAD)
    condition = healed(healed(condition, now=NOON), now=NOON)
    condition, _none = after(GOOD, GOOD, BAD, condition=condition)

    assert condition.heals_in_row == 0
    assert may_heal(condition, disruptive=False, kind="", now=NOON + dt.timedelta(seconds=61))


@given(RESULTS)
def test_incidents_open_and_close_in_turn(results):
    _condition, told = after(*results)

    incidents = [each for each in told if each in {Happened.CONFIRMED, Happened.RECOVERED}]
    opened = 0
    for each in incidents:
        opened += 1 if each is Happened.CONFIRMED else -1
        assert 0 <= opened <= 1


@given(RESULTS, st.lists(st.integers(1, 4000), max_size=30))
def test_never_more_remedies_in_an_hour_than_allowed(results, pauses):
    condition, _none = after(*results, BAD, BAD, BAD)
    now, tried = NOON, []
    for pause in pauses:
        now += dt.timedelta(seconds=pause)
        if may_heal(condition, disruptive=True, kind="", now=now):
            condition = healed(condition, now=now)
            tried.append(now)

    for at in tried:
        assert sum(at <= other < at + dt.timedelta(hours=1) for other in tried) <= HEALS_AN_HOUR


@given(st.integers(0, 100))
def test_pauses_grow_to_a_quarter_of_an_hour(tries):
    assert dt.timedelta(seconds=60) <= pause_after(tries) <= pause_after(tries + 1) <= dt.timedelta(minutes=15)


@pytest.mark.parametrize(
    ("checks", "whole"),
    [
        ({}, Status.HEALTHY),
        ({"a": (Status.UNHEALTHY, Impact.CRITICAL)}, Status.UNHEALTHY),
        ({"a": (Status.DEGRADED, Impact.CRITICAL)}, Status.DEGRADED),
        ({"a": (Status.UNHEALTHY, Impact.IMPORTANT)}, Status.DEGRADED),
        ({"a": (Status.UNHEALTHY, Impact.INFO)}, Status.HEALTHY),
        ({"a": (Status.DISABLED, Impact.CRITICAL)}, Status.HEALTHY),
    ],
)
def test_the_whole_is_as_bad_as_what_counts_in_it(checks, whole):
    assert aggregate(checks) == whole


def test_remedy_for_what_is_degraded_has_its_pauses_and_limit_and_starts_anew_when_all_is_well():
    slow, _none = after(Result(Status.DEGRADED))
    now, tried = NOON, 0
    for _half_minute in range(60):
        now += dt.timedelta(seconds=30)
        slow, _none = advance(slow, Result(Status.DEGRADED), now=now)
        if may_heal(slow, disruptive=False, kind="", now=now, degraded=True):
            slow, tried = healed(slow, now=now), tried + 1
    well, _none = advance(slow, GOOD, now=now)

    assert (tried, slow.exhausted) == (HEALS_AN_HOUR, True)
    assert not may_heal(slow, disruptive=False, kind="", now=now)  # of what is unhealthy
    assert (well.exhausted, well.heals_in_row) == (False, 0)


def test_a_person_s_try_begins_the_counting_anew():
    before = Condition(status=Status.UNHEALTHY, last=Status.UNHEALTHY, phase=Phase.CONFIRMED, fails=99)
    for minutes in range(0, 50, 10):
        before = healed(before, now=NOON + dt.timedelta(minutes=minutes))
    later = NOON + dt.timedelta(minutes=55)

    after = healed(before, now=later, by_hand=True)

    assert (before.exhausted, after.exhausted, after.heals) == (True, False, (later,))
    assert not may_heal(after, disruptive=True, kind="", now=later + dt.timedelta(seconds=59))
    assert may_heal(after, disruptive=True, kind="", now=later + dt.timedelta(seconds=60))
