"""Writing the diary: what is logged, changed, copied, deleted and undone."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from products.foods import Food
from products.models import Product
from tests.factories import make_item, make_meal, make_product, make_user
from tracking.errors import Refused
from tracking.models import Meal, MealItem
from tracking.services import diary
from tracking.summaries import changed_since, day_of

pytestmark = pytest.mark.django_db
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def seen(product, user):
    return Food(Product.objects.corrected_for(user).get(pk=product.pk), ("en",), timezone.now())


def rows():
    return list(MealItem.objects.order_by("pk").values())


def test_a_serving_is_logged_with_its_size_and_the_figures_of_today():
    user, spread = make_user(), make_product()

    done = diary.log(user, MONDAY, "Breakfast", [diary.of_food(seen(spread, user), Decimal(2), "1 spoon (15 g)")])

    (item,) = done.items
    assert (item.meal.name, item.quantity, item.serving, item.amount) == ("breakfast", 2, "1 spoon (15 g)", 30)
    assert day_of(user, MONDAY).totals.get("energy_kcal") == Decimal("161.7")


def test_a_food_that_changes_later_leaves_the_diary_as_it_was_until_asked():
    user, spread = make_user(), make_product()
    diary.log(user, MONDAY, "breakfast", [diary.of_food(seen(spread, user), Decimal(100))])
    spread.per_100 = spread.per_100.overlaid({"energy_kcal": Decimal(600)})
    spread.save()

    day = day_of(user, MONDAY)
    changed = changed_since(day.items[0])

    assert day.totals.get("energy_kcal") == 539
    assert changed is not None
    assert changed.per_100["energy_kcal"] == 600
    diary.use_present_figures(day.items[0], changed)
    assert day_of(user, MONDAY).totals.get("energy_kcal") == 600


@pytest.mark.parametrize("quantity", ["0", "0.001", "-1", "100000"])
def test_an_amount_nobody_eats_is_refused_and_nothing_is_written(quantity):
    user, spread = make_user(), make_product()

    with pytest.raises(Refused):
        diary.log(user, MONDAY, "lunch", [diary.of_food(seen(spread, user), Decimal(quantity))])

    assert not Meal.objects.exists()


def test_half_as_many_of_the_same_serving_is_half_the_amount():
    item = make_item(quantity=Decimal(2), serving="1 slice (30 g)", amount=Decimal(60))

    diary.change(item, {"quantity": Decimal(1)})

    item.refresh_from_db()
    assert (item.quantity, item.serving, item.amount) == (1, "1 slice (30 g)", 30)


def test_every_action_is_undone_to_the_last_column():
    meal = make_meal()
    make_item(meal)
    item, before = make_item(meal, time=dt.time(8, 30), quantity=Decimal("0.3333")), rows()
    other = make_item(make_meal(meal.user, day=TUESDAY), name="Tea")
    there = rows()

    for action in (
        lambda: diary.change(item, {"quantity": Decimal(5), "time": None}),
        lambda: diary.change(item, {"day": TUESDAY, "meal": "Second breakfast"}),
        lambda: diary.delete([item, other]),
        lambda: diary.copy([item], to_day=TUESDAY),
        lambda: diary.log(meal.user, MONDAY, "snacks", [diary.quick_add("", {"energy_kcal": Decimal(90)})]),
    ):
        done = action()
        assert done.undo
        assert rows() != there
        diary.undo(meal.user, done.undo.pk, now=timezone.now())
        assert rows() == there
    assert before == there[:2]


def test_somebody_elses_action_cannot_be_undone():
    item = make_item()
    done = diary.delete([item])
    assert done.undo

    assert diary.undo(make_user(), done.undo.pk, now=timezone.now()) == []

    assert not MealItem.objects.exists()


def test_a_copied_day_has_the_same_meals_with_the_same_sums():
    user = make_user()
    make_item(make_meal(user, name="breakfast"))
    make_item(make_meal(user, name="Second breakfast"), amount=Decimal("12.5"))

    diary.copy(day_of(user, MONDAY).items, to_day=TUESDAY)

    assert day_of(user, TUESDAY).totals == day_of(user, MONDAY).totals
    assert [meal.name for meal in day_of(user, TUESDAY).meals if meal.items] == ["breakfast", "Second breakfast"]


def test_a_day_takes_as_many_queries_for_fifty_items_as_for_five(django_assert_num_queries):
    user, product = make_user(), make_product()
    meal = make_meal(user)
    for _number in range(5):
        make_item(meal, product=product)
    with django_assert_num_queries(4):
        day_of(user, MONDAY)
    for _number in range(45):
        make_item(meal, product=product)

    with django_assert_num_queries(4):
        day = day_of(user, MONDAY)

    assert len(day.items) == 50
    shown = day.shown_energy(Decimal(1))
    assert sum(shown[item.pk] or 0 for item in day.items) == 8085


def test_a_food_that_is_deleted_while_it_is_being_logged_leaves_an_item_with_its_figures():
    user, spread = make_user(), make_product()
    wanted = diary.of_food(seen(spread, user), Decimal(100))
    spread.delete()

    diary.log(user, MONDAY, "breakfast", [wanted])

    (item,) = day_of(user, MONDAY).items
    assert item.product_id is None
    assert item.totals.get("energy_kcal") == 539
