"""The operator's page: it shows, and it acts only through the store."""

import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dietintel.gateway.cache import Entry, ResponseCache, sweep
from dietintel.gateway.conf import Quota
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway.calls import ask, make_client, opened, put_state, state
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
LIST = "admin:gateway_providerstate_changelist"


def acts(admin_client, action: str) -> None:
    answer = admin_client.post(reverse(LIST), {"action": action, "_selected_action": ["fake:read"]})
    assert answer.status_code == 302


def test_the_list_and_the_page_of_a_provider_show_its_state_and_offer_no_form(admin_client, clock: FakeClock):
    opened(clock)

    listed = admin_client.get(reverse(LIST))
    page = admin_client.get(reverse("admin:gateway_providerstate_change", args=["fake:read"]))

    assert "fake:read" in listed.content.decode()
    assert page.status_code == 200
    assert "_save" not in page.content.decode()


def test_a_form_that_is_sent_all_the_same_changes_nothing(admin_client, clock: FakeClock):
    put_state(tat=to_us(clock.now()))

    url = reverse("admin:gateway_providerstate_change", args=["fake:read"])

    assert admin_client.post(url, {"tat": 0, "generation": 0}).status_code == 403
    assert state().tat == to_us(clock.now())


def test_a_reset_closes_the_breaker_and_is_written_down_with_a_name(admin_client, admin_user, clock: FakeClock):
    opened(clock)

    acts(admin_client, "reset")

    assert state().state == State.CLOSED
    assert Transition.objects.get().actor == admin_user.get_username()


def test_a_purge_forgets_kept_answers(admin_client, provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock)
    ask(client, "/bread")

    acts(admin_client, "purge_cache")
    ask(client, "/bread")

    assert provider.hits() == 2


def test_a_purge_deletes_what_has_expired(admin_client):
    put_state()
    long_ago = time.time() - 100
    ResponseCache().put("gw:expired", Entry({}, True, long_ago, long_ago, long_ago), now=time.time())
    time.sleep(1.01)  # the shortest time that a cache keeps anything

    acts(admin_client, "purge_cache")

    assert sweep(now=time.time()) == 0


def test_what_is_used_up_of_a_daily_quota_is_shown(admin_client, monkeypatch: pytest.MonkeyPatch):
    config = make_client("http://127.0.0.1:9", quota=Quota(5000)).config
    monkeypatch.setattr("dietintel.gateway.admin.configured", lambda: [config])
    put_state(quota_used=17, quota_window=to_us(time.time() + 600))

    assert "17 of 5000" in admin_client.get(reverse(LIST)).content.decode()


@pytest.mark.parametrize(
    ("action", "became"),
    [("force_open", State.FORCED_OPEN), ("disable", State.DISABLED), ("reset", State.CLOSED)],
)
def test_a_state_by_hand_is_written_down_with_a_name_twice(admin_client, admin_user, clock: FakeClock, action, became):
    opened(clock)

    acts(admin_client, action)

    assert state().state == became
    change = Transition.objects.get()
    assert (change.from_state, change.to_state, change.actor) == (State.OPEN, became, admin_user.get_username())
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == ("fake:read", admin_user)


def test_a_cleared_pause_is_over_and_written_down_and_the_breaker_is_as_it_was(admin_client, clock: FakeClock):
    opened(clock)
    put_state(not_before=to_us(time.time() + 600))

    acts(admin_client, "clear_cool_down")

    assert (state().not_before, state().state) == (0, State.OPEN)
    assert Transition.objects.get().reason == "cool-down cleared"
    assert LogEntry.objects.count() == 1


def test_the_list_names_what_is_configured_before_its_first_call(admin_client):
    page = admin_client.get(reverse(LIST)).content.decode()

    assert "openfoodfacts:product" in page
    assert "5 of 5" in page


def test_staff_that_may_only_look_makes_no_row_and_is_offered_no_action(client, django_user_model):
    looker = django_user_model.objects.create_user(username="looker", password="x", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_providerstate"))
    client.force_login(looker)

    page = client.get(reverse(LIST))
    client.post(reverse(LIST), {"action": "force_open", "_selected_action": ["fake:read"]})

    assert page.status_code == 200
    assert not ProviderState.objects.exists()
    assert not Transition.objects.exists()


def test_the_page_of_a_provider_tells_its_counters_and_last_changes(admin_client, clock: FakeClock):
    StateStore().force_open("fake:read", actor="<ada>", now=to_us(clock.now()))
    Counter.objects.create(key="fake:read", event="timeout", value=17)
    Counter.objects.create(key="fake:read", event="rejected_forced_open", value=4)

    page = admin_client.get(reverse("admin:gateway_providerstate_change", args=["fake:read"])).content.decode()

    assert "timeout 17" in page
    assert "forced_open 4" in page
    assert "closed → forced_open, stopped by &lt;ada&gt; (&lt;ada&gt;)" in page


def test_fifty_providers_cost_as_many_queries_as_five(admin_client):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(reverse(LIST))
        return len(captured)

    ProviderState.objects.bulk_create(ProviderState(key=f"old{number}:read") for number in range(5))
    queries()  # makes the row of what is configured
    few = queries()
    ProviderState.objects.bulk_create(ProviderState(key=f"old{number}:read") for number in range(5, 50))

    assert queries() == few
