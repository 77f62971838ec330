"""Daily reference values: each with who says so, None where nobody does."""

from decimal import Decimal

from products.nutrients import EFSA_FIBRE, EU_ANNEX_XIII, NUTRIENTS


def test_reference_values_are_those_of_the_regulation():
    # Part B of the annex as printed: the energy and the seven nutrients of every label.
    of_labels = ["energy_kcal", "fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "protein_g", "salt_g"]
    assert [NUTRIENTS[key].reference for key in of_labels] == [2000, 70, 20, 260, 90, 50, 6]
    # Part A, point 1, in its order; chromium and molybdenum are not nutrients here.
    of_part_a = [
        "vitamin_a_ug", "vitamin_d_ug", "vitamin_e_mg", "vitamin_k_ug", "vitamin_c_mg", "vitamin_b1_mg",
        "vitamin_b2_mg", "vitamin_b3_mg", "vitamin_b6_mg", "vitamin_b9_ug", "vitamin_b12_ug", "vitamin_b7_ug",
        "vitamin_b5_mg", "potassium_mg", "chloride_mg", "calcium_mg", "phosphorus_mg", "magnesium_mg", "iron_mg",
        "zinc_mg", "copper_mg", "manganese_mg", "fluoride_mg", "selenium_ug", "iodine_ug",
    ]  # fmt: skip
    as_printed = "800 5 12 75 80 1.1 1.4 16 1.4 200 2.5 50 6 2000 800 800 700 375 14 10 1 2 3.5 55 150"
    assert [NUTRIENTS[key].reference for key in of_part_a] == [Decimal(value) for value in as_printed.split()]
    assert {NUTRIENTS[key].reference_source for key in [*of_labels, *of_part_a]} == {EU_ANNEX_XIII}


def test_fibre_has_the_adequate_intake_of_efsa():
    assert NUTRIENTS["fiber_g"].reference == 25
    assert NUTRIENTS["fiber_g"].reference_source == EFSA_FIBRE


def test_what_nobody_advises_has_no_reference():
    without = {key for key, nutrient in NUTRIENTS.items() if nutrient.reference is None}

    assert {"cholesterol_mg", "caffeine_mg", "trans_fat_g", "alcohol_vol"} <= without
    assert {NUTRIENTS[key].reference_source for key in without} == {""}
