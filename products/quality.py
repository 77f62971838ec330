"""What is doubtful about a food's figures: codes kept with the row, sentences made when shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from products.nutrients import (
    ALLOWED_EXCESS_G,
    KJ_PER_KCAL,
    MAIN_KEYS,
    MOST_PARTS_G,
    NUTRIENTS,
    energy_from_macros,
)

MESSAGES: dict[str, str | Promise] = {
    "PREPARED": _("The figures are for the food as prepared, not as sold."),
    "ESTIMATED": _("Some figures are estimates from the list of ingredients, not from the label."),
    "FROM_SERVING": _("The label gives figures per serving; those per 100 are calculated from them."),
    "SERVING_ONLY": _("The label gives figures per serving without saying how much a serving is."),
    "IMPOSSIBLE_VALUE": _("The source gives a value that cannot be, so it is left out."),
    "ENERGY_UNIT": _("The energy looks like kilojoules written as kilocalories."),
    "ENERGY_MISMATCH": _("The energy does not fit the protein, fat and carbohydrate."),
    "PARTS_EXCEED_WHOLE": _("Some figures do not fit together: parts are larger than their whole."),
    "CARBS_INCLUDE_FIBRE": _(
        "The source counts fibre as carbohydrate and does not say how much: carbohydrate is left out."
    ),
    "NO_NUTRITION": _("No nutrition figures are declared."),
    "NO_ENERGY": _("No energy is declared."),
    "PROVIDER_WARNING": _("The source itself marks this entry as faulty."),
    "NO_NAME": _("The source gives no name."),
    "CHECK_DIGIT": _("The last digit of the barcode does not fit the others: it may be misread."),
    "SHOP_INTERNAL": _("A shop prints such codes for itself; elsewhere the same code means something else."),
    "NOT_KEPT": _("%(about)s lets us keep these figures for a day only. Save them as your own food to log it."),
    "CORRECTED": _("You have corrected this food."),
}
# Energy further from 4 · 9 · 4 than fibre, polyols and rounding explain.
MISMATCH_KCAL, MISMATCH_SHARE = Decimal(30), Decimal("0.20")


@dataclass(frozen=True)
class Flag:
    """One doubt: a code of MESSAGES, and the nutrients or provider's words it is about."""

    code: str
    about: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Flag":
        """From `kept()`."""
        return cls(kept["code"], tuple(kept.get("about", ())))

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {"code": self.code, "about": list(self.about)}

    @property
    def message(self) -> str:
        """A sentence for people."""
        sentence = str(MESSAGES.get(self.code, self.code))
        named = ", ".join(str(NUTRIENTS[key].label) if key in NUTRIENTS else key for key in self.about)
        if "%(about)s" in sentence:
            return sentence % {"about": named}
        return f"{sentence} ({named})" if named else sentence


def doubts(values: Mapping[str, Decimal], *, impossible: Collection[str]) -> list[Flag]:
    """What the figures themselves show. `impossible` names nutrients whose value was dropped."""
    found = [Flag("IMPOSSIBLE_VALUE", tuple(sorted(impossible)))] if impossible else []
    if not any(key in values for key in MAIN_KEYS):
        found.append(Flag("NO_NUTRITION"))
    elif "energy_kcal" not in values:
        found.append(Flag("NO_ENERGY"))
    energy = values.get("energy_kcal")
    plain = energy_from_macros(values, fibre=False)
    full = energy_from_macros(values)
    if energy is not None and plain is not None and full is not None:
        if plain >= 20 and abs(energy - KJ_PER_KCAL * plain) <= KJ_PER_KCAL * plain / 10:
            found.append(Flag("ENERGY_UNIT"))
        elif not values.get("alcohol_vol") and abs(energy - full) > max(MISMATCH_KCAL, MISMATCH_SHARE * energy):
            found.append(Flag("ENERGY_MISMATCH"))
    if _parts_exceed_whole(values):
        found.append(Flag("PARTS_EXCEED_WHOLE"))
    return found


def _parts_exceed_whole(values: Mapping[str, Decimal]) -> bool:
    for part, whole in (("sugars_g", "carbohydrates_g"), ("saturated_fat_g", "fat_g")):
        if part in values and whole in values and values[part] > values[whole] + ALLOWED_EXCESS_G:
            return True
    zero = Decimal(0)
    return sum((values.get(key, zero) for key in _PARTS), zero) > MOST_PARTS_G


_PARTS = ("protein_g", "fat_g", "carbohydrates_g", "fiber_g", "salt_g")
