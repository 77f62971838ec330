"""How much of a food, as people say it, in the unit that its figures are of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from products.nutrients import rounded
from products.providers.base import Serving
from tracking.errors import Refused
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT
from tracking.numbers import leading

# International avoirdupois pound and ounce (1959), US customary and metric volumes (NIST Handbook 44, Appendix C).
MASSES: dict[str, Decimal] = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "mg": Decimal("0.001"),
    "oz": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
}
VOLUMES: dict[str, Decimal] = {
    "ml": Decimal(1),
    "cl": Decimal(10),
    "dl": Decimal(100),
    "l": Decimal(1000),
    "fl oz": Decimal("29.5735295625"),
}
# Spoons and cups hold a volume, so they say how much of a drink there is (FDA, 21 CFR 101.9(b)(5)(viii)); of a food in
# grams only the food itself can say that: with a spoon or a cup of its own, or with another volume that it declares.
HOUSEHOLD_ML: dict[str, Decimal] = {"tsp": Decimal(5), "tbsp": Decimal(15), "cup": Decimal(240)}


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
    size, label, count = _size(wanted, basis, servings)
    quantity = quantity if count == 1 else rounded(quantity / count)
    amount = rounded(quantity * size)
    if not LEAST_AMOUNT <= amount <= MOST_AMOUNT or not 0 < quantity <= MOST_AMOUNT:
        raise Refused(_("Enter an amount between 0.01 and 99,999."), field="amount")
    return Amount(quantity, label, amount)


def _size(unit: str, basis: str, servings: Sequence[Serving]) -> tuple[Decimal, str, Decimal]:
    """How much one is, the label of the serving it is counted in, and how many of `unit` one of those is."""
    one = Decimal(1)
    if unit in {"", basis}:
        return one, "", one
    for serving in servings:
        if serving.label.casefold() == unit.casefold():
            return serving.amount, serving.label, one
    spelled, named = unit.casefold(), matching_serving(unit, servings)
    known = {"g": MASSES, "ml": VOLUMES}.get(basis, {})
    if spelled in known:
        return known[spelled], spelled, one
    if named is not None:
        return named.amount, named.label, counted_in(named)
    volume = (VOLUMES | HOUSEHOLD_ML).get(spelled)
    weight_of_ml = one if basis == "ml" else declared_density(servings) if basis == "g" else None
    if volume is not None and weight_of_ml is not None:
        return volume * weight_of_ml, spelled, one
    raise Refused(
        _("This food cannot be counted in “%(unit)s”. It can in %(units)s.")
        % {"unit": unit, "units": ", ".join(units_of(basis, servings))},
        field="unit",
    )


def matching_serving(unit: str, servings: Sequence[Serving]) -> Serving | None:
    """The serving whose label names `unit` as a word, in singular or plural: "slices" is "1 slice (30 g)".

    What a label says in brackets is not what it counts: "1 slice (1/8 pie)" is no pie.
    """
    wanted = singular(unit)
    return next(
        (each for each in servings if wanted in map(singular, re.findall(r"\w+", _unbracketed(each.label)))), None
    )


def counted_in(serving: Serving) -> Decimal:
    """How many of what it is called one serving has: two of "2 tbsp", half of "½ cup", one where no number leads."""
    found = leading(serving.label.strip())
    return found[0] if found and found[0] and found[1].startswith(" ") else Decimal(1)


def declared_density(servings: Sequence[Serving]) -> Decimal | None:
    """What a millilitre of a food in grams weighs, by the first serving that says its volume; None where none does.

    "1 cup" of 244 g does, and "1 can (12 fl oz)" of 368 g.
    """
    volumes = ((serving, _declared_ml(serving)) for serving in servings)
    return next((serving.amount / volume for serving, volume in volumes if volume), None)


def _declared_ml(serving: Serving) -> Decimal | None:
    found = re.search(r"\(([\d.]{1,6}) ?(fl oz|ml|cl|dl|l)\)", serving.label)
    number = leading(found[1]) if found else None
    if found and number:
        return number[0] * VOLUMES[found[2]]
    unit = (VOLUMES | HOUSEHOLD_ML).get(singular(called(serving)))
    return unit and unit * counted_in(serving)


def called(serving: Serving) -> str:
    """A label without its number and what stands in brackets: "cup" of "½ cup (120 ml)"."""
    label = _unbracketed(serving.label).strip()
    found = leading(label)
    return (found[1] if found else label).strip().casefold()


def _unbracketed(label: str) -> str:
    return re.sub(r"\(.*?\)", "", label)


def singular(word: str) -> str:
    """Good enough to find a serving: eggs, slices, pieces, potatoes."""
    word = word.casefold()
    if word.endswith("oes"):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def units_of(basis: str, servings: Sequence[Serving]) -> list[str]:
    """What a person may choose from, the food's own unit first."""
    own = {"g": ["g", "kg", "oz", "lb"], "ml": ["ml", "l", "fl oz", "tsp", "tbsp", "cup"]}.get(basis, ["serving"])
    volume = ["ml"] if basis == "g" and declared_density(servings) else []
    return [own[0], *(serving.label for serving in servings), *own[1:], *volume]
