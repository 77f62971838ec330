"""Answers that are not what the provider promises."""

import pytest

from dietintel.gateway.conf import CallPolicy
from dietintel.gateway.errors import UpstreamError, UpstreamMalformed
from tests.clock import FakeClock
from tests.gateway.calls import ask, counted, make_client, state
from tests.provider import ERROR_PAGE, FakeProvider

pytestmark = pytest.mark.django_db


def page(provider: FakeProvider) -> None:
    provider.answers(ERROR_PAGE, content_type="text/html")


def cut_off(provider: FakeProvider) -> None:
    provider.answers({"name": "Bread" * 20})
    provider.cuts_off(40)


def another_schema(provider: FakeProvider) -> None:
    provider.answers([1, 2])


def flood(provider: FakeProvider) -> None:
    provider.floods(20_000_000)


def not_found_as_a_page(provider: FakeProvider) -> None:
    provider.answers(ERROR_PAGE, 404, content_type="text/html")


@pytest.mark.parametrize("answer", [page, cut_off, another_schema, flood, not_found_as_a_page])
def test_an_answer_that_cannot_be_used_counts_against_the_provider_and_is_not_kept(
    provider: FakeProvider, clock: FakeClock, answer
):
    """Scenario 22."""
    answer(provider)
    client = make_client(provider.url, clock)

    with pytest.raises(UpstreamMalformed):
        ask(client, "/bread")

    assert (state().history, state().calls) == (1, 1)
    assert counted("malformed") == 1
    provider.recovers()
    provider.answers({"name": "Bread"})
    assert ask(client, "/bread").source == "network"


@pytest.mark.parametrize(
    "error",
    [ValueError("\x00\ud800"), KeyError("name"), IndexError(), TypeError(), AttributeError(), ZeroDivisionError()],
)
def test_json_that_the_parser_trips_over_is_the_providers_fault(provider: FakeProvider, clock, error: Exception):
    provider.answers({})

    def trips(body: object) -> dict[str, object]:
        raise error

    with pytest.raises(UpstreamMalformed):
        ask(make_client(provider.url, clock), parse=trips)

    assert type(error).__name__ in state().last_error


def test_the_newest_trouble_is_noted_for_the_operator(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(502)
    with pytest.raises(UpstreamError):
        ask(make_client(provider.url, clock), caller=CallPolicy(1, 30, 0, 0))

    assert state().last_error == "failure: 502"
    assert state().last_error_at == round(clock.now() * 1_000_000)


def test_json_that_is_nested_as_deeply_as_can_be_read_is_an_answer(provider: FakeProvider, clock: FakeClock):
    """It may be too deep for the cache; that must not lose it."""
    depth = 900
    provider.answers('{"a":' * depth + "1" + "}" * depth)

    assert "a" in ask(make_client(provider.url, clock)).data
