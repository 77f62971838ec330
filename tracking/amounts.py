"""How much of a food, as people say it, in the unit that its figures are of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from products.nutrients import rounded
from products.providers.base import Serving
from tracking.errors import Refused
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT

# International avoirdupois pound and ounce (1959), US customary and metric volumes (NIST Handbook 44, Appendix C).
MASSES: Mapping[str, Decimal] = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "mg": Decimal("0.001"),
    "oz": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
}
VOLUMES: Mapping[str, Decimal] = {
    "ml": Decimal(1),
    "cl": Decimal(10),
    "dl": Decimal(100),
    "l": Decimal(1000),
    "fl oz": Decimal("29.5735295625"),
}
# Spoons and cups hold a volume, so they say how much of a drink there is (FDA, 21 CFR 101.9(b)(5)(viii)); of a food in
# grams only the food itself can say that.
HOUSEHOLD_ML: Mapping[str, Decimal] = {"tsp": Decimal(5), "tbsp": Decimal(15), "cup": Decimal(240)}


@dataclass(frozen=True)
class Amount:
    """`quantity` of `serving` (empty: of the basis' own unit) are `amount` in g, ml or servings."""

    quantity: Decimal
    serving: str
    amount: Decimal


def amount_of(quantity: Decimal, unit: str, *, basis: str, servings: Sequence[Serving]) -> Amount:
    """`quantity` of `unit`, which is a unit of mass or volume that fits the basis, or the label of a serving.

    An empty unit is the basis' own. Raises Refused where the food cannot be counted in that unit, or where it is not
    between 0.01 and 99,999 g, ml or servings.
    """
    wanted = " ".join(unit.split())
    size, label = _size(wanted, basis, servings)
    amount = rounded(quantity * size)
    if not LEAST_AMOUNT <= amount <= MOST_AMOUNT or not 0 < quantity <= MOST_AMOUNT:
        raise Refused(_("Enter an amount between 0.01 and 99,999."), field="amount")
    return Amount(quantity, label, amount)


def _size(unit: str, basis: str, servings: Sequence[Serving]) -> tuple[Decimal, str]:
    if unit in {"", basis}:
        return Decimal(1), ""
    for serving in servings:
        if serving.label.casefold() == unit.casefold():
            return serving.amount, serving.label
    known = {"g": MASSES, "ml": {**VOLUMES, **HOUSEHOLD_ML}}.get(basis, {})
    if unit.casefold() in known:
        return known[unit.casefold()], unit.casefold()
    named = matching_serving(unit, servings)
    if named is not None:
        return named.amount, named.label
    raise Refused(
        _("This food cannot be counted in “%(unit)s”. It can in %(units)s.")
        % {"unit": unit, "units": ", ".join(units_of(basis, servings))},
        field="unit",
    )


def matching_serving(unit: str, servings: Sequence[Serving]) -> Serving | None:
    """The serving whose label names `unit` as a word, in singular or plural: "slices" is "1 slice (30 g)"."""
    wanted = singular(unit)
    return next((each for each in servings if wanted in map(singular, re.findall(r"\w+", each.label))), None)


def singular(word: str) -> str:
    """Good enough to find a serving: eggs, slices, pieces, potatoes."""
    word = word.casefold()
    if word.endswith("oes"):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def units_of(basis: str, servings: Sequence[Serving]) -> list[str]:
    """What a person may choose from, the food's own unit first."""
    own = {"g": ["g", "kg", "oz", "lb"], "ml": ["ml", "l", "fl oz", "tsp", "tbsp", "cup"]}.get(basis, ["serving"])
    return [own[0], *(serving.label for serving in servings), *own[1:]]
