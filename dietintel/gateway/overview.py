"""What an operator wants to know about every operation: the one answer that admin, API and command show."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils.module_loading import module_has_submodule

from dietintel.gateway.classify import Outcome
from dietintel.gateway.conf import MICROSECOND, BreakerPolicy, Operation, ProviderConfig, RateLimit
from dietintel.gateway.figures import RETRY
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from dietintel.gateway.tally import TALLY

CHANGES_SHOWN = 5
OUTCOMES = [outcome.value for outcome in Outcome]
REJECTED = "rejected_"


class UnknownProvider(LookupError):
    """Nothing of that name is configured, and nothing of that name was ever called."""


@dataclass(frozen=True)
class CacheFigures:
    """How questions were met. `negative` are kept answers "no such thing".

    `stale` and `joined` are misses that an old answer, or the answer to somebody who was asking the same, made good.
    """

    hits: int = 0
    misses: int = 0
    stale: int = 0
    negative: int = 0
    joined: int = 0

    @property
    def hit_ratio(self) -> float | None:
        """0 to 1: the share of questions with a fresh kept answer. None while nobody has asked."""
        kept = self.hits + self.negative
        return round(kept / (kept + self.misses), 4) if kept + self.misses else None

    def __add__(self, other: "CacheFigures") -> "CacheFigures":
        return CacheFigures(
            self.hits + other.hits,
            self.misses + other.misses,
            self.stale + other.stale,
            self.negative + other.negative,
            self.joined + other.joined,
        )


@dataclass(frozen=True)
class Change:
    """A `Transition`: by the rules (`actor` empty) or by an operator."""

    at: dt.datetime
    from_state: str
    to_state: str
    reason: str
    actor: str


@dataclass(frozen=True)
class Overview:
    """One `provider:operation` at one moment. Seconds are rounded up."""

    key: str
    provider: str
    operation: str
    state: str  # as time has made it: an open breaker is half_open from the moment that a probe may go out
    reason: str
    open_for_s: int | None  # None: it is not open, or stays so until an operator closes it
    tokens: int | None  # calls that may go out at once; None where the operation is not configured (any more)
    burst: int | None  # the most tokens there can be
    quota_used: int | None  # calls of this day; None where the provider names no quota
    quota: int | None  # the most calls there can be in a day
    cooldown_s: int  # the pause that the provider asked for
    failed: int  # of the last `calls`
    calls: int
    slow: int  # of the last `calls` too
    min_calls: int  # fewer than these say nothing
    last_error: str
    last_error_at: dt.datetime | None
    requests: Mapping[str, int]  # by outcome
    retries: int
    rejected: Mapping[str, int]  # by reason: never sent
    cache: CacheFigures
    transitions: tuple[Change, ...]  # the newest first

    def ratio(self, counted: int) -> float | None:
        """`counted` (`failed` or `slow`) as a share of the last calls, 0 to 1. None while they are too few."""
        return counted / self.calls if self.calls >= self.min_calls else None


def configured() -> list[ProviderConfig]:
    """The providers that are switched on, of every app that has `providers`: found the way admin.py is."""
    names = [f"{app.name}.providers" for app in apps.get_app_configs() if module_has_submodule(app.module, "providers")]
    return [config for name in names for provider in import_module(name).in_order() for config in provider.configs]


def overview(configs: Iterable[ProviderConfig], *, now: int, history: bool = True) -> list[Overview]:
    """Every operation that is configured, in that order, then those that were called at some time. Three queries."""
    TALLY.flush()
    operations = {key: each for config in configs for key, each in config.by_key.items()}
    rows = {row.key: row for row in ProviderState.objects.all()}
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for key, event, value in Counter.objects.order_by("event").values_list("key", "event", "value"):
        counted[key][event] = value
    changes: dict[str, list[Change]] = defaultdict(list)
    age = Window(RowNumber(), partition_by=F("key"), order_by=[F("at").desc(), F("pk").desc()])
    recent = Transition.objects.annotate(age=age).filter(age__lte=CHANGES_SHOWN).order_by("age")
    for each in recent if history else ():  # ranking half a year of changes takes longer than all the rest
        old, new = each.get_from_state_display(), each.get_to_state_display()
        changes[each.key].append(Change(each.at, old, new, each.reason, each.actor))
    return [
        _of(rows.get(key) or ProviderState(key=key), operations.get(key), counted[key], changes[key], now=now)
        for key in dict.fromkeys([*operations, *sorted(rows)])
    ]


def cache_by_provider(operations: Iterable[Overview]) -> dict[str, CacheFigures]:
    figures: dict[str, CacheFigures] = defaultdict(CacheFigures)
    for each in operations:
        figures[each.provider] += each.cache
    return dict(figures)


def reset(provider: str, configs: Iterable[ProviderConfig], *, actor: str, now: int) -> list[Overview]:
    """A fresh start for all operations of `provider`; what they are like then.

    Raises UnknownProvider with a sentence, or StoreUnavailable.
    """
    configs = list(configs)
    known = overview(configs, now=now)
    keys = [each.key for each in known if each.provider == provider]
    if not keys:
        names = ", ".join(dict.fromkeys(each.provider for each in known)) or "none"
        raise UnknownProvider(f"There is no provider called {provider}. There are: {names}.")
    for key in keys:
        StateStore().reset(key, actor=actor, now=now)
    return [each for each in overview(configs, now=now) if each.provider == provider]


def _of(
    row: ProviderState, operation: Operation | None, counted: Mapping[str, int], changes: list[Change], *, now: int
) -> Overview:
    provider, _colon, name = row.key.partition(":")
    state = State.HALF_OPEN if row.state == State.OPEN and row.open_until <= now else State(row.state)
    quota = operation.quota if operation else None
    # As `record` sees it: what was long ago says nothing about now.
    idle = operation is not None and row.last_at < now - to_us(operation.breaker.idle_s)
    return Overview(
        key=row.key,
        provider=provider,
        operation=name,
        state=state.name.lower(),
        reason=row.reason,
        open_for_s=_seconds(row.open_until - now) if state is State.OPEN else None,
        tokens=tokens_left(operation.rate, tat=row.tat, now=now) if operation else None,
        burst=operation.rate.burst if operation else None,
        quota_used=(row.quota_used if row.quota_window > now else 0) if quota else None,
        quota=quota.limit if quota else None,
        cooldown_s=_seconds(row.not_before - now),
        failed=0 if idle else row.history.bit_count(),
        calls=0 if idle else row.calls,
        slow=0 if idle else row.slow.bit_count(),
        min_calls=(operation.breaker if operation else BreakerPolicy()).min_calls,
        last_error=row.last_error,
        last_error_at=_moment(row.last_error_at),
        requests={event: value for event, value in counted.items() if event in OUTCOMES},
        retries=sum(value for event, value in counted.items() if event.startswith(RETRY)),
        rejected={event[len(REJECTED) :]: value for event, value in counted.items() if event.startswith(REJECTED)},
        cache=CacheFigures(
            hits=counted.get("cache_hit", 0),
            misses=counted.get("cache_miss", 0),
            stale=counted.get("cache_stale", 0),
            negative=counted.get("cache_negative_hit", 0),
            joined=counted.get("cache_joined", 0),
        ),
        transitions=tuple(changes),
    )


def tokens_left(rate: RateLimit, *, tat: int, now: int) -> int:
    """How many calls GCRA lets out at once: each moves `tat` on by one emission, at most `burst` of them past now."""
    used = max(0, tat - now)
    return max(0, rate.burst - math.ceil(used / rate.emission_us))


def _seconds(microseconds: int) -> int:
    return max(0, math.ceil(microseconds / MICROSECOND))


def _moment(microseconds: int) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(microseconds / MICROSECOND, tz=dt.UTC) if microseconds else None
