"""From the tables to the figures: the same as by hand, in few queries, however many entries there are."""

import datetime as dt
import tracemalloc
from decimal import Decimal

import pytest
from django.test import Client

from products.nutrients import Nutrients
from tests.factories import (
    make_item,
    make_meal,
    make_product,
    make_profile,
    make_recipe,
    make_target,
    make_token,
    make_user,
)
from tests.tracking.insights.logged import log
from tests.tracking.insights.weeks import DAYS, MONDAY, PLAIN, WEEK, diary, entries
from tracking.insights.figures import figures_of
from tracking.insights.reading import diary_of, entries_of, fingerprint, in_a_row
from tracking.insights.tally import MOST_FOODS
from tracking.models import MealItem, Target, WeightEntry
from tracking.series import ONE_DAY
from tracking.services.insights import compute

pytestmark = pytest.mark.django_db
QUERIES = 7


@pytest.fixture
def user():
    return make_user()


def test_week_in_the_tables_has_the_figures_of_the_week_on_paper(user):
    log(user)
    make_target(user, starts_on=dt.date(2026, 1, 1))

    assert figures_of(diary_of(user, WEEK)) == figures_of(diary(entries(PLAIN), logged_in_a_row=2))


def test_somebody_elses_entries_and_those_of_other_weeks_are_none_of_this_one(user):
    log(user)
    expected = diary_of(user, WEEK).tally
    log(make_user())
    for day in (MONDAY - ONE_DAY, WEEK.sunday + ONE_DAY):
        make_item(make_meal(user, day=day))

    assert diary_of(user, WEEK).tally == expected


def test_days_are_those_of_the_diary_wherever_the_person_is_by_now(user):
    """On Wednesday from Auckland to Honolulu, 23 hours back: what is written stays on the day that it was."""
    user.time_zone = "Pacific/Auckland"
    user.save()
    log(user)
    before = compute(user, WEEK)

    user.time_zone = "Pacific/Honolulu"
    user.save()

    assert compute(user, WEEK) == before
    assert [row["entries"] for row in before["figures"]["days"]] == [2, 2, 2, 2, 0, 2, 2]


def test_averages_are_what_the_charts_say_of_the_same_days(user):
    log(user, PLAIN + "Sat Tea 100 ? ? ? ? ? ? ?\n")
    client = Client(headers={"Authorization": f"Bearer {make_token(user)}"})

    averages = compute(user, WEEK)["figures"]["averages"]

    assert len(averages) == 8
    for average in averages:
        chart = client.get(f"/api/v1/charts/{average['nutrient']}?from=2026-03-02&to=2026-03-08").json()
        assert (chart["mean"], chart["mean_at_least"]) == (average["mean"], average["at_least"])


def test_foods_are_the_same_by_their_id_and_by_their_name_alone(user):
    product, recipe, meal = make_product(), make_recipe(user), make_meal(user)
    make_item(meal, product=product, name="Nut spread")
    make_item(meal, product=product, name="Nut spread, renamed")
    make_item(meal, recipe=recipe, name="Pancakes")
    make_item(meal, name="Canteen")

    found = [entry.food for entry in entries_of(user, WEEK)]

    spread = f"product:{product.uuid}"
    assert found == [spread, spread, f"recipe:{recipe.pk}", "name:Canteen"]


@pytest.mark.parametrize(
    ("profile", "compares"),
    [
        ({}, True),
        ({"birth_date": None}, True),
        ({"birth_date": dt.date(2008, 3, 8)}, True),  # eighteen on that Sunday
        ({"birth_date": dt.date(2008, 3, 9)}, False),
        ({"pregnant_or_breastfeeding": True}, False),
    ],
)
def test_references_are_for_adults_who_are_not_pregnant(user, profile, compares):
    make_profile(user, **profile)

    assert diary_of(user, WEEK).compares is compares


def test_streak_ends_with_the_weeks_last_day(user):
    for back in (0, 1, 2, 4):
        make_item(make_meal(user, day=WEEK.sunday - back * ONE_DAY))
        make_item(make_meal(user, day=WEEK.sunday - back * ONE_DAY, name="dinner"))
    make_item(make_meal(user, day=WEEK.sunday + ONE_DAY))

    assert diary_of(user, WEEK).logged_in_a_row == 3
    assert in_a_row(WEEK.sunday, iter([WEEK.sunday - ONE_DAY])) == 0


# --- What has changed since -------------------------------------------------------------------------------------
def change_amount(user):
    MealItem.objects.filter(name="Apple").update(amount=Decimal(99))


def change_figures(user):
    MealItem.objects.filter(name="Apple").update(figures=Nutrients({"energy_kcal": Decimal(1)}))


def delete_entry(user):
    MealItem.objects.filter(name="Apple").delete()


def log_four_weeks_before(user):
    make_item(make_meal(user, day=WEEK.first_before))


def aim_otherwise(user):
    make_target(user, starts_on=dt.date(2026, 2, 1))


def weigh(user):
    WeightEntry.objects.create(user=user, day=MONDAY, time=dt.time(7), weight_kg=Decimal(80))


def turn_out_to_be_young(user):
    make_profile(user, birth_date=dt.date(2015, 1, 1))


@pytest.mark.parametrize(
    "change",
    [change_amount, change_figures, delete_entry, log_four_weeks_before, aim_otherwise, weigh, turn_out_to_be_young],
    ids=lambda change: change.__name__,
)
def test_whatever_the_figures_rest_on_changes_the_fingerprint(user, change):
    log(user)
    before = fingerprint(user, WEEK)

    change(user)

    assert fingerprint(user, WEEK) != before


def test_what_they_do_not_rest_on_leaves_the_fingerprint(user):
    log(user)
    before = fingerprint(user, WEEK)

    make_item(make_meal(user, day=WEEK.first_before - ONE_DAY))
    make_item(make_meal(user, day=WEEK.sunday + ONE_DAY))
    make_target(user, starts_on=WEEK.sunday + ONE_DAY)
    log(make_user())

    assert fingerprint(user, WEEK) == before


# --- Many -------------------------------------------------------------------------------------------------------
def log_many(user, count):
    """Over five weeks, of many foods."""
    days = [WEEK.first_before + number * ONE_DAY for number in range(35)]
    meals = [make_meal(user, day=day, name=name) for day in days for name in ("breakfast", "dinner")]
    figures = Nutrients({"energy_kcal": Decimal(250), "salt_g": Decimal("0.5"), "fiber_g": Decimal(2)})
    MealItem.objects.bulk_create(
        (
            MealItem(
                meal=meals[number % len(meals)], name=f"Food {number % 3000}", figures=figures,
                quantity=Decimal(10), amount=Decimal(10), time=dt.time(number % 24),
            )
            for number in range(count)
        ),
        batch_size=2000,
    )  # fmt: skip


@pytest.mark.parametrize("count", [5, 50])
def test_as_many_queries_for_fifty_entries_as_for_five(user, count, django_assert_num_queries):
    make_target(user, starts_on=dt.date(2026, 1, 1))
    log_many(user, count)

    with django_assert_num_queries(QUERIES):
        diary_of(user, WEEK)
    with django_assert_num_queries(4):
        fingerprint(user, WEEK)


@pytest.mark.long
def test_fifty_thousand_entries_take_no_more_queries_and_little_memory(user, django_assert_num_queries):
    """Of one week; 25 MB is what a thousand rows and two thousand foods may take, and a fifth of all rows at once."""
    meals = [make_meal(user, day=day) for day in DAYS.values()]
    figures = Nutrients({"energy_kcal": Decimal(250), "salt_g": Decimal("0.5"), "fiber_g": Decimal(2)})
    MealItem.objects.bulk_create(
        (
            MealItem(
                meal=meals[number % 7], name=f"Food {number % 5000}", figures=figures,
                quantity=Decimal(10), amount=Decimal(10),
            )
            for number in range(50_000)
        ),
        batch_size=2000,
    )  # fmt: skip
    compute(user, WEEK)  # what is loaded once

    tracemalloc.start()
    with django_assert_num_queries(QUERIES - 1):  # without a target there are no days of it
        computed = compute(user, WEEK)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (computed["figures"]["entries"], computed["figures"]["averages"][0]["mean"]) == (50_000, 178571.4286)
    assert len(diary_of(user, WEEK).tally.foods) == MOST_FOODS
    assert peak < 25_000_000
    assert Target.objects.count() == 0
