import random
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dishes import DISHES, STRANGERS
from tests.factories import make_own_food, make_product, make_user
from tests.tracking.confirmed import taught
from tests.tracking.recognition.pieces import NOW, photo_file, picture_of
from tracking.errors import Refused
from tracking.models import Example, Photo, Recipe
from tracking.recognition import features
from tracking.recognition.base import SURE, Candidate, CannotAnswer
from tracking.recognition.personal import PersonalModel, PersonalStage, Sample
from tracking.services.photos import MOST_FOODS, Seen

MEALS = [dish for dish in DISHES if dish.name in {"Green salad", "Tomato soup", "Fries", "Fried eggs"}]
SOUP = next(dish for dish in DISHES if dish.name == "Tomato soup")


def teach(user, dish, *numbers, **food):
    for number in numbers:
        photo = picture_of(photo_file(dish, number), user).photo
        taught(photo=photo, foods=[Seen(**{"name": dish.name, **food})], now=NOW)


def look(user, dish, number):
    return PersonalStage().look(picture_of(photo_file(dish, number), user))


# --- What is learned ------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_from_the_third_photo_of_a_food_on_it_is_sure():
    user = make_user()
    for dish in MEALS:
        teach(user, dish, 1, 2)
    unsure = [look(user, dish, 9)[0] for dish in MEALS]
    for dish in MEALS:
        teach(user, dish, 3)
    sure = [look(user, dish, 9)[0] for dish in MEALS]

    assert all(each.confidence < SURE for each in unsure)
    assert sum(each.confidence >= SURE for each in sure) >= 2
    assert [each.name for each in sure] == [dish.name for dish in MEALS]


@pytest.mark.django_db
def test_dish_that_was_never_confirmed_is_not_taken_for_another():
    user = make_user()
    for dish in MEALS:
        teach(user, dish, 1, 2, 3)

    for dish in STRANGERS[:4]:
        found: Sequence[Candidate] = ()
        with suppress(CannotAnswer):
            found = look(user, dish, 1)
        assert all(each.confidence < SURE for each in found), dish.name


@pytest.mark.django_db
def test_one_single_dish_is_offered_and_never_sure():
    user = make_user()
    teach(user, SOUP, 1, 2, 3, 4)

    (found,) = look(user, SOUP, 5)

    assert found.name == "Tomato soup"
    assert found.confidence < SURE


@pytest.mark.django_db
def test_nothing_is_learned_from_others():
    teach(make_user(), SOUP, 1, 2, 3)

    with pytest.raises(CannotAnswer, match="confirm some"):
        look(make_user(), SOUP, 4)


@pytest.mark.django_db
def test_candidate_leads_to_the_food_with_the_usual_weight():
    user = make_user()
    product = make_product(name="Soup in a can")
    for number, grams in ((1, 200), (2, 300), (3, 900)):
        teach(user, SOUP, number, product=product, name="", grams=Decimal(grams))

    (found,) = look(user, SOUP, 4)

    assert (found.product, found.name, found.search) == (str(product.uuid), "Soup in a can", "")
    assert found.grams == 300


@pytest.mark.django_db
def test_recipe_is_recognised_as_such():
    user = make_user()
    recipe = Recipe.objects.create(user=user, name="Granny's soup")
    teach(user, SOUP, 1, 2, recipe=recipe, name="")

    (found,) = look(user, SOUP, 3)

    assert (found.recipe, found.name) == (recipe.pk, "Granny's soup")


@pytest.mark.django_db
def test_meal_of_several_foods_is_recognised_with_all_of_them():
    user = make_user()
    for number in (1, 2, 3):
        photo = picture_of(photo_file(SOUP, number), user).photo
        taught(photo=photo, foods=[Seen(name="Soup"), Seen(name="Bread", grams=Decimal(50))], now=NOW)

    found = look(user, SOUP, 4)

    assert {each.name for each in found} == {"Soup", "Bread"}
    assert len({each.confidence for each in found}) == 1


@pytest.mark.django_db
def test_food_that_is_deleted_leaves_its_name():
    user = make_user()
    food = make_own_food(user, name="Granny's soup")
    teach(user, SOUP, 1, 2, product=food, name="")
    food.delete()

    (found,) = look(user, SOUP, 3)

    assert (found.product, found.search) == ("", "Granny's soup")


@pytest.mark.django_db
def test_photo_is_not_recognised_by_what_was_said_of_itself():
    user = make_user()
    picture = picture_of(photo_file(SOUP, 1), user)
    taught(photo=picture.photo, foods=[Seen(name="Soup")], now=NOW)

    with pytest.raises(CannotAnswer):
        PersonalStage().look(picture)


@pytest.mark.django_db
def test_numbers_of_another_version_are_not_compared():
    user = make_user()
    teach(user, SOUP, 1, 2, 3)
    Example.objects.update(version=features.VERSION + 1)

    with pytest.raises(CannotAnswer):
        look(user, SOUP, 4)


# --- Confirming -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_what_is_said_later_replaces_what_was_said_before():
    photo = picture_of().photo

    taught(photo=photo, foods=[Seen(name="Soup"), Seen(name="Bread")], now=NOW)
    taught(photo=photo, foods=[Seen(name="Stew", grams=Decimal(250))], now=NOW)
    taught(photo=photo, foods=[Seen(name="Stew", grams=Decimal(250))], now=NOW)

    assert [(food.name, food.grams) for food in Example.objects.get().foods.all()] == [("Stew", 250)]
    assert Photo.objects.get().state == Photo.State.CONFIRMED


@pytest.mark.django_db
@pytest.mark.parametrize("foods", [[], [Seen()], [Seen(name=" ")], [Seen(name="Rice")] * (MOST_FOODS + 1)])
def test_saying_nothing_teaches_nothing(foods):
    photo = picture_of().photo

    with pytest.raises(Refused):
        taught(photo=photo, foods=foods, now=NOW)

    assert not Example.objects.exists()
    assert Photo.objects.get().state == Photo.State.NEW


@pytest.mark.django_db
def test_stage_takes_as_many_queries_for_many_examples_as_for_few(django_assert_num_queries):
    user = make_user()
    for count in (2, 6):
        teach(user, SOUP, *range(count))
        picture = picture_of(photo_file(SOUP, 20), user)
        # Examples and their foods, which have no products and recipes here; the recogniser in use, of which is none.
        with django_assert_num_queries(3), suppress(CannotAnswer):
            PersonalStage().look(picture)


# --- The arithmetic -------------------------------------------------------------------------------------------------
def cloud(chance, middle, spread):
    return (middle + np.array([chance.gauss(0, spread) for _ in middle])).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 5), st.floats(0.001, 1))
def test_confidences_are_shares_and_the_same_samples_make_the_same_model(seed, dishes, photos, spread):
    chance = random.Random(seed)
    middles = [np.array([chance.uniform(-1, 1) for _ in range(12)]) for _ in range(dishes)]
    samples = [
        Sample(cloud(chance, middle, spread), frozenset({("name", str(number))}))
        for number, middle in enumerate(middles)
        for _ in range(photos)
    ]
    seen = cloud(chance, middles[0], spread)

    guesses = PersonalModel(samples).guesses(seen)

    assert guesses == PersonalModel(samples).guesses(seen)
    assert sum(each.confidence for each in guesses) <= 1 + 1e-9
    assert all(0 < each.confidence <= 1 for each in guesses)
    if photos < 3 or dishes < 4:
        assert all(each.confidence < SURE for each in guesses)


def test_far_apart_dishes_are_told_apart_surely_and_something_in_between_is_not():
    chance = random.Random(4)
    middles = np.eye(8)[:5]
    samples = [
        Sample(cloud(chance, middle, 0.02), frozenset({("name", str(number))}))
        for number, middle in enumerate(middles)
        for _ in range(4)
    ]
    model = PersonalModel(samples)

    assert model.guesses(cloud(chance, middles[2], 0.02))[0].dish == frozenset({("name", "2")})
    assert model.guesses(cloud(chance, middles[2], 0.02))[0].confidence >= SURE
    assert all(each.confidence < 0.5 for each in model.guesses(((middles[1] + middles[2]) / 2).astype(np.float32)))
