"""The trend of a weight, and the date of a goal with what is uncertain about it."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.trend import Outlook, Pace, Projection, Trended, Weighing, pace, project, trended, week_before

SEVEN = dt.time(7)
START = dt.datetime.combine(dt.date(2026, 1, 1), SEVEN)
NOW = START + dt.timedelta(days=28)
WEIGHTS = st.decimals(min_value=2, max_value=650, places=3)
TIMES = st.datetimes(START - dt.timedelta(days=2000), START + dt.timedelta(days=2000)).map(
    lambda at: at.replace(microsecond=0)
)
HISTORIES = st.lists(st.builds(Weighing, TIMES, WEIGHTS), min_size=1, max_size=30, unique_by=lambda each: each.at)


def daily(*weights, start=START):
    return [Weighing(start + dt.timedelta(days=day), Decimal(str(kg))) for day, kg in enumerate(weights)]


def dates_of(found):
    """Earliest, likely, latest."""
    assert found.outlook is Outlook.DATED
    return found.earliest, found.likely, found.latest


def falling(per_day="-0.1", wobble="0.1", days=29, start="80"):
    """A steady change with scales that err to both sides in turn."""
    slope, error = Decimal(per_day), Decimal(wobble)
    return daily(*(Decimal(start) + slope * day + error * (-1) ** day for day in range(days)))


# --- Trend ------------------------------------------------------------------------------------------------------
def test_after_a_day_the_trend_has_gone_a_tenth_of_the_way():
    line = trended(daily(80, 81))

    assert line[0].trend == 80
    assert round(line[1].trend, 4) == Decimal("80.1")


def test_a_second_weighing_of_the_day_moves_the_trend_little():
    evening = Weighing(START + dt.timedelta(hours=12), Decimal(82))

    line = trended([*daily(80), evening])

    assert Decimal("80.09") < line[1].trend < Decimal("80.11")


def test_after_a_gap_the_next_weight_counts_the_more():
    line = trended([Weighing(START, Decimal(80)), Weighing(START + dt.timedelta(days=60), Decimal(74))])

    assert Decimal(74) < line[1].trend < Decimal("74.02")


def test_no_weights_have_no_trend():
    assert trended([]) == []
    assert week_before([]) is None


@given(st.lists(TIMES, min_size=1, max_size=30, unique=True), WEIGHTS)
def test_the_same_weight_every_time_is_its_own_trend(times, kg):
    line = trended(Weighing(at, kg) for at in times)

    assert {each.trend for each in line} == {kg}


@given(HISTORIES)
def test_the_trend_stays_between_the_least_and_the_most_weight(weighings):
    weights = [each.kg for each in weighings]

    assert all(min(weights) <= each.trend <= max(weights) for each in trended(weighings))


@given(HISTORIES, st.randoms())
def test_the_order_in_which_weights_come_does_not_matter(weighings, random):
    shuffled = random.sample(weighings, len(weighings))

    assert trended(shuffled) == trended(weighings)


@given(HISTORIES, st.integers(min_value=1, max_value=30))
def test_a_trend_that_goes_on_from_a_part_is_the_trend_of_the_whole(weighings, cut):
    whole = trended(weighings)
    first = trended(sorted(weighings)[:cut])

    rest = trended(sorted(weighings)[cut:], after=first[-1])

    assert first + rest == whole


@given(HISTORIES, st.decimals(min_value=-100, max_value=100, places=3))
def test_weights_that_are_all_so_much_more_have_a_trend_that_is_so_much_more(weighings, more):
    heavier = trended(Weighing(each.at, each.kg + more) for each in weighings)

    for one, other in zip(trended(weighings), heavier, strict=True):
        assert abs(one.trend + more - other.trend) < Decimal("1e-20")


def test_a_week_ago_is_the_weighing_at_least_seven_days_before_the_last():
    line = trended(daily(*range(80, 90)))

    assert week_before(line) == line[2]


def test_a_week_ago_is_unknown_where_nobody_weighed_for_two():
    line = trended([*daily(80), *daily(79, start=START + dt.timedelta(days=15))])

    assert week_before(line) is None


# --- Pace and projection ----------------------------------------------------------------------------------------
def test_the_pace_is_the_slope_of_the_straight_line():
    found = pace(falling("-0.1", wobble="0"), now=NOW)

    slope = Decimal("-0.1")
    assert found == Pace(kg=Decimal("77.2"), at=NOW, slope=slope, low=slope, high=slope)


def test_the_interval_is_that_of_the_textbook():
    """By hand: Sxx 250, Sxy 10, squared residuals 0.088 in all, 3 degrees of freedom."""
    days, weights = (0, 5, 10, 15, 20), ("80", "80.4", "80.2", "80.6", "80.9")
    weighings = [Weighing(START + dt.timedelta(days=day), Decimal(kg)) for day, kg in zip(days, weights, strict=True)]

    found = pace(weighings, now=NOW)

    margin = Decimal("3.182") * (Decimal("0.088") / 3 / 250).sqrt()
    assert found is not None
    assert found.slope == Decimal("0.04")
    assert abs(found.high - found.slope - margin) < Decimal("1e-20")


@pytest.mark.parametrize(
    "weighings",
    [[], daily(80, 79, 78, 77), daily(*[80] * 14), daily(*[80] * 30, start=START - dt.timedelta(days=40))],
    ids=["none", "four", "thirteen days", "of long ago"],
)
def test_too_few_weighings_have_no_pace(weighings):
    assert pace(weighings, now=NOW) is None
    assert project(weighings, goal_kg=Decimal(70), direction=-1, now=NOW) == Projection(Outlook.UNKNOWN, Decimal(70))


def test_a_steady_loss_has_a_date_between_two_others():
    found = project(falling(), goal_kg=Decimal(75), direction=-1, now=NOW)

    earliest, likely, latest = dates_of(found)
    assert earliest < likely < latest
    assert earliest <= dt.date(2026, 2, 20) <= latest


def test_a_steady_gain_has_a_date_between_two_others():
    found = project(falling("0.05"), goal_kg=Decimal(83), direction=1, now=NOW)

    earliest, likely, latest = dates_of(found)
    assert earliest < likely < latest


@pytest.mark.parametrize(
    ("weighings", "goal", "direction", "outlook"),
    [
        (falling("-0.1"), "78", -1, Outlook.REACHED),
        (falling("-0.001", wobble="0.8"), "75", -1, Outlook.UNCLEAR),
        (falling("0", wobble="0"), "75", -1, Outlook.UNCLEAR),
        (falling("0.1"), "75", -1, Outlook.AWAY),
        (falling("-0.1"), "85", 1, Outlook.AWAY),
        (falling("-0.001", wobble="0"), "75", -1, Outlook.FAR),
    ],
)
def test_where_no_date_can_be_given_it_is_said_why(weighings, goal, direction, outlook):
    found = project(weighings, goal_kg=Decimal(goal), direction=direction, now=NOW)

    assert (found.outlook, found.likely) == (outlook, None)


def test_a_slow_end_that_is_too_far_away_has_no_latest_date():
    found = project(falling("-0.02", wobble="0.42"), goal_kg=Decimal(75), direction=-1, now=NOW)

    earliest, likely, latest = dates_of(found)
    assert earliest < likely
    assert latest is None


@given(
    st.lists(WEIGHTS, min_size=15, max_size=29),
    st.decimals(min_value=2, max_value=650, places=1),
    st.sampled_from([-1, 1]),
)
def test_a_date_lies_between_the_earliest_and_the_latest_and_never_in_the_past(weights, goal, direction):
    found = project(daily(*weights), goal_kg=goal, direction=direction, now=NOW)

    if found.outlook is Outlook.DATED:
        earliest, likely, latest = dates_of(found)
        assert NOW.date() <= earliest <= likely <= (latest or likely)
    else:
        assert (found.earliest, found.likely, found.latest) == (None, None, None)


def test_a_trended_weighing_keeps_what_the_scales_said():
    assert trended(daily("80.123")) == [Trended(START, Decimal("80.123"), Decimal("80.123"))]
