"""Counts that live in the database: exact across processes, hosts and restarts, because adding is one statement.

A table of counts has a `key`, an `event` and a `value`, the first two unique together. A histogram is one count for
each of its buckets, and its sum in microseconds.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

MICROSECOND = 1_000_000  # per second


def adding(table: str, counts: Mapping[tuple[str, str], int]) -> tuple[str, list[str | int]]:
    """The statement that adds `counts`, (key, event) → how much, and its arguments. `counts` is not empty."""
    rows = sorted(counts.items())  # in one order, so that no two writers wait for each other
    places = ", ".join(["(%s, %s, %s)"] * len(rows))
    return (
        f"INSERT INTO {table} (key, event, value) VALUES {places} "
        f"ON CONFLICT (key, event) DO UPDATE SET value = {table}.value + excluded.value RETURNING value",
        [part for (key, event), value in rows for part in (key, event, value)],
    )


@dataclass(frozen=True)
class Histogram:
    """Durations in seconds. `bounds` are the upper ends of its buckets, ascending; beyond the last lies one more."""

    name: str  # events begin with it
    bounds: tuple[float, ...]

    def of(self, seconds: float) -> dict[str, int]:
        """What one duration adds, by event."""
        at = bisect_left(self.bounds, seconds)
        return {self._events[at]: 1, self._sum: round(seconds * MICROSECOND)}

    def seen(self, counted: Mapping[str, int]) -> tuple[list[int], float]:
        """Of `counted`, event → value: how many took at most each bound, and how many at all; and their sum in s."""
        return (
            list(accumulate(counted.get(event, 0) for event in self._events)),
            counted.get(self._sum, 0) / MICROSECOND,
        )

    @property
    def _events(self) -> list[str]:
        return [f"{self.name}_le_{end}" for end in self._ends()]

    @property
    def _sum(self) -> str:
        return f"{self.name}_us"

    def _ends(self) -> Iterator[str]:
        yield from (f"{bound:g}" for bound in self.bounds)
        yield "more"
