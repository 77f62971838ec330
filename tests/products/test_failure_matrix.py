"""What a lookup answers, for every trouble of a provider and whatever is known of the barcode here."""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from dietintel.gateway.errors import GatewayError
from products import lookup, services
from products.models import FRESH_FOR, Correction, Miss, Product
from tests.factories import BARCODE, make_product, make_token, make_user, off_product
from tests.provider import FakeProvider
from workflows.models import Run

pytestmark = pytest.mark.django_db
OTHER = "22007377"
STALE = dt.timedelta(days=1) + FRESH_FOR
NEW_FIGURES = off_product(product_name="Somebody else's name", nutriments={"energy-kcal_100g": 1})


@dataclass(frozen=True)
class Trouble:
    """How to make it, and what Retry-After has to be then: seconds, or None for none."""

    make: Callable[[FakeProvider, FakeProvider], object]
    wait_s: range | None = None


def hangs(provider: FakeProvider, elsewhere: FakeProvider) -> None:
    provider.knows(BARCODE, NEW_FIGURES)
    provider.delays(5.3)


def breaks_off(provider: FakeProvider, elsewhere: FakeProvider) -> None:
    provider.knows(BARCODE, NEW_FIGURES)
    provider.cuts_off(40)


TROUBLES = {
    "refused": Trouble(lambda provider, elsewhere: provider.refuses()),
    "timeout": Trouble(hangs),
    "429": Trouble(lambda provider, elsewhere: provider.fails_with(429, headers={"Retry-After": "30"}), range(29, 31)),
    "429 that says no time": Trouble(lambda provider, elsewhere: provider.fails_with(429), range(1, 3601)),
    "503 page": Trouble(lambda provider, elsewhere: provider.fails_with(503), range(1, 3601)),
    "403 page": Trouble(lambda provider, elsewhere: provider.fails_with(403), range(3590, 3601)),
    "200 page": Trouble(lambda provider, elsewhere: provider.fails_with(200)),
    "truncated JSON": Trouble(lambda provider, elsewhere: provider.answers(b'{"product": {"product_name": "Nut')),
    "connection cut": Trouble(breaks_off),
    "wrong schema": Trouble(lambda provider, elsewhere: provider.answers({"product": ["Nut spread", 539]})),
    "20 MB body": Trouble(lambda provider, elsewhere: provider.floods(20_000_000)),
    "redirect": Trouble(lambda provider, elsewhere: provider.redirects_to(f"{elsewhere.url}/api/v2/product/{BARCODE}")),
}  # fmt: skip


@pytest.fixture
def elsewhere() -> Iterator[FakeProvider]:
    """A server nobody configured, with an answer that would be taken."""
    started = FakeProvider()
    started.knows(BARCODE, NEW_FIGURES)
    yield started
    started.stop()


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def kept_here():
    """Everything that a lookup must not change when it cannot ask."""
    return [list(model.objects.order_by("pk").values()) for model in (Product, Correction, Miss)]


def make_rows(user, situation):
    """What is here before: for every situation also a row, a correction and a "no" that others are about."""
    services.correct(make_product(barcode=OTHER, name="Other food"), user, {"brand": "Mine"})
    Miss.objects.create(provider="openfoodfacts", barcode="20000004", ask_again_at=timezone.now() + STALE)
    # An old "no" may be asked again; not being able to ask makes it neither older nor younger.
    Miss.objects.create(provider="openfoodfacts", barcode=BARCODE, times=2, ask_again_at=timezone.now() - STALE)
    if situation != "unknown":
        age = STALE if situation == "stale" else dt.timedelta()
        product = make_product(fetched_at=timezone.now() - age)
        services.correct(product, user, {"per_100": {"salt_g": Decimal("0.3")}})


def has_the_figures_from_here(response):
    body = response.json()
    assert (body["name"], body["corrected"]) == ("Nut spread", True)
    assert (body["per_100"]["energy_kcal"], body["per_100"]["salt_g"]) == (539, 0.3)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_known_and_fresh_is_answered_without_asking_anybody(api, user, provider, elsewhere, trouble):
    make_rows(user, "fresh")
    before = kept_here()
    TROUBLES[trouble].make(provider, elsewhere)

    response = api.get(f"/api/v1/products/{BARCODE}")

    assert (response.status_code, response.json()["stale"]) == (200, False)
    has_the_figures_from_here(response)
    assert (provider.hits(), elsewhere.hits(), OrmQ.objects.count()) == (0, 0, 0)
    assert kept_here() == before


@pytest.mark.parametrize("trouble", TROUBLES)
def test_known_and_stale_is_answered_with_the_old_figures_and_keeps_them(
    api, user, provider, elsewhere, trouble, monkeypatch
):
    monkeypatch.setattr(lookup, "REFRESH_S", 1.0)  # the worker would try for 45 s
    make_rows(user, "stale")
    before = kept_here()
    TROUBLES[trouble].make(provider, elsewhere)

    first = api.get(f"/api/v1/products/{BARCODE}")
    asked_by_the_page = provider.hits()
    (run,) = Run.objects.all()
    assert run.workflow == "refresh_product"
    with pytest.raises(GatewayError):
        lookup.refresh(**run.input)
    second = api.get(f"/api/v1/products/{BARCODE}")

    for response in (first, second):
        assert (response.status_code, response.json()["stale"]) == (200, True)
        has_the_figures_from_here(response)
    assert (asked_by_the_page, elsewhere.hits()) == (0, 0)
    assert kept_here() == before


@pytest.mark.parametrize("trouble", TROUBLES)
def test_unknown_is_503_with_a_next_step_and_remembered_as_no_answer(
    api, user, provider, elsewhere, trouble, monkeypatch
):
    monkeypatch.setattr(lookup, "EACH_S", min(lookup.EACH_S, 1.5))  # the real limit has a test of its own
    could_not_ask(api, user, provider, elsewhere, TROUBLES[trouble])


@pytest.mark.long
def test_unknown_is_503_within_the_real_limit_of_a_provider_that_hangs(api, user, provider, elsewhere):
    began = time.monotonic()

    could_not_ask(api, user, provider, elsewhere, TROUBLES["timeout"])

    assert time.monotonic() - began < 6


def could_not_ask(api, user, provider, elsewhere, trouble):
    make_rows(user, "unknown")
    before = kept_here()
    trouble.make(provider, elsewhere)

    responses = [api.get(f"/api/v1/products/{BARCODE}")]
    if trouble.wait_s is not None:
        responses.append(api.get(f"/api/v1/products/{BARCODE}"))
        assert provider.hits() == 1  # a pause is kept

    for response in responses:
        says_could_not_ask(response, trouble.wait_s)
    assert elsewhere.hits() == 0
    assert kept_here() == before


def says_could_not_ask(response, wait_s):
    error = response.json()["error"]
    assert (response.status_code, error["category"]) == (503, "service_unavailable")
    assert error["code"] == "PROVIDERS_UNAVAILABLE"
    assert error["own_food_url"] == f"/foods/new/?barcode={BARCODE}"
    assert error["user_message"].startswith("We could not reach Open Food Facts. Try again in ")
    assert error["user_message"].endswith(", or enter it by hand.")
    if wait_s is None:
        assert "Retry-After" not in response
        assert "in a moment" in error["user_message"]
    else:
        assert int(response["Retry-After"]) in wait_s
        assert re.search(rf"in {response['Retry-After']} seconds?,", error["user_message"])
