"""Sums of portions: exact, and honest about what is unknown."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from products.nutrients import Nutrients
from tracking.totals import NOTHING, SUMMED, add_up, apportioned, portion, whole

FIGURES = st.dictionaries(
    st.sampled_from(sorted(SUMMED)), st.decimals(min_value=0, max_value=900, places=4, allow_nan=False), max_size=5
)
FACTORS = st.decimals(min_value="0.0001", max_value=999, places=4, allow_nan=False)
PORTIONS = st.lists(st.builds(lambda f, by: portion(Nutrients(f), (), by), FIGURES, FACTORS), max_size=12)


def test_a_portion_has_its_share_of_the_figures_and_no_share_of_a_strength():
    figures = Nutrients({"energy_kcal": Decimal(539), "alcohol_vol": Decimal(5)})

    eaten = portion(figures, (), Decimal("0.3"))

    assert dict(eaten.known) == {"energy_kcal": Decimal("161.7")}


def test_the_sum_of_nothing_is_zero_and_of_something_unknown_is_unknown():
    tea = portion(Nutrients({"energy_kcal": Decimal(1)}), (), Decimal(2))

    assert (NOTHING.get("iron_mg"), NOTHING.at_least("iron_mg")) == (Decimal(0), False)
    assert (tea.get("iron_mg"), tea.at_least("iron_mg")) == (None, True)


def test_a_sum_that_skipped_an_unknown_says_at_least():
    tea = portion(Nutrients({"energy_kcal": Decimal(1)}), (), Decimal(1))
    bread = portion(Nutrients({"energy_kcal": Decimal(250), "fiber_g": Decimal(7)}), (), Decimal(1))

    both = tea + bread

    assert (both.get("energy_kcal"), both.at_least("energy_kcal")) == (Decimal(251), False)
    assert (both.get("fiber_g"), both.at_least("fiber_g")) == (Decimal(7), True)


def test_what_is_the_least_in_a_recipe_is_the_least_in_the_sum():
    stew = portion(Nutrients({"fiber_g": Decimal(3)}), ["fiber_g"], Decimal(1))

    assert (stew.get("fiber_g"), stew.at_least("fiber_g")) == (Decimal(3), True)


@given(PORTIONS, st.integers(min_value=0, max_value=12))
def test_the_sum_is_the_same_however_the_parts_are_grouped(parts, cut):
    grouped = add_up(parts[:cut]) + add_up(parts[cut:])
    backwards = add_up(reversed(parts))

    assert grouped == backwards == add_up(parts)


@given(st.lists(st.none() | st.decimals(min_value=0, max_value=9999, places=4, allow_nan=False), max_size=30))
def test_shown_parts_add_up_to_the_shown_total_and_none_is_a_whole_kilocalorie_off(parts):
    exact = sum((part for part in parts if part is not None), Decimal(0))

    shown = apportioned(parts, whole(exact))

    assert sum(each for each in shown if each is not None) == whole(exact)
    for part, each in zip(parts, shown, strict=True):
        assert (part is None and each is None) or (each is not None and abs(each - part) < 1)
