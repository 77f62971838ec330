"""What a person aims for: kept, judged by its own day, and refused where it could harm or cannot be."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_item, make_meal, make_profile, make_user
from tracking.errors import Refused
from tracking.expenditure import Expenditure, Missing
from tracking.models import Profile, Target, TargetDay, WeightEntry
from tracking.models.targets import MacroUnit
from tracking.needs import expenditure_of, weight_on
from tracking.services import targets as services
from tracking.services.targets import OtherDay, set_target
from tracking.summaries import day_of
from tracking.targets import KCAL_PER_G, MACROS, DayPlan, DayTarget, Macro, refuse_impossible, targets_between

MONDAY = dt.date(2026, 3, 2)
WEEK = [MONDAY + dt.timedelta(days=number) for number in range(7)]
PERCENT, PER_KG = MacroUnit.PERCENT, MacroUnit.PER_KG


def weigh(user, kg=65, day=MONDAY, time=dt.time(7)):
    return WeightEntry.objects.create(user=user, day=day, time=time, weight_kg=Decimal(kg))


def make_person(**changes):
    """The woman of the factories, of 65 kg: she needs 2,120 kcal."""
    user = make_user()
    make_profile(user, **changes)
    weigh(user)
    return user


def set_on(user, day=MONDAY, **values):
    return set_target(user, starts_on=day, today=day, **values)


def refusal(user, **values):
    before = list(TargetDay.objects.order_by("pk").values())
    with pytest.raises(Refused) as refused:
        set_on(user, **values)
    assert list(TargetDay.objects.order_by("pk").values()) == before
    return refused.value.field, refused.value.sentence.replace("\u00a0", " ")


def macros(**said):
    return {name: Macro(Decimal(str(value)), unit) for name, (value, unit) in said.items()}


# --- Setting ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_target_without_a_figure_is_computed_for_all_seven_days():
    user = make_person()

    target = set_on(user, goal="lose", rate_kg_per_week=Decimal("0.5"), goal_weight_kg=Decimal(60))

    assert (target.goal, target.rate_kg_per_week, target.goal_weight_kg) == ("lose", Decimal("0.5"), 60)
    assert target.weight_kg is None
    assert targets_between(user, WEEK[0], WEEK[-1]) == dict.fromkeys(WEEK, DayTarget(Decimal(1570)))


@pytest.mark.django_db
def test_grams_per_cent_and_grams_per_kg_become_grams():
    user = make_person()
    said = macros(protein=(1.6, PER_KG), fat=(30, PERCENT), carbohydrates=(200, MacroUnit.GRAM))

    target = set_on(user, energy_kcal=Decimal(2000), macros=said)

    assert target.weight_kg == 65
    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(
        Decimal(2000), Decimal(104), Decimal("66.6667"), Decimal(200)
    )


@pytest.mark.django_db
def test_grams_per_kg_stay_what_they_were_when_the_weight_changes():
    user = make_person()
    set_on(user, energy_kcal=Decimal(2000), macros=macros(protein=(2, PER_KG)))

    weigh(user, 70, MONDAY + dt.timedelta(days=1))

    assert targets_between(user, WEEK[2], WEEK[2])[WEEK[2]].protein_g == 130


@pytest.mark.django_db
def test_weekdays_may_differ_in_energy_and_in_single_macros():
    user = make_person()
    usual = macros(protein=(100, MacroUnit.GRAM), fat=(30, PERCENT))
    training = OtherDay(Decimal(2400), macros(carbohydrates=(300, MacroUnit.GRAM)))

    set_on(user, energy_kcal=Decimal(1800), macros=usual, other_days={2: training, 5: OtherDay(Decimal(2100))})

    found = targets_between(user, WEEK[0], WEEK[-1])
    plain = DayTarget(Decimal(1800), Decimal(100), Decimal(60))
    assert found == {
        **dict.fromkeys(WEEK, plain),
        WEEK[2]: DayTarget(Decimal(2400), Decimal(100), Decimal(80), Decimal(300)),
        WEEK[5]: DayTarget(Decimal(2100), Decimal(100), Decimal(70)),
    }


@pytest.mark.django_db
def test_an_old_day_is_judged_by_its_own_target():
    user = make_person()
    make_item(make_meal(user, day=MONDAY))
    set_on(user, energy_kcal=Decimal(2000))
    judged = day_of(user, MONDAY)

    set_on(user, MONDAY + dt.timedelta(days=7), energy_kcal=Decimal(1700))

    assert day_of(user, MONDAY) == judged
    assert judged.target == DayTarget(Decimal(2000))
    assert day_of(user, WEEK[6]).target == DayTarget(Decimal(2000))
    assert day_of(user, MONDAY + dt.timedelta(days=7)).target == DayTarget(Decimal(1700))
    assert day_of(user, MONDAY - dt.timedelta(days=1)).target is None


@pytest.mark.django_db
def test_a_target_of_the_same_day_is_replaced_with_all_its_days():
    user = make_person()
    first = set_on(user, energy_kcal=Decimal(2000), macros=macros(protein=(100, MacroUnit.GRAM)))

    second = set_on(user, energy_kcal=Decimal(1900))

    assert second.pk == first.pk
    assert TargetDay.objects.count() == 7
    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(Decimal(1900))


@pytest.mark.django_db
def test_two_people_have_a_target_each():
    one, other = make_person(), make_person()
    set_on(one, energy_kcal=Decimal(2000))
    set_on(other, energy_kcal=Decimal(1900))

    assert targets_between(one, MONDAY, MONDAY)[MONDAY].energy_kcal == 2000


@pytest.mark.django_db
def test_more_decimals_than_are_kept_are_rounded_before_they_are_judged():
    user = make_person()

    set_on(user, energy_kcal=Decimal("2000.06"), macros=macros(protein=("1.6049", PER_KG)))

    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(Decimal("2000.1"), Decimal(104))


@pytest.mark.django_db
def test_an_own_figure_needs_no_profile():
    user = make_user()

    set_on(user, energy_kcal=Decimal("1800.04"))

    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(Decimal("1800.0"))


# --- Refused ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "field", "word"),
    [
        ({"energy_kcal": Decimal(1199)}, "energy_kcal", "At least 1,200 kcal a day"),
        ({"energy_kcal": Decimal(1300)}, "energy_kcal", "At least 1,400 kcal a day on average"),
        ({"energy_kcal": Decimal(0)}, "energy_kcal", "At least 1,200 kcal a day"),
        ({"energy_kcal": Decimal(30_000)}, "energy_kcal", "Nobody eats that much"),
        ({"energy_kcal": Decimal(2000), "other_days": {0: OtherDay(Decimal(900))}}, "days.energy_kcal", "1,200"),
        (
            {"energy_kcal": Decimal(1400), "other_days": {0: OtherDay(Decimal(1300))}},
            "days.energy_kcal",
            "At least 1,400 kcal a day on average",
        ),
        ({"goal": "lose", "rate_kg_per_week": Decimal("0.7")}, "rate_kg_per_week", "at most 0.65 kg a week"),
        ({"goal": "lose"}, "rate_kg_per_week", "how fast"),
        ({"goal": "gain", "rate_kg_per_week": Decimal(1)}, "rate_kg_per_week", "At most 0.5 kg"),
        (
            {"goal": "gain", "rate_kg_per_week": Decimal("0.2"), "goal_weight_kg": Decimal(900)},
            "goal_weight_kg",
            "Nobody weighs that",
        ),
        ({"day": dt.date(1899, 12, 31)}, "starts_on", "between 1900 and 2200"),
    ],
)
def test_what_could_harm_or_cannot_be_is_refused_beside_its_field(values, field, word):
    found = refusal(make_person(), **values)

    assert found[0] == field
    assert word in found[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"birth_date": dt.date(2010, 1, 1)}, "18"),
        ({"pregnant_or_breastfeeding": True}, "pregnancy"),
        ({"height_cm": Decimal(190)}, "underweight"),
        ({"height_cm": None}, "must be known"),
    ],
)
def test_who_may_not_lose_weight_is_refused_that_goal(changes, word):
    user = make_person(**changes)

    field, sentence = refusal(user, goal="lose", rate_kg_per_week=Decimal("0.2"), energy_kcal=Decimal(2000))

    assert field == "goal"
    assert word in sentence


@pytest.mark.django_db
def test_nothing_to_compute_from_asks_for_a_figure():
    assert refusal(make_user())[0] == "energy_kcal"


@pytest.mark.parametrize(
    ("said", "field", "word"),
    [
        (macros(protein=(40, PERCENT), fat=(40, PERCENT), carbohydrates=(30, PERCENT)), "protein", "110 %"),
        (macros(fat=(80, PERCENT), carbohydrates=(30.5, PERCENT)), "fat", "110.5 %"),
        (macros(protein=(200, "g"), fat=(100, "g"), carbohydrates=(80, "g")), "protein", "2,020 kcal"),
        (macros(protein=(4, PER_KG), fat=(60, PERCENT)), "protein", "2,240 kcal"),
    ],
)
def test_macros_that_exceed_the_energy_are_refused(said, field, word):
    with pytest.raises(Refused) as refused:
        refuse_impossible(DayPlan(Decimal(2000), said), Decimal(65))

    assert refused.value.field == field
    assert word in refused.value.sentence.replace("\u00a0", " ")


@pytest.mark.parametrize(
    "said",
    [
        macros(protein=(30, PERCENT), fat=(30, PERCENT), carbohydrates=(40, PERCENT)),
        macros(protein=(33.3, PERCENT), fat=(33.3, PERCENT), carbohydrates=(33.4, PERCENT)),
        macros(protein=(151, "g"), fat=(67, "g"), carbohydrates=(200, "g")),  # 2,007: each was rounded up
        macros(protein=(0, "g")),
        {},
    ],
)
def test_macros_that_fit_within_rounding_are_accepted(said):
    refuse_impossible(DayPlan(Decimal(2000), said), Decimal(65))


@pytest.mark.django_db
def test_grams_per_kg_need_a_weight():
    user = make_user()

    field, sentence = refusal(user, energy_kcal=Decimal(2000), macros=macros(protein=(2, PER_KG)))

    assert (field, "weight" in sentence) == ("protein", True)


@given(
    st.decimals(1200, 5000, places=0),
    st.lists(st.decimals(0, 60, places=1), min_size=3, max_size=3),
    st.decimals(40, 150, places=1),
)
def test_per_cents_that_pass_never_exceed_the_energy(kcal, shares, kg):
    plan = DayPlan(kcal, macros(**{name: (share, PERCENT) for name, share in zip(MACROS, shares, strict=True)}))
    try:
        refuse_impossible(plan, kg)
    except Refused:
        assert sum(shares) > 100
        return

    day = plan.resolved(kg)
    assert sum(shares) <= 100
    spent = sum((day.get(f"{name}_g") or 0) * energy for name, energy in KCAL_PER_G.items())
    assert spent <= kcal + Decimal("0.01")


# --- Profile ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_profile_is_made_once():
    user = make_user()

    assert services.profile_of(user) == services.profile_of(user)
    assert Profile.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"birth_date": MONDAY + dt.timedelta(days=1)}, "birth_date"),
        ({"birth_date": dt.date(1890, 1, 1)}, "birth_date"),
        ({"height_cm": Decimal(30)}, "height_cm"),
        ({"height_cm": Decimal(300)}, "height_cm"),
    ],
)
def test_a_body_nobody_has_is_refused_and_nothing_is_written(changes, field):
    user = make_user()

    with pytest.raises(Refused) as refused:
        services.save_profile(user, {"sex": "male", **changes}, today=MONDAY)

    assert refused.value.field == field
    assert services.profile_of(user).sex == ""


# --- What is known of a person ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_weight_of_a_day_is_the_last_before_it_else_the_first_after():
    user = make_user()
    weigh(user, 70, WEEK[2])
    weigh(user, 71, WEEK[2], dt.time(20))
    weigh(user, 69, WEEK[5])

    assert [weight_on(user, day) for day in (WEEK[0], WEEK[2], WEEK[4], WEEK[6])] == [70, 71, 71, 69]
    assert weight_on(make_user(), MONDAY) is None


@pytest.mark.django_db
def test_expenditure_reads_logged_days_and_weights_of_four_weeks():
    user, today = make_user(), MONDAY + dt.timedelta(days=28)
    for number in range(-3, 29):  # before the window, and today, is more
        day = MONDAY + dt.timedelta(days=number)
        much = Decimal(400) if 0 <= number < 28 else Decimal(4000)
        make_item(make_meal(user, day=day), quantity=much, amount=much)
        weigh(user, 80 if 0 <= number < 28 else 120, day)

    found = expenditure_of(user, today)

    assert isinstance(found, Expenditure)
    assert (found.kcal, found.margin_kcal, found.logged_days, found.weighings) == (Decimal(2156), Decimal(0), 28, 28)


@pytest.mark.django_db
def test_a_day_of_nothing_declared_is_not_logged_and_one_of_half_is_at_least():
    user, today = make_user(), MONDAY + dt.timedelta(days=28)
    for number in range(14):
        weigh(user, 80, MONDAY + dt.timedelta(days=number))
        make_item(make_meal(user, day=MONDAY + dt.timedelta(days=number)))
    weigh(user, 80, MONDAY + dt.timedelta(days=14))
    make_item(make_meal(user, day=MONDAY, name="lunch"), figures={})
    make_item(make_meal(user, day=MONDAY + dt.timedelta(days=20)), figures={})

    found = expenditure_of(user, today)

    assert isinstance(found, Expenditure)
    assert (found.logged_days, found.at_least) == (14, True)
    assert expenditure_of(make_user(), today) == Missing(14, 5, 14)


@pytest.mark.django_db
def test_deleting_a_target_gives_its_days_to_the_one_before():
    user = make_person()
    set_on(user, energy_kcal=Decimal(2000))
    later = set_on(user, WEEK[3], energy_kcal=Decimal(1800))

    later.delete()

    assert targets_between(user, WEEK[5], WEEK[5])[WEEK[5]] == DayTarget(Decimal(2000))
    assert Target.objects.count() == 1
