"""Scenario 23: tokens of OAuth2 clients, asked for by a call that is protected like every other."""

import base64
import contextlib
import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection, connections
from django.urls import reverse

from dietintel.gateway.auth import OAuth2ClientCredentials
from dietintel.gateway.classify import Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.client import TOKENS, BaseAPIClient
from dietintel.gateway.conf import RateLimit
from dietintel.gateway.errors import (
    AuthFailed,
    CircuitOpen,
    CoolingDown,
    GatewayError,
    RateLimited,
    UpstreamError,
    UpstreamMalformed,
    UpstreamTimeout,
)
from dietintel.gateway.overview import overview
from dietintel.gateway.policy import State, to_us
from tests.clock import FakeClock
from tests.gateway.calls import DAY, PATIENT, TWICE, UNLIMITED, ask, changes, counted, make_client, put_state, state
from tests.gateway.conftest import InThread
from tests.provider import FakeProvider, Reply, Request, as_json

pytestmark = pytest.mark.django_db
TOKEN = "fake:token"
SECRET = "the-secret-of-this-client"


class Issuer:
    """A token endpoint at `provider`, and an API there that believes its tokens until they are taken back."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.lasts_s: object = 3600
        self.valid: set[str] = set()
        self.delay_s = 0.0
        self._numbers = itertools.count(1)
        provider.route("/token", lambda request, match: self._issue())
        provider.route("/(thing|bread).*", lambda request, match: self._serve(request))

    @property
    def asked(self) -> int:
        return self.provider.hits("/token")

    @property
    def sent(self) -> list[str]:
        """What calls of the API brought as authorization, in order."""
        return [each.headers["authorization"] for each in self.provider.requests if each.path != "/token"]

    def take_back_all(self) -> None:
        self.valid.clear()

    def refuses_all(self) -> None:
        self.provider.route("/(thing|bread).*", lambda request, match: as_json({"message": "who?"}, 401))

    def answers_token_with(self, body: object, status: int = 200) -> None:
        self.provider.route("/token", lambda request, match: as_json(body, status))

    def _issue(self) -> Reply:
        time.sleep(self.delay_s)
        token = f"issued-{next(self._numbers)}"
        self.valid.add(token)
        return as_json({"access_token": token, "token_type": "Bearer", "expires_in": self.lasts_s})

    def _serve(self, request: Request) -> Reply:
        known = request.headers.get("authorization", "").removeprefix("Bearer ") in self.valid
        return as_json({"name": "Bread"}) if known else as_json({"message": "expired"}, 401)


@pytest.fixture
def issuer(provider: FakeProvider) -> Issuer:
    return Issuer(provider)


@pytest.fixture
def client_at(provider: FakeProvider, clock: FakeClock) -> Callable[..., BaseAPIClient]:
    auth = OAuth2ClientCredentials(
        token_url=f"{provider.url}/token", client_id="client", client_secret=SECRET, scope="basic premier barcode"
    )
    return lambda **how: make_client(provider.url, **{"clock": clock, "auth": auth, "rate": UNLIMITED, **how})


def untouched(key: str = "fake:read") -> bool:
    """The breaker has heard of no failure, and of nothing else that speaks against the provider."""
    return (state(key).state, state(key).history, state(key).not_before) == (State.CLOSED, 0, 0) and not changes(key)


# --- Getting a token --------------------------------------------------------------------------------------------
def test_a_client_names_itself_by_basic_and_asks_with_a_form(issuer: Issuer, client_at, provider: FakeProvider):
    assert ask(client_at()).data == {"name": "Bread"}

    asked = provider.requests[0]
    assert (asked.method, asked.path, asked.query) == ("POST", "/token", {})
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode() == f"client:{SECRET}"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["user-agent"] == "Tests"
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["basic premier barcode"]}
    assert issuer.sent == ["Bearer issued-1"]
    assert (counted("success", TOKEN), counted("success")) == (1, 1)


def test_threads_share_one_token_for_all_their_calls(issuer: Issuer, client_at, in_thread: InThread):
    """Scenario 23."""
    issuer.delay_s = 0.1
    client = client_at(clock=None)

    def calls(number: int) -> None:
        for _call in range(13 if number < 4 else 12):
            ask(client)

    for calling in [in_thread(calls, number) for number in range(8)]:
        calling.result()

    assert issuer.asked == 1
    assert issuer.sent == ["Bearer issued-1"] * 100


def test_a_token_is_renewed_a_minute_before_its_end(issuer: Issuer, client_at, clock: FakeClock):
    client = client_at()
    ask(client)
    clock.passes(3539)
    ask(client)
    assert issuer.asked == 1

    clock.passes(2)
    ask(client)

    assert issuer.sent == ["Bearer issued-1", "Bearer issued-1", "Bearer issued-2"]


def test_a_token_that_lasts_a_minute_is_used_for_half_of_it(issuer: Issuer, client_at, clock: FakeClock):
    issuer.lasts_s = 60
    client = client_at()
    for seconds in (0, 29, 2):
        clock.passes(seconds)
        ask(client)

    assert issuer.asked == 2


def test_other_credentials_get_a_token_of_their_own(issuer: Issuer, client_at, provider: FakeProvider):
    ask(client_at())
    ask(client_at(auth=OAuth2ClientCredentials(f"{provider.url}/token", "client", "a new secret")))

    assert issuer.sent == ["Bearer issued-1", "Bearer issued-2"]


# --- A token that is refused ------------------------------------------------------------------------------------
def test_a_token_taken_back_is_replaced_once_and_the_call_is_sent_again(issuer: Issuer, client_at):
    """Scenario 23."""
    client = client_at()
    ask(client)
    issuer.take_back_all()

    answer = ask(client)

    assert (answer.data, answer.source) == ({"name": "Bread"}, "network")
    assert issuer.asked == 2
    assert issuer.sent == ["Bearer issued-1", "Bearer issued-1", "Bearer issued-2"]
    assert (counted("auth"), counted("success"), counted("retry_auth")) == (1, 2, 1)
    assert untouched()


def test_a_refusal_that_comes_with_status_200_is_one_too(issuer: Issuer, client_at, provider: FakeProvider):
    def refused(body: object) -> bool:
        return isinstance(body, dict) and "error" in body

    def classify(answer: Answer) -> Verdict:
        return Verdict(Outcome.AUTH, "error 13") if refused(answer.json) else default_classifier(answer)

    def serve(request: Request, match: Any) -> Reply:
        known = request.headers["authorization"] == "Bearer issued-2"
        if known:
            return as_json({"name": "Bread"})
        return as_json({"error": {"code": 13, "message": "Invalid token"}})

    provider.route("/thing.*", serve)

    assert ask(client_at(), classify=classify).data == {"name": "Bread"}
    assert issuer.asked == 2


def test_a_second_refusal_is_for_an_operator_and_leaves_the_breaker_alone(
    issuer: Issuer, client_at, provider: FakeProvider
):
    """Scenario 23."""
    issuer.refuses_all()

    with pytest.raises(AuthFailed):
        ask(client_at(), caller=TWICE)

    assert (issuer.asked, len(issuer.sent)) == (2, 2)
    assert untouched()
    assert state().calls == 0
    assert state().last_error == "auth: 401"


def test_a_refusal_that_asks_for_a_pause_is_not_for_the_token(issuer: Issuer, client_at):
    def blocked(answer: Answer) -> Verdict:
        return Verdict(Outcome.AUTH, "this address is not registered", cooldown_s=3600)

    with pytest.raises(AuthFailed, match="not registered") as refused:
        ask(client_at(), classify=blocked)

    assert refused.value.retry_after_s == 3600
    assert (issuer.asked, len(issuer.sent)) == (1, 1)


def test_threads_whose_token_is_refused_at_once_ask_for_one_new_token(issuer: Issuer, client_at, in_thread: InThread):
    client = client_at(clock=None)
    ask(client)
    issuer.take_back_all()
    issuer.delay_s = 0.1

    calls = [in_thread(ask, client) for _thread in range(8)]

    assert [call.result().data for call in calls] == [{"name": "Bread"}] * 8
    assert issuer.asked == 2


def test_a_refused_probe_is_sent_again_as_a_probe(issuer: Issuer, client_at, clock: FakeClock):
    client = client_at()
    ask(client)
    issuer.take_back_all()
    put_state(state=State.OPEN, open_until=to_us(clock.now() - 1), open_streak=1)

    ask(client)

    assert state().state == State.CLOSED


def test_sending_again_takes_a_token_of_the_limiter(issuer: Issuer, client_at):
    client = client_at(rate=RateLimit(limit=1, period_s=60, burst=1))
    issuer.refuses_all()

    with pytest.raises(RateLimited):
        ask(client)

    assert (issuer.asked, len(issuer.sent)) == (2, 1)


def test_a_fixed_key_that_is_refused_is_not_sent_again(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(401)

    with pytest.raises(AuthFailed):
        ask(make_client(provider.url, clock), caller=TWICE)

    assert provider.hits() == 1


# --- A token endpoint in trouble --------------------------------------------------------------------------------
def test_a_broken_token_endpoint_has_a_breaker_of_its_own(issuer: Issuer, client_at, clock: FakeClock):
    """Scenario 23."""
    issuer.answers_token_with({}, 500)
    client = client_at()
    for _call in range(5):
        with pytest.raises(UpstreamError):
            ask(client, caller=TWICE)
        clock.passes(15)

    with pytest.raises(CircuitOpen):
        ask(client)

    assert (issuer.asked, issuer.sent) == (5, [])  # a POST is not repeated
    assert (state(TOKEN).state, changes(TOKEN)) == (State.OPEN, [(State.CLOSED, State.OPEN)])
    assert not changes()
    assert counted("rejected_open", TOKEN) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_client"}),
        (401, {"error": "invalid_client", "error_description": "Client authentication failed"}),
        (200, {"error": "invalid_client"}),
        (400, {"error": "invalid_scope"}),
        (403, "go away"),
    ],
)
def test_a_wrong_client_is_said_in_a_sentence_and_no_breaker_minds(
    issuer: Issuer, client_at, status: int, body: object
):
    issuer.answers_token_with(body, status)

    with pytest.raises(AuthFailed, match="no token for this client, its id, secret or scope is wrong"):
        ask(client_at(), caller=TWICE)

    assert (issuer.asked, issuer.sent) == (1, [])
    assert untouched(TOKEN)
    if isinstance(body, dict):
        assert body["error"] in state(TOKEN).last_error


def test_a_wrong_client_is_not_tried_more_often_than_the_endpoint_s_limit(issuer: Issuer, client_at):
    issuer.answers_token_with({"error": "invalid_client"}, 401)
    client = client_at()
    reasons = []
    for _call in range(20):
        with pytest.raises(GatewayError) as error:
            ask(client)
        reasons.append(error.value.reason)

    assert reasons == ["auth"] * 5 + ["rate"] * 15
    assert issuer.asked == 5


@pytest.mark.parametrize(
    "body",
    [
        [], "token", {}, {"access_token": 5}, {"access_token": ""}, {"access_token": "leaked", "token_type": "mac"},
        {"access_token": "leaked", "expires_in": "soon"}, {"access_token": "leaked", "expires_in": None},
    ],
)  # fmt: skip
def test_an_answer_without_a_token_is_malformed_and_never_quoted(issuer: Issuer, client_at, body: object):
    issuer.answers_token_with(body)

    with pytest.raises(UpstreamMalformed) as error:
        ask(client_at())

    assert "leaked" not in f"{error.value} {state(TOKEN).last_error}"
    assert issuer.sent == []


def test_nobody_waits_in_line_for_the_token_endpoint(issuer: Issuer, client_at, clock: FakeClock):
    put_state(TOKEN, not_before=to_us(clock.now() + 20))

    with pytest.raises(CoolingDown):
        ask(client_at(), caller=PATIENT)

    assert clock.sleeps == []


def test_a_slow_token_endpoint_does_not_outlast_the_deadline_of_the_call(
    issuer: Issuer, client_at, provider: FakeProvider, in_thread: InThread
):
    provider.delays(5)
    began = time.monotonic()

    calls = [in_thread(partial(ask, client_at(clock=None), total_s=1.0)) for _thread in range(3)]

    for call in calls:
        with pytest.raises(UpstreamTimeout):
            call.result()
    assert time.monotonic() - began < 2.5
    assert issuer.sent == []


def test_an_old_answer_stands_in_when_there_is_no_token_to_be_had(issuer: Issuer, client_at, clock: FakeClock):
    client = client_at()
    ask(client, "/bread")
    clock.passes(DAY + 1)
    issuer.answers_token_with({}, 503)

    assert ask(client, "/bread").source == "stale"


# --- What nobody gets to see ------------------------------------------------------------------------------------
def everything_kept() -> str:
    """All rows of the gateway, and of the database cache where there is one."""
    kept = []
    for name in connection.introspection.table_names():
        if name.startswith("gateway_"):
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {name}")
                kept += cursor.fetchall()
    alias = "cache" if "cache" in connections else "default"
    if "dietintel_cache" in connections[alias].introspection.table_names():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT cache_key, value FROM dietintel_cache")
            kept += [(key, base64.b64decode(value)) for key, value in cursor.fetchall()]
    return repr(kept)


def test_secrets_and_tokens_are_nowhere_to_be_seen(issuer: Issuer, client_at, admin_client, caplog):
    """Scenario 23."""
    caplog.set_level(logging.DEBUG)
    client = client_at()
    ask(client, "/bread")
    issuer.refuses_all()
    with pytest.raises(AuthFailed) as refused:
        ask(client)
    issuer.answers_token_with({"error": "invalid_client"}, 401)
    TOKENS.forget()
    with pytest.raises(AuthFailed) as no_token:
        ask(client)

    pages = [reverse("admin:gateway_providerstate_changelist"), "/api/v1/gateway/circuit-breakers"]
    pages += [reverse("admin:gateway_providerstate_change", args=[key]) for key in ("fake:read", TOKEN)]
    seen = [admin_client.get(page).content.decode() for page in pages]
    seen += [
        caplog.text,
        everything_kept(),
        repr(client.config),
        repr(TOKENS),
        repr(refused.value),
        str(no_token.value),
    ]
    seen += [repr(overview([client.config], now=to_us(client.clock.now())))]
    basic = base64.b64encode(f"client:{SECRET}".encode()).decode()
    for text in seen:
        for secret in (SECRET, basic, "issued-"):
            assert secret not in text


def test_the_token_endpoint_is_told_among_the_configured_operations(issuer: Issuer, client_at):
    config = client_at().config

    told = overview([config], now=to_us(time.time()))

    assert [each.key for each in told] == ["fake:read", "fake:search", TOKEN]
    assert told[-1].tokens == told[-1].burst == 5


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_that_it_does_not_have(issuer: Issuer, client_at, clock: FakeClock):
    credentials = client_at().config.auth
    is_asking, is_over = threading.Event(), threading.Event()

    def hang() -> Any:
        is_asking.set()
        is_over.wait(20)
        raise UpstreamTimeout

    def asks() -> None:
        with contextlib.suppress(UpstreamTimeout):
            TOKENS.usable(credentials, hang, refused=None, clock=clock, deadline=clock.now() + 20)

    thread = threading.Thread(target=asks)
    thread.start()
    is_asking.wait(5)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        free = TOKENS._asking.acquire(timeout=1)
        os.write(writable, json.dumps(free).encode())
        os._exit(0)
    os.waitpid(child, 0)
    is_over.set()
    thread.join()

    assert json.loads(os.read(readable, 100)) is True
    os.close(readable)
    os.close(writable)
