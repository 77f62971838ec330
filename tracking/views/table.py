"""The nutrients of a day as a table: what was eaten, and how much that is of the reference value."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from products.nutrients import AS_PRINTED, Nutrient
from tracking.gauges import Gauge
from tracking.summaries import Day
from tracking.totals import SUMMED


@dataclass(frozen=True)
class Row:
    """One nutrient of a day. `eaten` None: nobody declares it."""

    nutrient: Nutrient
    eaten: Decimal | None
    at_least: bool
    reference: Decimal | None

    @property
    def per_cent(self) -> Decimal | None:
        """Of the reference value, whole; None where one of the two is unknown."""
        if self.eaten is None or not self.reference:
            return None
        return (self.eaten / self.reference * 100).quantize(Decimal(1), ROUND_HALF_UP)

    @property
    def gauge(self) -> Gauge:
        return Gauge(self.eaten, self.reference, self.at_least)


@dataclass(frozen=True)
class Group:
    title: str | Promise
    rows: Sequence[Row]


def table_of(day: Day) -> list[Group]:
    """As on a label, then vitamins, then minerals and the rest."""
    rows = [
        Row(
            nutrient,
            day.totals.get(nutrient.key),
            day.totals.at_least(nutrient.key),
            nutrient.reference,
        )
        for nutrient in AS_PRINTED
        if nutrient.key in SUMMED
    ]
    label = [row for row in rows if row.nutrient.unit in {"kcal", "g"}]
    vitamins = [row for row in rows if row.nutrient.key.startswith("vitamin_")]
    rest = [row for row in rows if row not in label and row not in vitamins]
    return [Group(_("As on a label"), label), Group(_("Vitamins"), vitamins), Group(_("Minerals and others"), rest)]


def sources() -> str:
    """Who says what the reference values are."""
    return "; ".join(dict.fromkeys(each.reference_source for each in AS_PRINTED if each.reference_source))
