"""Sums of what was eaten. What nobody declared is not zero: a sum that had to skip it says "at least"."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce

from products.nutrients import NOTHING_DECLARED, NUTRIENTS, Nutrients, rounded

SUMMED = frozenset(key for key, nutrient in NUTRIENTS.items() if nutrient.scales)  # a strength in per cent does not add


@dataclass(frozen=True)
class Totals:
    """A sum. `known` has what was declared by at least one part, `partial` the keys that some part did not declare."""

    known: Nutrients = NOTHING_DECLARED
    partial: frozenset[str] = frozenset()

    def get(self, key: str) -> Decimal | None:
        """The sum, 0 of nothing at all; None where no part declares `key`. A partial sum is the least it can be."""
        return self.known.get(key, None if key in self.partial else Decimal(0))

    def at_least(self, key: str) -> bool:
        """Whether the true sum may be more than `get` says."""
        return key in self.partial

    def __add__(self, other: "Totals") -> "Totals":
        keys = self.known.keys() | other.known.keys()
        zero = Decimal(0)
        return Totals(
            Nutrients({key: self.known.get(key, zero) + other.known.get(key, zero) for key in keys}),
            self.partial | other.partial,
        )


NOTHING = Totals()


def portion(figures: Nutrients, at_least: Iterable[str], factor: Decimal) -> Totals:
    """`factor` times `figures`, rounded once, here, to four decimals. Everything after this is exact addition.

    `at_least` names the figures that are only the least it can be.
    """
    known = Nutrients({key: rounded(value * factor) for key, value in figures.items() if key in SUMMED})
    return Totals(known, SUMMED - known.keys() | SUMMED.intersection(at_least))


def add_up(totals: Iterable[Totals]) -> Totals:
    """The sum: the same whichever way the parts were grouped."""
    return reduce(Totals.__add__, totals, NOTHING)


def apportioned(parts: list[Decimal | None], shown_total: Decimal) -> list[Decimal | None]:
    """`parts` in whole numbers that add up to `shown_total`, a whole number: what stands in a column above its sum.

    Each is its part rounded down or up, those with the largest remainders up (largest-remainder method, Hamilton
    1792). None stays None. `shown_total` must be the sum of the parts, rounded.
    """
    floors = {at: part // 1 for at, part in enumerate(parts) if part is not None}
    missing = int(shown_total - sum(floors.values(), Decimal(0)))
    by_remainder = sorted(floors, key=lambda at: (floors[at] - (parts[at] or 0), at))
    up = set(by_remainder[:missing])
    return [None if part is None else floors[at] + (at in up) for at, part in enumerate(parts)]


def whole(value: Decimal) -> Decimal:
    """As shown to people."""
    return value.quantize(Decimal(1), ROUND_HALF_UP)
