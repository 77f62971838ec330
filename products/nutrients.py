"""Nutrients of 100 g or 100 ml, and their arithmetic. Decimal throughout; None is "not declared", 0 a declared zero."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KJ_PER_KCAL = Decimal("4.184")  # thermochemical calorie; EU 1169/2011 Annex XIV rounds the same factor
SALT_PER_SODIUM = Decimal("2.5")  # EU 1169/2011 Annex I: salt = sodium × 2.5
PLACES = Decimal("0.0001")
# Pure fat has 900 kcal per 100 g (EU 1169/2011 Annex XIV: 9 kcal/g); two more for rounding of kJ.
MOST_ENERGY_KCAL = Decimal(902)
MOST_GRAMS = Decimal(100)
MOST_PARTS_G = Decimal(105)  # of 100 g: what rounded labels may add up to
ALLOWED_EXCESS_G = Decimal("0.5")  # of a part over its whole, by rounding


@dataclass(frozen=True)
class Nutrient:
    """One nutrient: its key, how it is called, its unit, how many of its units make a gram (None: not a mass)."""

    key: str
    label: str | Promise
    unit: str
    per_gram: int | None
    part_of: str | None = None

    @property
    def scales(self) -> bool:
        """Whether twice the food has twice as much. A strength in per cent stays what it is."""
        return self.unit != "% vol"

    @property
    def reference(self) -> Decimal | None:
        """What an adult is advised to have in a day, in the nutrient's unit; None where nobody says."""
        return REFERENCE.get(self.key)

    @property
    def reference_source(self) -> str:
        """Who says so; empty where nobody does."""
        if self.key not in REFERENCE:
            return ""
        return EFSA_FIBRE if self.key == "fiber_g" else EU_ANNEX_XIII

    @property
    def most(self) -> Decimal:
        """More than this in 100 g cannot be."""
        if self.key == "energy_kcal":
            return MOST_ENERGY_KCAL
        return MOST_GRAMS * (self.per_gram or 1)


MILLI, MICRO = 1_000, 1_000_000
MAIN = (
    Nutrient("energy_kcal", _("Energy"), "kcal", None),
    Nutrient("fat_g", _("Fat"), "g", 1),
    Nutrient("saturated_fat_g", _("of which saturated"), "g", 1, part_of="fat_g"),
    Nutrient("carbohydrates_g", _("Carbohydrate"), "g", 1),
    Nutrient("sugars_g", _("of which sugars"), "g", 1, part_of="carbohydrates_g"),
    Nutrient("fiber_g", _("Fibre"), "g", 1),
    Nutrient("protein_g", _("Protein"), "g", 1),
    Nutrient("salt_g", _("Salt"), "g", 1),
)
FURTHER = (
    Nutrient("monounsaturated_fat_g", _("of which monounsaturated"), "g", 1, part_of="fat_g"),
    Nutrient("polyunsaturated_fat_g", _("of which polyunsaturated"), "g", 1, part_of="fat_g"),
    Nutrient("trans_fat_g", _("of which trans fat"), "g", 1, part_of="fat_g"),
    Nutrient("added_sugars_g", _("of which added sugars"), "g", 1, part_of="carbohydrates_g"),
    Nutrient("polyols_g", _("of which polyols"), "g", 1, part_of="carbohydrates_g"),
    Nutrient("starch_g", _("of which starch"), "g", 1, part_of="carbohydrates_g"),
    Nutrient("alcohol_vol", _("Alcohol"), "% vol", None),
    Nutrient("cholesterol_mg", _("Cholesterol"), "mg", MILLI),
    Nutrient("caffeine_mg", _("Caffeine"), "mg", MILLI),
    Nutrient("vitamin_a_ug", _("Vitamin A"), "µg", MICRO),
    Nutrient("vitamin_b1_mg", _("Thiamin (B1)"), "mg", MILLI),
    Nutrient("vitamin_b2_mg", _("Riboflavin (B2)"), "mg", MILLI),
    Nutrient("vitamin_b3_mg", _("Niacin (B3)"), "mg", MILLI),
    Nutrient("vitamin_b5_mg", _("Pantothenic acid (B5)"), "mg", MILLI),
    Nutrient("vitamin_b6_mg", _("Vitamin B6"), "mg", MILLI),
    Nutrient("vitamin_b7_ug", _("Biotin (B7)"), "µg", MICRO),
    Nutrient("vitamin_b9_ug", _("Folate (B9)"), "µg", MICRO),
    Nutrient("vitamin_b12_ug", _("Vitamin B12"), "µg", MICRO),
    Nutrient("vitamin_c_mg", _("Vitamin C"), "mg", MILLI),
    Nutrient("vitamin_d_ug", _("Vitamin D"), "µg", MICRO),
    Nutrient("vitamin_e_mg", _("Vitamin E"), "mg", MILLI),
    Nutrient("vitamin_k_ug", _("Vitamin K"), "µg", MICRO),
    Nutrient("calcium_mg", _("Calcium"), "mg", MILLI),
    Nutrient("chloride_mg", _("Chloride"), "mg", MILLI),
    Nutrient("copper_mg", _("Copper"), "mg", MILLI),
    Nutrient("fluoride_mg", _("Fluoride"), "mg", MILLI),
    Nutrient("iodine_ug", _("Iodine"), "µg", MICRO),
    Nutrient("iron_mg", _("Iron"), "mg", MILLI),
    Nutrient("magnesium_mg", _("Magnesium"), "mg", MILLI),
    Nutrient("manganese_mg", _("Manganese"), "mg", MILLI),
    Nutrient("phosphorus_mg", _("Phosphorus"), "mg", MILLI),
    Nutrient("potassium_mg", _("Potassium"), "mg", MILLI),
    Nutrient("selenium_ug", _("Selenium"), "µg", MICRO),
    Nutrient("zinc_mg", _("Zinc"), "mg", MILLI),
)

EU_ANNEX_XIII = "Regulation (EU) No 1169/2011, Annex XIII"
EFSA_FIBRE = "EFSA Journal 2010; 8(3):1462"
# Reference intakes of adults for a day. Part B of that annex: energy and macronutrients; part A: vitamins and
# minerals. It has none for fibre: 25 g is EFSA's adequate intake. What an adult needs depends on who it is; these are
# what labels compare with.
REFERENCE: Mapping[str, Decimal] = {
    "energy_kcal": Decimal(2000),
    "fat_g": Decimal(70),
    "saturated_fat_g": Decimal(20),
    "carbohydrates_g": Decimal(260),
    "sugars_g": Decimal(90),
    "fiber_g": Decimal(25),
    "protein_g": Decimal(50),
    "salt_g": Decimal(6),
    "vitamin_a_ug": Decimal(800),
    "vitamin_d_ug": Decimal(5),
    "vitamin_e_mg": Decimal(12),
    "vitamin_k_ug": Decimal(75),
    "vitamin_c_mg": Decimal(80),
    "vitamin_b1_mg": Decimal("1.1"),
    "vitamin_b2_mg": Decimal("1.4"),
    "vitamin_b3_mg": Decimal(16),
    "vitamin_b6_mg": Decimal("1.4"),
    "vitamin_b9_ug": Decimal(200),
    "vitamin_b12_ug": Decimal("2.5"),
    "vitamin_b7_ug": Decimal(50),
    "vitamin_b5_mg": Decimal(6),
    "potassium_mg": Decimal(2000),
    "chloride_mg": Decimal(800),
    "calcium_mg": Decimal(800),
    "phosphorus_mg": Decimal(700),
    "magnesium_mg": Decimal(375),
    "iron_mg": Decimal(14),
    "zinc_mg": Decimal(10),
    "copper_mg": Decimal(1),
    "manganese_mg": Decimal(2),
    "fluoride_mg": Decimal("3.5"),
    "selenium_ug": Decimal(55),
    "iodine_ug": Decimal(150),
}


def _as_printed() -> tuple[Nutrient, ...]:
    """The order of a label: each part right under its whole."""
    ordered: list[Nutrient] = []
    for nutrient in (*MAIN, *FURTHER):
        if nutrient in ordered:
            continue
        parts = [part for part in (*MAIN, *FURTHER) if part.part_of == nutrient.key]
        ordered += [nutrient, *parts]
    return tuple(ordered)


AS_PRINTED = _as_printed()
NUTRIENTS = {nutrient.key: nutrient for nutrient in (*MAIN, *FURTHER)}
MAIN_KEYS = tuple(nutrient.key for nutrient in MAIN)


@dataclass(frozen=True)
class Nutrients(Mapping[str, Decimal]):
    """What is declared of 100 g or 100 ml (or of any amount): only known keys, only declared values.

    `nutrients["salt_g"]` raises KeyError where nothing is declared; `.get("salt_g")` is None then.
    """

    declared: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        unknown = self.declared.keys() - NUTRIENTS.keys()
        if unknown:
            raise ValueError(f"not nutrients: {', '.join(sorted(unknown))}")

    def __getitem__(self, key: str) -> Decimal:
        return self.declared[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)

    def scaled(self, factor: Decimal) -> "Nutrients":
        """Of `factor` times the amount. Exact: rounding is for showing."""
        scales = {key: NUTRIENTS[key].scales for key in self.declared}
        return Nutrients({key: value * factor if scales[key] else value for key, value in self.declared.items()})

    def overlaid(self, changes: Mapping[str, Decimal | None]) -> "Nutrients":
        """With `changes` on top; None takes a declared value away."""
        merged = {**self.declared, **changes}
        return Nutrients({key: value for key, value in merged.items() if value is not None})


NOTHING_DECLARED = Nutrients({})


def rounded(value: Decimal) -> Decimal:
    """As kept: four decimals, without trailing zeros."""
    kept = value.quantize(PLACES, ROUND_HALF_EVEN).normalize()
    return Decimal(f"{kept:f}")  # 5E+2 is 500 here


def possible(key: str, value: Decimal) -> bool:
    """Whether 100 g can hold that much."""
    return 0 <= value <= NUTRIENTS[key].most


def kcal_from_kj(kilojoules: Decimal) -> Decimal:
    return kilojoules / KJ_PER_KCAL


def energy_from_macros(values: Mapping[str, Decimal], *, fibre: bool = True) -> Decimal | None:
    """Kilocalories by 4 · 9 · 4, and 2 for fibre (EU 1169/2011 Annex XIV). None where a macro is unknown."""
    protein, fat, carbohydrates = (values.get(key) for key in ("protein_g", "fat_g", "carbohydrates_g"))
    if protein is None or fat is None or carbohydrates is None:
        return None
    return 4 * protein + 9 * fat + 4 * carbohydrates + (2 * values.get("fiber_g", Decimal(0)) if fibre else 0)
