"""From a barcode to a food: what is here, else what the providers say, else an honest "no" or "could not ask".

All that other apps may use of providers. Never inside a transaction: it may read the network.
"""

import datetime as dt
import math
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dietintel.accounts.models import User
from dietintel.gateway.conf import BACKGROUND, INTERACTIVE
from dietintel.gateway.errors import GatewayError, UpstreamNotFound
from products import providers
from products.barcodes import Barcode, normalise
from products.models import FiguresNotKept, Miss, Product
from products.providers.base import KnownById, ProductData, Provider
from products.sources import SOURCES
from workflows import engine, registry

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
USED_UP = "quota"
OUR_OWN_LIMITS = {"rate", "bulkhead"}  # reasons that say nothing about the provider
EACH_S, ALL_S = 5.0, 8.0  # seconds for one provider, and for all of them, while a person waits
LONG_WAIT_S = 2 * 3600  # beyond this nobody thinks in seconds
REFRESH_S = 45.0  # below the time limit of the step that does it
ASK_AGAIN_AFTER_S = 600  # a row that is looked at all day is asked for again no sooner


@dataclass(frozen=True)
class Unasked:
    """A provider that could not be asked, and in how many seconds it may be worth trying; None: not known."""

    label: str
    reason: str
    retry_after_s: float | None


class ProductError(Exception):
    """There is no food to show for the barcode. `sentence` is for the person."""

    def __init__(self, barcode: Barcode, unasked: tuple[Unasked, ...] = ()) -> None:
        super().__init__(str(barcode))
        self.barcode = barcode
        self.unasked = unasked

    @property
    def sentence(self) -> str:
        raise NotImplementedError

    @property
    def own_food_url(self) -> str:
        """The form for an own food, with the barcode filled in."""
        return f"{reverse('food_new')}?barcode={self.barcode}"

    @property
    def labels(self) -> str:
        """Who could not be asked."""
        return ", ".join(each.label for each in self.unasked)


class ProductNotFound(ProductError):
    """Somebody who could be asked does not know it. `unasked` may know it; retrying at once will not help.

    `kind` says what a provider knows it as, where that is no food.
    """

    def __init__(self, barcode: Barcode, unasked: tuple[Unasked, ...] = (), *, kind: str = "") -> None:
        super().__init__(barcode, unasked)
        self.kind = kind

    @property
    def sentence(self) -> str:
        if self.kind:
            return _("This barcode belongs to something that is not listed as food. Enter it yourself if you eat it.")
        if self.barcode.shop_internal:
            return _("Shops print codes like this for themselves, so nobody else knows it. Enter it as your own food.")
        if self.unasked:
            return _(
                "Nobody who answered knows this barcode; %(labels)s could not be asked. Enter it as your own food."
            ) % {"labels": self.labels}
        return _("No provider knows this barcode. Enter it as your own food; the barcode is filled in.")


class ProvidersUnavailable(ProductError):
    """Nobody could be asked. Retry after `retry_after_s`, where it is known."""

    @property
    def retry_after_s(self) -> int | None:
        """Whole seconds until the first of them may be asked again."""
        waits = [each.retry_after_s for each in self.unasked if each.retry_after_s is not None]
        return max(1, math.ceil(min(waits))) if waits else None

    @property
    def sentence(self) -> str:
        if not self.unasked:
            return _("No provider of food data is switched on here. Enter it as your own food.")
        if all(each.reason in OUR_OWN_LIMITS for each in self.unasked):
            happened = _("%(labels)s may be asked only a few times a minute, and it was.") % {"labels": self.labels}
        elif all(each.reason == USED_UP for each in self.unasked):
            happened = _("%(labels)s may be asked only so often a day, and it was.") % {"labels": self.labels}
        else:
            happened = _("We could not reach %(labels)s.") % {"labels": self.labels}
        if self.retry_after_s is None:
            return happened + " " + _("Try again in a moment, or enter it by hand.")
        if self.retry_after_s > LONG_WAIT_S:
            next_step = _("Try again in %(hours)d hours, or enter it by hand.")
        else:
            next_step = ngettext(
                "Try again in %(seconds)d second, or enter it by hand.",
                "Try again in %(seconds)d seconds, or enter it by hand.",
                self.retry_after_s,
            )
        waits = {"seconds": self.retry_after_s, "hours": math.ceil(self.retry_after_s / 3600)}
        return happened + " " + next_step % waits


def parse_reference(text: str) -> Barcode | uuid.UUID:
    """What an address names a food by: its barcode or its id. Raises InvalidBarcode for neither."""
    return uuid.UUID(text) if _UUID.fullmatch(text) else normalise(text)


def here(reference: Barcode | uuid.UUID, user: User) -> Product | None:
    """The food that is to be changed: by its barcode a provider's, by its id any that `user` may see. One query.

    An own food goes by its id alone, so that nobody deletes it who meant to take back a correction. Raises
    FiguresNotKept where there is an id alone, in one query more.
    """
    if isinstance(reference, Barcode):
        found = _first_in_order(row for row in Product.objects.known_as(reference, user) if row.owner_id is None)
        named = Q(barcode=reference.digits)
    else:
        found = Product.objects.visible_to(user).corrected_for(user).filter(uuid=reference).first()
        named = Q(uuid=reference)
    id_alone = None if found else Product.objects.ids_alone().filter(named).first()
    if id_alone:
        raise FiguresNotKept(id_alone)
    return found


def known(barcode: Barcode, user: User) -> Product | None:
    """What is here: the own food, else the row of the first provider in order. One query, correction included."""
    return _first_in_order(Product.objects.known_as(barcode, user))


def _first_in_order(rows: Iterable[Product]) -> Product | None:
    order = settings.PROVIDER_ORDER
    return min(
        rows,
        key=lambda row: (row.owner_id is None, order.index(row.source) if row.source in order else len(order)),
        default=None,
    )


def lookup(
    barcode: Barcode,
    user: User,
    *,
    before_asking: Callable[[], None] = lambda: None,
    now: dt.datetime | None = None,
) -> Product:
    """The food behind a barcode as `user` may see it. Reads the network only where nothing is known here.

    An old row is returned at once, and refreshed by the worker. `before_asking` is called where providers have to be
    asked, and may raise to prevent it. Raises ProductNotFound or ProvidersUnavailable.
    """
    now = now or timezone.now()
    product = known(barcode, user)
    if product is None:
        before_asking()
        said = _ask(barcode, now=now)
        product = known(barcode, user) or said  # what may not be kept is not known here afterwards either
    freshen(product, now=now)
    return product


def find(
    reference: Barcode | uuid.UUID, user: User, *, before_asking: Callable[[], None] = lambda: None
) -> Product | None:
    """What an address names, to be shown: by its barcode as `lookup` does, by its id what is here; None: nothing.

    An id whose figures may not be kept is looked up by its barcode. Raises as `lookup` does.
    """
    if not isinstance(reference, Barcode):
        try:
            product = here(reference, user)
        except FiguresNotKept as error:
            if not error.product.barcode:
                return None
            reference = Barcode(error.product.barcode)
        else:
            if product is not None:
                freshen(product, now=timezone.now())
            return product
    return lookup(reference, user, before_asking=before_asking)


def freshen(product: Product, *, now: dt.datetime) -> None:
    """Have the worker ask again, where the row is old; once in ten minutes, however often it is looked at."""
    if product.stale(now=now):
        ask_again(product, now=now)


def ask_again(product: Product, *, now: dt.datetime) -> None:
    """Have the worker ask the source of a row again, whatever its age; once in ten minutes."""
    if cache.add(f"refreshing:{product.pk}", True, ASK_AGAIN_AFTER_S) is not False:  # None: no cache to remember it
        refreshing = registry.workflow_called("refresh_product")
        engine.start(refreshing, input={"product_id": product.pk}, key=f"product {product.pk}", now=now)


def refresh(product_id: int) -> str:
    """Ask the source of a row again, with the worker's patience. Safe to repeat. Returns what happened, in a word.

    A provider that no longer knows the product leaves the row as it is, and so does one that cannot be asked: that
    raises a GatewayError.
    """
    product = Product.objects.filter(pk=product_id, owner=None).first()
    provider = providers.called(product.source) if product else None
    if product is None or provider is None:
        return "gone"
    barcode = Barcode(product.barcode)
    try:
        said = provider.product(barcode, caller=BACKGROUND, total_s=REFRESH_S)
    except UpstreamNotFound:
        Miss.objects.remember(barcode, product.source, now=timezone.now())
        return "no longer known"
    if said.kind != "food":
        Miss.objects.remember(barcode, product.source, now=timezone.now())
        return "not a food"
    keep(said, source=product.source, now=timezone.now())
    return "refreshed"


def keep(said: ProductData, *, source: str, now: dt.datetime) -> Product:
    """Write what a provider said into its one row: by the barcode, or by the provider's id where there is none.

    Corrections are rows of their own and stay. Where the source lets nobody keep more than its ids, the row gets the
    id alone; the food that is returned has the rest for showing, and cannot be saved.
    """
    storable = SOURCES[source].storable
    written = said if storable else ProductData(said.barcode, source_id=said.source_id, name="")
    values = {**columns(written), "fetched_at": said.said_at or now, "may_be_kept": storable}
    row: dict[str, Any] = {"source": source, "barcode": said.barcode, "owner": None}
    if not said.barcode:
        row["source_id"] = said.source_id
    with transaction.atomic():
        # Of two processes that get here at once, the second finds the row of the first.
        kept, _new = Product.objects.update_or_create(**row, defaults=values)
        Miss.objects.filter(provider=source, barcode=said.barcode).delete()
    return kept if storable else _showing(kept, said, now=now)


def _showing(row: Product, said: ProductData, *, now: dt.datetime) -> Product:
    return row.showing({**columns(said), "fetched_at": said.said_at or now})


def columns(said: ProductData) -> dict[str, Any]:
    """The columns of `Product` that hold what a provider says; the rest identifies the row."""
    return {
        "source_id": said.source_id,
        "name": said.name,
        "names": dict(said.names),
        "brand": said.brand,
        "quantity": said.quantity,
        "basis": said.basis,
        "per_100": said.per_100,
        "servings": [serving.kept() for serving in said.servings],
        "nutriscore": said.nutriscore,
        "nova_group": said.nova_group,
        "allergens": None if said.allergens is None else list(said.allergens),
        "traces": None if said.traces is None else list(said.traces),
        "image_url": said.image_url,
        "quality": [flag.kept() for flag in said.quality],
    }


def _ask(barcode: Barcode, *, now: dt.datetime) -> Product:
    """Ask one provider after the other until one knows it, and keep what it says. Raises as `lookup` does.

    Whoever had it before, as an id kept here tells, is asked first. Where that one cannot be asked, the "no" of others
    does not count: it is known to somebody.
    """
    if barcode.shop_internal:
        raise ProductNotFound(barcode)  # whatever a provider has under it, is another shop's
    believed = set(Miss.objects.believed(barcode, now=now).values_list("provider", flat=True))
    ids = {row.source: row for row in Product.objects.ids_alone().filter(barcode=barcode.digits)}
    said_no = had_it = False
    kind = ""
    unasked: list[Unasked] = []
    ends = time.monotonic() + ALL_S
    for provider in sorted(providers.in_order(), key=lambda each: each.config.name not in ids):
        if provider.config.name in believed:
            said_no = True
            continue
        row = ids.get(provider.config.name)
        try:
            said = _said(provider, barcode, row, total_s=min(EACH_S, ends - time.monotonic()))
        except GatewayError as error:
            unasked.append(Unasked(provider.config.label, error.reason, error.retry_after_s))
            had_it = had_it or row is not None
            continue
        if said is None:
            Miss.objects.remember(barcode, provider.config.name, now=now)
            said_no = True
        elif said.kind != "food":
            said_no, kind = True, said.kind
        elif row is not None and row.source_id == said.source_id:
            return _showing(row, said, now=now)
        else:
            return keep(said, source=provider.config.name, now=now)
    if said_no and not had_it:
        raise ProductNotFound(barcode, tuple(unasked), kind=kind)
    raise ProvidersUnavailable(barcode, tuple(unasked))


def _said(provider: Provider, barcode: Barcode, row: Product | None, *, total_s: float) -> ProductData | None:
    """What the provider says; None for "I do not know it". `row` has its id, where that was kept."""
    try:
        if row is not None and isinstance(provider, KnownById):
            return provider.product_by_id(row.source_id, barcode, caller=INTERACTIVE, total_s=total_s)
        return provider.product(barcode, caller=INTERACTIVE, total_s=total_s)
    except UpstreamNotFound:
        return None
