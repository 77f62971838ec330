"""FatSecret: branded foods by barcode, an id first and then the food. Two answers in, one `ProductData` out.

Only its ids may be kept; all else lives in the gateway's cache for a day. See https://platform.fatsecret.com/docs and
docs/how-a-lookup-works.md.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, TypeVar

from django.conf import settings

from dietintel import __version__
from dietintel.gateway.auth import OAuth2ClientCredentials
from dietintel.gateway.classify import Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.client import BaseAPIClient, GatewayResponse, Question
from dietintel.gateway.clock import Clock
from dietintel.gateway.conf import CachePolicy, CallPolicy, Operation, ProviderConfig, Quota, RateLimit
from dietintel.gateway.errors import UpstreamNotFound
from products.barcodes import Barcode
from products.nutrients import SALT_PER_SODIUM, Nutrients, possible, rounded
from products.providers.base import CACHED_S, LEAST_SERVING, KnownById, ProductData, Serving, Source
from products.providers.reading import line, mapping, number
from products.providers.us_labels import available_carbohydrate
from products.quality import Flag, doubts

T = TypeVar("T")
PATH = "/rest/server.api"
SCOPE = "basic premier barcode"  # barcodes are for Premier accounts
# 5,000 calls a day on the free plan, and an unnamed limit to how many may come at once (its error 12). A scan is two
# calls, so ten scans may come at once.
READS = RateLimit(limit=60, period_s=60, burst=20)
A_DAY = 5000
KEPT = CachePolicy(ttl_s=CACHED_S, negative_ttl_s=3600)
MISCONFIGURED_COOLDOWN_S = 3600.0  # what an operator has to mend will not mend itself
BUSY_COOLDOWN_S = 60.0
LONGEST_DIGITS = 13  # barcodes are asked for with
MOST_SERVINGS = 20

SOURCE = Source(
    label="FatSecret",
    attribution="Powered by FatSecret",  # the words and the link its terms ask for
    home="https://www.fatsecret.com",
    storable=False,
)

# FatSecret's name, ours, and how many of ours one of theirs is.
GRAMS, MILLIGRAMS = Decimal(1), Decimal("0.001")
KEYS: dict[str, tuple[str, Decimal]] = {
    "calories": ("energy_kcal", Decimal(1)),
    "protein": ("protein_g", GRAMS),
    "fat": ("fat_g", GRAMS),
    "saturated_fat": ("saturated_fat_g", GRAMS),
    "monounsaturated_fat": ("monounsaturated_fat_g", GRAMS),
    "polyunsaturated_fat": ("polyunsaturated_fat_g", GRAMS),
    "trans_fat": ("trans_fat_g", GRAMS),
    "sugar": ("sugars_g", GRAMS),
    "added_sugars": ("added_sugars_g", GRAMS),
    "fiber": ("fiber_g", GRAMS),
    "sodium": ("salt_g", MILLIGRAMS * SALT_PER_SODIUM),
    "cholesterol": ("cholesterol_mg", Decimal(1)),
    "potassium": ("potassium_mg", Decimal(1)),
}  # vitamins and minerals are left out: whether they are masses or shares of a daily value depends on the version
BASES: dict[str, Literal["g", "ml"]] = {"g": "g", "ml": "ml"}


class FatSecret(KnownById):
    """The provider. Its methods read the network."""

    def __init__(self, config: ProviderConfig, *, clock: Clock | None = None) -> None:
        self.config = config
        self._client = BaseAPIClient(config, clock=clock)

    def product(self, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        """Two calls, within `total_s` together: the id of the barcode, then the food."""
        if len(barcode.digits) > LONGEST_DIGITS:
            raise UpstreamNotFound(str(barcode))  # the code of a case of 14 digits; it has none of those
        ends = time.monotonic() + total_s
        asked = {"method": "food.find_id_for_barcode", "barcode": barcode.digits.zfill(LONGEST_DIGITS)}
        source_id = self._ask(asked, parse_id, caller=caller, total_s=total_s).data
        return self._food(source_id, barcode, caller=caller, total_s=ends - time.monotonic())

    def product_by_id(self, source_id: str, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        ends = time.monotonic() + total_s
        try:
            return self._food(source_id, barcode, caller=caller, total_s=total_s)
        except UpstreamNotFound:
            return self.product(barcode, caller=caller, total_s=ends - time.monotonic())

    def _food(self, source_id: str, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        answer = self._ask(
            {"method": "food.get.v4", "food_id": source_id},
            lambda body: parse(body, asked=source_id, barcode=barcode.digits),
            caller=caller,
            total_s=total_s,
        )
        return replace(answer.data, said_at=dt.datetime.fromtimestamp(answer.fetched_at, dt.UTC))

    def _ask(
        self, asked: Mapping[str, str], parse: Callable[[object], T], *, caller: CallPolicy, total_s: float
    ) -> GatewayResponse[T]:
        question = Question(
            operation="product",  # both calls: they share the day's quota
            path=PATH,
            params={**asked, "format": "json"},  # otherwise it answers in XML
            parse=parse,
            classify=lambda answer: classify(answer, now=self._client.clock.now()),
        )
        return self._client.get_json(question, caller=caller, total_s=total_s)


def fat_secret() -> FatSecret | None:
    """From the settings; None without an account there."""
    if not (settings.FATSECRET_CLIENT_ID and settings.FATSECRET_CLIENT_SECRET):
        return None
    return FatSecret(configuration())


def configuration() -> ProviderConfig:
    return ProviderConfig(
        name="fatsecret",
        label=SOURCE.label,
        base_url=settings.FATSECRET_BASE_URL,
        user_agent=f"DietIntel/{__version__}",
        auth=OAuth2ClientCredentials(
            token_url=settings.FATSECRET_TOKEN_URL,
            client_id=settings.FATSECRET_CLIENT_ID,
            client_secret=settings.FATSECRET_CLIENT_SECRET,
            scope=SCOPE,
        ),
        operations={"product": Operation(rate=READS, cache=KEPT, quota=Quota(A_DAY))},
    )


# --- What an answer means ---------------------------------------------------------------------------------------
INVALID_TOKEN, DAY_IS_USED_UP, TOO_MANY_AT_ONCE = 13, 11, 12
# What whoever runs this has to mend, in words for them.
TO_MEND = {
    14: "the account at FatSecret has no right to look barcodes up (scope): that takes Premier",
    20: "FatSecret says that this account may not do this",
    21: "the address of this server is not among those registered at FatSecret",
}
TO_MEND_OAUTH1 = range(2, 10)  # about signatures, which we do not use: the address is not that of OAuth 2.0
NO_SUCH_FOOD = {106, 211}  # an id that it does not have, and a barcode
OUR_MISTAKE = {10, *range(101, 109)} - NO_SUCH_FOOD


def classify(answer: Answer, *, now: float) -> Verdict:
    """Errors come with status 200 and a code of their own, a barcode that it does not know as the id 0.

    `now` in seconds since the epoch. See https://platform.fatsecret.com/docs/guides/error-codes
    """
    body = mapping(answer.json)
    code = number(mapping(body.get("error")).get("code"))
    if code is not None:
        return _verdict_on(int(code), now=now)
    if answer.status in {404, 410}:
        return Verdict(Outcome.MALFORMED, f"{answer.status} without a code: not the address of its interface")
    if str(mapping(body.get("food_id")).get("value")) == "0":
        return Verdict(Outcome.NOT_FOUND)
    return default_classifier(answer)


def _verdict_on(code: int, *, now: float) -> Verdict:
    if code == DAY_IS_USED_UP:
        return Verdict(Outcome.THROTTLED, "11: the calls of the day are used up", cooldown_s=_left_of_day_s(now))
    if code == TOO_MANY_AT_ONCE:
        return Verdict(Outcome.THROTTLED, "12: too many calls at once", cooldown_s=BUSY_COOLDOWN_S)
    if code == INVALID_TOKEN:
        return Verdict(Outcome.AUTH, "13: it does not take our token")
    if code in TO_MEND or code in TO_MEND_OAUTH1:
        why = TO_MEND.get(code, "it refuses how we sign in")
        return Verdict(Outcome.AUTH, f"{code}: {why}", cooldown_s=MISCONFIGURED_COOLDOWN_S)
    if code in NO_SUCH_FOOD:
        return Verdict(Outcome.NOT_FOUND)
    if code in OUR_MISTAKE:
        return Verdict(Outcome.CLIENT_ERROR, f"error {code}")
    return Verdict(Outcome.FAILURE, f"error {code}")


def _left_of_day_s(now: float) -> float:
    day = 24 * 3600
    return day - now % day


# --- JSON -> ProductData ----------------------------------------------------------------------------------------
def parse_id(body: object) -> str:
    """The id in an answer to a barcode. Raises ValueError for anything else."""
    value = mapping(mapping(body).get("food_id")).get("value")
    source_id = str(value) if isinstance(value, int | str) else ""
    if not (source_id.isascii() and source_id.isdecimal() and len(source_id) <= 20):
        raise ValueError("no id in the answer")
    return source_id


def parse(body: object, *, asked: str, barcode: str) -> ProductData:
    """An answer of food.get.v4 to the id `asked`. Raises ValueError for anything else."""
    food = mapping(mapping(body).get("food"))
    if str(food.get("food_id")) != asked:
        raise ValueError("not the food that was asked for")
    servings = [_Served.of(each) for each in _listed(mapping(food.get("servings")).get("serving"))]
    weighed = [each for each in servings if each.basis and each.amount >= LEAST_SERVING]
    basis: Literal["g", "ml"] = "g"
    values: dict[str, Decimal] = {}
    impossible: list[str] = []
    flags: list[Flag] = []
    if weighed:
        best = min(weighed, key=_Served.distance)
        basis = best.basis or "g"
        values, impossible, flags = _per_100(best)
    elif any(each.declares_anything for each in servings):
        flags.append(Flag("SERVING_ONLY"))
    name, brand = line(food.get("food_name")), line(food.get("brand_name"))
    if line(food.get("food_type")).lower() == "generic":
        brand = ""
    return ProductData(
        barcode=barcode,
        source_id=asked,
        name=(name or f"{brand} {barcode}".strip())[:300],
        brand=brand[:300],
        basis=basis,
        per_100=Nutrients(values),
        servings=_household(servings, basis),
        quality=(*flags, *doubts(values, impossible=impossible), *(() if name else (Flag("NO_NAME"),))),
    )


@dataclass(frozen=True)
class _Served:
    """One serving as declared; `basis` is None where its amount in g or ml is not."""

    label: str
    amount: Decimal
    basis: Literal["g", "ml"] | None
    figures: Mapping[str, Any]

    @classmethod
    def of(cls, serving: Mapping[str, Any]) -> "_Served":
        amount = number(serving.get("metric_serving_amount"))
        unit = BASES.get(line(serving.get("metric_serving_unit")).lower())
        usable = amount is not None and unit is not None and Decimal("0.01") <= amount <= 99_999
        label = line(serving.get("serving_description"))
        return cls(label, amount if amount is not None and usable else Decimal(0), unit if usable else None, serving)

    @property
    def declares_anything(self) -> bool:
        return any(number(self.figures.get(name)) is not None for name in KEYS)

    def distance(self) -> Decimal:
        """How far from 100, as a factor: by that the rounding of the label is magnified or was reduced."""
        return max(self.amount / 100, 100 / self.amount)


def _listed(serving: object) -> Iterable[Mapping[str, Any]]:
    """It is a list, or one object where there is one."""
    return [mapping(each) for each in serving] if isinstance(serving, list) else [mapping(serving)]


def _per_100(served: _Served) -> tuple[dict[str, Decimal], list[str], list[Flag]]:
    """Our nutrients of 100 g or ml, those dropped as impossible, and what is doubtful."""
    raw = {
        key: amount * factor * 100 / served.amount
        for name, (key, factor) in KEYS.items()
        if (amount := number(served.figures.get(name))) is not None
    }
    flags = [] if served.amount == 100 else [Flag("FROM_SERVING")]
    carbohydrate = number(served.figures.get("carbohydrate"))
    if carbohydrate is not None:
        available, doubtful = available_carbohydrate(carbohydrate * 100 / served.amount, raw)
        flags += doubtful
        if available is not None:
            raw["carbohydrates_g"] = available
    values = {key: rounded(value) for key, value in raw.items() if possible(key, value)}
    return values, [key for key in raw if key not in values], flags


def _household(servings: Iterable[_Served], basis: str) -> tuple[Serving, ...]:
    """Cups, slices and packs; 100 g is no serving."""
    found = {
        each.label[:120]: Serving(each.label[:120], rounded(each.amount))
        for each in servings
        if each.label and each.basis == basis and each.label.replace(" ", "").lower() != f"100{basis}"
    }
    return tuple(found.values())[:MOST_SERVINGS]
