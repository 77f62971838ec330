"""Units that people weigh, measure and count energy in. Kept are kilograms, centimetres and kilocalories."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from django.contrib.auth.models import AnonymousUser
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.nutrients import KJ_PER_KCAL
from tracking.models import Profile

KG_PER_LB = Decimal("0.45359237")  # the international pound of 1959
LB_PER_ST = 14
CM_PER_IN = Decimal("2.54")  # the international inch of 1959
IN_PER_FT = 12
KEPT_KG, KEPT_CM, SHOWN = Decimal("0.001"), Decimal("0.1"), Decimal("0.1")
NO_BREAK = "\u00a0"
KG, LB, ST = "kg", "lb", "st"
CM, IN = "cm", "in"
KCAL, KJ = "kcal", "kJ"

_FRACTIONS = {"¼": ".25", "½": ".5", "¾": ".75"}
_NUMBER = r"(\d{1,5}(?:[.,]\d{0,9})?|[.,]\d{1,9})"
_WHOLE = r"(\d{1,5})"
_KG, _LB, _ST = r"(?:kg|kgs|kilos?|kilograms?)", r"(?:lb|lbs|pounds?|#)", r"(?:st|stones?)"
_CM, _M, _FT, _IN = (
    r"(?:cm|centimet(?:re|er)s?)",
    r"(?:m|met(?:re|er)s?)",
    r"(?:ft|feet|foot|['’′])",
    r"(?:in|inch|inches|\"|”|″|''|’’|′′)",
)


class Unreadable(ValueError):
    """What was typed is not a weight or a length. `sentence` is for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Units:
    """What one person reads and types."""

    weight: str = KG
    length: str = CM
    energy: str = KCAL


def units_of_person(user: User | AnonymousUser | None) -> Units:
    """Their units, the usual ones where they have chosen none. At most one query for each `user` object.

    Django keeps the profile with the user, and that there is none.
    """
    profile: Profile | None = getattr(user, "profile", None)
    return Units(profile.weight_unit, profile.length_unit, profile.energy_unit) if profile else Units()


def energy_unit(user: User | AnonymousUser | None) -> str:
    """kcal or kJ."""
    return units_of_person(user).energy


# --- Weight -----------------------------------------------------------------------------------------------------
def kg_from_lb(pounds: Decimal) -> Decimal:
    return pounds * KG_PER_LB


def lb_from_kg(kilograms: Decimal) -> Decimal:
    return kilograms / KG_PER_LB


def kept_kg(kilograms: Decimal) -> Decimal:
    """As kept: grams. What was typed with one decimal, in any unit, shows the same again."""
    return kilograms.quantize(KEPT_KG, ROUND_HALF_EVEN)


def parse_weight(text: str, unit: str) -> Decimal:
    """Kilograms of "72,4", "160 lb", "11 st 4.5 lb", "11 st 4". A bare number is in `unit`. Raises Unreadable."""
    said = _plain(text)
    if match := re.fullmatch(rf"{_WHOLE} ?{_ST} ?{_NUMBER} ?{_LB}?", said):
        return kept_kg(kg_from_lb(_stones(match[1], match[2])))
    if unit == ST and (match := re.fullmatch(rf"{_WHOLE} {_NUMBER}", said)):
        return kept_kg(kg_from_lb(_stones(match[1], match[2])))
    for pattern, own in ((_KG, KG), (_LB, LB), (_ST, ST), ("", unit)):
        if match := re.fullmatch(rf"{_NUMBER} ?{pattern}", said):
            return kept_kg(_decimal(match[1]) * _kg_in(own))
    example = {KG: "72.4", LB: "159.6", ST: "11 st 5.6"}[unit]
    raise Unreadable(_("Enter a weight like %(example)s.") % {"example": _typed_as(example)})


def _stones(stones: str, pounds: str) -> Decimal:
    rest = _decimal(pounds)
    if rest >= LB_PER_ST:
        raise Unreadable(_("A stone has 14 pounds, so the pounds are less than that."))
    return int(stones) * LB_PER_ST + rest


def _kg_in(unit: str) -> Decimal:
    return {KG: Decimal(1), LB: KG_PER_LB, ST: KG_PER_LB * LB_PER_ST}[unit]


def weight_in(kilograms: Decimal, unit: str) -> Decimal:
    """The number for a scale of a chart: kg, pounds, or stones as a decimal fraction. Not rounded."""
    return kilograms / _kg_in(unit)


def weight_text(kilograms: Decimal, unit: str) -> str:
    """As shown: one decimal and its unit, "72.4 kg", "11 st 5.6 lb"."""
    if unit == ST:
        stones, pounds = divmod(_shown(lb_from_kg(kilograms)), LB_PER_ST)
        return f"{stones:f}{NO_BREAK}st{NO_BREAK}{_local(pounds)}{NO_BREAK}lb"
    return f"{_local(_shown(weight_in(kilograms, unit)))}{NO_BREAK}{unit}"


def weight_typed(kilograms: Decimal, unit: str) -> str:
    """As it stands in a field: what `parse_weight` reads back, without the unit where that is one word."""
    return weight_text(kilograms, unit).removesuffix(NO_BREAK + unit).replace(NO_BREAK, " ")


def weight_change_text(kilograms: Decimal, unit: str) -> str:
    """A difference, with its sign: "−0.4 kg". In stones it is given in pounds."""
    unit = LB if unit == ST else unit
    shown = _shown(weight_in(abs(kilograms), unit))
    sign = "" if shown == 0 else "−" if kilograms < 0 else "+"
    return f"{sign}{_local(shown)}{NO_BREAK}{unit}"


# --- Length -----------------------------------------------------------------------------------------------------
def parse_length(text: str, unit: str) -> Decimal:
    """Centimetres of "180", "1,80 m", "71 in", "5'11\"", "5 ft 11". A bare number is in `unit`. Raises Unreadable."""
    said = _plain(text)
    if match := re.fullmatch(rf"{_WHOLE} ?{_FT} ?(?:{_NUMBER} ?{_IN}?)?", said):
        inches = _decimal(match[2] or "0")
        if inches >= IN_PER_FT:
            raise Unreadable(_("A foot has 12 inches, so the inches are less than that."))
        return _kept_cm((int(match[1]) * IN_PER_FT + inches) * CM_PER_IN)
    for pattern, size in ((_CM, Decimal(1)), (_M, Decimal(100)), (_IN, CM_PER_IN), ("", length_size(unit))):
        if match := re.fullmatch(rf"{_NUMBER} ?{pattern}", said):
            return _kept_cm(_decimal(match[1]) * size)
    example = {CM: "171.5", IN: "5 ft 7.5"}[unit]
    raise Unreadable(_("Enter a length like %(example)s.") % {"example": _typed_as(example)})


def length_size(unit: str) -> Decimal:
    """Centimetres in one."""
    return CM_PER_IN if unit == IN else Decimal(1)


def length_text(centimetres: Decimal, unit: str) -> str:
    """As shown: one decimal and its unit, "81.5 cm", "32.1 in"."""
    return f"{_local(_shown(centimetres / length_size(unit)))}{NO_BREAK}{unit}"


def height_text(centimetres: Decimal, unit: str) -> str:
    """A person's height: "171.5 cm", "5 ft 7.5 in"."""
    if unit != IN:
        return length_text(centimetres, unit)
    feet, inches = divmod(_shown(centimetres / CM_PER_IN), IN_PER_FT)
    return f"{feet:f}{NO_BREAK}ft{NO_BREAK}{_local(inches)}{NO_BREAK}in"


def height_typed(centimetres: Decimal, unit: str) -> str:
    """As it stands in a field: what `parse_length` reads back."""
    return height_text(centimetres, unit).removesuffix(f"{NO_BREAK}{CM}").replace(NO_BREAK, " ")


def _kept_cm(centimetres: Decimal) -> Decimal:
    return centimetres.quantize(KEPT_CM, ROUND_HALF_EVEN)


# --- Energy -----------------------------------------------------------------------------------------------------
def energy_in(kilocalories: Decimal, unit: str) -> Decimal:
    """In kcal or kJ. Not rounded."""
    return kilocalories * KJ_PER_KCAL if unit == KJ else kilocalories


def kcal_of(value: Decimal, unit: str) -> Decimal:
    """The kilocalories of what was typed in `unit`. Not rounded."""
    return value / KJ_PER_KCAL if unit == KJ else value


# --- Numbers ----------------------------------------------------------------------------------------------------
def _plain(text: str) -> str:
    """Lower case, single spaces, "4½" as "4.5"."""
    said = " ".join(text.casefold().split())
    for sign, digits in _FRACTIONS.items():
        said = re.sub(rf"(?<=\d) ?{sign}", digits, said).replace(sign, f"0{digits}")
    return said


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _shown(value: Decimal) -> Decimal:
    return value.quantize(SHOWN, ROUND_HALF_UP)


def _local(value: Decimal) -> str:
    return number_format(value, decimal_pos=1, use_l10n=True)


def _typed_as(example: str) -> str:
    """With the decimal sign of the reader's language."""
    return example.replace(".", number_format(Decimal("0.1"), decimal_pos=1)[1])
