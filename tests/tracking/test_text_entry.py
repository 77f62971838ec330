"""One line of text: what is understood, what it is matched with, and that nothing typed is lost."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from products.models import Product
from products.nutrients import Nutrients
from tests.factories import make_item, make_meal, make_own_food, make_product, make_recipe, make_user
from tracking.models import Favourite
from tracking.text_entry import MOST_SEARCHED, lines, read

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # the day of `make_meal`


def said(text):
    return [(line.quantity if line.counted else None, line.unit, line.name) for line in lines(text)]


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (
            "2 eggs, 150 g rice cooked, 1 tbsp olive oil",
            [(2, "", "eggs"), (150, "g", "rice cooked"), (1, "tbsp", "olive oil")],
        ),
        (
            "2 eggs; toast\nbutter + jam",
            [(2, "", "eggs"), (None, "", "toast"), (None, "", "butter"), (None, "", "jam")],
        ),
        ("1,5 l milk, 2 eggs,3 rolls", [("1.5", "l", "milk"), (2, "", "eggs"), (3, "", "rolls")]),
        ("1.5 l milk", [("1.5", "l", "milk")]),
        ("1/2 avocado", [("0.5", "", "avocado")]),
        ("½ avocado", [("0.5", "", "avocado")]),
        ("1 1/2 cups rice", [("1.5", "cup", "rice")]),
        ("2½ tablespoons of honey", [("2.5", "tbsp", "honey")]),
        ("1/3 pizza", [("0.3333", "", "pizza")]),
        ("a banana, an apple", [(1, "", "banana"), (1, "", "apple")]),
        ("half an avocado", [("0.5", "", "avocado")]),
        ("Twelve grapes", [(12, "", "grapes")]),
        ("a dozen eggs", [(12, "", "eggs")]),
        ("one and a half bananas", [("1.5", "", "bananas")]),
        ("2 x 30 g cheese", [(60, "g", "cheese")]),
        ("2x eggs, 3 × rolls", [(2, "", "eggs"), (3, "", "rolls")]),
        ("150g rice, 150 g of rice", [(150, "g", "rice"), (150, "g", "rice")]),
        ("rice 150 g, rice (150 g), rice 2 x 30g", [(150, "g", "rice"), (150, "g", "rice"), (60, "g", "rice")]),
        ("2 slices bread, 2 slices of bread", [(2, "slice", "bread"), (2, "slice", "bread")]),
        ("bread 2 slices, eggs x2", [(2, "slice", "bread"), (2, "", "eggs")]),
        ("1 large slice of bread", [(1, "large slice", "bread")]),
        ("handful of almonds, slice of bread", [(1, "handful", "almonds"), (1, "slice", "bread")]),
        ("3 dollops of cream", [(3, "dollops", "cream")]),
        ("2 fl oz gin, 1 lb. beef", [(2, "fl oz", "gin"), (1, "lb", "beef")]),
        ("2 bars", [(2, "", "bar")]),
        ("1,000 g rice, 1,250 kg potatoes", [(1000, "g", "rice"), ("1.25", "kg", "potatoes")]),
        ("2 eggs and 3 rolls and a tea", [(2, "", "eggs"), (3, "", "rolls"), (1, "", "tea")]),
        ("mac and cheese", [(None, "", "mac and cheese")]),
        (
            "7up, 2-minute noodles, 100% juice",
            [(None, "", "7up"), (None, "", "2-minute noodles"), (None, "", "100% juice")],
        ),
        ("milk 3.5% fat 200 ml", [(200, "ml", "milk 3.5% fat")]),
        ("- 2 eggs\n- tea", [(2, "", "eggs"), (None, "", "tea")]),
        ("150 g", [(150, "g", "")]),
        ("1/0 pizza", [(None, "", "1/0 pizza")]),
        (" , ;\n ", []),
    ],
)
def test_what_people_type_is_understood(text, understood):
    assert said(text) == [(None if n is None else Decimal(n), unit, name) for n, unit, name in understood]


WORDS = st.sampled_from(
    [
        "2",
        "1,5",
        "½",
        "1/2",
        "150",
        "g",
        "ml",
        "tbsp",
        "slices",
        "of",
        "x",
        "a",
        "half",
        "and",
        "&",
        "eggs",
        "rice",
        "7up",
    ]
    + ["olive", "oil", "(", ")", "!", "3.5%", "with", "large", "dozen", "0", "1/0", "999999999"]
)


@given(st.lists(st.one_of(WORDS, st.sampled_from([",", ";", "\n", "+", ", "]))), st.sampled_from(["", " "]))
def test_every_piece_of_the_text_is_in_exactly_one_line(words, space):
    text = space.join(words)

    kept = [line.text for line in lines(text)]

    place = 0
    for piece in kept:  # in order, without overlap, and between them nothing but separators
        start = text.index(piece, place)
        assert re.fullmatch(r"(?:[\s,;+&]|\band\b)*", text[place:start])
        place = start + len(piece)
    assert re.fullmatch(r"(?:[\s,;+&]|\band\b)*", text[place:])


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text):
    for line in lines(text):
        assert line.text in text
        assert line.quantity >= 0


# --- Matching ---------------------------------------------------------------------------------------------------
def food(name, *servings, basis="g", **changes):
    values = {"name": name, "brand": "", "barcode": "", "basis": basis, "source": "starter"}
    kept = [{"label": label, "amount": str(amount)} for label, amount in servings]
    return make_product(**{**values, "servings": kept, "per_100": Nutrients({"energy_kcal": Decimal(100)}), **changes})


def amounts(found):
    return [(line.candidates[0].name, line.amount and line.amount.amount) for line in found]


@pytest.mark.django_db
def test_the_example_of_everybody_becomes_amounts_of_foods():
    food("Egg, boiled", ("1 egg", 50), ("1 cup chopped", 136))
    food("Egg noodles", ("1 cup", 160))
    food("Rice, white, cooked", ("1 cup", 158))
    food("Olive oil", ("1 tbsp", "13.5"))

    found = read("2 eggs, 150 g rice cooked, 1 tablespoon olive oil", make_user(), ("en",))

    assert amounts(found) == [("Egg, boiled", 100), ("Rice, white, cooked", 150), ("Olive oil", Decimal("13.5"))]
    assert [line.problem for line in found] == ["", "", ""]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("spread", 30),  # one serving
        ("2 spread", 60),
        ("1 tbsp spread", 15),  # half of what its label counts as one
        ("3 tablespoons spread", 45),
        ("2 servings spread", 60),
        ("1 jar of spread", None),
        ("100000 g spread", None),
    ],
)
def test_an_amount_is_what_was_typed_in_terms_of_the_food(text, amount):
    food("Chocolate spread", ("2 tbsp", 30))

    (line,) = read(text, make_user(), ("en",))

    assert (line.amount.amount if line.amount else None) == amount
    assert bool(line.problem) == (amount is None)


@pytest.mark.django_db
def test_without_a_number_a_food_without_servings_is_a_hundred_grams_and_with_one_it_is_asked():
    food("Rice")

    unsaid, one = read("rice, 1 rice", make_user(), ("en",))

    assert unsaid.amount is not None
    assert unsaid.amount.amount == 100
    assert one.amount is None
    assert one.problem == "How much is one? Say it in g."


@pytest.mark.django_db
def test_a_spoon_of_a_food_in_grams_that_knows_no_spoon_is_asked():
    food("Rice", ("1 bowl", 158))

    (line,) = read("1 tbsp rice", make_user(), ("en",))

    assert line.amount is None
    assert line.problem == "This food cannot be counted in “tbsp”. It can in g, 1 bowl, kg, oz, lb."


@pytest.mark.django_db
def test_millilitres_of_a_food_in_grams_go_by_the_volume_that_it_declares():
    food("Cola", ("1 can (12 fl oz)", 368))
    food("Milk", ("1 cup", 244))

    cola, milk = read("330 ml cola; 1 tbsp milk", make_user(), ("en",))

    assert cola.amount is not None
    assert cola.amount.amount == Decimal("342.1979")  # 330 × 368 / (12 × 29.5735295625)
    assert milk.amount is not None
    assert (milk.amount.amount, milk.amount.serving) == (Decimal("15.25"), "tbsp")


@pytest.mark.django_db
def test_the_food_that_is_called_so_comes_before_those_that_only_begin_so():
    for name in ("Grapefruit, raw", "Grapes, red or green, raw", "Chocolate, milk", "Milk, whole"):
        food(name, ("10 grapes", 50), ("1 cherry grape", 3))

    grapes, milk = read("5 grapes, milk", make_user(), ("en",))

    assert [candidate.name for candidate in grapes.candidates] == ["Grapes, red or green, raw", "Grapefruit, raw"]
    assert grapes.amount is not None
    assert (grapes.amount.quantity, grapes.amount.amount) == (Decimal("0.5"), Decimal(25))
    assert milk.candidates[0].name == "Milk, whole"


@pytest.mark.django_db
def test_a_spoon_of_a_drink_is_a_volume():
    food("Milk", basis="ml")

    (line,) = read("2 tbsp milk", make_user(), ("en",))

    assert line.amount is not None
    assert line.amount.amount == 30


@pytest.mark.django_db
def test_what_is_not_found_is_shown():
    (line, nameless) = read("3 unobtainable things; 150 g", make_user(), ("en",))

    assert (line.text, line.candidates, line.amount) == ("3 unobtainable things", [], None)
    assert line.problem == "No food was found for this. Search for it, or enter it as your own food."
    assert nameless.problem == "An amount of what? Write the food after it."


@pytest.mark.django_db
def test_a_dish_with_and_in_its_name_is_one_and_two_foods_are_two():
    for name in ("Macaroni and cheese", "Cheddar", "Toast"):
        food(name)

    dish, *rest = read("macaroni and cheese; cheddar and toast", make_user(), ("en",))

    assert dish.candidates[0].name == "Macaroni and cheese"
    assert [(line.text, line.candidates[0].name) for line in rest] == [("cheddar", "Cheddar"), ("toast", "Toast")]


@pytest.mark.django_db
def test_what_the_person_eats_comes_before_what_is_nearer_by_name():
    user = make_user()
    exact, eaten, liked = food("Milk"), food("Oat milk, barista"), food("Milk of the farm next door")
    make_item(make_meal(user), product=eaten)
    Favourite.objects.create(user=user, product=liked)

    (line,) = read("200 g milk", user, ("en",), now=NOW)

    names = [candidate.name for candidate in line.candidates]
    assert names[-1] == exact.name
    assert set(names[:2]) == {eaten.name, liked.name}


@pytest.mark.django_db
def test_an_own_recipe_is_found_by_its_name_and_the_recipe_of_somebody_else_is_not():
    user = make_user()
    stew = make_recipe(user, name="Granny's stew and dumplings")
    make_recipe(name="Stew of theirs")

    (line,) = read("2 portions of stew and dumplings", user, ("en",))

    assert line.recipes == [stew]
    assert line.candidates == []
    assert line.quantity == 2
    assert line.problem == "Is this your recipe “Granny's stew and dumplings”? Choose it."


@pytest.mark.django_db
def test_nobody_finds_the_own_food_of_somebody_else():
    mine, other = make_user(), make_user()
    make_own_food(other, name="Soup of theirs")
    make_own_food(mine, name="Soup of mine")

    (line,) = read("soup", mine, ("en",))

    assert [candidate.name for candidate in line.candidates] == ["Soup of mine"]


@pytest.mark.django_db
def test_queries_grow_with_the_lines_and_not_with_what_was_eaten(django_assert_max_num_queries):
    user = make_user()
    meal = make_meal(user)
    for number in range(40):
        make_item(meal, product=food(f"Bread {number}"))

    with django_assert_max_num_queries(6 + 3 * 4):
        found = read("bread, 2 slices bread, milk, tea", user, ("en",), now=NOW)

    assert [len(line.candidates) for line in found] == [6, 6, 0, 0]


@pytest.mark.django_db
def test_far_too_long_a_text_is_shown_to_the_end():
    found = read(";".join(f"tea{number}" for number in range(MOST_SEARCHED + 5)), make_user(), ("en",))

    assert len(found) == MOST_SEARCHED + 5
    assert found[-1].problem == "This is too much for one text. Enter it on its own."
    assert not Product.objects.exists()
