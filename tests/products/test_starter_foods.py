"""The starter foods: well formed, plausible, found by everyday words, and each figure that of its USDA SR row.

The comparisons run where DIETINTEL_SAMPLES names the folder of recorded data.
"""

import csv
import datetime as dt
import json
import os
import re
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from products import quality, services, starter
from products.models import Product
from products.nutrients import NUTRIENTS, PLACES, SALT_PER_SODIUM, possible
from products.search import search
from tests.factories import make_user

STARTER_FOODS = Path(__file__).parents[2] / "products" / "starter_foods.json"
SAMPLES = os.environ.get("DIETINTEL_SAMPLES", "")
recorded = pytest.mark.skipif(not SAMPLES, reason="DIETINTEL_SAMPLES names no folder of recorded data")

FIELDS = ["key", "fdc_id", "name", "also", "basis", "per_100", "servings"]
EVERYDAY_WORDS = (
    "apple banana orange strawberries grapes tomato potato carrot onion cucumber spinach broccoli lettuce rice pasta"
    " spaghetti oats porridge muesli bread toast lentils chickpeas beans tofu hummus almonds walnuts peanut milk yogurt"
    " yoghurt cheese butter egg eggs omelette chicken turkey beef pork ham bacon sausage lamb salmon tuna shrimp oil"
    " mayonnaise ketchup sugar honey jam chocolate cookies cake crisps popcorn water coffee tea juice cola beer wine"
    " pizza burger lasagna soup salad"
)
PHRASES = ("rice cooked", "egg boiled", "chicken breast cooked", "olive oil", "white bread", "ground beef", "eggplant")

# What quality.doubts says of these is right of the figures and no fault of the food.
EXPLAINED_DOUBTS = {
    "Cocoa powder": ["ENERGY_MISMATCH"],  # SR counts less of cocoa's carbohydrate and protein than 4 kcal per gram
    "Spirits, 40% vol": ["ENERGY_MISMATCH"],  # alcohol, which SR's abbreviated table leaves out
    "Wine, red": ["ENERGY_MISMATCH"],  # alcohol
    "Wine, white": ["ENERGY_MISMATCH"],  # alcohol
    "Tomatoes, canned": ["PARTS_EXCEED_WHOLE"],  # sugars and fibre are measured, carbohydrate is what is left
}

# The description under which FoodData Central's recorded answers list the food of this key.
FDC_DESCRIPTIONS = {
    "ndb:01004": "Cheese, blue",
    "ndb:05062": "Chicken, broiler or fryers, breast, skinless, boneless, meat only, raw",
    "ndb:05747": "Chicken, broiler or fryers, breast, skinless, boneless, meat only, cooked, grilled",
    "ndb:09268": "Pineapple, canned, juice pack, solids and liquids",
    "ndb:10218": "Pork, fresh, loin, tenderloin, separable lean and fat, raw",
    "ndb:11165": "Coriander (cilantro) leaves, raw",
    "ndb:11291": "Onions, spring or scallions (includes tops and bulb), raw",
    "ndb:11297": "Parsley, fresh",
    "ndb:11531": "Tomatoes, red, ripe, canned, packed in tomato juice",
    "ndb:12006": "Seeds, chia seeds, dried",
    "ndb:12119": "Nuts, coconut water (liquid from coconuts)",
    "ndb:16069": "Lentils, raw",
    "ndb:18035": "Bread, multi-grain (includes whole-grain)",
    "ndb:20444": "Rice, white, long-grain, regular, raw, unenriched",
    "ndb:20447": "Rice, white, long-grain, parboiled, unenriched, cooked",
}
FDC_NUMBERS = {"energy_kcal": "208", "protein_g": "203", "fat_g": "204", "fiber_g": "291"}

# The recorded table is every second row of SR 27. These foods' figures are from the whole table
# (github.com/mariobonifacio/NutrientDensity ABBREV.csv at bb596f9c1a) and cannot be compared here.
NOT_RECORDED = """
    01004 01022 01026 01053 01105 01123 01125 01129 01145 01151 01211 01256 02046 04025 04047 04506 06164 06419
    07013 07029 08020 08037 08121 09016 09040 09070 09087 09132 09148 09176 09200 09236 09279 09298 09316 09326
    10038 10862 11090 11143 11205 11260 11291 11297 11367 11457 11529 11531 11935 12036 12118 12120 12155 14003
    14037 14072 14106 14144 14210 15027 15077 15119 15237 16006 16069 16158 16222 18029 18035 18060 18069 18075
    18096 18216 18239 18301 18353 18364 19051 19120 19296 19335 19353 20125 20421 20444 21138 21299 23567
"""
SR_COLUMNS = {
    "energy_kcal": "Energ_Kcal",
    "protein_g": "Protein_(g)",
    "fat_g": "Lipid_Tot_(g)",
    "saturated_fat_g": "FA_Sat_(g)",
    "monounsaturated_fat_g": "FA_Mono_(g)",
    "polyunsaturated_fat_g": "FA_Poly_(g)",
    "sugars_g": "Sugar_Tot_(g)",
    "fiber_g": "Fiber_TD_(g)",
    "cholesterol_mg": "Cholestrl_(mg)",
    "calcium_mg": "Calcium_(mg)",
    "iron_mg": "Iron_(mg)",
    "magnesium_mg": "Magnesium_(mg)",
    "phosphorus_mg": "Phosphorus_(mg)",
    "potassium_mg": "Potassium_(mg)",
    "zinc_mg": "Zinc_(mg)",
    "copper_mg": "Copper_mg)",
    "manganese_mg": "Manganese_(mg)",
    "selenium_ug": "Selenium_(æg)",
    "vitamin_c_mg": "Vit_C_(mg)",
    "vitamin_b1_mg": "Thiamin_(mg)",
    "vitamin_b2_mg": "Riboflavin_(mg)",
    "vitamin_b3_mg": "Niacin_(mg)",
    "vitamin_b5_mg": "Panto_Acid_mg)",
    "vitamin_b6_mg": "Vit_B6_(mg)",
    "vitamin_b9_ug": "Folate_DFE_(æg)",
    "vitamin_b12_ug": "Vit_B12_(æg)",
    "vitamin_a_ug": "Vit_A_RAE",
    "vitamin_e_mg": "Vit_E_(mg)",
    "vitamin_d_ug": "Vit_D_æg",
    "vitamin_k_ug": "Vit_K_(æg)",
}

Food = dict[str, Any]


def starter_foods() -> list[Food]:
    foods: list[Food] = json.loads(STARTER_FOODS.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    return foods


FOODS = starter_foods()
every_food = pytest.mark.parametrize("food", FOODS, ids=lambda food: food["name"])


def words(food: Food) -> list[str]:
    return re.findall(r"\w+", f"{food['name']} {food['also']}".lower())


def found(text: str) -> list[str]:
    """Names of the foods in which each word of `text` begins some word."""
    return [
        food["name"]
        for food in FOODS
        if all(any(each.startswith(wanted) for each in words(food)) for wanted in text.split())
    ]


@cache
def sr_rows() -> dict[str, dict[str, str]]:
    rows = {}
    for path in sorted((Path(SAMPLES) / "fdc").glob("sr_abbrev*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            rows.update({f"ndb:{row['NDB_No']}": row for row in csv.DictReader(lines)})
    return rows


def sr_figures(row: dict[str, str]) -> dict[str, Decimal]:
    """What an SR row declares, in our keys: blank is not declared, fibre is taken out of carbohydrate."""
    figures = {key: Decimal(row[column]) for key, column in SR_COLUMNS.items() if row[column]}
    if row["Carbohydrt_(g)"] and row["Fiber_TD_(g)"]:
        figures["carbohydrates_g"] = max(Decimal(row["Carbohydrt_(g)"]) - Decimal(row["Fiber_TD_(g)"]), Decimal(0))
    if row["Sodium_(mg)"]:
        figures["salt_g"] = Decimal(row["Sodium_(mg)"]) * SALT_PER_SODIUM / 1000
    return figures


@cache
def fdc_foods() -> dict[int, dict[str, Any]]:
    text = (Path(SAMPLES) / "fdc" / "search_responses_reduced.json").read_text(encoding="utf-8")
    return {food["fdcId"]: food for answer in json.loads(text, parse_float=Decimal) for food in answer["foods"]}


def three_digits(value: Decimal) -> Decimal:
    """FoodData Central's search answers give a figure no more than three digits."""
    return value and value.quantize(Decimal(1).scaleb(value.adjusted() - 2), ROUND_HALF_EVEN)


# --- The list -----------------------------------------------------------------------------------------------------
def test_list_is_about_250_foods_sorted_by_name_each_once():
    names = [food["name"] for food in FOODS]

    assert 240 <= len(FOODS) <= 270
    assert names == sorted(names, key=str.casefold)
    assert len({name.casefold() for name in names}) == len({food["key"] for food in FOODS}) == len(FOODS)


def test_file_has_one_food_a_line():
    lines = STARTER_FOODS.read_text(encoding="utf-8").splitlines()

    assert [json.loads(line.removesuffix(","))["name"] for line in lines[1:-1]] == [food["name"] for food in FOODS]


@every_food
def test_food_is_well_formed(food):
    assert list(food) == FIELDS
    assert re.fullmatch(r"ndb:\d{5}", food["key"])
    assert food["fdc_id"] is None or food["fdc_id"] > 0
    assert food["basis"] == "g"
    assert food["name"] == food["name"].strip() != ""
    assert food["also"] == food["also"].strip()
    assert 1 <= len(food["servings"]) <= 3
    labels = [serving["label"] for serving in food["servings"]]
    assert len(set(labels)) == len(labels)
    assert all(label == label.strip() != "" for label in labels)
    assert all(0 < serving["amount"] < 1000 for serving in food["servings"])


@every_food
def test_figures_are_known_nutrients_possible_and_kept_exactly(food):
    figures = food["per_100"]

    assert "energy_kcal" in figures
    assert figures.keys() <= NUTRIENTS.keys()
    assert [key for key, value in figures.items() if not possible(key, value)] == []
    assert [key for key, value in figures.items() if value != value.quantize(PLACES)] == []


@every_food
def test_figures_raise_no_doubts_but_the_explained(food):
    codes = [flag.code for flag in quality.doubts(food["per_100"], impossible=())]

    assert codes == EXPLAINED_DOUBTS.get(food["name"], [])


def test_explained_doubts_are_about_foods_of_the_list():
    assert EXPLAINED_DOUBTS.keys() <= {food["name"] for food in FOODS}


@pytest.mark.parametrize("text", [*EVERYDAY_WORDS.split(), *PHRASES])
def test_everyday_search_finds_something(text):
    assert found(text)


# --- Against the recorded data --------------------------------------------------------------------------------------
@recorded
def test_every_figure_is_that_of_the_sr_row_and_blank_stays_absent():
    rows = sr_rows()
    compared = [food for food in FOODS if food["key"] in rows]

    different = {
        food["name"]: (food["per_100"], expected)
        for food in compared
        if food["per_100"]
        != (expected := {key: value.quantize(PLACES) for key, value in sr_figures(rows[food["key"]]).items()})
    }

    assert different == {}


@recorded
def test_only_the_listed_foods_have_no_recorded_row():
    assert {food["key"].removeprefix("ndb:") for food in FOODS if food["key"] not in sr_rows()} == set(
        NOT_RECORDED.split()
    )


def test_exactly_the_described_foods_name_an_fdc_id():
    assert {food["key"] for food in FOODS if food["fdc_id"] is not None} == FDC_DESCRIPTIONS.keys()


@recorded
@pytest.mark.parametrize("key", sorted(FDC_DESCRIPTIONS))
def test_fdc_id_is_recorded_for_that_very_food_with_the_same_figures(key):
    food = next(food for food in FOODS if food["key"] == key)

    answer = fdc_foods()[int(food["fdc_id"])]

    assert (answer["description"], answer["dataType"]) == (FDC_DESCRIPTIONS[key], "SR Legacy")
    values = {each["nutrientNumber"]: Decimal(each["value"]) for each in answer["foodNutrients"] if "value" in each}
    figures = food["per_100"]
    given = {key: values[number] for key, number in FDC_NUMBERS.items() if number in values}
    assert {"energy_kcal", "protein_g", "fat_g"} <= given.keys()
    assert given == {key: three_digits(figures[key]) for key in given}


# --- In the catalogue -------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_first_search_on_a_fresh_machine_finds_everyday_foods():
    call_command("load_starter_foods", verbosity=0)
    user = make_user()

    assert "Banana, raw" in [food.name for food in search("bananas", user).products]
    assert search("aubergine", user).products
    assert search("ris cokked", user).products


@pytest.mark.django_db
def test_loading_again_changes_nothing_and_keeps_corrections():
    assert starter.load() == (len(starter_foods()), 0)
    food, user = Product.objects.get(source_id="ndb:09040"), make_user()
    services.correct(food, user, {"per_100": {"salt_g": Decimal(1)}})

    assert starter.load() == (0, 0)
    assert Product.objects.get(source_id="ndb:09040").uuid == food.uuid
    assert food.corrections.count() == 1


@pytest.mark.django_db
def test_row_that_differs_from_the_file_is_brought_up_to_date():
    starter.load()
    Product.objects.filter(source_id="ndb:09040").update(name="Something else")

    assert starter.load() == (0, 1)
    assert Product.objects.get(source_id="ndb:09040").name == "Banana, raw"


@pytest.mark.django_db
def test_starter_food_says_where_it_comes_from_and_never_grows_stale(client):
    starter.load()
    Product.objects.update(fetched_at=timezone.now() - dt.timedelta(days=400))
    client.force_login(make_user())
    food = Product.objects.get(source_id="ndb:01004")

    page = client.get(food.get_absolute_url()).content.decode()

    assert "USDA Standard Reference" in page
    assert "food-details/" in page
    assert not food.stale(now=timezone.now())
