"""One protected call: cache → bulkhead → one caller per question → breaker and limiter → HTTP → verdict → cache."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Literal, TypeVar

from django.conf import settings

from dietintel.gateway import policy, sql
from dietintel.gateway.auth import Auth, BearerToken, OAuth2ClientCredentials
from dietintel.gateway.bulkhead import Bulkhead
from dietintel.gateway.cache import Entry, ResponseCache, cache_key
from dietintel.gateway.classify import ERRORS, Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.clock import Clock, SystemClock
from dietintel.gateway.conf import INTERACTIVE, TOKEN, CallPolicy, Operation, ProviderConfig
from dietintel.gateway.errors import (
    AuthFailed,
    BulkheadFull,
    GatewayError,
    GatewayMisuse,
    RequestRefused,
    StoreUnavailable,
    UpstreamNotFound,
    UpstreamTimeout,
)
from dietintel.gateway.figures import RETRY, attempt_made, call_ended
from dietintel.gateway.policy import to_us
from dietintel.gateway.session import NoAnswer, fetch
from dietintel.gateway.singleflight import POLL_FIRST_S, Flight
from dietintel.gateway.store import Permit, StateStore
from dietintel.gateway.tally import TALLY
from dietintel.gateway.tokens import Tokens, classify_token, token_in

log = logging.getLogger(__name__)
T = TypeVar("T")
LEAST_S = 0.5  # with less time left nothing is sent: the provider would be blamed for our being late
LEASE_SLACK_S = 5.0  # beyond the call's deadline, before another may take over
JOIN_WITHOUT_PLACE_S = 2.0  # how long the same question may be waited for without a place of the bulkhead

CACHE = ResponseCache()
TOKENS = Tokens()
UNEXPECTED_JSON = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
# Half of the threads of a web process may wait for providers; the others go on serving what is here already.
BULKHEAD = Bulkhead(max(1, settings.WEB_THREADS // 2))


@dataclass(frozen=True)
class GatewayResponse(Generic[T]):
    """An answer. `fetched_at` is when the provider gave it, seconds since the epoch."""

    data: T
    source: Literal["network", "cache", "stale", "joined"]
    fetched_at: float


@dataclass(frozen=True)
class Question(Generic[T]):
    """A GET of `path` below the provider's base address. `parse` turns its JSON into what the caller wants.

    With a `form` or `json` it is a POST of that, for `post_json` and `_attempt` alone: nothing keeps or repeats a POST.
    `parse` raises one of UNEXPECTED_JSON for what the provider does not promise. `classify` says what a status means.
    """

    operation: str
    path: str
    params: Mapping[str, str]
    parse: Callable[[object], T]
    classify: Callable[[Answer], Verdict] = default_classifier
    form: Mapping[str, str] | None = None
    json: Mapping[str, object] | None = None


@dataclass(frozen=True)
class _Parsed(Generic[T]):
    data: T
    json: object


@dataclass(frozen=True)
class _Call(Generic[T]):
    """One question on its way: under which key it counts and is kept, and until when it may take."""

    question: Question[T]
    key: str
    operation: Operation
    kept_as: str
    caller: CallPolicy
    deadline: float


class BaseAPIClient:
    """Calls one provider. Holds no state of its own: it may be made anew for every call, in every process."""

    def __init__(
        self,
        config: ProviderConfig,
        *,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
        bulkhead: Bulkhead = BULKHEAD,
        cache: ResponseCache = CACHE,
    ) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.store = StateStore()
        self._chance = chance
        self._bulkhead = bulkhead
        self._cache = cache

    def get_json(
        self, question: Question[T], *, caller: CallPolicy = INTERACTIVE, total_s: float | None = None
    ) -> GatewayResponse[T]:
        """Ask, unless a fresh answer is kept. May take up to `total_s` seconds, by default what the `caller` may spend.

        Raises UpstreamNotFound, a `GatewayError`, or GatewayMisuse inside a transaction.
        """
        if sql.inside_transaction():
            raise GatewayMisuse(f"{self.config.name} was called inside a transaction")
        key = f"{self.config.name}:{question.operation}"
        call = _Call(
            question,
            key,
            self.config.operations[question.operation],
            cache_key(key, self.store.cache_epoch(key), question.path, question.params),
            caller,
            deadline=self.clock.now() + (caller.total_s if total_s is None else total_s),
        )
        kept = self._cache.get(call.kept_as)
        if kept is not None and kept.fresh_until > self.clock.now():
            if not kept.found:
                TALLY.add(key, "cache_negative_hit")
            fresh = _unpack(call, kept, "cache")
            if fresh is not None:
                TALLY.add(key, "cache_hit")
                return fresh
        TALLY.add(key, "cache_miss")
        try:
            return self._ask_once(call)
        except GatewayError as error:
            if isinstance(error, StoreUnavailable | BulkheadFull):
                TALLY.add(key, f"rejected_{error.reason}")
            if kept is None or not kept.found or kept.keep_until <= self.clock.now() or not _may_be_stale(error):
                raise
            stale = _unpack(call, kept, "stale")
            if stale is None:
                raise
            TALLY.add(key, "cache_stale")
            return stale

    def post_json(self, question: Question[T], *, caller: CallPolicy, total_s: float) -> T:
        """Send the question's `json`, once: what a POST does is not known to us, so only the caller may repeat it.

        May take up to `total_s` seconds. Raises UpstreamNotFound, a `GatewayError`, or GatewayMisuse inside a
        transaction.
        """
        if sql.inside_transaction():
            raise GatewayMisuse(f"{self.config.name} was called inside a transaction")
        key = f"{self.config.name}:{question.operation}"
        operation = self.config.operations[question.operation]
        call = _Call(question, key, operation, "", caller, deadline=self.clock.now() + total_s)
        with self._place(key):
            verdict, answer = self._attempt(call, self._auth(call, None))
        call_ended(key, attempts=1, answered=answer is not None or verdict.outcome is Outcome.NOT_FOUND)
        if answer is not None:
            return answer.data
        if verdict.outcome is Outcome.NOT_FOUND:
            raise UpstreamNotFound(question.path)
        raise ERRORS[verdict.outcome](verdict.why, retry_after_s=verdict.cooldown_s)

    def remembers(self, fact: str) -> bool:
        """Whether `remember` was told this about the provider's address; False where the cache has forgotten it."""
        return self._cache.remembers(self._name_of(fact))

    def remember(self, fact: str, *, for_s: int) -> None:
        """Keep a fact about the provider's address, for all processes, as long as the cache lasts."""
        self._cache.remember(self._name_of(fact), for_s=for_s)

    def _name_of(self, fact: str) -> str:
        return cache_key(self.config.name, 0, self.config.base_url, {"fact": fact})

    def _ask_once(self, call: _Call[T]) -> GatewayResponse[T]:
        """Ask, or wait for the answer of whoever is asking the same."""
        lease_s = call.deadline - self.clock.now() + LEASE_SLACK_S
        flight = Flight(call.kept_as, self.clock, lease_s=lease_s)

        def answered() -> GatewayResponse[T] | None:
            kept = self._cache.get(call.kept_as)
            return _unpack(call, kept, "joined") if kept and kept.fresh_until > self.clock.now() else None

        patience = min(call.deadline, self.clock.now() + JOIN_WITHOUT_PLACE_S)
        while True:
            try:
                with self._place(call.kept_as):
                    if flight.lead():
                        return self._lead(call, flight, answered)
                    joined = flight.join(answered, until=call.deadline)
            except BulkheadFull:
                # The same question, asked a moment ago, costs nothing more: a double tap must not see an error.
                asked = self._bulkhead.asks(call.kept_as) and self.clock.now() < patience
                joined = answered()  # looked for last: who was inside may have landed this moment
                if joined is None and not asked:
                    raise
                if joined is None:
                    self.clock.sleep(POLL_FIRST_S)  # who asks it may not have taken the lead yet
                    joined = flight.join(answered, until=patience)
            if joined is not None:
                TALLY.add(call.key, "cache_joined")
                return joined

    def _lead(
        self, call: _Call[T], flight: Flight, answered: Callable[[], GatewayResponse[T] | None]
    ) -> GatewayResponse[T]:
        trouble: GatewayError | None = None
        try:
            # Another leader may have landed between our look into the cache and our taking the lead.
            return answered() or self._ask(call)
        except GatewayError as error:
            trouble = error
            raise
        finally:
            self._land(flight, trouble)

    def _land(self, flight: Flight, trouble: GatewayError | None) -> None:
        try:
            flight.land(trouble)
        except StoreUnavailable as error:  # must not lose the answer; the lease ends by itself
            log.warning("%s: the others could not be told: %s", flight.key, error)

    def _ask(self, call: _Call[T]) -> GatewayResponse[T]:
        """The retry loop: every attempt passes the breaker and spends a token."""
        operation = call.operation
        attempt = 0
        refused: Auth | None = None
        while True:
            attempt += 1
            auth = self._auth(call, refused)
            verdict, answer = self._attempt(call, auth)
            now = self.clock.now()
            if answer is not None:
                fresh_until = now + operation.cache.ttl_s
                keep_until = fresh_until + operation.cache.stale_s
                self._cache.put(call.kept_as, Entry(answer.json, True, now, fresh_until, keep_until), now=now)
                call_ended(call.key, attempts=attempt, answered=True)
                return GatewayResponse(answer.data, "network", now)
            if verdict.outcome is Outcome.NOT_FOUND:
                until = now + operation.cache.negative_ttl_s
                self._cache.put(call.kept_as, Entry(None, False, now, until, until), now=now)
                call_ended(call.key, attempts=attempt, answered=True)
                raise UpstreamNotFound(call.question.path)
            token_refused = verdict.outcome is Outcome.AUTH and verdict.cooldown_s is None
            if token_refused and auth is not self.config.auth and refused is None:
                # A token may be taken back before its time: once more with another, as a part of the same attempt.
                # Not where the verdict asks for a pause: then it is not for the token that we are refused.
                refused, attempt = auth, attempt - 1
                self._count_retry(call.key, verdict.outcome)
                continue
            pause = policy.backoff_s(
                attempt, base_s=operation.retry_base_s, cap_s=operation.retry_cap_s, chance=1.0 - self._chance()
            )
            over = attempt >= call.caller.attempts or now + pause + LEAST_S > call.deadline
            if over or not verdict.outcome.worth_retrying:
                call_ended(call.key, attempts=attempt, answered=False)
                raise ERRORS[verdict.outcome](verdict.why, retry_after_s=verdict.cooldown_s)
            self._count_retry(call.key, verdict.outcome)
            self.clock.sleep(pause)

    def _auth(self, call: _Call[T], refused: Auth | None) -> Auth:
        """What to send as, which may take a call to a token endpoint. Raises its errors."""
        auth = self.config.auth
        if not isinstance(auth, OAuth2ClientCredentials):
            return auth
        # Without waiting in line: all threads of the process wait for this one.
        ask = partial(self._ask_for_token, auth, replace(call.caller, max_wait_s=0.0, headroom=0), call.deadline)
        return TOKENS.usable(auth, ask, refused=refused, clock=self.clock, deadline=call.deadline)

    def _ask_for_token(self, auth: OAuth2ClientCredentials, caller: CallPolicy, deadline: float) -> BearerToken:
        """One protected call, with a breaker and a limiter of its own."""
        config = replace(self.config, base_url=auth.token_url, operations={"token": TOKEN}, auth=auth.client)
        asking = BaseAPIClient(config, clock=self.clock)
        parse = partial(token_in, now=self.clock.now())
        question = Question("token", "", {}, parse, classify_token, form=auth.form)
        call = _Call(question, f"{config.name}:token", TOKEN, "", caller, deadline)
        verdict, answer = asking._attempt(call, auth.client)
        if answer is None:
            raise ERRORS[verdict.outcome](verdict.why, retry_after_s=verdict.cooldown_s)
        return answer.data

    def _attempt(self, call: _Call[T], auth: Auth) -> tuple[Verdict, _Parsed[T] | None]:
        """One admitted attempt and its record. The answer is there exactly when the verdict is SUCCESS."""
        permit = self._admitted(call)
        began = time.monotonic()
        try:
            verdict, answer = self._send(call, auth, total_s=max(LEAST_S, call.deadline - self.clock.now()))
        except BaseException:  # this process is being stopped: that says nothing about the provider
            self._release(permit)
            raise
        attempt_made(permit.key, took_s=time.monotonic() - began, waited_s=permit.wait_s)
        pause_s = self._record(permit, call.operation, verdict, elapsed_s=time.monotonic() - began)
        return (verdict if pause_s is None else replace(verdict, cooldown_s=pause_s)), answer

    def _admitted(self, call: _Call[T]) -> Permit:
        """Leave to send now, after waiting for it where the caller may wait."""
        left = call.deadline - self.clock.now()
        if left < LEAST_S:
            raise UpstreamTimeout("no time was left to ask")
        permit = None
        try:
            permit = self.store.admit(
                call.key,
                call.operation,
                now=to_us(self.clock.now()),
                max_wait=to_us(max(0.0, min(call.caller.max_wait_s, left - call.operation.read_s))),
                headroom=call.caller.headroom,
                lease=to_us(left + LEASE_SLACK_S),
            )
            if permit.wait_s > 0:
                self.clock.sleep(permit.wait_s)
                self.store.confirm(permit, now=to_us(self.clock.now()))
        except BaseException as error:
            if permit is not None:
                self._release(permit)
            if isinstance(error, GatewayError) and not isinstance(error, StoreUnavailable):
                TALLY.add(call.key, f"rejected_{error.reason}")
            raise
        return permit

    def _release(self, permit: Permit) -> None:
        try:
            self.store.release(permit)
        except StoreUnavailable as error:  # the lease of the probe ends by itself
            log.warning("%s: the probe could not be given back: %s", permit.key, error)

    def _send(self, call: _Call[T], auth: Auth, *, total_s: float) -> tuple[Verdict, _Parsed[T] | None]:
        question, operation = call.question, call.operation
        try:
            answer = fetch(
                f"{self.config.base_url}{question.path}",
                question.params,
                {"User-Agent": self.config.user_agent, "Accept": "application/json", **auth.headers()},
                connect_s=operation.connect_s,
                read_s=operation.read_s,
                total_s=total_s,
                max_bytes=operation.max_bytes,
                form=question.form,
                json=question.json,
            )
        except NoAnswer as error:
            return error.verdict, None
        verdict = question.classify(answer)
        if verdict.outcome is not Outcome.SUCCESS:
            return verdict, None
        try:
            return verdict, _Parsed(question.parse(answer.json), answer.json)
        except UNEXPECTED_JSON as error:
            # `!a`: the message may quote the provider, and not every database keeps every character.
            return Verdict(Outcome.MALFORMED, f"unexpected JSON ({type(error).__name__}: {str(error)!a})"), None

    def _record(self, permit: Permit, operation: Operation, verdict: Verdict, *, elapsed_s: float) -> float | None:
        """Tell the shared state; the seconds of the pause that begins, if one does.

        Trouble in telling must not lose an answer that is here already.
        """
        key, now = permit.key, to_us(self.clock.now())
        outcome = verdict.outcome
        pause_s = None
        try:
            failed = outcome.counts_against
            if verdict.cooldown_s is not None or verdict.stepwise:
                streak, pause_s = self.store.cool_down(key, pause_s=verdict.cooldown_s, now=now)
                failed = failed or (outcome is Outcome.THROTTLED and streak > policy.THROTTLES_BEFORE_FAILURE)
            if outcome.answered or failed:
                ok, event = outcome.answered, outcome.value
                self.store.record(permit, operation, ok=ok, elapsed_s=elapsed_s, now=now, event=event)
            else:
                self.store.release(permit)
                self.store.count(key, outcome.value)
            if verdict.remaining is not None:
                for each, sharing in self.config.by_key.items():
                    self.store.reconcile(each, sharing.rate, remaining=verdict.remaining, now=now)
            if not outcome.answered:
                log.warning("%s: %s (%s)", key, outcome.value, verdict.why)
                self.store.note_error(key, f"{outcome.value}: {verdict.why}", now=now)
        except StoreUnavailable as error:
            log.warning("%s: the outcome %s could not be recorded: %s", key, outcome.value, error)
        return pause_s

    @contextmanager
    def _place(self, question: str) -> Iterator[None]:
        if settings.ROLE == "worker":
            yield  # its processes have one thread, and nobody else's page waits for it
        else:
            with self._bulkhead.place(question):
                yield

    def _count_retry(self, key: str, after: Outcome) -> None:
        try:
            self.store.count(key, f"{RETRY}{after.value}", wait_ms=sql.BRIEFLY_MS)
        except StoreUnavailable as error:
            log.warning("%s: a retry was not counted: %s", key, error)


def _unpack(call: _Call[T], kept: Entry, source: Literal["cache", "stale", "joined"]) -> GatewayResponse[T] | None:
    """A kept answer, parsed. None where this version cannot read it. Raises UpstreamNotFound for a kept "no"."""
    if not kept.found:
        raise UpstreamNotFound(call.question.path)
    try:
        return GatewayResponse(call.question.parse(kept.body), source, kept.fetched_at)
    except UNEXPECTED_JSON:
        return None


_MAY_NOT_BE_STALE = (AuthFailed, RequestRefused)


def _may_be_stale(error: GatewayError) -> bool:
    """RFC 5861: an old answer stands in for a failing provider, not for one that refuses the question."""
    return not isinstance(error, _MAY_NOT_BE_STALE)
