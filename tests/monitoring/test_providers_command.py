"""The command `providers`: the same as the API and the admin, for a terminal."""

import json
import time

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from dietintel.gateway.conf import Quota
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from tests.factories import make_user
from tests.gateway.calls import make_client

pytestmark = pytest.mark.django_db
KEY = "openfoodfacts:product"
BREAKERS = "/api/v1/gateway/circuit-breakers"


@pytest.fixture
def told(capsys):
    def run(*arguments: str) -> str:
        call_command("providers", *arguments)
        return str(capsys.readouterr().out)

    return run


def in_trouble(**changes):
    later = to_us(time.time() + 6000)
    columns = {"state": State.FORCED_OPEN, "reason": "stopped by ada", "tat": later, "not_before": later, **changes}
    ProviderState.objects.create(key=KEY, **columns)


def test_a_table_says_in_words_how_each_operation_is(told):
    in_trouble(not_before=0, last_error="failure: 500", last_error_at=to_us(1_790_000_000))
    Counter.objects.create(key=KEY, event="cache_hit", value=3)
    Counter.objects.create(key=KEY, event="cache_miss", value=1)

    headings, *rows = told().splitlines()

    assert headings.split()[:3] == ["operation", "state", "tokens"]
    (row,) = (row for row in rows if row.startswith(KEY))
    for words in ("forced_open (stopped by ada)", "0 of 5", "75% hit, 0 stale", "failure: 500 (2026-09-21"):
        assert words in row


def test_a_breaker_that_opens_by_the_rules_is_shown_with_its_remaining_time(told):
    in_trouble(state=State.OPEN, open_until=to_us(time.time() + 599.5))

    assert "open for " in told()


def test_what_is_used_up_of_a_daily_quota_is_told_in_the_table_and_as_json(told, monkeypatch: pytest.MonkeyPatch):
    config = make_client("http://127.0.0.1:9", quota=Quota(5000)).config
    monkeypatch.setattr("monitoring.management.commands.providers.configured", lambda: [config])
    ProviderState.objects.create(key="fake:read", quota_used=17, quota_window=to_us(time.time() + 600))

    (row,) = (row for row in told().splitlines() if row.startswith("fake:read"))
    by_json = json.loads(told("--json"))["results"][0]

    assert "17 of 5000" in row
    assert (by_json["key"], by_json["quota_used"], by_json["quota"]) == ("fake:read", 17, 5000)


def test_a_provider_that_is_not_configured_is_shown_as_such(told):
    ProviderState.objects.create(key="older:read")

    assert "not configured" in told()


def test_without_any_provider_it_says_so(told, settings):
    settings.PROVIDER_ORDER = []

    assert told() == "No provider is configured.\n"


def test_json_equals_the_api_s_body_and_the_admin_s_figures(told, admin_client):
    in_trouble(not_before=0)
    Counter.objects.create(key=KEY, event="cache_hit", value=3)
    Counter.objects.create(key=KEY, event="rejected_forced_open", value=2)
    ProviderState.objects.create(key="older:read")

    by_command = json.loads(told("--json"))

    assert by_command == admin_client.get(BREAKERS).json()
    page = admin_client.get(reverse("admin:gateway_providerstate_changelist")).content.decode()
    for each in by_command["results"]:
        tokens = "not configured" if each["tokens"] is None else f"{each['tokens']} of {each['burst']}"
        for shown in (each["key"], each["state"], each["reason"], tokens, f"{each['failed']} of {each['calls']}"):
            assert shown in page
    assert "100 % hit: hits 3" in page


def test_an_admin_s_stop_is_what_api_and_command_tell_next(told, client):
    client.force_login(make_user(username="ada", is_staff=True, is_superuser=True))
    ProviderState.objects.create(key=KEY)

    address = reverse("admin:gateway_providerstate_changelist")
    client.post(address, {"action": "force_open", "_selected_action": [KEY]})

    by_api = next(each for each in client.get(BREAKERS).json()["results"] if each["key"] == KEY)
    assert (by_api["state"], by_api["transitions"][0]["actor"]) == ("forced_open", "ada")
    assert "forced_open (stopped by ada)" in told()


def test_a_reset_closes_the_breaker_ends_the_pause_and_gives_the_tokens_back(told):
    in_trouble()

    after = json.loads(told("--reset", "openfoodfacts", "--json"))["results"]

    (closed,) = (each for each in after if each["key"] == KEY)
    assert (closed["state"], closed["cooldown_s"], closed["tokens"]) == ("closed", 0, 5)
    assert {each["provider"] for each in after} == {"openfoodfacts"}
    assert Transition.objects.get(key=KEY).actor == "command"


def test_a_reset_is_told_in_words_too(told):
    in_trouble()

    assert "closed" in told("--reset", "openfoodfacts")


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(CommandError, match="There is no provider called nobody. There are: openfoodfacts"):
        call_command("providers", "--reset", "nobody")
    assert not ProviderState.objects.exists()
