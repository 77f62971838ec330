"""Numbers as people write them, and what an amount in a food's own servings comes to."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from products.providers.base import Serving
from tracking.amounts import amount_of, counted_in, declared_density, units_of
from tracking.errors import Refused
from tracking.numbers import leading


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("2 eggs", "2", " eggs"),
        ("1,5 l", "1.5", " l"),
        ("0.25", "0.25", ""),
        ("1,000 g", "1000", " g"),
        ("1,234,567.5", "1234567.5", ""),
        ("0,125 l", "0.125", " l"),
        ("½ cup", "0.5", " cup"),
        ("2½", "2.5", ""),
        ("2 ½", "2.5", ""),
        ("1/3 pie", "0.3333", " pie"),
        ("1 1/2 cups", "1.5", " cups"),
    ],
)
def test_a_number_in_front_is_read_and_the_rest_is_left(text, number, rest):
    assert leading(text) == (Decimal(number), rest)


@pytest.mark.parametrize("text", ["", "eggs", ".5", "1/0", "1 1/0", "1/2/3", "1.2.3", "12345678", "٣ eggs", "-1"])
def test_what_is_no_number_is_none(text):
    assert leading(text) is None


@given(st.decimals(0, 999_999, places=4), st.sampled_from(".,"))
def test_every_number_of_four_decimals_is_read_exactly(number, point):
    assert leading(f"{number:f}".replace(".", point)) == (number, "")


@pytest.mark.parametrize(
    ("label", "count"),
    [("1 slice (30 g)", 1), ("2 tbsp", 2), ("½ cup", "0.5"), ("1/4 cup", "0.25"), ("juice of 1 lemon", 1), ("0 x", 1)]
    + [("10 grapes", 10), ("30g", 1), ("Portion", 1)],
)
def test_a_label_says_how_many_it_counts(label, count):
    assert counted_in(Serving(label, Decimal(5))) == Decimal(count)


@pytest.mark.parametrize(
    ("quantity", "unit", "kept"),
    [
        (1, "tbsp", ("0.5", "2 tbsp", 15)),  # a label of two spoons: one is half of it
        (2, "2 tbsp", (2, "2 tbsp", 60)),
        (4, "Tbsp", (2, "2 tbsp", 60)),
        (5, "grapes", ("0.5", "10 grapes", 25)),
        (1, "slices", (1, "1 slice (1/8 pie)", 125)),
        (3, "oz", (3, "oz", "85.0486")),
        (2, "", (2, "", 2)),
    ],
)
def test_an_amount_of_a_unit_is_that_share_of_the_serving(quantity, unit, kept):
    servings = [
        Serving("2 tbsp", Decimal(30)),
        Serving("10 grapes", Decimal(50)),
        Serving("1 slice (1/8 pie)", Decimal(125)),
    ]

    amount = amount_of(Decimal(quantity), unit, basis="g", servings=servings)

    assert (amount.quantity, amount.serving, amount.amount) == (Decimal(kept[0]), kept[1], Decimal(kept[2]))


def test_what_stands_in_brackets_is_not_counted():
    with pytest.raises(Refused, match="cannot be counted in “pie”"):
        amount_of(Decimal(1), "pie", basis="g", servings=[Serving("1 slice (1/8 pie)", Decimal(125))])


@pytest.mark.parametrize(
    ("label", "weight", "density"),
    [
        ("1 cup", 240, 1),
        ("½ cup", 60, "0.5"),
        ("2 tbsp", 30, 1),
        ("2 cups", 480, 1),
        ("1 glass (250 ml)", 260, "1.04"),
        ("100 ml", 103, "1.03"),
        ("1 cup chopped", 136, None),  # of pieces with air between them
        ("1 slice (30 g)", 30, None),
        ("1 x (. ml)", 30, None),
    ],
)
def test_a_serving_that_says_its_volume_says_what_a_millilitre_weighs(label, weight, density):
    found = declared_density([Serving("1 piece", Decimal(7)), Serving(label, Decimal(weight))])

    assert found == (None if density is None else Decimal(density))


def test_a_cup_of_the_food_itself_comes_before_the_cup_of_everybody():
    own = [Serving("1 cup (200 ml)", Decimal(200))]

    assert amount_of(Decimal(1), "cup", basis="ml", servings=own).amount == 200
    assert amount_of(Decimal(1), "cup", basis="ml", servings=()).amount == 240


@given(st.decimals(1, 99, places=2), st.decimals(40, 900, places=2), st.integers(1, 12))
def test_every_unit_that_is_offered_can_be_counted_in(quantity, size, count):
    for basis in ("g", "ml"):
        servings = [Serving(f"{count} pieces", size), Serving(f"{count} cups", size)]
        for unit in units_of(basis, servings):
            assert amount_of(quantity, unit, basis=basis, servings=servings).amount > 0
