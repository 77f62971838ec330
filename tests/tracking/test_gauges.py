"""The arithmetic of a day's page: gauges, dates, and which meal an hour suggests."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.dates import IsoDate, day_name, month_after, neighbour, weeks_of
from tracking.gauges import Gauge
from tracking.models import STANDARD_MEALS
from tracking.moments import meal_at

AMOUNTS = st.decimals(0, 100_000, places=4)
DAYS = st.dates(dt.date(1900, 2, 1), dt.date(2199, 12, 1))
MONDAY = dt.date(2026, 3, 2)


@given(AMOUNTS, st.decimals("0.1", 20_000, places=1))
def test_a_gauge_stays_on_its_scale_and_its_mark_is_passed_only_above_the_target(eaten, target):
    gauge = Gauge(eaten, target)

    assert 0 <= gauge.share <= 100
    assert 0 <= gauge.length <= 100
    assert (gauge.over is not None) == (eaten > target)
    assert gauge.left == target - eaten
    assert (gauge.length > gauge.mark) <= (eaten > target)


@pytest.mark.parametrize(
    ("gauge", "shown"),
    [
        (Gauge(None, Decimal(100)), (None, None, Decimal(0), Decimal(0))),
        (Gauge(Decimal(50), None), (None, None, Decimal(0), Decimal(100))),
        (Gauge(Decimal(50), Decimal(100)), (Decimal(50), None, Decimal("50.0"), Decimal("43.5"))),
        (Gauge(Decimal(150), Decimal(100)), (Decimal(-50), Decimal(50), Decimal("100.0"), Decimal("100.0"))),
        (Gauge(Decimal(0), Decimal(100)), (Decimal(100), None, Decimal(0), Decimal(0))),
    ],
)
def test_a_gauge_says_what_is_left_and_how_long_it_is_drawn(gauge, shown):
    assert (gauge.left, gauge.over, gauge.share, gauge.length) == shown


@given(DAYS)
def test_weeks_of_a_month_have_each_of_its_days_once_and_begin_on_mondays(date):
    first = date.replace(day=1)

    weeks = weeks_of(first)

    days = [day for week in weeks for day in week]
    after = month_after(first)
    assert after
    assert all(week[0].weekday() == 0 for week in weeks)
    assert days == [days[0] + dt.timedelta(days=number) for number in range(len(days))]
    assert [day for day in days if day.month == first.month] == [
        first + dt.timedelta(days=number) for number in range((after - first).days)
    ]
    assert month_after(after, -1) == first


def test_a_diary_ends_where_its_days_end():
    assert neighbour(dt.date(1900, 1, 1), -1) is None
    assert neighbour(dt.date(2200, 1, 1), 1) is None
    assert month_after(dt.date(1900, 1, 1), -1) is None
    assert month_after(dt.date(2200, 1, 1)) is None


@given(DAYS)
def test_a_day_in_an_address_is_that_day(date):
    assert IsoDate().to_python(IsoDate().to_url(date)) == date


@pytest.mark.parametrize(
    ("date", "name"),
    [
        (MONDAY, "Today"),
        (dt.date(2026, 3, 1), "Yesterday"),
        (dt.date(2026, 3, 3), "Tomorrow"),
        (dt.date(2026, 3, 9), "Mon 9 Mar"),
        (dt.date(2025, 12, 31), "Wed 31 Dec 2025"),
    ],
)
def test_a_day_is_called_as_people_call_it(date, name):
    assert day_name(date, MONDAY) == name


@pytest.mark.parametrize(
    ("hour", "meal"),
    [(0, "snacks"), (3, "snacks"), (4, "breakfast"), (10, "breakfast"), (11, "lunch"), (14, "lunch"), (15, "snacks"),
     (17, "dinner"), (21, "dinner"), (22, "snacks"), (23, "snacks")],
)  # fmt: skip
def test_the_hour_suggests_a_meal(hour, meal):
    assert meal_at(dt.time(hour, 59)) == meal
    assert meal in STANDARD_MEALS
