"""What a provider of food data is, and what it says about a food."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal, Protocol, runtime_checkable

from dietintel.gateway.conf import CallPolicy, ProviderConfig
from products.barcodes import Barcode
from products.nutrients import NOTHING_DECLARED, Nutrients
from products.quality import Flag


@dataclass(frozen=True)
class Serving:
    """A usual portion: how it is called, and how many g or ml (the food's basis) it has."""

    label: str
    amount: Decimal

    @classmethod
    def of(cls, kept: Mapping[str, str]) -> "Serving":
        """From `kept()`."""
        return cls(kept["label"], Decimal(kept["amount"]))

    def kept(self) -> dict[str, str]:
        """As JSON, the amount as text: JSON's numbers are not exact."""
        return {"label": self.label, "amount": str(self.amount)}


LEAST_SERVING = Decimal(5)  # g or ml; figures per 100 calculated from less magnify the label's rounding too much


@dataclass(frozen=True)
class ProductData:
    """A food as one provider describes it. Nothing here is corrected or guessed beyond what `quality` says."""

    barcode: str  # canonical; empty for foods without one
    source_id: str = field(default="", kw_only=True)  # the provider's own, where it has one besides the barcode
    name: str
    names: Mapping[str, str] = field(default_factory=dict)  # by two-letter language
    brand: str = ""
    quantity: str = ""  # of the pack, as printed
    basis: Literal["g", "ml"] = "g"
    per_100: Nutrients = NOTHING_DECLARED
    servings: tuple[Serving, ...] = ()
    nutriscore: str = ""  # a to e
    nova_group: int | None = None
    allergens: tuple[str, ...] | None = None  # None: unknown
    traces: tuple[str, ...] | None = None  # what it "may contain"; None: unknown
    image_url: str = ""
    quality: tuple[Flag, ...] = ()
    kind: str = "food"  # what it is instead, where it is no food
    said_at: dt.datetime | None = None  # when the provider said so; None: just now


CACHED_S = 24 * 3600.0  # how long at most the gateway's cache keeps what may not be stored


@dataclass(frozen=True)
class Source:
    """Where foods come from, as people are told: also while the provider itself is switched off."""

    label: str
    attribution: str  # the credit that the licence asks for
    page: str = ""  # where people can see and mend an entry, with {barcode} or {id}; empty where there is no such page
    home: str = ""  # where the credit has to lead to; empty where the licence does not ask for a link
    # False: of what it says only its ids may be kept. Nothing else reaches the database: figures live in the gateway's
    # cache, for as long as its operations' CachePolicy says, which is at most CACHED_S.
    storable: bool = True

    def page_url(self, *, barcode: str, source_id: str) -> str | None:
        wanted = barcode if "{barcode}" in self.page else source_id
        return self.page.format(barcode=barcode, id=source_id) if wanted and self.page else None


class Provider(Protocol):
    """Asks one provider. Every method may take seconds and must not be called inside a transaction."""

    config: ProviderConfig

    @property
    def configs(self) -> tuple[ProviderConfig, ...]:
        """Of every address that is called: most providers have one."""
        return (self.config,)

    def product(self, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        """What the provider says about `barcode`, within `total_s` seconds.

        Raises `UpstreamNotFound` where it says that it has no such product, and a `GatewayError` where it could not
        be asked.
        """


@runtime_checkable
class KnownById(Provider, Protocol):
    """A provider that can be asked by its own id as well, which spares it the search for the barcode."""

    def product_by_id(self, source_id: str, barcode: Barcode, *, caller: CallPolicy, total_s: float) -> ProductData:
        """As `product`. `source_id` is what it called the product before; where it no longer does, `barcode` counts."""


SEARCH_HITS = 24  # of one answer: always as many, so that everybody who asks the same shares one kept answer
LONGEST_SEARCH = 200  # characters


@dataclass(frozen=True)
class Found:
    """What a search found, best first, and when the provider said so, in seconds since the epoch."""

    foods: tuple[ProductData, ...]
    fetched_at: float


@runtime_checkable
class Searching(Provider, Protocol):
    """A provider that can also search by words. Has its own breaker and limiter: a broken search stops no lookup."""

    # False where a hit says less than `product` does: then that is asked too, before a hit is kept.
    hits_are_whole: ClassVar[bool]

    def search(self, text: str, *, caller: CallPolicy, total_s: float) -> Found:
        """Foods for `text` (from `plain_words`), at most SEARCH_HITS; each has a barcode or a `source_id`.

        Finding nothing is an answer. Raises a `GatewayError` where the provider could not be asked.
        """


def plain_words(text: str) -> str:
    """The words of a search and nothing else: to providers, signs and AND, OR, NOT in capitals are commands."""
    return " ".join(re.findall(r"\w+(?:'\w+)*", text[:LONGEST_SEARCH].replace("’", "'"))).lower()
