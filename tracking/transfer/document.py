"""What the exchanged document has in it: one table of columns for each kind of row, for writing and reading alike.

Rows have no ids. They are numbered in the order they stand, from 1, and refer to each other by these numbers. A food
of a provider is named by its source and its barcode, or where it has none by the source's own id: what this server
happens to know of it is not a person's data. What is eaten keeps its own figures, so nothing is lost by that.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.models import OWN
from products.models import Basis as FoodBasis
from tracking.models import Basis, Profile, Target
from tracking.models.body import LEAST_WEIGHT_KG, MOST_WEIGHT_KG
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT
from tracking.models.targets import MacroUnit
from tracking.services.body import MOST_VALUE
from tracking.services.targets import LEAST_HEIGHT_CM, MOST_HEIGHT_CM
from tracking.transfer.shapes import (
    AT_LEAST,
    CLOCK,
    DAY,
    FIGURES,
    FLAG,
    MOMENT,
    NAMES,
    SERVINGS,
    Broken,
    Shapes,
    changes_shape,
    choice,
    number,
    optional,
    text,
    whole_number,
)

FORMAT, VERSION = "dietintel-account", 1
DOCUMENT = "account.json"

_AMOUNT = number(LEAST_AMOUNT, MOST_AMOUNT, places=4)
_QUANTITY = number(Decimal("0.0001"), MOST_AMOUNT, places=4)
_WEIGHT = number(LEAST_WEIGHT_KG, MOST_WEIGHT_KG, places=3)
_MACRO = optional(number(0, 9999, places=2))
_MACRO_UNIT = choice(MacroUnit.values)

PREFERENCES: Shapes = {"time_zone": text(64), "theme": choice(User.Theme.values)}
PROFILE: Shapes = {
    "sex": choice(Profile.Sex.values, blank=True),
    "birth_date": optional(DAY),
    "height_cm": optional(number(LEAST_HEIGHT_CM, MOST_HEIGHT_CM, places=1)),
    "activity": choice(Profile.Activity.values, blank=True),
    "pregnant_or_breastfeeding": FLAG,
    "weight_unit": choice(Profile.WeightUnit.values),
    "length_unit": choice(Profile.LengthUnit.values),
    "energy_unit": choice(Profile.EnergyUnit.values),
}
OWN_FOOD: Shapes = {
    "name": text(300),
    "names": NAMES,
    "brand": text(300, blank=True),
    "quantity": text(120, blank=True),
    "barcode": text(24, blank=True),
    "basis": choice(FoodBasis.values),
    "per_100": FIGURES,
    "servings": SERVINGS,
    "fetched_at": MOMENT,  # when it was last changed
}
CHANGES = changes_shape(name=text(300), brand=text(300, blank=True), basis=choice(FoodBasis.values))
CORRECTION: Shapes = {"changes": CHANGES, "updated_at": MOMENT}
FAVOURITE: Shapes = {"created_at": MOMENT}
RECIPE: Shapes = {
    "name": text(300),
    "servings": _AMOUNT,
    "cooked_weight_g": optional(_AMOUNT),
    "note": text(20_000, blank=True),
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
_PORTION: Shapes = {
    "name": text(300),
    "brand": text(300, blank=True),
    "basis": choice(Basis.values),
    "figures": FIGURES,
    "at_least": AT_LEAST,
    "quantity": _QUANTITY,
    "serving": text(120, blank=True),
    "amount": _AMOUNT,
}
INGREDIENT: Shapes = _PORTION
MEAL: Shapes = {"day": DAY, "name": text(60)}
ITEM: Shapes = {**_PORTION, "time": optional(CLOCK), "created_at": MOMENT}
WEIGHT: Shapes = {
    "day": DAY,
    "time": CLOCK,
    "weight_kg": _WEIGHT,
    "note": text(200, blank=True),
    "created_at": MOMENT,
}
MEASUREMENT_KIND: Shapes = {"name": text(60), "unit": text(20, blank=True)}
MEASUREMENT: Shapes = {"day": DAY, "time": CLOCK, "value": number(0, MOST_VALUE, places=3), "created_at": MOMENT}
TARGET: Shapes = {
    "starts_on": DAY,
    "goal": choice(Target.Goal.values),
    "rate_kg_per_week": number(0, 5, places=2),
    "goal_weight_kg": optional(_WEIGHT),
    "weight_kg": optional(_WEIGHT),
    "created_at": MOMENT,
}
TARGET_DAY: Shapes = {
    "weekday": whole_number(0, 6),
    "energy_kcal": number(Decimal("0.1"), Decimal(20_000), places=1),
    "protein": _MACRO,
    "protein_unit": _MACRO_UNIT,
    "fat": _MACRO,
    "fat_unit": _MACRO_UNIT,
    "carbohydrates": _MACRO,
    "carbohydrates_unit": _MACRO_UNIT,
}

# The lists of the document, in the order they are written. Photos will be a list of their own, with their pictures as
# files beside the document, in a folder "photos".
LISTS = (
    "own_foods", "recipes", "meals", "favourites", "corrections", "weights", "measurement_kinds", "targets"
)  # fmt: skip
_SOURCE, _BARCODE = re.compile(r"[a-z0-9_-]{1,30}", re.ASCII), re.compile(r"[0-9]{6,24}", re.ASCII)


@dataclass(frozen=True)
class FoodName:
    """Which food: an own one by its number in the file, else a provider's by its `origin`. Neither: none."""

    own: int | None = None
    origin: str = ""

    def written(self) -> dict[str, Any] | None:
        if self.own is not None:
            return {"own": self.own}
        if not self.origin:
            return None
        source, kind, name = self.origin.split("/", 2)
        return {"source": source, kind: name}


NO_FOOD = FoodName()


def origin_of(source: str, barcode: str, source_id: str) -> str:
    """How a provider's food is named everywhere: as `Product` makes it unique. Empty where it has no name."""
    if source == OWN or not (barcode or source_id):
        return ""
    return f"{source}/barcode/{barcode}" if barcode else f"{source}/id/{source_id}"


def read_food_name(said: Any) -> FoodName:
    """Raises Broken."""
    if said is None:
        return NO_FOOD
    if isinstance(said, dict) and said.keys() == {"own"}:
        return FoodName(own=whole_number(1, MOST_ROWS).read(said["own"]))
    if not isinstance(said, dict) or said.keys() not in ({"source", "barcode"}, {"source", "id"}):
        raise Broken(_("this names no food."))
    source, barcode, source_id = said["source"], said.get("barcode", ""), said.get("id", "")
    if not isinstance(source, str) or not _SOURCE.fullmatch(source) or source == OWN:
        raise Broken(_("this is not the name of a source."), "source")
    if "barcode" in said and not (isinstance(barcode, str) and _BARCODE.fullmatch(barcode)):
        raise Broken(_("this is not a barcode."), "barcode")
    if "id" in said:
        text(40).read(source_id)
    return FoodName(origin=origin_of(source, barcode, source_id))


# --- How much of it -----------------------------------------------------------------------------------------------
MOST_ROWS = 200_000  # of one list: five years of a careful diary are 7,000 meals
MOST_DOCUMENT_BYTES = 64_000_000  # five years of diary are 6 MB
