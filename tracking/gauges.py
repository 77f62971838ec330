"""How far something eaten is along the way to its target, in figures that an SVG can take."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# A bar leaves room behind its target, so that going over it can be seen.
ROOM_BEHIND_TARGET = Decimal("1.15")
_FULL = Decimal(100)


@dataclass(frozen=True)
class Gauge:
    """`eaten` of `target`, in one unit. None: nothing declared, nothing aimed for. `at_least`: it may be more."""

    eaten: Decimal | None
    target: Decimal | None
    at_least: bool = False

    @property
    def left(self) -> Decimal | None:
        """Below zero where it is exceeded."""
        return None if self.eaten is None or self.target is None else self.target - self.eaten

    @property
    def over(self) -> Decimal | None:
        """By how much the target is exceeded; None where it is not."""
        return -self.left if self.left is not None and self.left < 0 else None

    @property
    def share(self) -> Decimal:
        """Of the target, in per cent, at most 100: how much of a ring is drawn."""
        return _per_cent(self.eaten, self.target)

    @property
    def length(self) -> Decimal:
        """Of the bar, in per cent."""
        return _per_cent(self.eaten, self._scale)

    @property
    def mark(self) -> Decimal:
        """Where on the bar the target stands, in per cent."""
        return _per_cent(self.target, self._scale)

    @property
    def _scale(self) -> Decimal:
        return max(self.eaten or Decimal(0), (self.target or Decimal(0)) * ROOM_BEHIND_TARGET)


def _per_cent(part: Decimal | None, whole: Decimal | None) -> Decimal:
    if not part or not whole or part < 0:
        return Decimal(0)
    return min(_FULL, part / whole * _FULL).quantize(Decimal("0.1"), ROUND_HALF_UP)
