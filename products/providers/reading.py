"""Reading other people's JSON: whatever stands where a value should be, out comes the value or "there is none"."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_DIGITS = 9  # before the decimal point; nothing about a food is larger


def number(value: object) -> Decimal | None:
    """A finite number, however it was written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found.adjusted() < MOST_DIGITS else None


def line(value: object) -> str:
    """Text on one line, without control characters (NUL cannot be stored). Empty for anything that is not text."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def lines(value: object) -> tuple[str, ...]:
    """The texts in a list; empty for anything else."""
    return tuple(filter(None, map(line, value))) if isinstance(value, list) else ()


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
