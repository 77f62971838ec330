"""Breakers and cache over HTTP: for staff."""

import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from tests.factories import make_token, make_user
from tests.gateway.test_isolation import locked_by_somebody_else

pytestmark = pytest.mark.django_db
KEY = "openfoodfacts:product"
BREAKERS = "/api/v1/gateway/circuit-breakers"
RESET = f"{BREAKERS}/openfoodfacts/reset"
CACHE = "/api/v1/gateway/cache/stats"
EVERY = [("get", BREAKERS), ("post", RESET), ("get", CACHE)]


def caller(**who):
    return Client(headers={"Authorization": f"Bearer {make_token(make_user(**who))}"})


@pytest.fixture
def staff():
    return caller(username="ada", is_staff=True)


def of(answer, key=KEY):
    return next(each for each in answer.json()["results"] if each["key"] == key)


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_without_a_login_it_is_401_and_for_people_who_are_not_staff_403(client, method, path):
    assert getattr(client, method)(path).status_code == 401
    refused = getattr(caller(), method)(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert not Transition.objects.exists()


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_final_slash_makes_no_difference(staff, method, path):
    assert getattr(staff, method)(f"{path}/").status_code == 200


def test_the_monitor_s_token_does_not_open_what_is_for_staff(settings):
    settings.MONITORING_TOKEN = "let-me-see"

    assert Client(headers={"Authorization": "Bearer let-me-see"}).get(BREAKERS).status_code == 401


def test_a_provider_that_was_never_called_is_listed_as_closed(staff):
    listed = of(staff.get(BREAKERS))

    assert (listed["provider"], listed["operation"], listed["state"]) == ("openfoodfacts", "product", "closed")
    assert listed["tokens"] == listed["burst"] > 0
    assert (listed["open_for_s"], listed["last_error_at"], listed["transitions"]) == (None, None, [])


def test_trouble_is_told_with_its_reason_and_its_end(staff):
    now = time.time()
    ProviderState.objects.create(
        key=KEY, state=State.OPEN, reason="5 failures in a row", open_until=to_us(now + 600), calls=5, history=0b11111,
        last_at=to_us(now), not_before=to_us(now + 60), tat=to_us(now + 6000), last_error="failure: 500",
        last_error_at=to_us(now),
    )  # fmt: skip

    listed = of(staff.get(BREAKERS))

    assert (listed["state"], listed["reason"]) == ("open", "5 failures in a row")
    assert 590 <= listed["open_for_s"] <= 600
    assert 50 <= listed["cooldown_s"] <= 60
    assert (listed["tokens"], listed["failed"], listed["calls"], listed["last_error"]) == (0, 5, 5, "failure: 500")


def test_a_reset_closes_every_breaker_of_the_provider_in_the_name_of_the_caller(staff):
    later = to_us(time.time() + 600)
    for key in (KEY, "openfoodfacts:old", "other:read"):
        ProviderState.objects.create(key=key, state=State.OPEN, open_until=later, not_before=later, tat=later)

    answer = staff.post(RESET)

    assert answer.status_code == 200
    assert {KEY, "openfoodfacts:old"} <= {each["key"] for each in answer.json()["results"]}
    assert {each["provider"] for each in answer.json()["results"]} == {"openfoodfacts"}
    after = of(answer)
    assert (after["state"], after["cooldown_s"], after["tokens"]) == ("closed", 0, after["burst"])
    assert [(each["to_state"], each["actor"]) for each in after["transitions"]] == [("closed", "ada")]
    assert of(staff.get(BREAKERS), "other:read")["state"] == "open"


@pytest.mark.parametrize("name", ["nobody", "openfoodfact", "open food facts", "%00", "%F0%9F%8D%8E"])
def test_an_unknown_provider_is_404_and_nothing_is_written(staff, name):
    answer = staff.post(f"{BREAKERS}/{name}/reset")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert not ProviderState.objects.exists()


def test_a_reset_is_not_a_get(staff):
    assert staff.get(RESET).status_code == 405


def test_the_cache_is_told_per_provider_with_its_hit_ratio(staff):
    ProviderState.objects.create(key=KEY)
    counted = {"cache_hit": 5, "cache_negative_hit": 1, "cache_miss": 2, "cache_stale": 1, "cache_joined": 1}
    Counter.objects.bulk_create(Counter(key=KEY, event=event, value=value) for event, value in counted.items())

    results = staff.get(CACHE).json()["results"]

    assert next(each for each in results if each["provider"] == "openfoodfacts") == {
        "provider": "openfoodfacts",
        "hits": 5, "misses": 2, "stale": 1, "negative": 1, "joined": 1, "hit_ratio": 0.75,
    }  # fmt: skip


@pytest.mark.parametrize("path", [BREAKERS, CACHE])
def test_fifty_operations_cost_as_many_queries_as_five(staff, path):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            staff.get(path)
        return len(captured)

    ProviderState.objects.bulk_create(ProviderState(key=f"old{number}:read") for number in range(5))
    few = queries()
    ProviderState.objects.bulk_create(ProviderState(key=f"old{number}:read") for number in range(5, 50))

    assert queries() == few


@pytest.mark.django_db(transaction=True)
def test_a_database_that_somebody_has_locked_is_503_and_a_sentence(staff):
    ProviderState.objects.create(key=KEY, state=State.FORCED_OPEN)

    with locked_by_somebody_else("gateway_providerstate"):
        answer = staff.post(RESET)
        with pytest.raises(CommandError, match="The database was busy"):
            call_command("providers", "--reset", "openfoodfacts")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert ProviderState.objects.get().state == State.FORCED_OPEN
