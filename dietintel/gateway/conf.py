"""How one provider may be called: limits, breaker, retries, times, caching. Frozen values, checked when made."""

import datetime as dt
import math
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

from dietintel.gateway.auth import Auth, NoAuth, OAuth2ClientCredentials

MICROSECOND = 1_000_000  # per second; the shared state counts time in whole microseconds


@dataclass(frozen=True)
class RateLimit:
    """At most `limit` calls in any `period_s`, of which `burst` may come at once (GCRA).

    In any half-open window W the rule admits at most `burst - 1 + ceil(W / T)` calls, so with
    T = W (1 + margin) / (limit - burst + 1) it admits `limit`. The margin covers arrival jitter at the provider.
    """

    limit: int
    period_s: float
    burst: int
    margin: float = 0.05

    def __post_init__(self) -> None:
        if not 1 <= self.burst <= self.limit or self.period_s <= 0 or self.margin < 0:
            raise ValueError(f"not a rate limit that admits anything: {self}")

    @property
    def emission_us(self) -> int:
        """Microseconds that one call uses up."""
        return math.ceil(self.period_s * (1 + self.margin) / (self.limit - self.burst + 1) * MICROSECOND)


@dataclass(frozen=True)
class Quota:
    """At most `limit` calls a day, which begins at midnight in the time zone `tz`."""

    limit: int
    tz: str = "UTC"

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"a quota that admits nothing: {self}")
        zoneinfo.ZoneInfo(self.tz)  # raises

    def ends_us(self, now: int) -> int:
        """When the day of `now` ends, both in microseconds since the epoch. Days of 23 and 25 hours are such."""
        zone = zoneinfo.ZoneInfo(self.tz)
        tomorrow = dt.datetime.fromtimestamp(now // MICROSECOND, tz=zone).date() + dt.timedelta(days=1)
        return round(dt.datetime.combine(tomorrow, dt.time(), tzinfo=zone).timestamp()) * MICROSECOND


@dataclass(frozen=True)
class BreakerPolicy:
    """When calls stop: `consecutive` failures, or more than `failure_ratio` of the last `window` calls.

    Counted by calls, not by time: at 15 calls a minute a time window never reaches the usual minimum.
    """

    consecutive: int = 5
    window: int = 20
    min_calls: int = 10
    failure_ratio: float = 0.5
    slow_s: float = 8.0
    slow_ratio: float = 0.8
    open_s: float = 60.0
    max_open_s: float = 900.0
    idle_s: float = 600.0  # history older than this says nothing about now

    def __post_init__(self) -> None:
        if not 1 <= self.consecutive <= self.window <= 62 or not 1 <= self.min_calls <= self.window:
            raise ValueError(f"a breaker that can never trip, or a window over 62 bits: {self}")


@dataclass(frozen=True)
class CallPolicy:
    """What one kind of caller may spend on a call."""

    attempts: int
    total_s: float
    max_wait_s: float  # how long to wait for a token of the limiter
    headroom: int  # tokens left for others


# A person waits: little time, no waiting in line. The worker has time, and leaves two calls for people.
INTERACTIVE = CallPolicy(attempts=2, total_s=5.0, max_wait_s=0.0, headroom=0)
BACKGROUND = CallPolicy(attempts=4, total_s=60.0, max_wait_s=60.0, headroom=2)


@dataclass(frozen=True)
class CachePolicy:
    """How long an answer may be used: `ttl_s` as fresh, `stale_s` more when the provider cannot answer."""

    ttl_s: float
    negative_ttl_s: float
    stale_s: float = 0.0


@dataclass(frozen=True)
class Operation:
    """One kind of call to a provider. Each has its own breaker and limiter: a broken search must not stop lookups."""

    rate: RateLimit
    cache: CachePolicy
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    quota: Quota | None = None
    retry_base_s: float = 0.5
    retry_cap_s: float = 8.0
    connect_s: float = 3.05  # just above a multiple of 3 s, TCP's retransmission time
    read_s: float = 10.0
    max_bytes: int = 2_000_000


# Of a token endpoint: a process asks once in the lifetime of a token, and once more when one is refused.
TOKEN = Operation(rate=RateLimit(limit=10, period_s=60, burst=5), cache=CachePolicy(0, 0), max_bytes=65_536)


@dataclass(frozen=True)
class ProviderConfig:
    """A provider: where it is, who we say we are, and its operations by name."""

    name: str
    label: str
    base_url: str
    user_agent: str
    operations: Mapping[str, Operation]
    auth: Auth | OAuth2ClientCredentials = field(default_factory=NoAuth)

    @property
    def by_key(self) -> dict[str, Operation]:
        """Its operations as the shared state names them, with that of its token endpoint."""
        token = {"token": TOKEN} if isinstance(self.auth, OAuth2ClientCredentials) else {}
        return {f"{self.name}:{name}": each for name, each in {**self.operations, **token}.items()}
