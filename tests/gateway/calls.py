"""Calls to the fake provider through the gateway, with the policy of the acceptance scenarios unless told otherwise."""

import itertools
import os
from collections.abc import Callable
from typing import Any

from dietintel.gateway.auth import Auth, NoAuth, OAuth2ClientCredentials
from dietintel.gateway.bulkhead import Bulkhead
from dietintel.gateway.cache import ResponseCache
from dietintel.gateway.classify import Answer, Verdict, default_classifier
from dietintel.gateway.client import BaseAPIClient, GatewayResponse, Question
from dietintel.gateway.clock import Clock
from dietintel.gateway.conf import CachePolicy, CallPolicy, Operation, ProviderConfig, RateLimit
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.tally import TALLY

HOUR, DAY = 3600.0, 86_400.0
KEY = "fake:read"
T_S = 60 / 11  # seconds that one call uses up at 15 in 60 s with a burst of 5
SCENARIO = RateLimit(limit=15, period_s=60, burst=5, margin=0)
UNLIMITED = RateLimit(limit=10_000, period_s=1, burst=10_000)
KEPT_LONG = CachePolicy(ttl_s=DAY, negative_ttl_s=HOUR, stale_s=7 * DAY)

ONCE = CallPolicy(attempts=1, total_s=30.0, max_wait_s=0.0, headroom=0)
TWICE = CallPolicy(attempts=2, total_s=30.0, max_wait_s=0.0, headroom=0)
PATIENT = CallPolicy(attempts=1, total_s=100.0, max_wait_s=60.0, headroom=0)

_numbers = itertools.count(1)


def make_operation(**changes: Any) -> Operation:
    wanted: dict[str, Any] = {"rate": SCENARIO, "cache": KEPT_LONG, **changes}
    return Operation(**wanted)


def make_client(
    url: str,
    clock: Clock | None = None,
    *,
    chance: Callable[[], float] = lambda: 0.5,
    bulkhead: Bulkhead | None = None,
    cache: ResponseCache | None = None,
    user_agent: str = "Tests",
    auth: Auth | OAuth2ClientCredentials | None = None,
    **operation: Any,
) -> BaseAPIClient:
    config = ProviderConfig(
        name="fake",
        label="Fake",
        base_url=url,
        user_agent=user_agent,
        operations={"read": make_operation(**operation), "search": make_operation(**operation)},
        auth=auth or NoAuth(),
    )
    return BaseAPIClient(
        config, clock=clock, chance=chance, bulkhead=bulkhead or Bulkhead(8), cache=cache or ResponseCache()
    )


def ask(
    client: BaseAPIClient,
    path: str = "",
    *,
    caller: CallPolicy = ONCE,
    total_s: float | None = None,
    operation: str = "read",
    parse: Callable[[object], dict[str, Any]] | None = None,
    classify: Callable[[Answer], Verdict] = default_classifier,
) -> GatewayResponse[dict[str, Any]]:
    """Ask for `path`, by default for something that nobody asked for before."""
    question = Question(operation, path or f"/thing/{os.getpid()}/{next(_numbers)}", {}, parse or an_object, classify)
    return client.get_json(question, caller=caller, total_s=total_s)


def an_object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def state(key: str = KEY) -> ProviderState:
    return ProviderState.objects.get(key=key)


def put_state(key: str = KEY, **columns: Any) -> None:
    """Make the row of `key` what a test needs to begin with."""
    ProviderState.objects.update_or_create(key=key, defaults=columns)


def opened(clock: Clock, *, ago_s: float = 61.0, for_s: float = 60.0) -> None:
    """The breaker opened `ago_s` ago, for the first time in a row."""
    until = to_us(clock.now() - ago_s + for_s)
    put_state(state=State.OPEN, open_until=until, open_streak=1, generation=1)


def changes(key: str = KEY) -> list[tuple[State, State]]:
    """Of the breaker, the oldest first."""
    rows = Transition.objects.filter(key=key).order_by("pk").values_list("from_state", "to_state")
    return [(State(old), State(new)) for old, new in rows]


def counted(event: str, key: str = KEY) -> int:
    TALLY.flush()
    return Counter.objects.filter(key=key, event=event).values_list("value", flat=True).first() or 0
