"""What was computed is kept as figures, and said in the words and units of whoever reads it."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from tracking.statements import Said, Statement, much, said, statement
from tracking.units import KJ, Units

WORDS = {
    "EATEN": lambda figures, units: f"{figures.day('day')}: {much('energy_kcal', figures.number('kcal'), units)}",
    "COUNTED": lambda figures, units: f"{figures.count('days')} {figures.text('food')} {figures.is_true('partial')}",
}


def test_statement_goes_through_json_and_loses_nothing():
    made = statement("EATEN", "/day/2026-03-02/", day=dt.date(2026, 3, 2), kcal=Decimal("1840.25"), days=3)

    again = Statement.of(json.loads(json.dumps(made.kept())))

    assert again == made
    assert made.figures == {"day": "2026-03-02", "kcal": "1840.25", "days": 3}


def test_same_statement_is_said_in_the_units_of_each_reader():
    made = [statement("EATEN", "/day/2026-03-02/", day=dt.date(2026, 3, 2), kcal=Decimal(1000))]

    assert said(made, WORDS, Units()) == [Said("2026-03-02: 1,000\u00a0kcal", "/day/2026-03-02/")]
    assert said(made, WORDS, Units(energy=KJ)) == [Said("2026-03-02: 4,184\u00a0kJ", "/day/2026-03-02/")]


def test_what_another_version_wrote_is_left_out_and_the_rest_is_said():
    kept = [
        Statement("GONE", {}, "/"),
        Statement("EATEN", {"day": "2026-03-02"}, "/"),
        Statement("EATEN", {"day": "soon", "kcal": "1"}, "/"),
        Statement("EATEN", {"day": "2026-03-02", "kcal": "much"}, "/"),
        Statement("COUNTED", {"days": 2, "food": "oats", "partial": True}, "/foods/"),
    ]

    assert said(kept, WORDS, Units()) == [Said("2 oats True", "/foods/")]


@pytest.mark.parametrize(
    ("key", "value", "at_least", "shown"),
    [
        ("energy_kcal", "1240.4", False, "1,240\u00a0kcal"),
        ("energy_kcal", "1240.4", True, "≥\u00a01,240\u00a0kcal"),
        ("salt_g", "5.126", False, "5.13\u00a0g"),
        ("fiber_g", "9.96", False, "10\u00a0g"),
        ("vitamin_d_ug", "0.25", False, "0.25\u00a0µg"),
    ],
)
def test_amounts_of_nutrients_are_rounded_as_everywhere(key, value, at_least, shown):
    assert much(key, Decimal(value), Units(), at_least=at_least) == shown
