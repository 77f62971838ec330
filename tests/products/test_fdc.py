"""FoodData Central: one small body per trap, then the lookup through a real server."""

from dataclasses import replace
from decimal import Decimal

import pytest

from dietintel.gateway.auth import ApiKey
from dietintel.gateway.conf import INTERACTIVE
from dietintel.gateway.errors import RateLimited
from products import lookup, online
from products.barcodes import Barcode
from products.models import Product
from products.providers.fdc import forms, parse, parse_food
from tests.factories import make_user, off_product
from tests.provider import as_json

CODE = "0094395000172"
ASKED = Barcode(CODE)


def nutrient(code, value, unit="G"):
    return {"nutrientNumber": code, "unitName": unit, "value": value}


def food(*nutrients, **changes):
    return {
        "fdcId": 2057648,
        "description": "CHEDDAR CHEESE",
        "gtinUpc": "094395000172",
        "publishedDate": "2021-10-28",
        "brandOwner": "Grafton Village Cheese Co, LLC",
        "brandName": "GRAFTON VILLAGE",
        "servingSize": 28.0,
        "servingSizeUnit": "g",
        "householdServingFullText": "1 SLICE",
        "foodNutrients": list(nutrients),
        **changes,
    }


def values(*nutrients, **changes):
    return dict(parse_food(food(*nutrients, **changes), barcode=CODE).per_100)


def codes(*nutrients, **changes):
    return [flag.code for flag in parse_food(food(*nutrients, **changes), barcode=CODE).quality]


# --- Figures ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "kcal"),
    [
        ([nutrient("957", 395, "KCAL"), nutrient("958", 400, "KCAL"), nutrient("208", 403, "KCAL")], 403),
        ([nutrient("957", 395, "KCAL"), nutrient("958", 400, "KCAL")], 400),
        ([nutrient("268", 9999, "kJ"), nutrient("957", 395, "KCAL")], 395),
        ([nutrient("268", 418.4, "kJ")], 100),
    ],
)
def test_energy_is_the_first_in_order_that_is_there(given, kcal):
    assert values(*given) == {"energy_kcal": kcal}


def test_carbohydrate_is_without_fibre():
    assert values(nutrient("205", 20), nutrient("291", 7.5)) == {
        "carbohydrates_g": Decimal("12.5"),
        "fiber_g": Decimal("7.5"),
    }


def test_carbohydrate_with_an_unknown_share_of_fibre_is_left_out_and_said():
    found = parse_food(food(nutrient("205", 3.57), nutrient("208", 400, "KCAL")), barcode=CODE)

    assert "carbohydrates_g" not in found.per_100
    assert found.quality[0].code == "CARBS_INCLUDE_FIBRE"
    assert "3.57 g" in found.quality[0].message


def test_more_fibre_than_carbohydrate_by_rounding_is_no_carbohydrate():
    assert values(nutrient("205", 1), nutrient("291", 1.2))["carbohydrates_g"] == 0


@pytest.mark.parametrize("fibre", [900, -5])
def test_impossible_fibre_leaves_the_carbohydrate_unknown(fibre):
    assert values(nutrient("205", 50), nutrient("291", fibre)) == {}
    assert "CARBS_INCLUDE_FIBRE" in codes(nutrient("205", 50), nutrient("291", fibre))


def test_much_more_fibre_than_carbohydrate_is_a_doubt_and_no_declared_zero():
    assert values(nutrient("205", 5), nutrient("291", 30)) == {"fiber_g": 30}
    assert "PARTS_EXCEED_WHOLE" in codes(nutrient("205", 5), nutrient("291", 30))


def test_units_are_converted_whatever_their_case():
    found = values(
        nutrient("307", 400, "MG"),
        nutrient("301", 0.7, "G"),
        nutrient("320", 300, "UG"),
        nutrient("328", 5, "µg"),
        nutrient("318", 500, "IU"),
        nutrient("269.3", 1.5, "g"),
    )

    assert found == {
        "salt_g": 1,
        "calcium_mg": 700,
        "vitamin_a_ug": 300,
        "vitamin_d_ug": 5,
        "sugars_g": Decimal("1.5"),
    }


def test_all_three_shapes_are_understood():
    search = {"nutrientNumber": "203", "unitName": "G", "value": 24.1}
    full = {"nutrient": {"id": 1004, "number": "204", "unitName": "g"}, "amount": 33.3}
    abridged = {"number": "606", "unitName": "G", "amount": 18.9}

    assert values(search, full, abridged) == {
        "protein_g": Decimal("24.1"), "fat_g": Decimal("33.3"), "saturated_fat_g": Decimal("18.9")}  # fmt: skip


def test_entries_without_a_value_are_not_declared():
    assert values({"nutrient": {"number": "951"}}, nutrient("203", None), nutrient("204", 0), "x", None) == {"fat_g": 0}


def test_impossible_values_are_dropped_and_flagged():
    assert values(nutrient("203", 101), nutrient("208", 950, "KCAL")) == {}
    assert "IMPOSSIBLE_VALUE" in codes(nutrient("203", 101))


# --- The rest ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("unit", "basis"), [("g", "g"), ("GRM", "g"), ("ml", "ml"), ("MLT", "ml"), ("IU", "g"), ("", "g")]
)
def test_serving_units_decide_the_basis(unit, basis):
    found = parse_food(food(servingSizeUnit=unit), barcode=CODE)

    assert found.basis == basis
    assert len(found.servings) == (0 if unit in {"IU", ""} else 1)


def test_id_that_cannot_be_stored_is_cleaned():
    assert "\x00" not in parse_food(food(fdcId="12\x003"), barcode=CODE).source_id


def test_names_in_capitals_are_not_shouted():
    found = parse_food(food(), barcode=CODE)

    assert (found.name, found.brand) == ("Cheddar cheese", "Grafton village")
    assert [(each.label, each.amount) for each in found.servings] == [("1 slice (28 g)", Decimal(28))]


# --- Which hit --------------------------------------------------------------------------------------------------
def test_only_hits_with_the_very_code_count_and_the_newest_wins():
    body = {
        "foods": [
            food(description="Other", gtinUpc="111111111111"),
            food(description="Old", publishedDate="2019-04-01"),
            food(description="New", publishedDate="2023-01-01", gtinUpc="00094395000172"),
            food(description="No code", gtinUpc=None),
        ]
    }

    found = parse(body, asked=ASKED)

    assert found
    assert found.name == "New"
    assert parse({"foods": [food(gtinUpc="111111111111")]}, asked=ASKED) is None


@pytest.mark.parametrize("body", [None, [], {}, {"foods": 7}, "x"])
def test_anything_but_a_search_is_malformed(body):
    with pytest.raises(ValueError, match="no list of foods"):
        parse(body, asked=ASKED)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (CODE, ["094395000172", "0094395000172", "00094395000172"]),
        ("3017624010701", ["3017624010701", "03017624010701"]),
        ("13017624010708", ["13017624010708"]),
    ],
)
def test_codes_are_asked_for_in_every_length_they_may_have(digits, expected):
    assert forms(Barcode(digits)) == expected


# --- Through the gateway ----------------------------------------------------------------------------------------
@pytest.fixture
def fdc(provider, settings):
    """One server that is both providers: Open Food Facts by its own paths, FoodData Central by /foods/search."""
    settings.FDC_BASE_URL, settings.FDC_API_KEY = provider.url, "planted-key"
    known: dict[str, list[object]] = {}
    provider.route(
        r"/foods/search", lambda request, match: as_json({"foods": known.get(request.query.get("query"), [])})
    )
    provider.foods = known
    return provider


@pytest.mark.django_db
def test_what_the_first_provider_does_not_know_the_second_is_asked_for(fdc):
    fdc.foods["0094395000172"] = [food(nutrient("208", 403, "KCAL"))]

    found = lookup.lookup(ASKED, make_user())

    assert (found.source, found.name, found.per_100["energy_kcal"]) == ("fdc", "Cheddar cheese", 403)
    assert fdc.hits("/foods/search") == 2
    assert {request.headers.get("x-api-key") for request in fdc.requests if "foods" in request.path} == {"planted-key"}
    assert all("planted-key" not in str(request.query) for request in fdc.requests)


@pytest.mark.django_db
def test_the_first_provider_in_order_is_believed(fdc, settings):
    fdc.knows(CODE, off_product(code=CODE))
    fdc.foods["094395000172"] = [food()]

    assert lookup.lookup(ASKED, make_user()).source == "openfoodfacts"
    Product.objects.all().delete()
    settings.PROVIDER_ORDER = ["fdc", "openfoodfacts"]
    assert lookup.lookup(ASKED, make_user()).source == "fdc"


@pytest.mark.django_db
def test_a_blocked_key_is_could_not_ask_and_not_a_no(fdc):
    fdc.route(r"/foods/search", lambda request, match: as_json({"error": {"code": "OVER_RATE_LIMIT"}}, 429))

    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, make_user())

    assert [each.label for each in error.value.unasked] == ["FoodData Central"]
    assert "FoodData Central could not be asked" in error.value.sentence


@pytest.mark.django_db
@pytest.mark.parametrize(("remaining", "hits"), [("0", 1), ("1", 2), ("900", 3), ("many", 3)])
def test_a_key_that_others_use_as_well_is_not_used_up(fdc, remaining, hits):
    left = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": remaining}
    fdc.route(r"/foods/search", lambda request, match: replace(as_json({"foods": []}), headers=left))

    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, make_user())

    assert fdc.hits("/foods/search") == hits
    assert [each.reason for each in error.value.unasked] == ["rate"] * (hits < 3)


@pytest.mark.django_db
def test_searches_heed_what_a_lookup_was_told_is_left(fdc):
    fdc.route(
        r"/foods/search", lambda request, match: replace(as_json({"foods": []}), headers={"X-RateLimit-Remaining": "0"})
    )
    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(ASKED, make_user())

    asked = online.called("fdc")
    assert asked is not None
    with pytest.raises(RateLimited) as error:
        asked.search("cheddar", caller=INTERACTIVE, total_s=5)

    assert error.value.retry_after_s
    assert error.value.retry_after_s > 3000


@pytest.mark.django_db
def test_without_a_key_nobody_is_asked(provider):
    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, make_user())

    assert error.value.unasked == ()
    assert provider.hits("/foods") == 0


def test_key_is_in_no_repr():
    assert "planted-key" not in repr(ApiKey("X-Api-Key", "planted-key"))
