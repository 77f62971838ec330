"""Barcodes of food: one normaliser for everything typed, scanned, photographed or imported.

Canonical form, as Open Food Facts keeps it: EAN-8 with 8 digits, everything else with 13, GTIN-14 of a case with 14.
Rules: GS1 General Specifications (check digit 7.9, UPC-E 7.10, restricted circulation 2.1), Open Food Facts' API notes.
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

MIN_DIGITS, MAX_DIGITS = 4, 24  # what Open Food Facts has codes of
SHORTEST_MEANT = 8  # digits: fewer may be an amount
CHECKED_LENGTHS = (8, 12, 13, 14)  # GTIN-8, -12, -13, -14
# GS1 application identifier 01 is the GTIN: in a Digital Link a path segment, in an element string in brackets.
_DIGITAL_LINK = re.compile(r"^https?://[^\s?#]*/01/(\d{8}|\d{12,14})(?:[/?#]|$)", re.IGNORECASE)
_ELEMENT_STRING = re.compile(r"^(?:\][A-Za-z]\d)?\(01\)(\d{14})")
_TYPED = re.compile(r"[\d\s\u2010-\u2015-]+")


class InvalidBarcode(ValueError):
    """Not a barcode at all. The message is a sentence for the person who entered it; ask for it again."""


@dataclass(frozen=True)
class Barcode:
    """A barcode in canonical form."""

    digits: str

    @property
    def check_digit_fits(self) -> bool:
        """False for codes that were made up or misread; they are looked up all the same. True where there is none."""
        return len(self.digits) not in CHECKED_LENGTHS or has_check_digit(self.digits)

    @property
    def shop_internal(self) -> bool:
        """Printed by a shop for itself, often with a weight or price inside: no two shops mean the same by it."""
        return len(self.digits) == 13 and (self.digits[:2] in {"02", "04"} or self.digits[0] == "2")

    def __str__(self) -> str:
        return self.digits


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the right one: weights 3, 1, 3 … from the right, modulo 10."""
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return weighed % 10 == 0


def canonical(digits: str) -> str:
    """The one way to write a code: leading zeros off, then padded to 8 or 13; 14 digits stay."""
    short = digits.lstrip("0")
    if len(short) <= 8:
        return short.zfill(8)
    return short.zfill(13)


def expand_upc_e(digits: str) -> str:
    """UPC-E (8 digits, number system 0 or 1) as the UPC-A (12 digits) it abbreviates."""
    system, body, check = digits[0], digits[1:7], digits[7]
    last = body[5]
    if last in "012":
        manufacturer_item = body[:2] + last + "0000" + body[2:5]
    elif last == "3":
        manufacturer_item = body[:3] + "00000" + body[3:5]
    elif last == "4":
        manufacturer_item = body[:4] + "00000" + body[4]
    else:
        manufacturer_item = body[:5] + "0000" + last
    return system + manufacturer_item + check


def barcode_in(text: str) -> Barcode | None:
    """The barcode that was typed where words may stand as well; None where it is none, or too short to be meant."""
    try:
        return normalise(text) if sum(character.isdecimal() for character in text) >= SHORTEST_MEANT else None
    except InvalidBarcode:
        return None


def normalise(text: str) -> Barcode:
    """What a person typed, a scanner sent or a QR code holds, in canonical form.

    Eight digits may be EAN-8 or UPC-E: they are taken as EAN-8 where that check digit fits, as UPC-E where only the
    expanded one does. Raises InvalidBarcode.
    """
    text = text.strip()
    linked = _DIGITAL_LINK.match(text) or _ELEMENT_STRING.match(text)
    if not text:
        raise InvalidBarcode(_("Enter the digits under the bars."))
    if not linked and not _TYPED.fullmatch(text):
        raise InvalidBarcode(_("A barcode has only digits."))
    # Digits of every script count: some keyboards type full-width or Arabic ones.
    digits = "".join(str(int(character)) for character in (linked[1] if linked else text) if character.isdecimal())
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise InvalidBarcode(
            _("A barcode has %(least)d to %(most)d digits; this has %(count)d.")
            % {"least": MIN_DIGITS, "most": MAX_DIGITS, "count": len(digits)}
        )
    if not digits.strip("0"):
        raise InvalidBarcode(_("A barcode is not all zeros."))
    code = canonical(digits)
    if len(code) == 8 and code[0] in "01" and not has_check_digit(code):
        # Also of fewer digits, padded: the result is typed again in addresses and must not change then.
        expanded = canonical(expand_upc_e(code))
        if len(expanded) == 13 and has_check_digit(expanded):
            code = expanded
    return Barcode(code)
