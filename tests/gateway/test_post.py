"""Documents that are posted: sent once, and neither kept nor repeated."""

import json
from typing import Any

import pytest

from dietintel.gateway.client import Question
from dietintel.gateway.errors import CircuitOpen, RateLimited, Throttled, UpstreamError, UpstreamNotFound
from tests.gateway.calls import ONCE, TWICE, UNLIMITED, make_client

pytestmark = pytest.mark.django_db
DOCUMENT = {"question": "Was ist das? 🍎"}


def answer_in(body: Any) -> Any:
    return body["answer"]


def post(client, **changes):
    question = Question("read", "/ask", {}, parse=answer_in, json=DOCUMENT)
    return client.post_json(question, caller=changes.pop("caller", ONCE), total_s=5)


def test_document_arrives_as_json_and_the_answer_is_parsed(provider, clock):
    provider.answers({"answer": 42})

    assert post(make_client(provider.url, clock)) == 42
    assert (provider.last.method, provider.last.path) == ("POST", "/ask")
    assert provider.last.headers["content-type"] == "application/json"
    assert json.loads(provider.last.body) == DOCUMENT


def test_same_document_is_sent_again_each_time(provider, clock):
    provider.answers({"answer": 42})
    client = make_client(provider.url, clock)

    post(client), post(client)

    assert provider.hits() == 2


@pytest.mark.parametrize(("status", "error"), [(500, UpstreamError), (429, Throttled)])
def test_failed_post_is_not_repeated_even_for_a_patient_caller(provider, clock, status, error):
    provider.fails_with(status)

    with pytest.raises(error):
        post(make_client(provider.url, clock), caller=TWICE)

    assert provider.hits() == 1


def test_no_such_thing_is_told_apart_from_trouble(provider, clock):
    provider.answers({"error": "no such model"}, status=404)

    with pytest.raises(UpstreamNotFound):
        post(make_client(provider.url, clock))


def test_posts_spend_tokens_and_open_the_breaker_as_questions_do(provider, clock):
    provider.answers({"answer": 42})
    limited = make_client(provider.url, clock)
    for _ in range(5):
        post(limited)
    with pytest.raises(RateLimited):
        post(limited)

    provider.fails_with(500)
    failing = make_client(provider.url, clock, rate=UNLIMITED)
    for _ in range(5):
        with pytest.raises(UpstreamError):
            post(failing)
    with pytest.raises(CircuitOpen):
        post(failing)
