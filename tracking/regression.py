"""A straight line through points, and how sure its slope is. Numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

# Student's t, two-sided 95 %, by degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
# Between two rows the one above counts, whose interval is wider.
_T_95 = {
    1: "12.706", 2: "4.303", 3: "3.182", 4: "2.776", 5: "2.571", 6: "2.447", 7: "2.365", 8: "2.306", 9: "2.262",
    10: "2.228", 11: "2.201", 12: "2.179", 13: "2.160", 14: "2.145", 15: "2.131", 16: "2.120", 17: "2.110",
    18: "2.101", 19: "2.093", 20: "2.086", 21: "2.080", 22: "2.074", 23: "2.069", 24: "2.064", 25: "2.060",
    26: "2.056", 27: "2.052", 28: "2.048", 29: "2.045", 30: "2.042", 40: "2.021", 60: "2.000", 100: "1.984",
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A line by least squares. The true slope is with 95 % within `margin` of `slope`."""

    start: Decimal  # where it stands at x = 0
    slope: Decimal
    margin: Decimal


def fitted(points: Sequence[tuple[Decimal, Decimal]]) -> Fitted:
    """Through three points or more, which do not all stand at one x."""
    count = len(points)
    middle, mean = mean_of([x for x, _y in points]), mean_of([y for _x, y in points])
    spread = sum(((x - middle) ** 2 for x, _y in points), Decimal(0))
    slope = sum(((x - middle) * (y - mean) for x, y in points), Decimal(0)) / spread
    left = sum(((y - mean - slope * (x - middle)) ** 2 for x, y in points), Decimal(0))
    return Fitted(mean - slope * middle, slope, t_95(count - 2) * (left / (count - 2) / spread).sqrt())


def mean_of(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def t_95(freedom: int) -> Decimal:
    """How many standard errors the 95 % interval reaches to each side."""
    return Decimal(_T_95[max(row for row in _T_95 if row <= freedom)])
