"""Weeks made by hand, with the figures that were worked out on paper before."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.insights.weeks import COLUMNS, DAYS, MONDAY, PLAIN, day_of, diary, entries, entry
from tracking.insights.figures import Adherence, MealShare, Part, Streaks, figures_of
from tracking.insights.tally import MOST_FOODS, Tally
from tracking.insights.telling import told
from tracking.series import ONE_DAY, Mean
from tracking.targets import DayTarget
from tracking.trend import Weighing, trended


def figures(found=(), **changes):
    return figures_of(diary(found, **changes))


def shown(value):
    return None if value is None else round(value, 4)


# --- A plain week -----------------------------------------------------------------------------------------------
def test_averages_are_those_of_the_logged_days():
    """The means under PLAIN. Energy: 2016.67 − 2000; protein: 73.33 − 100."""
    found = figures(entries(PLAIN))

    assert (found.logged, found.entries) == (6, 12)
    assert [(each.nutrient, shown(each.mean), each.at_least, each.days) for each in found.averages] == [
        ("energy_kcal", Decimal("2016.6667"), False, 6),
        ("fat_g", Decimal(57), False, 6),
        ("saturated_fat_g", Decimal("21.6667"), False, 6),
        ("carbohydrates_g", Decimal(250), False, 6),
        ("sugars_g", Decimal("46.3333"), False, 6),
        ("fiber_g", Decimal("18.3333"), False, 6),
        ("protein_g", Decimal("73.3333"), False, 6),
        ("salt_g", Decimal(8), False, 6),
    ]
    assert [(each.nutrient, each.target, shown(each.off)) for each in found.averages if each.target] == [
        ("energy_kcal", Decimal(2000), Decimal("16.6667")),
        ("protein_g", Decimal(100), Decimal("-26.6667")),
    ]


def test_each_day_stands_somewhere_to_its_own_target():
    """A tenth of 2000 kcal is 200: Tuesday and Wednesday are just near. Protein is met from 90 g on, and above."""
    found = figures(entries(PLAIN))

    assert [(row.day, row.entries, *(each.stands for each in row.figures)) for row in found.days] == [
        (DAYS["Mon"], 2, "near", "below"),
        (DAYS["Tue"], 2, "near", "below"),
        (DAYS["Wed"], 2, "near", "near"),
        (DAYS["Thu"], 2, "above", "below"),
        (DAYS["Fri"], 0, "", ""),
        (DAYS["Sat"], 2, "below", "below"),
        (DAYS["Sun"], 2, "near", "near"),
    ]
    assert found.adherence == (Adherence("energy_kcal", 4, 6, 0), Adherence("protein_g", 2, 6, 0))


def test_sources_are_the_foods_that_gave_most_with_their_share():
    """Salt: soup 24, bread 18, cheese 6 of 48 g."""
    found = {source.nutrient: source for source in figures(entries(PLAIN)).sources}

    assert list(found) == ["energy_kcal", "sugars_g", "salt_g", "saturated_fat_g"]
    assert found["salt_g"].total == 48
    assert found["salt_g"].parts == (
        Part("name:Soup", "Soup", "", Decimal(24), False, Decimal("0.5"), 2, 2),
        Part("name:Bread", "Bread", "", Decimal(18), False, Decimal("0.375"), 6, 6),
        Part("name:Cheese", "Cheese", "", Decimal(6), False, Decimal("0.125"), 1, 1),
    )
    assert [part.name for part in found["energy_kcal"].parts] == ["Bread", "Soup", "Cake", "Cheese", "Stew"]
    assert [part.name for part in found["sugars_g"].parts] == ["Cake", "Apple", "Bread", "Soup", "Stew"]


def test_means_stand_somewhere_to_the_reference_intakes():
    """Salt 8 > 6.6; saturated fat 21.67 ≤ 22; sugars 46.33 ≤ 99; fibre 18.33 < 22.5; protein 73.33 ≥ 45."""
    found = figures(entries(PLAIN)).compared

    assert [(each.nutrient, each.stands, each.coverage) for each in found] == [
        ("saturated_fat_g", "within", 1),
        ("sugars_g", "within", 1),
        ("salt_g", "over", 1),
        ("fiber_g", "short", 1),
        ("protein_g", "enough", 1),
    ]


def test_nobody_is_measured_by_references_that_are_not_theirs():
    found = figures(entries(PLAIN), compares=False)

    assert found.compared == ()
    assert {average.reference for average in found.averages} == {None}


# --- What is not known ------------------------------------------------------------------------------------------
def test_unknown_figures_are_at_least_and_leave_open_what_they_leave_open():
    """Energy of 1000 + 600 a day; of the 600 nothing else is declared: 1000/1600 = 62.5 % of the energy is covered.

    Salt is 8 g at least, over the 6.6 whatever else; fibre is 10 g at least, and may be enough; sugars may be too much.
    """
    rows = "".join(f"{day} Toast 1000 50 20 5 100 20 10 8\n{day} Curry 600 ? ? ? ? ? ? ?\n" for day in ("Mon", "Tue"))
    found = figures(entries(rows))

    averages = {each.nutrient: each for each in found.averages}
    assert (averages["energy_kcal"].mean, averages["energy_kcal"].at_least) == (1600, False)
    assert (averages["salt_g"].mean, averages["salt_g"].at_least) == (8, True)
    assert [(each.nutrient, each.stands, each.coverage) for each in found.compared] == [
        ("saturated_fat_g", "open", Decimal("0.625")),
        ("sugars_g", "open", Decimal("0.625")),
        ("salt_g", "over", Decimal("0.625")),
        ("fiber_g", "open", Decimal("0.625")),
        ("protein_g", "enough", Decimal("0.625")),
    ]


def test_day_with_unknown_energy_is_judged_only_where_more_would_not_change_it():
    """Target 2000. Monday 1900 and something: may be near or above. Tuesday 2300 and something: above for certain."""
    found = figures([
        entry("Mon", energy_kcal=1900), entry("Mon", "Tea"), entry("Tue", energy_kcal=2300), entry("Tue", "Tea"),
        entry("Wed", energy_kcal=2000), entry("Thu", "Tea"),
    ])  # fmt: skip

    energy = [row.figures[0] for row in found.days]
    assert [(each.value, each.at_least, each.stands, each.met) for each in energy[:5]] == [
        (1900, True, "", None),
        (2300, True, "above", False),
        (2000, False, "near", True),
        (None, True, "", None),
        (None, False, "", None),
    ]
    assert found.adherence[0] == Adherence("energy_kcal", 1, 2, 2)
    assert (found.averages[0].mean, found.averages[0].days) == (Decimal(6200) / 3, 3)


def test_protein_is_met_above_its_target_also_where_there_may_be_more():
    aim = DayTarget(Decimal(2000), protein_g=Decimal(100))
    found = figures(
        [entry("Mon", energy_kcal=1, protein_g=150), entry("Tue", energy_kcal=1, protein_g=95), entry("Tue", "Tea")],
        aim=aim,
    )

    assert [(each.stands, each.met) for each in (found.days[0].figures[1], found.days[1].figures[1])] == [
        ("above", True),
        ("", True),
    ]


def test_empty_week_has_no_figures():
    found = figures()

    assert (found.logged, found.entries, found.enough) == (0, 0, False)
    assert (found.averages, found.adherence, found.sources, found.compared, found.changes) == ((), (), (), (), ())
    assert (found.meals, found.hours, found.weight, found.streaks) == ((), None, None, Streaks(0, 0))
    assert [row.entries for row in found.days] == [0] * 7


# --- Before, weekdays, hours ------------------------------------------------------------------------------------
def before(kcal_by_day, **figures):
    """Days counted back from the Monday: 1 is the Sunday before."""
    return {MONDAY - back * ONE_DAY: day_of(kcal, **figures) for back, kcal in kcal_by_day.items()}


def test_week_is_compared_with_the_one_before_and_the_four_before():
    """The week: 2016.67. Last week 4 × 1800; four weeks: (4·1800 + 12·2200)/16 = 2100."""
    days = before({1: 1800, 2: 1800, 3: 1800, 4: 1800, **dict.fromkeys(range(10, 22), 2200)})

    energy = figures(entries(PLAIN), before=days).changes[0]

    assert (energy.nutrient, energy.last_week, energy.four_weeks) == (
        "energy_kcal",
        Mean(Decimal(1800), False, 4),
        Mean(Decimal(2100), False, 16),
    )


@pytest.mark.parametrize(
    ("days", "last_week", "four_weeks"),
    [({1, 2, 3}, None, None), ({1, 2, 3, 7}, 4, None), (set(range(8, 24)), None, 16), (set(range(8, 23)), None, None)],
)
def test_weeks_with_few_days_are_not_compared_with(days, last_week, four_weeks):
    energy = figures(entries(PLAIN), before=before(dict.fromkeys(days, 1800))).changes[0]

    assert energy.last_week == (last_week and Mean(Decimal(1800), False, last_week))
    assert energy.four_weeks == (four_weeks and Mean(Decimal(1800), False, four_weeks))


def test_weekdays_are_averages_of_five_weeks():
    """Four weeks of 1000 + 100·weekday, then PLAIN. Mondays: (4·1000 + 2000)/5 = 1200; Fridays 1400 of four.

    Weekends: (4·1500 + 4·1600 + 1500 + 2000)/10 = 1590. Other days: (4·6000 + 8600)/24 = 1358.33.
    """
    days = before({back: 1000 + 100 * (MONDAY - back * ONE_DAY).weekday() for back in range(1, 29)})

    found = figures(entries(PLAIN), before=days).weekdays

    assert (found.means[0], found.means[4]) == (Mean(Decimal(1200), False, 5), Mean(Decimal(1400), False, 4))
    assert (found.weekend, found.workdays) == (Mean(Decimal(1590), False, 10), Mean(Decimal(32600) / 24, False, 24))


def test_weekdays_of_one_week_say_nothing():
    found = figures(entries(PLAIN)).weekdays

    assert (found.means, found.weekend, found.workdays) == ({}, None, None)


def test_meals_and_hours_share_the_energy_out():
    """1000 in all: 800 with a time, of which 700 between 18 and 21 (87.5 %)."""
    found = figures([
        entry(meal="dinner", time=dt.time(18, 30), energy_kcal=300),
        entry(meal="dinner", time=dt.time(20, 59), energy_kcal=400),
        entry(meal="breakfast", time=dt.time(7, 5), energy_kcal=100), entry(meal="snacks", energy_kcal=200),
        entry(meal="snacks", time=dt.time(23, 0)),
    ])  # fmt: skip

    assert found.meals == (
        MealShare("dinner", Decimal(700), False, Decimal("0.7")),
        MealShare("snacks", Decimal(200), True, Decimal("0.2")),
        MealShare("breakfast", Decimal(100), False, Decimal("0.1")),
    )
    hours = found.hours
    assert hours is not None
    assert hours.energy_kcal == {7: 100, 18: 300, 20: 400}
    assert (hours.timed, hours.busiest_from, hours.busiest_until, hours.busiest_share) == (
        Decimal("0.8"), 18, 21, Decimal("0.875"),
    )  # fmt: skip


# --- Weight and streaks -----------------------------------------------------------------------------------------
def weighed(*kg_by_day):
    return trended(
        Weighing(dt.datetime.combine(MONDAY + day * ONE_DAY, dt.time(7)), Decimal(kg)) for day, kg in kg_by_day
    )


def test_weight_is_where_the_trend_stood_and_how_far_it_came_in_a_week():
    """80 on the Sunday before, 79 on Sunday: after seven days e^(−7/9.4912) = 0.4783 of the old trend is left.

    0.4783 · 80 + 0.5217 · 79 = 79.4783; that is 0.5217 less.
    """
    found = figures(weighings=weighed((-1, "80"), (6, "79"))).weight

    assert found is not None
    assert (shown(found.trend_kg), shown(found.change_kg)) == (Decimal("79.4783"), Decimal("-0.5217"))
    assert (found.weighings, found.pace_kg_per_week, len(found.points)) == (1, None, 2)


def test_week_without_a_weight_has_no_trend():
    assert figures(weighings=weighed((-1, "80"))).weight is None


def test_days_near_the_target_in_a_row_end_with_the_last_day():
    """Sunday 2000, Saturday 1950, Friday 1900, and Thursday 2600."""
    rows = [("Thu", 2600), ("Fri", 1900), ("Sat", 1950), ("Sun", 2000)]

    found = figures([entry(day, energy_kcal=kcal) for day, kcal in rows], logged_in_a_row=4)

    assert found.streaks == Streaks(4, 3)


def test_days_near_the_target_in_a_row_reach_back_into_the_weeks_before():
    days = before(dict.fromkeys(range(1, 5), 2000))

    found = figures([entry(day, energy_kcal=2000) for day in DAYS], before=days)

    assert found.streaks.near_target == 7 + 4


# --- Whatever the diary -----------------------------------------------------------------------------------------
amounts = st.one_of(st.none(), st.integers(0, 3000))
some_entries = st.lists(
    st.builds(
        lambda day, food, meal, hour, values: entry(
            day, food, meal=meal, time=None if hour is None else dt.time(hour),
            **{key: value for key, value in zip(COLUMNS, values, strict=True) if value is not None},
        ),
        st.sampled_from(list(DAYS)),
        st.sampled_from(["Bread", "Soup", "Tea", "Apple"]),
        st.sampled_from(["breakfast", "dinner"]),
        st.one_of(st.none(), st.integers(0, 23)),
        st.tuples(*[amounts] * len(COLUMNS)),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=25)
@given(some_entries, st.randoms())
def test_the_order_of_the_entries_changes_nothing(found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)

    assert told(diary(shuffled)).kept() == told(diary(found)).kept()


@settings(max_examples=40)
@given(some_entries)
def test_figures_hold_together(found):
    week = figures(found)

    for average in week.averages:
        values = [row.eaten.known.get(average.nutrient, 0) for row in found]
        total = sum(values)
        assert abs(average.mean * average.days - total) < Decimal("1e-9")
    for adherence in week.adherence:
        assert 0 <= adherence.met <= adherence.judged
        assert adherence.judged + adherence.open <= week.logged
    for source in week.sources:
        assert sum(part.share for part in source.parts) <= Decimal("1.0001")
        assert [part.amount for part in source.parts] == sorted((p.amount for p in source.parts), reverse=True)
    for compared in week.compared:
        assert 0 <= compared.coverage <= 1
    if week.meals:
        assert abs(sum(meal.share for meal in week.meals) - 1) < Decimal("1e-9")


@settings(max_examples=40)
@given(some_entries, st.sampled_from(list(DAYS)))
def test_something_of_which_nothing_is_known_never_makes_a_shortage(found, day):
    """It may have had everything."""
    before = {each.nutrient: each.stands for each in figures(found).compared}
    after = {each.nutrient: each.stands for each in figures([*found, entry(day, "Mystery", energy_kcal=500)]).compared}

    assert not {key for key, stands in after.items() if stands == "short" and before.get(key) != "short"}


def test_of_very_many_foods_the_first_are_named_and_all_count():
    tally = Tally()
    for number in range(MOST_FOODS + 500):
        tally.add(entry("Mon", f"Food {number}", energy_kcal=1))

    assert (len(tally.foods), tally.energy, tally.entries[DAYS["Mon"]]) == (MOST_FOODS, Decimal(2500), 2500)


def test_the_target_of_each_day_is_its_own():
    """1800 of 2000 is 200 below, 1800 of 1500 is 300 above: 50 above on average, of a mean target of 1750."""
    targets = {DAYS["Mon"]: DayTarget(Decimal(2000)), DAYS["Tue"]: DayTarget(Decimal(1500))}
    found = figures([entry(day, energy_kcal=1800) for day in ("Mon", "Tue", "Wed")], targets=targets)

    energy = found.averages[0]
    assert (energy.mean, energy.days, energy.target, energy.off, energy.target_days) == (1800, 3, 1750, 50, 2)
    assert found.adherence == (Adherence("energy_kcal", 1, 2, 0),)
