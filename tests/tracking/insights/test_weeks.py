"""Which week somebody is told of, by their own clock."""

import datetime as dt
import zoneinfo

import pytest

from tracking.dates import week_name
from tracking.insights.weeks import Week, due_week, last_whole_week, week_of


def clock(text, zone):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(zone))


def test_week_is_monday_to_sunday_and_has_four_before_it():
    week = week_of(dt.date(2026, 3, 8))

    assert (week.monday, week.sunday) == (dt.date(2026, 3, 2), dt.date(2026, 3, 8))
    assert (week.first_before, week.last_before) == (dt.date(2026, 2, 2), dt.date(2026, 3, 1))
    assert week_of(dt.date(2026, 3, 9)) == Week(dt.date(2026, 3, 9))


@pytest.mark.parametrize(("today", "monday"), [("2026-03-08", "2026-02-23"), ("2026-03-09", "2026-03-02")])
def test_last_whole_week_is_one_that_is_over(today, monday):
    assert last_whole_week(dt.date.fromisoformat(today)) == Week(dt.date.fromisoformat(monday))


@pytest.mark.parametrize(
    ("moment", "zone", "monday"),
    [
        # Monday 05:00 in winter, and in summer: on 29 March 2026 the clocks of Berlin go forward.
        ("2026-03-23T03:59", "Europe/Berlin", "2026-03-09"),
        ("2026-03-23T04:00", "Europe/Berlin", "2026-03-16"),
        ("2026-03-30T02:59", "Europe/Berlin", "2026-03-16"),
        ("2026-03-30T03:00", "Europe/Berlin", "2026-03-23"),
        # The same moment: Monday afternoon in Auckland, Sunday evening in Los Angeles.
        ("2026-03-30T03:00", "Pacific/Auckland", "2026-03-23"),
        ("2026-03-30T03:00", "America/Los_Angeles", "2026-03-16"),
        ("2026-03-30T12:00", "America/Los_Angeles", "2026-03-23"),
        ("2026-04-05T12:00", "America/Los_Angeles", "2026-03-23"),
        # Half hours; and the clocks of New York go back on 1 November.
        ("2026-03-29T23:29", "Asia/Kolkata", "2026-03-16"),
        ("2026-03-29T23:30", "Asia/Kolkata", "2026-03-23"),
        ("2026-11-02T09:59", "America/New_York", "2026-10-19"),
        ("2026-11-02T10:00", "America/New_York", "2026-10-26"),
    ],
)
def test_new_week_begins_on_monday_at_five_of_the_persons_own_clock(moment, zone, monday):
    assert due_week(clock(moment, zone)) == Week(dt.date.fromisoformat(monday))


@pytest.mark.parametrize(
    ("monday", "name"),
    [
        ("2026-11-09", "9–15 November 2026"),
        ("2026-10-26", "26 October – 1 November 2026"),
        ("2026-12-28", "28 December 2026 – 3 January 2027"),
    ],
)
def test_week_is_called_by_its_first_and_last_day(monday, name):
    assert week_name(dt.date.fromisoformat(monday)) == name
