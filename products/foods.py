"""A food as one person sees it: the provider's row with the person's own correction on top."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from products.barcodes import Barcode
from products.models import OWN, Correction, Product
from products.nutrients import AS_PRINTED, MAIN, Nutrient, Nutrients
from products.providers.base import Serving
from products.quality import Flag, doubts
from products.sources import SOURCES

# Doubts about the figures themselves: found anew where a person changed the figures.
_ABOUT_FIGURES = {
    "IMPOSSIBLE_VALUE",
    "ENERGY_UNIT",
    "ENERGY_MISMATCH",
    "PARTS_EXCEED_WHOLE",
    "NO_NUTRITION",
    "NO_ENERGY",
}


@dataclass(frozen=True)
class Food:
    """What pages and the API show. Reads nothing: `product` comes with its correction (`corrected_for`)."""

    product: Product
    languages: Sequence[str]
    now: dt.datetime

    @cached_property
    def correction(self) -> Correction | None:
        return self.product.correction

    @cached_property
    def _changes(self) -> dict[str, Any]:
        return self.correction.changes if self.correction else {}

    @property
    def barcode(self) -> str:
        return self.product.barcode

    @cached_property
    def name(self) -> str:
        if "name" in self._changes:
            return str(self._changes["name"])
        names = self.product.names
        return next((names[code] for code in self.languages if code in names), self.product.name)

    @property
    def brand(self) -> str:
        return str(self._changes.get("brand", self.product.brand))

    @property
    def basis(self) -> str:
        return str(self._changes.get("basis", self.product.basis))

    @cached_property
    def per_100(self) -> Nutrients:
        declared: Nutrients = self.product.per_100
        return declared.overlaid(self.correction.per_100) if self.correction else declared

    @cached_property
    def servings(self) -> tuple[Serving, ...]:
        kept = self._changes.get("servings", self.product.servings)
        return tuple(map(Serving.of, kept))

    @cached_property
    def quality(self) -> tuple[Flag, ...]:
        flags = [*map(Flag.of, self.product.quality)]
        if self.correction:
            if self.correction.per_100:
                flags = [flag for flag in flags if flag.code not in _ABOUT_FIGURES]
                flags += doubts(self.per_100, impossible=())
            flags.insert(0, Flag("CORRECTED"))
        if not self.product.may_be_kept:
            flags.insert(0, Flag("NOT_KEPT", (self.source_label,)))
        code = Barcode(self.barcode) if self.barcode else None
        if code and code.shop_internal:
            flags.append(Flag("SHOP_INTERNAL"))
        if code and not code.check_digit_fits:
            flags.append(Flag("CHECK_DIGIT"))
        return tuple(flags)

    @property
    def own(self) -> bool:
        return self.product.source == OWN

    @property
    def stale(self) -> bool:
        return self.product.stale(now=self.now)

    @property
    def source_label(self) -> str:
        """Who says so, in words."""
        if self.own:
            return _("Entered by you")
        return SOURCES[self.product.source].label

    @property
    def entry_url(self) -> str | None:
        """Where the source's entry can be seen and mended."""
        if self.own:
            return None
        return SOURCES[self.product.source].page_url(barcode=self.barcode, source_id=self.product.source_id)

    @property
    def credit_url(self) -> str | None:
        """Where the credit has to lead to; None where it need not lead anywhere."""
        return None if self.own else SOURCES[self.product.source].home or None

    @property
    def source_url(self) -> str | None:
        return self.entry_url or self.credit_url

    @property
    def attribution(self) -> str | None:
        return None if self.own else SOURCES[self.product.source].attribution

    def _corrected(self, key: str) -> bool:
        return self.correction is not None and key in self.correction.per_100

    def table(self) -> list["Row"]:
        """The nutrition facts: the main eight always, the others where declared; per 100 and for each serving."""
        portions = [self.per_100.scaled(serving.amount / 100) for serving in self.servings]
        return [
            Row(
                nutrient,
                self.per_100.get(nutrient.key),
                [portion.get(nutrient.key) for portion in portions],
                self._corrected(nutrient.key),
            )
            for nutrient in AS_PRINTED
            if nutrient in MAIN or nutrient.key in self.per_100
        ]


@dataclass(frozen=True)
class Row:
    """One nutrient of the table. None: not declared."""

    nutrient: Nutrient
    per_100: Decimal | None
    per_serving: list[Decimal | None]
    corrected: bool
