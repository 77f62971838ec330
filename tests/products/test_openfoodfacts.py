"""One small body per trap. The recorded bodies are in tests/recorded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dietintel.gateway.classify import Answer, Outcome
from products.barcodes import Barcode
from products.nutrients import NUTRIENTS
from products.providers.openfoodfacts import NO_V3, classify, classify_v3, parse, parse_product
from tests.factories import BARCODE, off_product

ASKED = Barcode(BARCODE)


def parsed(**changes):
    return parse_product(off_product(**changes), barcode=BARCODE)


def codes(data):
    return [flag.code for flag in data.quality]


# --- The older shape --------------------------------------------------------------------------------------------
def test_plain_product_has_its_declared_figures_and_no_doubts():
    data = parsed()

    assert dict(data.per_100) == {
        "energy_kcal": Decimal(539),
        "fat_g": Decimal("30.9"),
        "saturated_fat_g": Decimal("10.6"),
        "carbohydrates_g": Decimal("57.5"),
        "sugars_g": Decimal("56.3"),
        "protein_g": Decimal("6.3"),
        "salt_g": Decimal("0.107"),
    }
    assert (data.name, data.brand, data.quantity, data.basis) == ("Nut spread", "Nutty", "400 g", "g")
    assert [(each.label, each.amount) for each in data.servings] == [("15 g", Decimal(15))]
    assert data.quality == ()


def test_missing_empty_and_null_are_not_declared_and_zero_is():
    data = parsed(nutriments={"energy-kcal_100g": 0, "fat_100g": None, "salt_100g": "", "sugars_100g": "0"})

    assert dict(data.per_100) == {"energy_kcal": 0, "sugars_g": 0}


@pytest.mark.parametrize(
    ("value", "grams"), [("12,5", "12.5"), (" 7 ", "7"), (3, "3"), (0.1, "0.1"), ("1e1", "10"), (7e-1, "0.7")]
)
def test_numbers_are_read_however_they_are_written(value, grams):
    assert parsed(nutriments={"fat_100g": value}).per_100["fat_g"] == Decimal(grams)


@pytest.mark.parametrize("value", ["", "a lot", "nan", "inf", "-inf", True, [], {}, "1.2.3", 1e300, "9" * 5000])
def test_what_is_no_finite_number_is_not_declared(value):
    assert "fat_g" not in parsed(nutriments={"fat_100g": value, "salt_100g": 1}).per_100


def test_energy_in_kilojoules_alone_is_converted():
    assert parsed(nutriments={"energy_100g": 418.4}).per_100["energy_kcal"] == 100


def test_energy_100g_is_kilojoules_even_where_its_unit_says_kcal():
    data = parsed(nutriments={"energy_100g": "113", "energy_unit": "kcal", "energy_value": "27"})

    assert data.per_100["energy_kcal"] == Decimal("27.0076")


def test_what_the_contributor_typed_is_not_used():
    data = parsed(nutriments={"fat": 55, "fat_value": 55, "fat_unit": "g", "fat_100g": 70.5, "fat_serving": 55})

    assert dict(data.per_100) == {"fat_g": Decimal("70.5")}


def test_vitamins_in_grams_are_shown_in_their_own_units():
    data = parsed(nutriments={"vitamin-c_100g": 0.012, "vitamin-b12_100g": 9e-07, "vitamin-a_unit": "IU"})

    assert dict(data.per_100) == {"vitamin_c_mg": 12, "vitamin_b12_ug": Decimal("0.9")}


def test_salt_is_calculated_from_sodium_where_it_is_missing():
    assert parsed(nutriments={"sodium_100g": 0.4}).per_100["salt_g"] == 1


def test_scores_beside_the_nutrients_are_no_nutrients():
    data = parsed(nutriments={"nova-group_100g": 4, "nutrition-score-fr_100g": 20, "fruits-vegetables-nuts_100g": 1})

    assert dict(data.per_100) == {}
    assert codes(data) == ["NO_NUTRITION"]


def test_as_sold_is_never_mixed_with_prepared():
    data = parsed(nutriments={"fat_100g": 2, "fat_prepared_100g": 9, "salt_prepared_100g": 1})

    assert dict(data.per_100) == {"fat_g": 2}
    assert "PREPARED" not in codes(data)


def test_only_prepared_figures_are_shown_as_prepared():
    data = parsed(nutriments={"energy-kcal_prepared_100g": 101, "fat_prepared_100g": 9, "fat_prepared_serving": 20})

    assert dict(data.per_100) == {"energy_kcal": 101, "fat_g": 9}
    assert codes(data) == ["PREPARED"]


def test_a_label_per_serving_is_scaled_by_the_serving():
    data = parsed(serving_quantity="30", serving_size="30 g", nutriments={"energy-kcal_serving": 90, "fat_serving": 3})

    assert dict(data.per_100) == {"energy_kcal": 300, "fat_g": 10}
    assert codes(data) == ["FROM_SERVING"]


@pytest.mark.parametrize("quantity", [None, "0", 4, ""])
def test_a_label_per_serving_of_unknown_or_tiny_size_gives_no_figures(quantity):
    data = parsed(serving_quantity=quantity, serving_size="1 piece", nutriments={"energy-kcal_serving": 90})

    assert dict(data.per_100) == {}
    assert codes(data) == ["SERVING_ONLY"]


@pytest.mark.parametrize(
    ("nutriments", "left", "about"),
    [
        ({"fat_100g": 100.1, "salt_100g": 1}, {"salt_g": 1}, ("fat_g",)),
        ({"fat_100g": -1, "salt_100g": 1}, {"salt_g": 1}, ("fat_g",)),
        ({"energy-kcal_100g": 903, "salt_100g": 1}, {"salt_g": 1}, ("energy_kcal",)),
        ({"magnesium_prepared_100g": 323, "salt_prepared_100g": 1}, {"salt_g": 1}, ("magnesium_mg",)),
    ],
)
def test_impossible_values_are_dropped_and_flagged(nutriments, left, about):
    data = parsed(nutriments=nutriments)

    assert dict(data.per_100) == left
    assert next(flag for flag in data.quality if flag.code == "IMPOSSIBLE_VALUE").about == about


def test_energy_that_is_kilojoules_in_disguise_is_flagged():
    macros = {"fat_100g": 3, "proteins_100g": 5, "carbohydrates_100g": 12}

    assert codes(parsed(nutriments={**macros, "energy-kcal_100g": 397})) == ["ENERGY_UNIT"]
    assert codes(parsed(nutriments={**macros, "energy-kcal_100g": 200})) == ["ENERGY_MISMATCH"]
    assert codes(parsed(nutriments={**macros, "energy-kcal_100g": 95})) == []
    assert codes(parsed(nutriments={**macros, "energy-kcal_100g": 200, "alcohol_100g": 12})) == []


def test_parts_larger_than_their_whole_are_flagged():
    assert codes(parsed(nutriments={"energy-kcal_100g": 40, "sugars_100g": 12, "carbohydrates_100g": 10})) == [
        "PARTS_EXCEED_WHOLE"
    ]


def test_the_source_s_own_verdict_is_passed_on():
    data = parsed(data_quality_errors_tags=["en:energy-value-in-kcal-does-not-match-value-in-kj"])

    assert data.quality[-1].code == "PROVIDER_WARNING"
    assert "energy-value-in-kcal" in data.quality[-1].message


# --- The newer shape --------------------------------------------------------------------------------------------
def a_set(nutrients=None, **changes):
    nutrients = nutrients or {"energy-kcal": {"value": 64, "unit": "kcal"}, "fat": {"value": 0.4, "unit": "g"}}
    return {"preparation": "as_sold", "per": "100g", "per_quantity": 100, "per_unit": "g", "source": "packaging",
            "nutrients": nutrients, **changes}  # fmt: skip


def from_sets(*input_sets, aggregated=None):
    nutrition = {"input_sets": list(input_sets)} | ({"aggregated_set": aggregated} if aggregated else {})
    return parsed(nutriments=None, serving_size="", nutrition=nutrition)


PREPARED = {"energy-kcal": {"value": 101, "unit": "kcal", "source": "packaging"}}


def test_the_label_as_sold_wins_over_the_prepared_aggregate():
    data = from_sets(a_set(PREPARED, preparation="prepared"), a_set(), aggregated={
        "preparation": "prepared", "per": "100g", "nutrients": PREPARED})  # fmt: skip

    assert dict(data.per_100) == {"energy_kcal": 64, "fat_g": Decimal("0.4")}
    assert codes(data) == []


def test_estimates_are_used_only_where_there_is_nothing_else_and_marked():
    guess = {"fat": {"value": 7, "unit": "g", "source": "estimate"}}

    with_label = from_sets(a_set(guess, source="estimate"), a_set())
    without = from_sets(a_set(guess, source="estimate"), aggregated={
        "preparation": "as_sold", "per": "100g", "nutrients": guess})  # fmt: skip

    assert dict(with_label.per_100) == {"energy_kcal": 64, "fat_g": Decimal("0.4")}
    assert dict(without.per_100) == {"fat_g": 7}
    assert "ESTIMATED" in codes(without)


def test_units_of_the_label_are_converted():
    data = from_sets(a_set({
        "sodium": {"value": 400, "unit": "mg"}, "vitamin-d": {"value": 5, "unit": "µg"},
        "energy-kj": {"value": 418.4, "unit": "kJ"}, "vitamin-a": {"value": 385, "unit": "IU"},
        "iron": {"value": 20, "unit": "% DV"}}))  # fmt: skip

    assert dict(data.per_100) == {"energy_kcal": 100, "salt_g": 1, "vitamin_d_ug": 5}


def test_a_computed_value_counts_only_where_the_label_s_is_missing():
    data = from_sets(a_set({
        "energy-kcal": {"value": 169, "value_computed": 166.7, "unit": "kcal"},
        "sodium": {"value_computed": 0.112, "unit": "g"}}))  # fmt: skip

    assert dict(data.per_100) == {"energy_kcal": 169, "salt_g": Decimal("0.28")}


@pytest.mark.parametrize(
    ("changes", "fat", "basis", "flags"),
    [
        ({"per": "serving", "per_quantity": 20}, "2", "g", ["FROM_SERVING"]),
        ({"per": "serving", "per_quantity": "20", "per_unit": "ml"}, "2", "ml", ["FROM_SERVING"]),
        ({"per": "1kg"}, "0.04", "g", []),
        ({"per": "1l"}, "0.04", "ml", []),
        ({"per": "100ml"}, "0.4", "ml", []),
    ],
)
def test_every_reference_amount_becomes_100(changes, fat, basis, flags):
    data = from_sets(a_set({"fat": {"value": 0.4, "unit": "g"}, "energy": {"value": 4, "unit": "kJ"}}, **changes))

    assert (data.per_100["fat_g"], data.basis) == (Decimal(fat), basis)
    assert codes(data) == flags


def test_a_label_per_100_wins_over_one_per_serving():
    data = from_sets(a_set({"fat": {"value": 9, "unit": "g"}}, per="serving", per_quantity=30), a_set())

    assert data.per_100["fat_g"] == Decimal("0.4")


# --- Everything beside the figures ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"product_name": "", "product_name_fr": "Pâte", "product_name_en": "Spread"}, "Spread"),
        ({"product_name": " ", "product_name_fr": "Pâte  à\ntartiner"}, "Pâte à tartiner"),
        ({"product_name": None, "generic_name": "Nut paste"}, "Nut paste"),
        ({"product_name": None, "product_name_debug_tags": ["x"]}, f"Nutty {BARCODE}"),
    ],
)
def test_the_best_name_there_is(changes, name):
    assert parsed(**changes).name == name


def test_names_are_kept_by_language():
    data = parsed(product_name_fr="Pâte", product_name_de="Creme", product_name_fr_imported="x", product_name_xxx="y")

    assert data.names == {"de": "Creme", "fr": "Pâte"}


@pytest.mark.parametrize(("brands", "brand"), [("A, B ,A,", "A, B"), (["A", "B"], "A, B"), (None, ""), (7, "7")])
def test_brands_come_as_text_or_list(brands, brand):
    assert parsed(brands=brands).brand == brand


@pytest.mark.parametrize(
    ("changes", "basis"),
    [
        ({"nutrition_data_per": "100ml"}, "ml"),
        ({"serving_quantity_unit": "ml"}, "ml"),
        ({"serving_size": "250 ml (pour 250 ml**)"}, "ml"),
        ({"serving_size": "1 glass", "product_quantity_unit": "ml"}, "ml"),
        ({"serving_size": "", "quantity": "33 cl"}, "ml"),
        ({"serving_size": "", "quantity": "1 pint, 568 ml"}, "ml"),
        ({"serving_size": "", "quantity": "750 ML"}, "ml"),
        ({"serving_size": "", "quantity": "2 x 150 g (300 g)"}, "g"),
        ({"serving_size": "", "quantity": ""}, "g"),
        ({"nutrition_data_per": "100g", "serving_size": "200 ml"}, "ml"),  # they write 100g for drinks too
    ],
)
def test_the_basis_is_read_from_the_first_that_says_it(changes, basis):
    assert parsed(**changes).basis == basis


@pytest.mark.parametrize(
    ("size", "quantity", "amount"),
    [
        ("0.333 PACKAGE (52 g)", 52, "52"),
        ("21,67 g", None, "21.67"),
        ("1 bottle (0.5 l)", "0", "500"),
        ("1.61 ONZ (45 g)", "", "45"),
        ("62.5", "0", None),
        ("1 slice", None, None),
        ("", 30, None),
    ],
)
def test_a_serving_needs_a_label_and_an_amount(size, quantity, amount):
    found = parsed(serving_size=size, serving_quantity=quantity).servings

    assert [each.amount for each in found] == ([Decimal(amount)] if amount else [])


@pytest.mark.parametrize(
    ("value", "group"), [(4, 4), ("3", 3), (1.0, 1), (0, None), ("x", None), (None, None), (7, None)]
)
def test_nova_comes_as_number_or_text(value, group):
    assert parsed(nova_group=value).nova_group == group


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({"nutriscore_grade": "B"}, "b"),
        ({"nutriscore_grade": "unknown"}, ""),
        ({"nutrition_grades": "e"}, "e"),
        ({}, ""),
    ],
)
def test_nutri_score_only_where_it_is_declared(changes, grade):
    assert parsed(**changes).nutriscore == grade


@pytest.mark.parametrize(("tags", "allergens"), [(["en:milk"], ("en:milk",)), ([], None), (None, None)])
def test_an_empty_list_of_allergens_is_unknown(tags, allergens):
    assert parsed(allergens_tags=tags).allergens == allergens


def test_what_it_may_contain_is_kept_apart_from_the_allergens():
    data = parsed(allergens_tags=["en:milk"], traces_tags=["en:nuts"])

    assert (data.allergens, data.traces) == (("en:milk",), ("en:nuts",))


def test_pictures_only_from_secure_addresses():
    assert parsed(image_front_url="javascript:alert(1)").image_url == ""
    assert parsed(image_front_url="https://images.example.org/1.jpg").image_url == "https://images.example.org/1.jpg"


@pytest.mark.parametrize(
    ("nutriments", "kcal", "flagged"),
    [
        ({"energy-kcal_100g": 2252, "energy-kj_100g": 2252}, Decimal("538.2409"), False),
        ({"energy-kcal_100g": 2252}, None, True),
        ({"energy-kcal_100g": 1127, "energy-kj_100g": 4747}, None, True),
    ],
)
def test_impossible_kilocalories_give_way_to_possible_kilojoules(nutriments, kcal, flagged):
    data = parsed(nutriments={**nutriments, "salt_100g": 1})

    assert data.per_100.get("energy_kcal") == kcal
    assert ("IMPOSSIBLE_VALUE" in codes(data)) is flagged


def test_serving_in_another_unit_than_the_figures_is_left_out():
    drink = {"serving_size": "250 ml", "serving_quantity": 250, "nutriments": None}

    assert parsed(**drink, nutrition={"input_sets": [a_set()]}).servings == ()
    assert len(parsed(**drink, nutrition={"input_sets": [a_set(per="100ml")]}).servings) == 1


def test_half_a_litre_is_not_two():
    assert parsed(serving_size="1/2 l", serving_quantity=None).servings == ()


def test_figures_per_fluid_ounces_are_not_used_as_millilitres():
    data = from_sets(
        a_set({"energy-kcal": {"value": 60, "unit": "kcal"}}, per="serving", per_quantity=8, per_unit="fl oz")
    )

    assert dict(data.per_100) == {}


def test_estimates_of_what_is_not_shown_are_no_doubt():
    fruit = {"value": 3, "unit": "%", "source": "estimate"}
    fat = {"value": 7, "unit": "g", "source": "packaging"}

    data = from_sets(aggregated={"preparation": "as_sold", "per": "100g", "nutrients": {"fat": fat, "fruits": fruit}})

    assert "ESTIMATED" not in codes(data)


def test_a_printed_serving_serves_to_scale_a_label_per_serving():
    data = parsed(serving_quantity=None, serving_size="1 cup (30 g)", nutriments={"energy-kcal_serving": 90})

    assert dict(data.per_100) == {"energy_kcal": 300}


def test_older_figures_count_where_the_newer_shape_has_none():
    estimate = a_set({"fat": {"value": 7, "unit": "g"}}, source="estimate")

    data = parsed(nutriments={"fat_100g": 5}, nutrition={"input_sets": [estimate]})

    assert dict(data.per_100) == {"fat_g": 5}


@pytest.mark.parametrize("value", ["1e1000000", "-1e1000000", "1e-1000000", "9999999999"])
def test_enormous_exponents_are_no_figures(value):
    assert parsed(nutriments={"fat_100g": value, "salt_100g": 1}).per_100.get("fat_g") in {None, Decimal(0)}


def test_what_cannot_be_stored_is_taken_out_of_every_text():
    nasty = "a\x00b\ud800c"
    data = parsed(
        product_name=nasty,
        product_name_de=nasty,
        brands=nasty,
        quantity=nasty,
        serving_size=f"{nasty} 5 g",
        allergens_tags=[nasty, {"a": 1}, None, "en:milk"],
        data_quality_errors_tags=[nasty],
        product_type=nasty,
        image_front_url=f"https://example.org/{nasty}",
    )

    assert data.allergens == ("a b c", "en:milk")
    assert not any(bad in str(data) for bad in ("\x00", "\ud800", "\\x00", "\\ud800"))


# --- The envelope -----------------------------------------------------------------------------------------------
def test_a_code_with_other_leading_zeros_is_the_same_product():
    body = {"status": "success", "product": off_product(code="737628064502")}

    found = parse(body, asked=Barcode("0737628064502"))

    assert found
    assert found.barcode == "0737628064502"


def test_another_product_than_asked_for_is_refused():
    with pytest.raises(ValueError, match="asked for"):
        parse({"status": 1, "product": off_product(code="22007377")}, asked=ASKED)


def test_v2_says_no_with_status_0():
    assert parse({"code": BARCODE, "status": 0, "status_verbose": "product not found"}, asked=ASKED) is None


def test_something_that_is_no_food_says_so():
    body = {"status": "success_with_warnings", "product": off_product(product_type="beauty")}

    found = parse(body, asked=ASKED)

    assert found
    assert found.kind == "beauty"


@pytest.mark.parametrize("body", [None, [], "x", 7, {}, {"product": []}, {"product": {}}, {"status": 1}])
def test_anything_else_is_malformed(body):
    with pytest.raises(ValueError, match="."):
        parse(body, asked=ASKED)


def v3_error(kind):
    return {"status": "failure", "errors": [{"message": {"id": kind}}], "result": {"id": kind}}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(200, {"status": 1}, True, None), Outcome.SUCCESS),
        (Answer(200, None, False, None), Outcome.MALFORMED),
        (Answer(404, v3_error("product_not_found"), True, None), Outcome.NOT_FOUND),
        (Answer(404, {"status": 0}, True, None), Outcome.NOT_FOUND),
        (Answer(404, v3_error("product_found_with_a_different_product_type"), True, None), Outcome.SUCCESS),
        (Answer(404, {"detail": "no route"}, True, None), Outcome.MALFORMED),
        (Answer(404, None, False, None), Outcome.MALFORMED),
        (Answer(403, None, False, None), Outcome.AUTH),
        (Answer(429, None, False, None), Outcome.THROTTLED),
        (Answer(503, None, False, None), Outcome.THROTTLED),
        (Answer(502, None, False, None), Outcome.FAILURE),
        (Answer(302, None, False, None), Outcome.FAILURE),
    ],
)
def test_what_each_status_means(answer, outcome):
    assert classify(answer).outcome is outcome


def test_v3_answered_with_a_page_is_about_the_address():
    verdict = classify_v3(Answer(404, None, False, None))

    assert (verdict.outcome, verdict.why) == (Outcome.NO_ENDPOINT, NO_V3)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["product_name", "product_name_en", "brands", "nutriments", "nutrition", "serving_size", "serving_quantity",
     "quantity", "allergens_tags", "nova_group", "nutriscore_grade", "data_quality_errors_tags", "product_type",
     "image_front_url", "generic_name", "nutrition_data_per"]
)  # fmt: skip


@given(st.dictionaries(KEYS, JSON_VALUES))
def test_no_document_breaks_the_parser_and_every_figure_is_possible(document):
    data = parse_product(document, barcode=BARCODE)

    assert data.name
    assert all(0 <= value <= NUTRIENTS[key].most for key, value in data.per_100.items())


@given(st.dictionaries(st.sampled_from(["fat_100g", "sodium_100g", "energy_100g", "sugars_serving"]), JSON_VALUES))
def test_no_nutriments_break_the_parser(nutriments):
    data = parse_product({"nutriments": nutriments, "serving_quantity": 30}, barcode=BARCODE)

    assert all(0 <= value <= NUTRIENTS[key].most for key, value in data.per_100.items())
