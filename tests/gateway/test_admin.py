"""The operator's page: it shows, and it acts only through the store."""

import pytest
from django.urls import reverse

from dietintel.gateway.models import Transition
from dietintel.gateway.policy import State, to_us
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
