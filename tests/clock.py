"""Time that passes only when somebody sleeps."""


class FakeClock:
    """A `dietintel.gateway.clock.Clock`; `sleeps` lists the pauses that were asked for, in seconds."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self._now += seconds

    def passes(self, seconds: float) -> None:
        """Time goes by without anybody having asked for it."""
        self._now += seconds
