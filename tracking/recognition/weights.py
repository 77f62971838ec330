"""What training leaves: numbers, and no food, photo or name among them."""

from dataclasses import dataclass
from math import isqrt

from tracking.recognition.arrays import Array, np


@dataclass(frozen=True)
class Weights:
    """`scatter`: how photos differ that show the very same plate in other light, turned, nearer; covariances."""

    scatter: Array

    def packed(self) -> bytes:
        """One half of it: it is symmetric."""
        return self.scatter[np.triu_indices(len(self.scatter))].astype("<f4").tobytes()

    @classmethod
    def unpacked(cls, kept: bytes) -> "Weights":
        """Raises ValueError for what `packed` cannot have written."""
        half = np.frombuffer(kept, "<f4").astype(np.float64)
        side = (isqrt(8 * len(half) + 1) - 1) // 2
        if not side or side * (side + 1) // 2 != len(half) or not np.isfinite(half).all():
            raise ValueError("no weights")
        upper = np.zeros((side, side))
        upper[np.triu_indices(side)] = half
        return cls(upper + np.triu(upper, 1).T)
