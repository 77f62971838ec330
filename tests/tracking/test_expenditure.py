"""What a person spends, from what they ate and how their weight moved."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.expenditure import Eaten, Expenditure, Missing, expenditure, sentence_of, window

START = dt.date(2026, 3, 2)
ALL = range(28)


def day(number):
    return START + dt.timedelta(days=number)


def eaten(kcal=2000, days=ALL, **changes):
    return {day(number): Eaten(Decimal(kcal), **changes) for number in days}


def weights(kg=80, change="0", days=ALL):
    """`change` kg a day."""
    return [(day(number), Decimal(kg) + Decimal(change) * number) for number in days]


def estimate(days, weighings):
    found = expenditure(days, weighings)
    assert isinstance(found, Expenditure)
    return found


def test_who_keeps_their_weight_spends_what_they_eat():
    found = estimate(eaten(), weights())

    assert found == Expenditure(
        kcal=Decimal(2000),
        margin_kcal=Decimal(0),
        at_least=False,
        intake_kcal=Decimal(2000),
        change_kg_per_week=Decimal(0),
        logged_days=28,
        weighings=28,
    )


def test_half_a_kilogram_less_a_week_is_550_kilocalories_more_than_eaten():
    found = estimate(eaten(1900), weights(change="-0.0714285714"))

    assert round(found.kcal) == 2450
    assert round(found.change_kg_per_week, 3) == Decimal("-0.5")


def test_a_slope_and_its_margin_are_those_of_a_published_example():
    # Anscombe, The American Statistician 1973;27:17-21, first set: slope 0.5001 with a standard error of 0.1179. Here x
    # is doubled, so that it spans enough days, which halves both.
    kgs = {10: "8.04", 8: "6.95", 13: "7.58", 9: "8.81", 11: "8.33", 14: "9.96",
           6: "7.24", 4: "4.26", 12: "10.84", 7: "4.82", 5: "5.68"}  # fmt: skip

    found = estimate(eaten(3000), [(day(2 * x), Decimal(y)) for x, y in kgs.items()])

    assert round(found.change_kg_per_week / 7, 4) == Decimal("0.2500")
    assert abs(found.kcal - (3000 - 7700 * Decimal("0.25005"))) < 1
    assert abs(found.margin_kcal - 7700 * Decimal("0.05895") * Decimal("2.262")) < 1  # t for 9 degrees of freedom


def test_scattered_intake_of_some_days_widens_the_range_and_of_all_days_does_not():
    some = {day(number): Eaten(Decimal(1800 + 400 * (number % 2))) for number in range(14)}
    every = {day(number): Eaten(Decimal(1800 + 400 * (number % 2))) for number in ALL}

    assert estimate(every, weights()).margin_kcal == 0
    assert 80 < estimate(some, weights()).margin_kcal < 90  # 2.160 × 207.5 / √14 × √½


def test_several_weighings_of_a_day_count_as_one():
    once = estimate(eaten(), weights(change="-0.05"))
    twice = weights(change="-0.05") + [(date, kg + 1) for date, kg in weights(change="-0.05")]

    found = estimate(eaten(), twice)

    assert found.weighings == 28
    assert found.kcal == once.kcal


def test_a_day_with_unknown_energy_makes_it_at_least():
    partly = eaten() | {day(3): Eaten(Decimal(1000), at_least=True)}

    found = estimate(partly, weights())

    assert found.at_least
    assert found.high_kcal is None
    assert found.low_kcal <= found.kcal


@pytest.mark.parametrize(
    ("logged", "weighed", "missing"),
    [
        (range(13), ALL, Missing(logged_days=1)),
        (ALL, (0, 5, 10, 20), Missing(weighings=1)),
        (ALL, (0, 1, 2, 3, 13), Missing(span_days=1)),
        ((), (), Missing(logged_days=14, weighings=5, span_days=14)),
    ],
)
def test_too_little_says_how_much_more_it_takes(logged, weighed, missing):
    assert expenditure(eaten(days=logged), weights(days=weighed)) == missing


def test_just_enough_is_enough():
    assert isinstance(expenditure(eaten(days=range(14)), weights(days=(0, 3, 7, 11, 14))), Expenditure)


def test_what_is_missing_is_said_in_words():
    assert sentence_of(Missing(logged_days=5, weighings=1)) == (
        "Your diary can tell what you really spend a day. For that, the last 28 days need 5 more logged days and "
        "a weight on 1 more day."
    )


def test_a_weight_that_food_cannot_explain_is_no_estimate():
    assert expenditure(eaten(2000), weights(change="0.3")) == Missing(implausible=True)


def test_the_window_ends_yesterday():
    assert window(dt.date(2026, 3, 30)) == (dt.date(2026, 3, 2), dt.date(2026, 3, 29))


@given(
    st.integers(1200, 4000),
    st.decimals("-0.1", "0.1", places=3),
    st.lists(st.decimals("-0.5", "0.5", places=2), min_size=28, max_size=28),
)
def test_the_truth_of_a_steady_person_is_found_again(kcal, change, noise):
    """Exactly without noise; with noise the estimate moves by as much as the line through the noise does."""
    clean = expenditure(eaten(kcal), weights(change=change))
    noisy = expenditure(
        eaten(kcal), [(at, kg + off) for (at, kg), off in zip(weights(change=change), noise, strict=True)]
    )

    assert isinstance(clean, Missing) or abs(clean.kcal - (kcal - 7700 * change)) < Decimal("0.001")
    assert isinstance(clean, Missing) or clean.margin_kcal < Decimal("0.001")
    if isinstance(noisy, Expenditure) and isinstance(clean, Expenditure):
        off = 7700 * sum((number - Decimal("13.5")) * each for number, each in zip(ALL, noise, strict=True)) / 1827
        assert abs(noisy.kcal - clean.kcal + off) < Decimal("0.001")
        assert noisy.low_kcal <= noisy.kcal <= (noisy.high_kcal or 0)
