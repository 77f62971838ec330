"""What is likely to be logged now comes first."""

import datetime as dt

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_item, make_meal, make_product, make_recipe, make_user
from tracking.models import Favourite, Meal
from tracking.recents import Logged, recents, scored, untried
from tracking.services.favourites import set_favourite

DAY = dt.date(2026, 3, 2)
MORNING, EVENING = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, 20, tzinfo=dt.UTC)


def entry(what, *, days_ago=1, hour=8.0, meal="breakfast"):
    return Logged(what, 1, DAY - dt.timedelta(days=days_ago), hour, meal)


def order(entries, *, now=MORNING, meal=None):
    scores = scored(entries, now=now, meal=meal)
    return sorted(scores, key=lambda what: -scores[what])


# --- The scores -------------------------------------------------------------------------------------------------
def test_what_is_eaten_often_comes_before_what_is_eaten_once():
    assert order([entry("once"), entry("often", days_ago=2), entry("often", days_ago=3)]) == ["often", "once"]


def test_what_was_eaten_lately_comes_before_what_was_eaten_long_ago():
    assert order([entry("old", days_ago=60), entry("new", days_ago=1)]) == ["new", "old"]


def test_the_hour_decides_between_breakfast_and_dinner():
    entries = [entry("muesli", hour=8), entry("wine", hour=20)]

    assert order(entries, now=MORNING) == ["muesli", "wine"]
    assert order(entries, now=EVENING) == ["wine", "muesli"]


def test_an_hour_before_midnight_is_near_an_hour_after_it():
    now = dt.datetime(2026, 3, 2, 0, 30, tzinfo=dt.UTC)

    assert order([entry("noon", hour=12.0), entry("late", hour=23.5)], now=now) == ["late", "noon"]


def test_the_meal_that_is_added_to_decides_over_the_hour():
    entries = [entry("muesli", hour=8), entry("wine", hour=20, meal="dinner")]

    assert order(entries, now=dt.datetime(2026, 3, 2, 14, tzinfo=dt.UTC), meal="dinner") == ["wine", "muesli"]


@given(
    st.lists(st.builds(entry, st.sampled_from("abc"), days_ago=st.integers(-1, 90), hour=st.floats(0, 24) | st.none())),
    st.sampled_from("abc"),
)
def test_eating_something_once_more_never_makes_it_less_likely(entries, what):
    before = scored(entries, now=MORNING, meal=None)

    after = scored([*entries, entry(what)], now=MORNING, meal=None)

    assert after[what] > before.get(what, 0)
    assert {other: after[other] for other in before if other != what} == {
        other: before[other] for other in before if other != what
    }


# --- The diary --------------------------------------------------------------------------------------------------
def eat(user, *, days_ago=1, meal="breakfast", time=dt.time(8), **changes):
    there, _new = Meal.objects.get_or_create(user=user, day=DAY - dt.timedelta(days=days_ago), name=meal)
    return make_item(there, time=time, **changes)


@pytest.mark.django_db
def test_favourites_come_first_and_each_thing_once_as_it_was_logged_last():
    user, spread, soup = make_user(), make_product(), make_product(barcode="1", name="Soup")
    eat(user, days_ago=3, product=spread, name="Spread", quantity=1, amount=10)
    last = eat(user, days_ago=1, product=spread, name="Spread", quantity=2, amount=20)
    liked = eat(user, days_ago=200, product=soup, name="Soup")
    quick = eat(user, days_ago=80, name="Street food")
    eat(user, days_ago=91, name="Forgotten")
    set_favourite(user, product=soup, on=True)

    found = recents(user, now=MORNING)

    assert [(recent.item.pk, recent.favourite) for recent in found] == [
        (liked.pk, True),
        (last.pk, False),
        (quick.pk, False),
    ]
    last.refresh_from_db()
    assert found[1].kcal == last.totals.get("energy_kcal")


@pytest.mark.django_db
def test_the_time_of_writing_counts_where_no_time_was_said():
    user = make_user(time_zone="Asia/Tokyo")
    for name, hour in (("early", 0), ("late", 12)):  # 9 and 21 o'clock in Tokyo
        eat(user, days_ago=0, time=None, name=name, created_at=MORNING.replace(hour=hour))

    found = recents(user, now=MORNING.replace(hour=13))

    assert [recent.item.name for recent in found] == ["late", "early"]


@pytest.mark.django_db
def test_nobody_sees_what_others_eat():
    eat(make_user(), name="Theirs")

    assert recents(make_user(), now=MORNING) == []


@pytest.mark.django_db
@pytest.mark.parametrize("count", [5, 50])
def test_recents_take_three_queries_however_much_was_eaten(count, django_assert_num_queries):
    user = make_user()
    for number in range(count):
        eat(user, name=f"Food {number}", product=make_product(barcode=str(number)), days_ago=number)
    set_favourite(user, recipe=make_recipe(user), on=True)

    with django_assert_num_queries(3):
        found = recents(user, now=MORNING, limit=50)
        assert [str(recent.item.product) for recent in found] == ["Nut spread"] * count


@pytest.mark.django_db
def test_untried_are_the_favourites_that_this_person_never_logged():
    user, spread, soup, recipe = make_user(), make_product(), make_product(barcode="1"), make_recipe()
    for liked in ({"product": spread}, {"product": soup}, {"recipe": recipe}):
        set_favourite(user, **liked, on=True)
    set_favourite(make_user(), product=make_product(barcode="2"), on=True)
    eat(user, product=spread, days_ago=400)
    eat(make_user(), product=soup)

    assert [(each.product, each.recipe) for each in untried(user)] == [(None, recipe), (soup, None)]


# --- Favourites -------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_favourite_set_twice_is_one_and_taken_back_twice_is_none():
    user, spread = make_user(), make_product()

    first, second = (set_favourite(user, product=spread, on=True) for _time in range(2))
    assert first == second

    for _time in range(2):
        assert set_favourite(user, product=spread, on=False) is None
    assert not Favourite.objects.exists()


@pytest.mark.django_db
def test_a_favourite_is_of_one_thing():
    user = make_user()

    with pytest.raises(ValueError, match="one food or one recipe"):
        set_favourite(user, on=True)


@pytest.mark.django_db
def test_a_meal_of_tomorrow_does_not_upset_anything():
    user = make_user()
    make_item(make_meal(user, day=timezone.now().date() + dt.timedelta(days=1)))

    assert len(recents(user, now=timezone.now())) == 1
