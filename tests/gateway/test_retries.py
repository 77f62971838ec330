"""When a call is repeated, and after how long."""

import random

import pytest

from dietintel.gateway.conf import CallPolicy
from dietintel.gateway.errors import (
    CoolingDown,
    GatewayError,
    RequestRefused,
    Throttled,
    UpstreamError,
    UpstreamMalformed,
    UpstreamTimeout,
)
from tests.clock import FakeClock
from tests.gateway.calls import TWICE, ask, counted, make_client
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
THRICE = CallPolicy(attempts=3, total_s=30, max_wait_s=0, headroom=0)


def test_pauses_between_attempts_are_random_and_grow(provider: FakeProvider, clock: FakeClock):
    """Scenario 18. The very first repetition waits as well."""
    provider.fails_with(500)
    client = make_client(provider.url, clock, chance=random.Random(1).random)

    with pytest.raises(UpstreamError):
        ask(client, caller=THRICE)

    first, second = clock.sleeps
    assert 0 < first <= 0.5
    assert 0 < second <= 1.0


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [0.5, 1.0]), (0.5, [0.25, 0.5]), (0.999, [0.0005, 0.001])])
def test_the_whole_range_up_to_the_base_doubled_is_used(provider: FakeProvider, clock, chance: float, expected):
    provider.fails_with(500)

    with pytest.raises(UpstreamError):
        ask(make_client(provider.url, clock, chance=lambda: chance), caller=THRICE)

    assert clock.sleeps == pytest.approx(expected)
    assert counted("retry_failure") == 2


def test_a_retry_that_succeeds_is_a_success(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(500, times=1)
    provider.answers({"name": "Bread"})

    answer = ask(make_client(provider.url, clock), caller=TWICE)

    assert (answer.data, answer.source) == ({"name": "Bread"}, "network")
    assert (counted("failure"), counted("success"), counted("retry_failure")) == (1, 1, 1)


def test_a_refused_connection_is_tried_again(provider: FakeProvider, clock: FakeClock):
    """Scenario 18."""
    provider.refuses()

    with pytest.raises(UpstreamError):
        ask(make_client(provider.url, clock), caller=TWICE)

    assert counted("failure") == 2
    provider.comes_back()


def test_a_pause_beyond_the_deadline_is_not_slept(provider: FakeProvider, clock: FakeClock):
    """Scenario 18."""
    provider.fails_with(500)
    client = make_client(provider.url, clock, retry_base_s=10.0, chance=lambda: 0.5)

    with pytest.raises(UpstreamError):
        ask(client, caller=TWICE, total_s=2)

    assert clock.sleeps == []
    assert provider.hits() == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RequestRefused), (422, RequestRefused), (429, Throttled), (401, GatewayError), (302, UpstreamError)],
)
def test_what_will_come_again_is_not_asked_again(provider: FakeProvider, clock, status: int, error: type[Exception]):
    provider.answers({}, status, headers={"Location": provider.url})

    with pytest.raises(error):
        ask(make_client(provider.url, clock), caller=TWICE if status != 302 else CallPolicy(1, 30, 0, 0))

    assert provider.hits() == 1


def test_an_answer_in_the_wrong_form_is_not_asked_for_again(provider: FakeProvider, clock: FakeClock):
    provider.answers("<html>", content_type="text/html")

    with pytest.raises(UpstreamMalformed):
        ask(make_client(provider.url, clock), caller=THRICE)

    assert provider.hits() == 1


def test_a_pause_named_with_a_failure_is_kept_before_the_retry(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(503, headers={"Retry-After": "20"})

    with pytest.raises(CoolingDown):
        ask(make_client(provider.url, clock), caller=TWICE)

    assert provider.hits() == 1


def test_a_provider_that_does_not_answer_in_time_is_left(provider: FakeProvider):
    provider.delays(5)
    client = make_client(provider.url, read_s=0.2)

    with pytest.raises(UpstreamTimeout):
        ask(client)

    assert counted("timeout") == 1
