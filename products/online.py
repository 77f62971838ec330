"""A person's deliberate search at one provider, and keeping what they open. Never while somebody types.

What the browser sends only points at a hit; what is kept is what the provider said. Never inside a transaction: it
may read the network.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from dietintel.accounts.models import User
from dietintel.gateway.conf import INTERACTIVE
from dietintel.gateway.errors import GatewayError, UpstreamNotFound
from products import lookup, providers
from products.barcodes import Barcode
from products.models import Product, ProductQuerySet
from products.providers.base import Found, ProductData, Searching, plain_words
from products.sources import SOURCES

SEARCH_S = 8.0  # seconds that a person waits for a search; it is slower than a lookup by barcode


class NoSuchHit(Exception):
    """The provider's answer has no such hit, or no longer. Search again."""


class SearchUnavailable(lookup.ProvidersUnavailable):
    """The provider could not be asked for `text`. Retry after `retry_after_s`, where it is known."""

    def __init__(self, unasked: lookup.Unasked, text: str) -> None:
        super().__init__(Barcode(""), (unasked,))
        self.text = text

    @property
    def own_food_url(self) -> str:
        """The form for an own food, with the name filled in."""
        return new_food_url(self.text)


@dataclass(frozen=True)
class Results:
    """What a provider found, best first: its rows where they are kept here, else rows that were never saved."""

    products: list[Product]
    fetched_at: dt.datetime


def searchable() -> list[Searching]:
    """The providers that are switched on and can search, in order."""
    return [provider for provider in providers.in_order() if isinstance(provider, Searching)]


def called(name: str) -> Searching | None:
    """The one of that name; None where it is unknown, switched off, or cannot search."""
    return next((provider for provider in searchable() if provider.config.name == name), None)


def new_food_url(text: str) -> str:
    """The form for an own food, with the name filled in."""
    return f"{reverse('food_new')}?{urlencode({'name': text})}"


def search(provider: Searching, text: str, user: User, *, limit: int) -> Results:
    """Search for `text`. An answer is kept for a day, so repeating a search asks nobody. Raises SearchUnavailable.

    `text` has a word in it (`plain_words`). One query, besides the gateway's own.
    """
    found = _found(provider, text)
    source, hits = provider.config.name, found.foods[:limit]
    fetched_at = dt.datetime.fromtimestamp(found.fetched_at, dt.UTC)
    kept = {_identity(row): row for row in _rows(source, hits, user)}
    products = [kept.get(_identity(said)) or _unsaved(said, source, fetched_at) for said in hits]
    return Results(products, fetched_at)


def keep(provider: Searching, text: str, barcode: str, source_id: str, user: User) -> Product:
    """The row of one hit of the search for `text`; kept now where it was not. Safe to repeat.

    Raises SearchUnavailable, NoSuchHit, and ProductNotFound for what turns out to be no food.
    """
    found = _found(provider, text)
    hit = next((each for each in found.foods if (each.barcode, each.source_id) == (barcode, source_id)), None)
    if hit is None:
        raise NoSuchHit
    source = provider.config.name
    row = _rows(source, [hit], user).first()
    if row is not None:
        return row
    said_at = dt.datetime.fromtimestamp(found.fetched_at, dt.UTC)
    if provider.hits_are_whole or not hit.barcode:
        return lookup.keep(hit, source=source, now=said_at)
    try:
        said = provider.product(Barcode(hit.barcode), caller=INTERACTIVE, total_s=lookup.EACH_S)
    except UpstreamNotFound:  # the search has it, so it was there a moment ago
        return lookup.keep(hit, source=source, now=said_at)
    except GatewayError:
        product = lookup.keep(hit, source=source, now=said_at)
        lookup.ask_again(product, now=timezone.now())  # brings what a hit does not say
        return product
    if said.kind != "food":
        raise lookup.ProductNotFound(Barcode(hit.barcode), kind=said.kind)
    return lookup.keep(said, source=source, now=timezone.now())


def _found(provider: Searching, text: str) -> Found:
    try:
        return provider.search(plain_words(text), caller=INTERACTIVE, total_s=SEARCH_S)
    except GatewayError as error:
        raise SearchUnavailable(
            lookup.Unasked(provider.config.label, error.reason, error.retry_after_s), text
        ) from error


def _rows(source: str, hits: Iterable[ProductData], user: User) -> ProductQuerySet:
    """What is kept of these hits, with the person's corrections."""
    barcodes = [hit.barcode for hit in hits if hit.barcode]
    ids = [hit.source_id for hit in hits if not hit.barcode]
    here = Q(barcode__in=barcodes) | Q(barcode="", source_id__in=ids)
    return Product.objects.corrected_for(user).filter(here, source=source, owner=None, may_be_kept=True)


def _identity(food: Product | ProductData) -> tuple[str, str]:
    """What tells the foods of one provider apart."""
    return (food.barcode, "") if food.barcode else ("", food.source_id)


def _unsaved(said: ProductData, source: str, fetched_at: dt.datetime) -> Product:
    return Product(
        source=source,
        barcode=said.barcode,
        fetched_at=fetched_at,
        may_be_kept=SOURCES[source].storable,
        **lookup.columns(said),
    )
