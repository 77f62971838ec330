"""What training leaves: numbers, and no food, photo or name among them."""

from dataclasses import astuple, dataclass
from math import isqrt

import numpy as np

from tracking.recognition.features import Array


@dataclass(frozen=True)
class Calibration:
    """How confident to be: a logistic regression of "the nearest dish is the right one" on `Near.evidence`."""

    intercept: float
    of_ratio: float
    of_distance: float


@dataclass(frozen=True)
class Weights:
    """`scatter`: how photos differ that show the very same plate in other light, turned, nearer; covariances."""

    scatter: Array
    calibration: Calibration

    def packed(self) -> bytes:
        """Of the matrix, which is symmetric, one half."""
        half = self.scatter[np.triu_indices(len(self.scatter))]
        return np.concatenate([astuple(self.calibration), half]).astype("<f4").tobytes()

    @classmethod
    def unpacked(cls, kept: bytes) -> "Weights":
        """Raises ValueError for what `packed` cannot have written."""
        numbers = np.frombuffer(kept, "<f4").astype(np.float64)
        calibration, half = numbers[:3], numbers[3:]
        side = (isqrt(8 * len(half) + 1) - 1) // 2
        if not side or side * (side + 1) // 2 != len(half) or not np.isfinite(numbers).all():
            raise ValueError("no weights")
        upper = np.zeros((side, side))
        upper[np.triu_indices(side)] = half
        return cls(upper + np.triu(upper, 1).T, Calibration(*map(float, calibration)))
