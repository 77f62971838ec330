"""Energy needs, and what is refused because it could harm."""

import datetime as dt
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import energy
from tracking.energy import GAIN, KEEP, LOSE, Person
from tracking.errors import Refused
from tracking.units import Units

WOMAN = Person(sex="female", age=30, height_cm=Decimal(165), weight_kg=Decimal(65), activity="moderate")
MAN = Person(sex="male", age=40, height_cm=Decimal(180), weight_kg=Decimal(85), activity="sedentary")
POUNDS = Units(weight="lb", energy="kJ")

ages = st.integers(18, 90)
heights = st.decimals(140, 210, places=1)
weights = st.decimals(40, 200, places=1)
people = st.builds(
    Person,
    sex=st.sampled_from(["female", "male"]),
    age=ages,
    height_cm=heights,
    weight_kg=weights,
    activity=st.sampled_from(sorted(energy.ACTIVITY_FACTORS)),
    pregnant_or_breastfeeding=st.booleans(),
)
rates = st.decimals("0.01", 2, places=2)


def refusal(call, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    return refused.value.field, refused.value.sentence.replace("\u00a0", " ")


def computed(person, goal, rate):
    found = energy.suggested(person, goal, rate)
    assert found is not None
    return found


# --- Arithmetic -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sex", "weight", "height", "age", "kcal"),
    [
        # 9.99 kg + 6.25 cm - 4.92 years + 166 for men - 161 is the paper's own equation, simplified there to this.
        ("female", 65, 165, 30, "1370.25"),
        ("female", 65, 170, 30, "1401.5"),
        ("male", 70, 175, 25, "1673.75"),
        ("male", 85, 180, 40, "1780"),
    ],
)
def test_resting_energy_is_that_of_worked_examples(sex, weight, height, age, kcal):
    found = energy.resting_kcal(sex=sex, weight_kg=Decimal(weight), height_cm=Decimal(height), age=age)

    assert found == Decimal(kcal)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (dt.date(1995, 6, 15), dt.date(2026, 6, 14), 30),
        (dt.date(1995, 6, 15), dt.date(2026, 6, 15), 31),
        (dt.date(2008, 2, 29), dt.date(2026, 2, 28), 17),
        (dt.date(2008, 2, 29), dt.date(2026, 3, 1), 18),
        (dt.date(2026, 3, 2), dt.date(2026, 3, 2), 0),
    ],
)
def test_age_is_in_whole_years_on_that_day(born, day, age):
    assert energy.age_on(born, day) == age


def test_the_steps_of_a_suggestion_add_up_as_shown():
    found = computed(WOMAN, LOSE, Decimal("0.5"))

    assert found == energy.Suggestion(
        resting_kcal=Decimal(1370),
        activity_factor=Decimal("1.55"),
        need_kcal=Decimal(2120),
        change_kcal=Decimal(-550),
        energy_kcal=Decimal(1570),
    )


def test_a_kilogram_a_week_is_1100_kilocalories_a_day():
    assert energy.change_kcal(Decimal(1)) == 1100
    assert energy.change_rate_kg(Decimal(1100)) == 1


@pytest.mark.parametrize("name", ["sex", "age", "height_cm", "weight_kg", "activity"])
def test_nothing_is_computed_where_something_is_not_known(name):
    unknown: dict[str, Any] = {name: "" if name in {"sex", "activity"} else None}

    person = replace(WOMAN, **unknown)

    assert energy.need_kcal(person) is None
    assert person.missing == ("birth_date" if name == "age" else name,)


def test_nothing_is_computed_for_somebody_who_grows():
    assert energy.need_kcal(replace(WOMAN, age=17)) is None


# --- Who may aim to lose weight ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"age": 17}, "18"),
        ({"age": None}, "date of birth"),
        ({"height_cm": None}, "height"),
        ({"weight_kg": None}, "weight"),
        ({"pregnant_or_breastfeeding": True}, "midwife"),
        ({"weight_kg": Decimal(50)}, "underweight"),
    ],
)
def test_losing_is_refused_with_what_to_do_instead(changes, word):
    field, sentence = refusal(energy.refuse_unsafe_goal, replace(WOMAN, **changes), LOSE, Decimal("0.3"))

    assert field == "goal"
    assert word in sentence


@pytest.mark.parametrize("goal", [KEEP, GAIN])
@pytest.mark.parametrize("changes", [{"age": 17}, {"pregnant_or_breastfeeding": True}, {"weight_kg": Decimal(48)}])
def test_the_same_people_may_keep_or_gain(goal, changes):
    energy.refuse_unsafe_goal(replace(WOMAN, **changes), goal, Decimal("0.3") if goal == GAIN else Decimal(0))


def test_eighteenth_birthday_and_bmi_18_5_are_on_the_allowed_side():
    person = replace(WOMAN, age=18, height_cm=Decimal(200), weight_kg=Decimal(74))

    energy.refuse_unsafe_goal(person, LOSE, Decimal("0.1"))
    assert person.bmi == Decimal("18.5")


# --- How fast, how far ------------------------------------------------------------------------------------------
def test_more_than_one_per_cent_a_week_is_refused_with_the_most():
    refused = refusal(energy.refuse_unsafe_goal, MAN, LOSE, Decimal("0.86"))

    assert refused == ("rate_kg_per_week", "At your weight, at most 0.85 kg a week.")
    energy.refuse_unsafe_goal(MAN, LOSE, Decimal("0.85"))


def test_the_most_is_said_in_the_readers_unit_and_rounded_down():
    refused = refusal(energy.refuse_unsafe_goal, MAN, LOSE, Decimal("0.86"), units=POUNDS)

    assert refused == ("rate_kg_per_week", "At your weight, at most 1.8 lb a week.")


def test_gaining_is_bounded_too():
    refused = refusal(energy.refuse_unsafe_goal, MAN, GAIN, Decimal("0.51"))

    assert refused == ("rate_kg_per_week", "At most 0.5 kg a week: what is gained faster is mostly fat.")


@pytest.mark.parametrize("goal", [LOSE, GAIN])
def test_a_goal_without_a_rate_is_asked_for_it(goal):
    assert refusal(energy.refuse_unsafe_goal, MAN, goal, Decimal(0))[0] == "rate_kg_per_week"


@pytest.mark.parametrize(
    ("goal", "to", "sentence"),
    [
        (LOSE, 50, "For your height, at least 50.4 kg: less is underweight."),
        (LOSE, 65, "You weigh 65.0 kg now: that does not fit the goal."),
        (GAIN, 60, "You weigh 65.0 kg now: that does not fit the goal."),
    ],
)
def test_a_goal_weight_that_does_not_fit_is_refused(goal, to, sentence):
    refused = refusal(energy.refuse_unsafe_goal, WOMAN, goal, Decimal("0.3"), Decimal(to))

    assert refused == ("goal_weight_kg", sentence)


# --- How little -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("sex", "floor"), [("female", 1200), ("male", 1500), ("", 1200)])
def test_a_day_below_the_floor_is_refused(sex, floor):
    person = Person(sex=sex)

    field, sentence = refusal(energy.refuse_low_day, person, Decimal(floor - 1))

    assert field == "energy_kcal"
    assert f"At least {floor:,} kcal a day" in sentence
    energy.refuse_low_day(person, Decimal(floor))


def test_the_floor_is_said_in_kilojoules_to_who_reads_those():
    assert "5,021 kJ" in refusal(energy.refuse_low_day, WOMAN, Decimal(1000), POUNDS)[1]


def test_who_needs_less_than_the_floor_may_keep_their_weight_and_not_lose():
    small = Person(sex="female", age=80, height_cm=Decimal(150), weight_kg=Decimal(45), activity="sedentary")

    energy.refuse_low_day(small, Decimal(1000))
    suggestion = computed(small, LOSE, Decimal("0.2"))
    assert refusal(energy.refuse_low_suggestion, small, suggestion)[0] == "goal"


def test_nobody_aims_for_less_than_800_however_little_the_formula_says():
    tiny = Person(sex="female", age=90, height_cm=Decimal(60), weight_kg=Decimal(10), activity="sedentary")

    assert "At least 800 kcal" in refusal(energy.refuse_low_day, tiny, Decimal(799))[1]


def test_a_computed_energy_below_the_floor_is_refused_with_the_rate_that_is_not():
    woman = replace(WOMAN, activity="sedentary")

    refused = refusal(energy.refuse_low_suggestion, woman, computed(woman, LOSE, Decimal("0.6")))

    assert refused == (
        "rate_kg_per_week",
        "That would leave 980 kcal a day, and 1,200 kcal are the least. At most 0.4 kg a week.",
    )
    energy.refuse_low_suggestion(woman, computed(woman, LOSE, Decimal("0.4")))


def test_an_own_figure_is_held_to_one_per_cent_a_week_as_well():
    runner = replace(MAN, activity="very_active")  # needs 3,380

    refused = refusal(energy.refuse_low_week, runner, [Decimal(2000)] * 7)

    assert "At least 2,440 kcal a day on average" in refused[1]
    energy.refuse_low_week(runner, [Decimal(1600), *[Decimal(2600)] * 6])


@pytest.mark.parametrize(
    ("changes", "word"), [({"pregnant_or_breastfeeding": True}, "pregnancy"), ({"weight_kg": Decimal(50)}, "low")]
)
def test_who_may_not_lose_may_not_eat_less_than_needed_under_another_name(changes, word):
    person = replace(WOMAN, **changes)
    need = computed(person, KEEP, Decimal(0)).need_kcal

    assert word in refusal(energy.refuse_low_week, person, [need - 10] * 7)[1]
    energy.refuse_low_week(person, [need] * 7)


def test_the_diary_counts_where_it_shows_that_somebody_needs_less():
    measured = replace(MAN, measured_kcal=Decimal(1900))  # the formula says 2,140

    energy.refuse_low_week(measured, [Decimal(1500)] * 7)
    assert "1,200 kcal" in refusal(energy.refuse_low_week, replace(MAN, measured_kcal=None), [Decimal(1100)] * 7)[1]


# --- For everybody ----------------------------------------------------------------------------------------------
@given(people, rates)
def test_a_suggestion_that_passes_is_never_below_the_floor_nor_faster_than_one_per_cent(person, rate):
    suggestion = computed(person, LOSE, rate)
    try:
        energy.refuse_unsafe_goal(person, LOSE, rate)
        energy.refuse_low_suggestion(person, suggestion)
    except Refused:
        return

    assert not person.pregnant_or_breastfeeding
    assert person.bmi >= energy.UNDERWEIGHT_BMI
    assert rate <= person.weight_kg / 100
    assert suggestion.energy_kcal >= energy.floor_kcal(person)
    energy.refuse_low_day(person, suggestion.energy_kcal)
    energy.refuse_low_week(person, [suggestion.energy_kcal] * 7)


@given(people, rates, st.sampled_from([LOSE, KEEP, GAIN]))
def test_steps_always_add_up(person, rate, goal):
    found = computed(person, goal, rate)

    assert found.need_kcal + found.change_kcal == found.energy_kcal
    assert abs(found.need_kcal - found.resting_kcal * found.activity_factor) <= 5
    assert abs(found.change_kcal - energy.change_kcal(energy.signed_rate(goal, rate))) <= 5


@given(people)
def test_the_fastest_rate_that_is_offered_is_accepted(person):
    fastest = energy.most_rate_kg(person, LOSE)
    assert fastest is not None
    most = fastest.quantize(Decimal("0.01"), ROUND_DOWN)
    if most < energy.LEAST_RATE_KG or energy.most_loss_kg(person) == 0:
        return

    energy.refuse_unsafe_goal(person, LOSE, most)
    energy.refuse_low_suggestion(person, computed(person, LOSE, most))


@given(people, st.decimals(500, 4000, places=0))
def test_more_energy_is_never_refused_where_less_is_not(person, kcal):
    def passes(value):
        try:
            energy.refuse_low_day(person, value)
            energy.refuse_low_week(person, [value] * 7)
        except Refused:
            return False
        return True

    assert not passes(kcal) or passes(kcal + 100)
