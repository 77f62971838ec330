"""What was computed and is to be told: kept as figures, worded when it is shown, in the reader's language and units.

A statement is a `code`, the `figures` behind it, and a `link` to where these can be looked up. Which sentence a code
stands for is said beside what computes it: a table from codes to functions that put figures into words.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dietintel.templatetags.show import NO_BREAK, figure_text
from products.nutrients import NUTRIENTS
from tracking.units import Units, energy_in


@dataclass(frozen=True)
class Figures:
    """What a statement rests on: JSON. Decimals are kept as text, days as 2026-11-24, so that nothing is lost."""

    kept: Mapping[str, Any]

    def number(self, name: str) -> Decimal:
        return Decimal(self.kept[name])

    def count(self, name: str) -> int:
        return int(self.kept[name])

    def text(self, name: str) -> str:
        return str(self.kept[name])

    def day(self, name: str) -> dt.date:
        return dt.date.fromisoformat(self.kept[name])

    def is_true(self, name: str) -> bool:
        """False where it is not said."""
        return self.kept.get(name) is True


Words = Callable[[Figures, Units], str]


@dataclass(frozen=True)
class Statement:
    """`link`: the path, with its query, of the page on which the figures can be looked up."""

    code: str
    figures: Mapping[str, Any]
    link: str

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {"code": self.code, "figures": dict(self.figures), "link": self.link}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Statement":
        """From `kept()`, through JSON."""
        return cls(kept["code"], kept["figures"], kept["link"])


def statement(code: str, link: str, **figures: Any) -> Statement:
    """One whose figures may be Decimals, days and whatever JSON has."""
    return Statement(code, {name: as_json(value) for name, value in figures.items()}, link)


def as_json(value: Any) -> Any:
    """Decimals and days as text; all else as it is."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, dt.date) else value


@dataclass(frozen=True)
class Said:
    """A statement in words."""

    sentence: str
    link: str


def said(statements: Iterable[Statement], words: Mapping[str, Words], units: Units) -> list[Said]:
    """In their order. One whose code has no words any more, or whose figures do not fit them, is left out."""
    found = []
    for each in statements:
        if each.code not in words:
            continue
        try:
            sentence = words[each.code](Figures(each.figures), units)
        except (KeyError, ValueError, ArithmeticError, TypeError):
            continue  # written by another version
        found.append(Said(sentence, each.link))
    return found


def much(key: str, value: Decimal, units: Units, *, at_least: bool = False) -> str:
    """So much of a nutrient, with its unit: "1,240 kcal", "≥ 5,190 kJ", "12 g"."""
    nutrient = NUTRIENTS[key]
    is_energy = nutrient.unit == "kcal"
    shown = figure_text(energy_in(value, units.energy) if is_energy else value, nutrient.unit, key=key)
    sign = f"≥{NO_BREAK}" if at_least else ""
    return f"{sign}{shown}{NO_BREAK}{units.energy if is_energy else nutrient.unit}"
