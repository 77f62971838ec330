"""The operator's pages and commands."""

import json
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse

from dietintel.accounts.models import User
from dietintel.gateway.models import ProviderState, Transition
from dietintel.gateway.policy import State, to_us
from products.models import Miss
from tests.factories import (
    BARCODE,
    make_item,
    make_meal,
    make_own_food,
    make_product,
    make_token,
    make_user,
    off_product,
)
from tracking.models import MealItem
from workflows.models import Run

pytestmark = pytest.mark.django_db
KEY = "openfoodfacts:product"


@pytest.fixture
def operator(client):
    client.force_login(make_user(username="operator", is_staff=True, is_superuser=True))
    return client


MODELS = ["accounts_user", "accounts_token", "gateway_providerstate", "gateway_transition", "products_product",
          "products_correction", "products_miss", "workflows_run", "workflows_step"]  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens_with_rows_and_is_closed_to_others(operator, client, model):
    make_product()
    make_own_food(make_user())
    make_token()
    ProviderState.objects.create(key=KEY, state=State.OPEN, open_until=to_us(time.time() + 60), last_error_at=1)
    address = reverse(f"admin:{model}_changelist")

    assert operator.get(address).status_code == 200

    client.force_login(make_user())
    assert client.get(address).status_code == 302


@pytest.mark.parametrize("model", ["products_product", "gateway_providerstate"])
def test_every_row_opens(operator, model):
    product = make_product()
    ProviderState.objects.create(key=KEY)
    key = {"products_product": product.pk, "gateway_providerstate": KEY}[model]

    assert operator.get(reverse(f"admin:{model}_change", args=[key])).status_code == 200


def make_person():
    person = make_user()
    make_item(make_meal(person))
    Run.objects.create(user=person, workflow="refresh_product", plan=[], input={})
    make_own_food(person)
    return person


def test_person_with_a_diary_and_runs_can_be_deleted(operator):
    person = make_person()
    address = reverse("admin:accounts_user_delete", args=[person.pk])

    page = operator.get(address)
    operator.post(address, {"post": "yes"})

    assert page.status_code == 200
    assert "doesn" not in page.content.decode().split('id="content"')[1]  # … have permission
    assert not User.objects.filter(pk=person.pk).exists()
    assert not any(model.objects.exists() for model in (Run, MealItem, LogEntry))


@pytest.mark.parametrize(("with_me", "left"), [(False, 1), (True, 3)])
def test_several_people_can_be_deleted_and_the_operator_not_among_them(operator, with_me, left):
    people = [make_person().pk, make_person().pk, *([User.objects.get(username="operator").pk] if with_me else [])]
    chosen = {"action": "delete_selected", "_selected_action": people, "post": "yes"}

    operator.post(reverse("admin:accounts_user_changelist"), chosen)

    assert User.objects.count() == left


def test_operator_is_not_deleted_by_the_operator(operator):
    me = User.objects.get(username="operator")

    assert operator.post(reverse("admin:accounts_user_delete", args=[me.pk]), {"post": "yes"}).status_code == 403


def test_reset_closes_the_breaker_and_says_who_did_it(operator):
    ProviderState.objects.create(key=KEY, state=State.OPEN, open_until=to_us(time.time() + 600), tat=1, not_before=1)

    operator.post(reverse("admin:gateway_providerstate_changelist"), {"action": "reset", "_selected_action": [KEY]})

    state = ProviderState.objects.get()
    assert (state.state, state.tat, state.not_before, state.generation) == (State.CLOSED, 0, 0, 1)
    change = Transition.objects.get()
    assert (change.from_state, change.to_state, change.actor) == (State.OPEN, State.CLOSED, "operator")


def test_purging_the_cache_makes_the_next_lookup_ask_again(operator, provider):
    reader = make_user()
    operator.force_login(reader)
    operator.get(f"/foods/{BARCODE}/")
    Miss.objects.all().delete()
    operator.get(f"/foods/{BARCODE}/")
    assert provider.hits() == 1

    operator.force_login(make_user(is_staff=True, is_superuser=True))
    operator.post(
        reverse("admin:gateway_providerstate_changelist"), {"action": "purge_cache", "_selected_action": [KEY]}
    )
    Miss.objects.all().delete()
    operator.get(f"/foods/{BARCODE}/")

    assert provider.hits() == 2


def test_providers_words_cannot_be_edited(operator):
    product = make_product()

    operator.post(reverse("admin:products_product_change", args=[product.pk]), {"name": "Changed"})

    product.refresh_from_db()
    assert product.name == "Nut spread"


# --- The command `lookup` ---------------------------------------------------------------------------------------
def test_lookup_command_says_what_it_found_in_a_sentence(provider, capsys):
    provider.knows(BARCODE, off_product())

    call_command("lookup", BARCODE)

    assert capsys.readouterr().out == f"{BARCODE}: Nut spread, Nutty, 539 kcal per 100 g (openfoodfacts)\n"


def test_lookup_command_gives_json_a_line_and_fails_where_one_is_not_found(provider, capsys):
    provider.knows(BARCODE, off_product())

    with pytest.raises(SystemExit):
        call_command("lookup", BARCODE, "22007377", "abc", "--json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("name") for line in lines] == ["Nut spread", None, None]
    assert [line.get("error") for line in lines] == [None, "ProductNotFound", "InvalidBarcode"]


def test_lookup_command_sees_a_person_s_own_foods(provider, capsys):
    make_own_food(make_user(username="ada"), barcode=BARCODE)

    call_command("lookup", BARCODE, "--user", "ada")

    assert "Granny's soup" in capsys.readouterr().out
    with pytest.raises(CommandError, match="nobody called bob"):
        call_command("lookup", BARCODE, "--user", "bob")
