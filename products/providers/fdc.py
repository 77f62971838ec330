"""USDA FoodData Central: branded foods by barcode, all foods by words. An answer of its search in, `ProductData` out.

Figures are per 100 g, or per 100 ml where the serving is in ml. All three shapes of nutrients that its endpoints use
are understood. See https://fdc.nal.usda.gov/api-guide and docs/how-a-lookup-works.md.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, Literal

from django.conf import settings

from dietintel import __version__
from dietintel.gateway.auth import ApiKey
from dietintel.gateway.classify import Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.client import BaseAPIClient, Question
from dietintel.gateway.conf import CachePolicy, CallPolicy, Operation, ProviderConfig, RateLimit
from dietintel.gateway.errors import GatewayError, UpstreamNotFound
from products.barcodes import Barcode, InvalidBarcode, normalise
from products.nutrients import NUTRIENTS, SALT_PER_SODIUM, Nutrients, kcal_from_kj, possible, rounded
from products.providers.base import SEARCH_HITS, Found, ProductData, Searching, Serving, Source
from products.providers.reading import line, mapping, number
from products.providers.us_labels import available_carbohydrate
from products.quality import Flag, doubts

# 1,000 calls an hour and key, of whatever kind; beyond it the key is blocked for an hour. So the two share it out.
READS = RateLimit(limit=750, period_s=3600, burst=40)
SEARCHES = RateLimit(limit=250, period_s=3600, burst=20)
SEARCH_KEPT = CachePolicy(ttl_s=24 * 3600, negative_ttl_s=3600, stale_s=7 * 24 * 3600)
GENERIC, BRANDED = "Foundation,SR Legacy,Survey (FNDDS)", "Branded"  # asked apart, or brands push everything else out
FEW_GENERIC = 5  # with fewer hits than this the brands are searched too
BLOCKED_S = 3600.0
PAGE_SIZE = 25  # hits for one barcode: the same product in several years, and others that merely mention the digits

# FoodData Central's nutrient numbers, which are in all three shapes, and our keys.
KEYS = {
    "203": "protein_g", "204": "fat_g", "606": "saturated_fat_g", "645": "monounsaturated_fat_g",
    "646": "polyunsaturated_fat_g", "605": "trans_fat_g", "291": "fiber_g", "539": "added_sugars_g", "209": "starch_g",
    "299": "polyols_g", "601": "cholesterol_mg", "262": "caffeine_mg", "301": "calcium_mg", "303": "iron_mg",
    "304": "magnesium_mg", "305": "phosphorus_mg", "306": "potassium_mg", "309": "zinc_mg", "312": "copper_mg",
    "315": "manganese_mg", "317": "selenium_ug", "314": "iodine_ug", "320": "vitamin_a_ug", "401": "vitamin_c_mg",
    "328": "vitamin_d_ug", "323": "vitamin_e_mg", "430": "vitamin_k_ug", "404": "vitamin_b1_mg",
    "405": "vitamin_b2_mg", "406": "vitamin_b3_mg", "410": "vitamin_b5_mg", "415": "vitamin_b6_mg",
    "435": "vitamin_b9_ug", "418": "vitamin_b12_ug",
}  # fmt: skip
ENERGY_KCAL = ("208", "958", "957")  # as declared, else by specific, else by general Atwater factors
ENERGY_KJ, SUGARS, CARBOHYDRATE, SODIUM = "268", ("269", "269.3"), "205", "307"
IN_GRAMS = {"G": Decimal(1), "MG": Decimal("0.001"), "UG": Decimal("0.000001"), "MCG": Decimal("0.000001")}
SERVING_UNITS: dict[str, Literal["g", "ml"]] = {"g": "g", "grm": "g", "ml": "ml", "mlt": "ml"}


SOURCE = Source(
    label="FoodData Central",
    attribution="USDA FoodData Central, CC0",
    page="https://fdc.nal.usda.gov/food-details/{id}/nutrients",
)


class FoodDataCentral(Searching):
    """The provider. `product` and `search` read the network."""

    hits_are_whole: ClassVar[bool] = True  # barcodes are looked up by the same search

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config
        self._client = BaseAPIClient(config)

    def product(self, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        """Labels were entered with 12, 13 or 14 digits: each form is asked for in turn, within `total_s` together."""
        ends = time.monotonic() + total_s
        for form in forms(barcode):
            question = Question(
                operation="product",
                path="/foods/search",
                params={"query": form, "dataType": "Branded", "pageSize": str(PAGE_SIZE)},
                parse=lambda body: parse(body, asked=barcode),
                classify=classify,
            )
            found = self._client.get_json(question, caller=caller, total_s=ends - time.monotonic()).data
            if found is not None:
                return found
        raise UpstreamNotFound(str(barcode))

    def search(self, text: str, *, caller: CallPolicy, total_s: float) -> Found:
        """Generic foods; where there are few, brands after them, if these can be asked within `total_s` too."""
        ends = time.monotonic() + total_s
        generic = self._search(text, GENERIC, caller=caller, total_s=total_s)
        if len(generic.foods) >= FEW_GENERIC:
            return generic
        try:
            branded = self._search(text, BRANDED, caller=caller, total_s=ends - time.monotonic())
        except GatewayError:
            if not generic.foods:
                raise
            return generic
        foods = (*generic.foods, *branded.foods)[:SEARCH_HITS]
        return Found(foods, min(generic.fetched_at, branded.fetched_at))

    def _search(self, text: str, kinds: str, *, caller: CallPolicy, total_s: float) -> Found:
        question = Question(
            operation="search",
            path="/foods/search",
            params={"query": text, "dataType": kinds, "pageSize": str(SEARCH_HITS)},
            parse=parse_search,
            classify=classify,
        )
        answer = self._client.get_json(question, caller=caller, total_s=total_s)
        return Found(answer.data, answer.fetched_at)


def food_data_central() -> FoodDataCentral | None:
    """From the settings; None without a key."""
    if not settings.FDC_API_KEY:
        return None
    return FoodDataCentral(
        ProviderConfig(
            name="fdc",
            label=SOURCE.label,
            base_url=settings.FDC_BASE_URL,
            user_agent=f"DietIntel/{__version__}",
            auth=ApiKey("X-Api-Key", settings.FDC_API_KEY),  # in a header: addresses end up in logs
            operations={
                "product": Operation(rate=READS, cache=CachePolicy(ttl_s=300, negative_ttl_s=3600)),
                "search": Operation(rate=SEARCHES, cache=SEARCH_KEPT),
            },
        )
    )


def forms(barcode: Barcode) -> list[str]:
    """The ways the code may be written there, the most frequent first."""
    short = barcode.digits.lstrip("0")
    return [short.zfill(length) for length in (12, 13, 14) if len(short) <= length]


def classify(answer: Answer) -> Verdict:
    """Its 429 means that the key is blocked for an hour, so what is left of the key's calls is heeded before."""
    if answer.status == 429:
        return Verdict(Outcome.THROTTLED, "429", cooldown_s=answer.retry_after_s or BLOCKED_S)
    if answer.status in {404, 410}:
        return Verdict(Outcome.MALFORMED, "a search cannot be missing", remaining=answer.remaining)
    return replace(default_classifier(answer), remaining=answer.remaining)


# --- JSON -> ProductData ----------------------------------------------------------------------------------------
def parse(body: object, *, asked: Barcode) -> ProductData | None:
    """The newest hit that really has the code; None where none has. Raises ValueError for anything but a search."""
    wanted = asked.digits.lstrip("0")
    hits = [food for food in _foods(body) if line(food.get("gtinUpc")).lstrip("0") == wanted]
    if not hits:
        return None
    return parse_food(max(hits, key=lambda food: line(food.get("publishedDate"))), barcode=asked.digits)


def parse_search(body: object) -> tuple[ProductData, ...]:
    """The foods in an answer, in its order; of several with one barcode the newest. Raises as `parse` does."""
    best: dict[str, Mapping[str, Any]] = {}
    for food in _foods(body):
        name = _barcode(food) or line(str(food.get("fdcId") or ""))
        older = best.get(name)
        if name and (older is None or line(food.get("publishedDate")) > line(older.get("publishedDate"))):
            best[name] = food
    said = (parse_food(food, barcode=_barcode(food)) for food in best.values())
    return tuple(food for food in said if food.name)[:SEARCH_HITS]


def _foods(body: object) -> list[Mapping[str, Any]]:
    foods = mapping(body).get("foods")
    if not isinstance(foods, list):
        raise ValueError("no list of foods in the answer")
    return [mapping(food) for food in foods]


def _barcode(food: Mapping[str, Any]) -> str:
    """Canonical; empty for generic foods, and for codes that are none or a shop's own."""
    try:
        code = normalise(line(food.get("gtinUpc"))) if food.get("dataType") == BRANDED else None
    except InvalidBarcode:
        return ""
    return "" if code is None or code.shop_internal else code.digits


def parse_food(food: Mapping[str, Any], *, barcode: str) -> ProductData:
    """A food of any endpoint."""
    values, impossible, flags = _values(dict(_amounts(food.get("foodNutrients"))))
    unit = SERVING_UNITS.get(line(food.get("servingSizeUnit")).lower())
    name = _plain(line(food.get("description")))
    brand = _plain(line(food.get("brandName")) or line(food.get("brandOwner")))
    return ProductData(
        barcode=barcode,
        source_id=line(str(food.get("fdcId") or ""))[:40],
        name=(name or f"{brand} {barcode}".strip())[:300],
        brand=brand[:300],
        quantity=line(food.get("packageWeight"))[:120],
        basis=unit or "g",
        per_100=Nutrients(values),
        servings=_servings(food, unit),
        quality=(*flags, *doubts(values, impossible=impossible), *(() if name else (Flag("NO_NAME"),))),
    )


def _amounts(nutrients: object) -> Iterator[tuple[str, tuple[Decimal, str]]]:
    """Number, amount and unit of each nutrient that has an amount, in whichever shape."""
    for each in map(mapping, nutrients if isinstance(nutrients, list) else []):
        nested = mapping(each.get("nutrient"))
        key = line(each.get("nutrientNumber")) or line(each.get("number")) or line(nested.get("number"))
        unit = line(each.get("unitName")) or line(nested.get("unitName"))
        amount = number(each.get("value") if "value" in each else each.get("amount"))
        if key and amount is not None:
            yield key, (amount, unit.upper().replace("µ", "U").replace("Μ", "U"))


def _values(amounts: Mapping[str, tuple[Decimal, str]]) -> tuple[dict[str, Decimal], list[str], tuple[Flag, ...]]:
    """Our nutrients, those dropped as impossible, and what is doubtful about the carbohydrate."""
    raw: dict[str, Decimal] = {}
    energy = next((amounts[key][0] for key in ENERGY_KCAL if key in amounts), None)
    if energy is None and ENERGY_KJ in amounts:
        energy = kcal_from_kj(amounts[ENERGY_KJ][0])
    if energy is not None:
        raw["energy_kcal"] = energy
    grams = {key: amount * IN_GRAMS[unit] for key, (amount, unit) in amounts.items() if unit in IN_GRAMS}
    for fdc, key in KEYS.items():
        if fdc in grams:
            raw[key] = grams[fdc] * (NUTRIENTS[key].per_gram or 1)
    sugars = next((grams[key] for key in SUGARS if key in grams), None)
    if sugars is not None:
        raw["sugars_g"] = sugars
    if SODIUM in grams:
        raw["salt_g"] = grams[SODIUM] * SALT_PER_SODIUM
    flags: tuple[Flag, ...] = ()
    if CARBOHYDRATE in grams:
        available, flags = available_carbohydrate(grams[CARBOHYDRATE], raw)
        if available is not None:
            raw["carbohydrates_g"] = available
    values = {key: rounded(value) for key, value in raw.items() if possible(key, value)}
    return values, [key for key in raw if key not in values], flags


def _servings(food: Mapping[str, Any], unit: str | None) -> tuple[Serving, ...]:
    amount = number(food.get("servingSize"))
    if unit is None or amount is None or not Decimal("0.01") <= amount <= 99_999:
        return ()
    size = f"{rounded(amount)} {unit}"
    household = line(food.get("householdServingFullText")).lower()
    return (Serving((f"{household} ({size})" if household else size)[:120], rounded(amount)),)


def _plain(text: str) -> str:
    """Labels are entered in capitals; people do not shout."""
    return text.capitalize() if text.isupper() else text
