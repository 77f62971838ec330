"""Open Food Facts: one product's JSON in, one `ProductData` out.

Two shapes of nutrition occur: `nutriments` (API before v3.5, older dump rows) and `nutrition` (since). See
https://openfoodfacts.github.io/openfoodfacts-server/api/ and docs/how-a-lookup-works.md.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Literal

from django.conf import settings

from dietintel import __version__
from dietintel.gateway.classify import Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.client import BaseAPIClient, Question
from dietintel.gateway.conf import CachePolicy, CallPolicy, Operation, ProviderConfig, RateLimit
from dietintel.gateway.errors import NoSuchEndpoint, UpstreamNotFound
from products.barcodes import Barcode, InvalidBarcode, normalise
from products.nutrients import NUTRIENTS, SALT_PER_SODIUM, Nutrients, kcal_from_kj, possible, rounded
from products.providers.base import LEAST_SERVING, SEARCH_HITS, Found, ProductData, Searching, Serving, Source
from products.providers.reading import line, lines, mapping, number
from products.quality import Flag, doubts

V3, V2 = "/api/v3.6/product/", "/api/v2/product/"
V2_REMEMBERED_S = 24 * 3600
REFUSED_COOLDOWN_S = 3600.0  # after a 403: we may be banned, and asking on would prolong it
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "fi", "cs", "ro", "hu", "el", "tr", "ru", "ja")
FIELDS = ",".join(
    (
        "code,product_name,generic_name,generic_name_en,brands,lang,quantity,product_quantity_unit,serving_size,serving_quantity",
        "serving_quantity_unit,nutrition_data_per,nutriments,nutrition,nutriscore_grade,nutrition_grades,nova_group",
        "nutrition_grade_fr,allergens_tags,traces_tags,image_front_url,image_url,data_quality_errors_tags,product_type",
        *(f"product_name_{language}" for language in LANGUAGES),
    )
)
SEARCH_FIELDS = f"{FIELDS},categories_tags"
# 15 reads a minute and address are allowed, for all users of this installation together. Five at once, for somebody who
# unpacks the shopping, leave 10 a minute in the long run.
READS = RateLimit(limit=15, period_s=60, burst=5)
# 10 searches a minute and address, on another server; three at once leave 7 a minute.
SEARCHES = RateLimit(limit=10, period_s=60, burst=3)
SEARCH_KEPT = CachePolicy(ttl_s=24 * 3600, negative_ttl_s=3600, stale_s=7 * 24 * 3600)

# Our key: Open Food Facts' names for it, the first that is declared counts. Their `_100g` values are in grams.
NAMES: dict[str, tuple[str, ...]] = {
    "fat_g": ("fat",), "saturated_fat_g": ("saturated-fat",), "carbohydrates_g": ("carbohydrates",),
    "sugars_g": ("sugars",), "fiber_g": ("fiber",), "protein_g": ("proteins",), "salt_g": ("salt",),
    "monounsaturated_fat_g": ("monounsaturated-fat",), "polyunsaturated_fat_g": ("polyunsaturated-fat",),
    "trans_fat_g": ("trans-fat",), "added_sugars_g": ("added-sugars",), "polyols_g": ("polyols",),
    "starch_g": ("starch",), "alcohol_vol": ("alcohol",), "cholesterol_mg": ("cholesterol",),
    "caffeine_mg": ("caffeine",), "vitamin_a_ug": ("vitamin-a",), "vitamin_b1_mg": ("vitamin-b1",),
    "vitamin_b2_mg": ("vitamin-b2",), "vitamin_b3_mg": ("vitamin-pp",), "vitamin_b5_mg": ("pantothenic-acid",),
    "vitamin_b6_mg": ("vitamin-b6",), "vitamin_b7_ug": ("biotin",), "vitamin_b9_ug": ("vitamin-b9", "folates"),
    "vitamin_b12_ug": ("vitamin-b12",), "vitamin_c_mg": ("vitamin-c",), "vitamin_d_ug": ("vitamin-d",),
    "vitamin_e_mg": ("vitamin-e",), "vitamin_k_ug": ("vitamin-k",), "calcium_mg": ("calcium",),
    "chloride_mg": ("chloride",), "copper_mg": ("copper",), "fluoride_mg": ("fluoride",), "iodine_ug": ("iodine",),
    "iron_mg": ("iron",), "magnesium_mg": ("magnesium",), "manganese_mg": ("manganese",),
    "phosphorus_mg": ("phosphorus",), "potassium_mg": ("potassium",), "selenium_ug": ("selenium",),
    "zinc_mg": ("zinc",),
}  # fmt: skip
MOST_WARNINGS = 5  # of the source's own that are passed on
GRAMS_PER = {
    "g": Decimal(1), "mg": Decimal("0.001"), "µg": Decimal("0.000001"), "μg": Decimal("0.000001"),
    "mcg": Decimal("0.000001"), "kg": Decimal(1000),
}  # fmt: skip
_UNIT = r"(kg|mg|g|ml|cl|dl|l|oz|fl\.? ?oz)"
# Not the 2 of "1/2 l".
_AMOUNT = re.compile(rf"(?<![\d/.,])(\d+(?:[.,]\d+)?)\s*{_UNIT}(?![a-z])", re.IGNORECASE)
_TO_BASIS = {
    "g": Decimal(1), "kg": Decimal(1000), "mg": Decimal("0.001"),
    "ml": Decimal(1), "cl": Decimal(10), "dl": Decimal(100), "l": Decimal(1000),
}  # fmt: skip
_BASIS_OF = {"g": "g", "kg": "g", "mg": "g", "ml": "ml", "cl": "ml", "dl": "ml", "l": "ml"}
_LANGUAGE_NAME = re.compile(r"product_name_([a-z]{2})")
SOURCES = ("manufacturer", "packaging", "usda")


SOURCE = Source(
    label="Open Food Facts",
    attribution="Open Food Facts contributors, ODbL 1.0",
    page="https://world.openfoodfacts.org/product/{barcode}",
)


class OpenFoodFacts(Searching):
    """The provider. `product` and `search` read the network, each another server."""

    hits_are_whole: ClassVar[bool] = False  # the search knows no servings, no packs and few vitamins

    def __init__(self, config: ProviderConfig, search_config: ProviderConfig) -> None:
        self.config = config
        self.search_config = search_config
        self._client = BaseAPIClient(config)
        self._search_client = BaseAPIClient(search_config)

    @property
    def configs(self) -> tuple[ProviderConfig, ...]:
        return (self.config, self.search_config)

    def product(self, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        """v3 first. v2 only where v3 is answered with 404 and a page, as by mirrors that do not have it."""
        ends = time.monotonic() + total_s
        if not self._client.remembers(NO_V3):
            try:
                return self._ask(V3, barcode, caller=caller, total_s=total_s)
            except NoSuchEndpoint:
                self._client.remember(NO_V3, for_s=V2_REMEMBERED_S)
        return self._ask(V2, barcode, caller=caller, total_s=ends - time.monotonic())

    def _ask(self, version: str, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        question = Question(
            operation="product",
            path=f"{version}{barcode}",
            params={"fields": FIELDS, "product_type": "all"},
            parse=lambda body: parse(body, asked=barcode),
            classify=classify_v3 if version == V3 else classify,
        )
        found = self._client.get_json(question, caller=caller, total_s=total_s).data
        if found is None:
            raise UpstreamNotFound(question.path)
        return found

    def search(self, text: str, *, caller: CallPolicy, total_s: float) -> Found:
        question = Question(
            operation="search",
            path="/search",
            params={"q": text, "langs": "en", "page_size": str(SEARCH_HITS), "page": "1", "fields": SEARCH_FIELDS},
            parse=parse_search,
            classify=classify_search,
        )
        answer = self._search_client.get_json(question, caller=caller, total_s=total_s)
        return Found(answer.data, answer.fetched_at)


def open_food_facts() -> OpenFoodFacts:
    """From the settings."""
    contact = f" ({settings.OFF_CONTACT})" if settings.OFF_CONTACT else ""
    config = ProviderConfig(
        name="openfoodfacts",
        label=SOURCE.label,
        base_url=settings.OFF_BASE_URL,
        user_agent=f"DietIntel/{__version__}{contact}",
        operations={
            # The row is the memory of what was found; the answer itself is kept for those who ask meanwhile.
            "product": Operation(rate=READS, cache=CachePolicy(ttl_s=300, negative_ttl_s=3600)),
        },
    )
    search = {"search": Operation(rate=SEARCHES, cache=SEARCH_KEPT)}
    return OpenFoodFacts(config, replace(config, base_url=settings.OFF_SEARCH_URL, operations=search))


# --- What a status means ----------------------------------------------------------------------------------------
NO_V3 = "this address has no v3"


def classify(answer: Answer) -> Verdict:
    """Open Food Facts says "too much" with 503 as well, and means "we have banned you" by 403."""
    if answer.status == 503:
        return Verdict(Outcome.THROTTLED, "503", cooldown_s=answer.retry_after_s, stepwise=True)
    if answer.status == 403:
        return Verdict(Outcome.AUTH, "403: refused, perhaps banned", cooldown_s=REFUSED_COOLDOWN_S)
    if answer.status in {404, 410} and answer.is_json:
        # "There is one, but it is no food" comes as a 404 too; only a plain "no" may be remembered as one.
        kinds = _kinds_of_error(answer.json)
        if "product_found_with_a_different_product_type" in kinds:
            return Verdict(Outcome.SUCCESS)
        if "product_not_found" not in kinds and mapping(answer.json).get("status") != 0:
            return Verdict(Outcome.MALFORMED, "404 with unexpected JSON")
    return default_classifier(answer)


def classify_v3(answer: Answer) -> Verdict:
    if answer.status == 404 and not answer.is_json:
        return Verdict(Outcome.NO_ENDPOINT, NO_V3)  # about the address, not about its health
    return classify(answer)


def classify_search(answer: Answer) -> Verdict:
    if answer.status in {404, 410}:
        return Verdict(Outcome.MALFORMED, "a search cannot be missing")
    return classify(answer)


def _kinds_of_error(body: object) -> set[str]:
    errors = mapping(body).get("errors")
    listed = errors if isinstance(errors, list) else []
    kinds = {str(mapping(mapping(error).get("message")).get("id")) for error in listed}
    return kinds | {str(mapping(mapping(body).get("result")).get("id"))}


# --- JSON -> ProductData ----------------------------------------------------------------------------------------
def parse(body: object, *, asked: Barcode) -> ProductData | None:
    """An answer of v2 or v3. None where it says that there is no such product. Raises ValueError for anything else."""
    envelope = body if isinstance(body, dict) else {}
    kinds = _kinds_of_error(envelope)
    if "product_found_with_a_different_product_type" in kinds:
        return ProductData(asked.digits, name=asked.digits, kind="other")
    product = envelope.get("product")
    if not isinstance(product, dict) or not product:
        if envelope.get("status") == 0 or "product_not_found" in kinds:
            return None
        raise ValueError("no product in the answer")
    answered = str(product.get("code") or envelope.get("code") or "")
    if answered and not _same(answered, asked):
        raise ValueError(f"asked for {asked}, got {answered[:30]!r}")
    return parse_product(product, barcode=asked.digits)


def parse_search(body: object) -> tuple[ProductData, ...]:
    """The foods in an answer of Search-a-licious, or of a mirror that answers in the older form.

    Left out is what cannot be opened: without a code, with a code of a shop's own, or no food. Raises ValueError for
    anything but a search that was carried out.
    """
    envelope = mapping(body)
    hits = envelope.get("hits", envelope.get("products"))
    if not isinstance(hits, list) or (envelope.get("timed_out") is True and not hits):
        raise ValueError("no list of hits in the answer")
    foods: dict[str, ProductData] = {}
    for hit in map(mapping, hits):
        code = _code(hit.get("code"))
        if code is not None and code.digits not in foods:
            said = parse_product(_with_unit(hit), barcode=code.digits)
            if said.kind == "food":
                foods[code.digits] = said
    return tuple(foods.values())[:SEARCH_HITS]


DRINKS = "en:beverages"
NOT_YET_DRINKS = {"en:dehydrated-beverages", "en:instant-beverages", "en:coffees", "en:teas"}  # powders, beans, leaves


def _with_unit(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    """A hit that names no serving and no pack does not say whether its figures are of g or ml; its category may."""
    tags = set(lines(hit.get("categories_tags")))
    if DRINKS not in tags or tags & NOT_YET_DRINKS or any(hit.get(name) for name in ("serving_size", "quantity")):
        return hit
    return {"product_quantity_unit": "ml", **hit}


def _code(value: object) -> Barcode | None:
    """A hit's code where it can be looked up; codes that shops print for themselves are another shop's product."""
    try:
        code = normalise(str(value) if isinstance(value, int | str) else "")
    except InvalidBarcode:
        return None
    return None if code.shop_internal else code


def _same(code: str, asked: Barcode) -> bool:
    try:
        return normalise(code) == asked
    except InvalidBarcode:
        return False


def parse_product(product: Mapping[str, Any], *, barcode: str) -> ProductData:
    """A product document of the API or of a dump."""
    names = _names(product)
    brand = _brand(product.get("brands"))
    name = _name(product, names)
    flags: list[Flag] = []
    if not name:
        name, flags = f"{brand} {barcode}".strip(), [Flag("NO_NAME")]
    table = _table(product)
    basis = _basis(product, table)
    values, impossible = _values(table)
    found = [Flag("SERVING_ONLY")] if table.serving_only else doubts(values, impossible=impossible)
    errors = lines(product.get("data_quality_errors_tags"))
    if errors:
        found.append(Flag("PROVIDER_WARNING", tuple(tag.removeprefix("en:") for tag in errors[:MOST_WARNINGS])))
    return ProductData(
        barcode=barcode,
        name=name[:300],
        names=names,
        brand=brand[:300],
        quantity=line(product.get("quantity"))[:120],
        basis=basis,
        per_100=Nutrients(values),
        servings=_servings(product, basis),
        nutriscore=_nutriscore(product),
        nova_group=_nova(product.get("nova_group")),
        allergens=lines(product.get("allergens_tags")) or None,
        traces=lines(product.get("traces_tags")) or None,
        image_url=_image(product),
        quality=(*table.flags, *found, *flags),
        kind=line(product.get("product_type")) or "food",
    )


@dataclass(frozen=True)
class _Table:
    """Figures per 100 by Open Food Facts' names: masses in grams, energy in kcal ("energy-kcal") or kJ ("energy")."""

    figures: Mapping[str, Decimal]
    per: str = ""  # "100ml" and the like, where the source says so
    flags: tuple[Flag, ...] = ()
    serving_only: bool = False


def _table(product: Mapping[str, Any]) -> _Table:
    nutrition = product.get("nutrition")
    nutriments = mapping(product.get("nutriments"))
    table = _from_sets(mapping(nutrition))
    return table if table.figures or not nutriments else _from_nutriments(nutriments, product)


def _from_nutriments(nutriments: Mapping[str, Any], product: Mapping[str, Any]) -> _Table:
    """As sold before prepared, never mixed; per 100 before per serving."""
    portion, _unit = _portion(product)
    per_serving_seen = False
    for state, flags in (("", ()), ("_prepared", (Flag("PREPARED"),))):
        per_100 = _column(nutriments, f"{state}_100g")
        if per_100:
            per = str(product.get("nutrition_data_per" if not state else "nutrition_data_prepared_per") or "")
            return _Table(per_100, per="100ml" if per == "100ml" else "", flags=flags)
        per_serving = _column(nutriments, f"{state}_serving")
        if per_serving and portion is not None and portion >= LEAST_SERVING:
            scaled = {name: value * 100 / portion for name, value in per_serving.items()}
            return _Table(scaled, flags=(*flags, Flag("FROM_SERVING")))
        per_serving_seen = per_serving_seen or bool(per_serving)
    return _Table({}, serving_only=per_serving_seen)


def _column(nutriments: Mapping[str, Any], suffix: str) -> dict[str, Decimal]:
    """Known nutrients only: the same place also holds scores and percentages of fruit."""
    column = {}
    for name in (*_KNOWN, "energy-kcal", "energy-kj", "energy", "sodium"):
        value = number(nutriments.get(f"{name}{suffix}"))
        if value is not None:
            column[name] = value
    return column


def _from_sets(nutrition: Mapping[str, Any]) -> _Table:
    """The label's own figures as sold; only where there are none, what Open Food Facts aggregated."""
    sets = nutrition.get("input_sets")
    candidates = [mapping(each) for each in (sets if isinstance(sets, list) else [])]
    as_sold = [each for each in candidates if each.get("preparation") == "as_sold" and each.get("source") != "estimate"]
    for each in sorted(as_sold, key=_preference):
        factor = _factor(each)
        figures = _figures(each.get("nutrients"))
        if factor is not None and figures:
            per, unit = str(each.get("per") or ""), str(each.get("per_unit") or "")
            flags = (Flag("FROM_SERVING"),) if per == "serving" else ()
            scaled = {name: value * factor for name, value in figures.items()}
            return _Table(scaled, per="100ml" if per in {"100ml", "1l"} or unit == "ml" else "100g", flags=flags)
    aggregated = mapping(nutrition.get("aggregated_set"))
    figures = _figures(aggregated.get("nutrients"))
    if not figures:
        return _Table({}, serving_only=any(each.get("per") == "serving" for each in as_sold))
    flags = (Flag("PREPARED"),) if aggregated.get("preparation") == "prepared" else ()
    used = mapping(aggregated.get("nutrients"))
    if any(mapping(used.get(name)).get("source") == "estimate" for name in figures):
        flags = (*flags, Flag("ESTIMATED"))
    return _Table(figures, per=str(aggregated.get("per") or ""), flags=flags)


def _preference(each: Mapping[str, Any]) -> tuple[int, int]:
    per, source = str(each.get("per")), str(each.get("source"))
    order = {"100g": 0, "100ml": 0, "1kg": 1, "1l": 1}
    return order.get(per, 2), SOURCES.index(source) if source in SOURCES else len(SOURCES)


def _factor(each: Mapping[str, Any]) -> Decimal | None:
    """From the set's own amount to 100; None where that is not possible."""
    per = each.get("per")
    if per in {"100g", "100ml"}:
        return Decimal(1)
    if per in {"1kg", "1l"}:
        return Decimal("0.1")
    portion = number(each.get("per_quantity"))
    if per != "serving" or each.get("per_unit") not in {"g", "ml"} or portion is None or portion < LEAST_SERVING:
        return None
    return 100 / portion


def _figures(nutrients: object) -> dict[str, Decimal]:
    """Of a set: masses in grams, energies as they are. Units that are no mass (IU, % DV) are left out."""
    figures: dict[str, Decimal] = {}
    for name in (*_KNOWN, "energy-kcal", "energy-kj", "energy", "sodium"):
        each = mapping(mapping(nutrients).get(name))
        value = number(each.get("value"))
        if value is None:
            value = number(each.get("value_computed"))
        unit = str(each.get("unit") or "").strip().lower()
        if value is None:
            continue
        if name == "energy" and unit == "kcal":
            figures.setdefault("energy-kcal", value)
        elif name in {"energy-kcal", "energy-kj", "energy", "alcohol"}:
            figures[name] = value
        elif unit in GRAMS_PER:
            figures[name] = value * GRAMS_PER[unit]
    return figures


def _values(table: _Table) -> tuple[dict[str, Decimal], list[str]]:
    """Our nutrients, and those that were dropped because 100 g cannot hold so much."""
    figures = table.figures
    raw: dict[str, Decimal] = {}
    kilojoules = figures.get("energy-kj", figures.get("energy"))
    energies = [] if "energy-kcal" not in figures else [figures["energy-kcal"]]
    energies += [] if kilojoules is None else [kcal_from_kj(kilojoules)]
    if energies:
        # Kilojoules in the field for kilocalories: the other field still has it right.
        raw["energy_kcal"] = next((each for each in energies if possible("energy_kcal", each)), energies[0])
    for key, names in NAMES.items():
        grams = next((figures[name] for name in names if name in figures), None)
        if grams is None and key == "salt_g" and "sodium" in figures:
            grams = figures["sodium"] * SALT_PER_SODIUM
        if grams is not None:
            raw[key] = grams * (NUTRIENTS[key].per_gram or 1)
    values = {key: rounded(value) for key, value in raw.items() if possible(key, value)}
    return values, [key for key in raw if key not in values]


_KNOWN = tuple(name for names in NAMES.values() for name in names)


def _basis(product: Mapping[str, Any], table: _Table) -> Literal["g", "ml"]:
    """g or ml, from the first that says it. "100g" alone says nothing: Open Food Facts writes it for drinks too."""
    if table.per in {"100g", "100ml"} and "nutrition" in product:
        return "ml" if table.per == "100ml" else "g"
    if table.per == "100ml":
        return "ml"
    hints = (
        product.get("serving_quantity_unit"),
        _unit_in(product.get("serving_size")),
        product.get("product_quantity_unit"),
        _unit_in(product.get("quantity")),
    )
    for hint in hints:
        unit = str(hint or "").strip().lower()
        if unit:
            return "ml" if unit in {"ml", "cl", "dl", "l"} or unit.startswith("fl") else "g"
    return "g"


def _unit_in(text: object) -> str:
    found = _AMOUNT.search(line(text))
    return found[2].lower() if found else ""


def _servings(product: Mapping[str, Any], basis: str) -> tuple[Serving, ...]:
    """At most one. Without one where its unit is not that of the figures: nobody knows the density."""
    label = line(product.get("serving_size"))
    amount, unit = _portion(product)
    if not label or amount is None or not Decimal("0.01") <= amount <= 99_999 or unit not in {"", basis}:
        return ()
    return (Serving(label[:120], rounded(amount)),)


def _portion(product: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """How much a serving is, and in which of g and ml; "" where only the number is known."""
    printed = _AMOUNT.search(line(product.get("serving_size")))
    unit = line(product.get("serving_quantity_unit")).lower() or (printed[2].lower() if printed else "")
    amount = number(product.get("serving_quantity"))
    if amount is not None and amount > 0:
        return amount, _BASIS_OF.get(unit, "")
    amount = number(printed[1]) if printed else None
    if printed is None or amount is None or printed[2].lower() not in _TO_BASIS:
        return None, ""
    return amount * _TO_BASIS[printed[2].lower()], _BASIS_OF[printed[2].lower()]


def _names(product: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, value in sorted(product.items()):
        language = _LANGUAGE_NAME.fullmatch(key)
        if language and isinstance(value, str) and line(value):
            found[language[1]] = line(value)[:300]
    return found


def _name(product: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The name for readers of no particular language; `names` serves the others."""
    for name in (product.get("product_name"), names.get("en"), *names.values()):
        if line(name):
            return line(name)
    return line(product.get("generic_name")) or line(product.get("generic_name_en"))


def _brand(value: object) -> str:
    parts: Iterable[object] = value if isinstance(value, list) else str(value or "").split(",")
    return ", ".join(dict.fromkeys(filter(None, map(line, parts))))


def _nutriscore(product: Mapping[str, Any]) -> str:
    for key in ("nutriscore_grade", "nutrition_grades", "nutrition_grade_fr"):
        grade = str(product.get(key) or "").strip().lower()
        if grade:
            return grade if grade in {"a", "b", "c", "d", "e"} else ""
    return ""


def _nova(value: object) -> int | None:
    group = number(value)
    return int(group) if group is not None and group in {1, 2, 3, 4} else None


def _image(product: Mapping[str, Any]) -> str:
    url = line(product.get("image_front_url")) or line(product.get("image_url"))
    return url if url.startswith("https://") and len(url) <= 500 else ""
