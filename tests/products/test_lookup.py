import datetime as dt
import threading

import pytest
from django.db import connections
from django.utils import timezone

from dietintel.accounts.models import User
from dietintel.gateway.errors import GatewayError
from dietintel.gateway.models import Counter, ProviderState
from dietintel.gateway.session import session
from products import lookup, services
from products.barcodes import Barcode
from products.models import FRESH_FOR, Miss, Product
from products.search import search
from tests.factories import BARCODE, make_own_food, make_product, make_user, off_product
from workflows.models import Run

pytestmark = pytest.mark.django_db
ASKED = Barcode(BARCODE)
OTHER = Barcode("22007377")


def at_once(count, call):
    """What `count` threads that start together get: results or exceptions."""
    barrier, results = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  the test looks at it
            results.append(error)
        finally:
            session().close()
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- What is here -----------------------------------------------------------------------------------------------
def test_unknown_barcode_is_asked_for_once_and_kept(provider):
    provider.knows(BARCODE, off_product())
    user = make_user()

    first, second = lookup.lookup(ASKED, user), lookup.lookup(ASKED, user)

    assert (first.pk, first.name, first.source) == (second.pk, "Nut spread", "openfoodfacts")
    assert provider.hits() == 1


def test_own_food_wins_over_the_provider_s_row_and_costs_no_call(provider):
    user = make_user()
    make_product()
    own = make_own_food(user, barcode=BARCODE)

    assert lookup.lookup(ASKED, user) == own
    assert lookup.lookup(ASKED, make_user()).source == "openfoodfacts"
    assert provider.hits() == 0


def test_somebody_else_s_own_food_is_not_seen(provider):
    make_own_food(make_user(), barcode=BARCODE)

    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(ASKED, make_user())


def test_old_row_is_shown_at_once_and_refreshed_by_the_worker(provider):
    provider.knows(BARCODE, off_product(product_name="New name"))
    old = make_product(name="Old name", fetched_at=timezone.now() - FRESH_FOR - dt.timedelta(hours=1))
    user = make_user()

    shown = lookup.lookup(ASKED, user)
    lookup.lookup(ASKED, user)

    assert (shown.name, shown.stale(now=timezone.now()), provider.hits()) == ("Old name", True, 0)
    (run,) = Run.objects.all()  # one refresh, however often it is scanned meanwhile
    assert (run.workflow, run.input) == ("refresh_product", {"product_id": old.pk})
    assert lookup.refresh(old.pk) == "refreshed"
    assert lookup.lookup(ASKED, user).name == "New name"


def test_refresh_that_brings_nothing_leaves_the_row_as_it_is(provider):
    product = make_product(name="Old name")
    provider.fails_with(500, times=None)

    with pytest.raises(GatewayError):
        lookup.refresh(product.pk)

    product.refresh_from_db()
    assert product.name == "Old name"


def test_refresh_of_a_deleted_row_does_nothing():
    assert lookup.refresh(1) == "gone"


def test_correction_survives_a_refresh(provider):
    provider.knows(BARCODE, off_product(product_name="New name"))
    product, user = make_product(), make_user()
    services.correct(product, user, {"brand": "Mine", "per_100": {"salt_g": None}})

    lookup.refresh(product.pk)

    assert [food.name for food in search("new name", user).products] == ["New name"]
    assert search("nut spread", user).products == []
    found = lookup.lookup(ASKED, user)
    assert found.correction
    assert found.correction.changes == {"brand": "Mine", "per_100": {"salt_g": None}}
    assert found.name == "New name"


# --- "No" and "could not ask" -----------------------------------------------------------------------------------
def test_a_no_is_remembered_for_a_day_then_a_week_then_a_month(provider):
    user, now = make_user(), timezone.now()
    day = dt.timedelta(days=1)

    waits = []
    for _ in range(5):
        with pytest.raises(lookup.ProductNotFound):
            lookup.lookup(ASKED, user, now=now)
        until = Miss.objects.get().ask_again_at
        waits.append((until - now) / day)
        now = until

    assert waits == [1, 7, 30, 30, 30]


def test_while_a_no_is_remembered_nobody_is_asked(provider):
    user = make_user()

    for _ in range(10):
        with pytest.raises(lookup.ProductNotFound):
            lookup.lookup(ASKED, user)

    assert provider.hits() == 1


def test_a_product_that_appears_later_ends_the_no(provider):
    user, now = make_user(), timezone.now()
    Miss.objects.create(provider="openfoodfacts", barcode=BARCODE, times=2, ask_again_at=now)
    provider.knows(BARCODE, off_product())

    lookup.lookup(ASKED, user)

    assert Miss.objects.count() == 0


@pytest.mark.parametrize("trouble", [500, 502, 503, 429, 403])
def test_trouble_is_not_a_no(provider, trouble):
    provider.fails_with(trouble)

    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(ASKED, make_user())

    assert Miss.objects.count() == Product.objects.count() == 0
    assert "Open Food Facts" in error.value.sentence


def test_refused_connection_is_could_not_ask(provider):
    provider.refuses()

    with pytest.raises(lookup.ProvidersUnavailable):
        lookup.lookup(ASKED, make_user())


def test_pause_that_the_provider_asked_for_is_told_to_the_person(provider):
    provider.fails_with(429, headers={"Retry-After": "30"})

    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(ASKED, make_user())
    with pytest.raises(lookup.ProvidersUnavailable):
        lookup.lookup(OTHER, make_user())

    assert error.value.retry_after_s == 30
    assert provider.hits() == 1


def test_our_own_limit_is_not_called_the_provider_s_trouble(provider):
    user = make_user()
    for number in range(5):
        with pytest.raises(lookup.ProductNotFound):
            lookup.lookup(Barcode(f"{30_000_000 + number}"), user)

    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(ASKED, user)

    assert "only a few times a minute" in error.value.sentence
    assert "reach" not in error.value.sentence


def test_slow_provider_costs_five_seconds_at_most(provider, settings):
    provider.delays(30)
    began = timezone.now()

    with pytest.raises(lookup.ProvidersUnavailable):
        lookup.lookup(ASKED, make_user())

    assert dt.timedelta(seconds=4) < timezone.now() - began < dt.timedelta(seconds=9)


def test_something_that_is_no_food_is_said_and_not_remembered(provider):
    provider.knows(BARCODE, off_product(product_type="beauty"))

    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, make_user())

    assert "not listed as food" in error.value.sentence
    assert Miss.objects.count() == Product.objects.count() == 0


def test_codes_of_a_shop_are_never_asked_for(provider):
    with pytest.raises(lookup.ProductNotFound, match="2000000012345"):
        lookup.lookup(Barcode("2000000012345"), make_user())

    assert provider.hits() == 0


@pytest.mark.parametrize("order", [[], ["fdc"]])
def test_where_no_provider_is_switched_on_nobody_could_be_asked(settings, order):
    settings.PROVIDER_ORDER = order

    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(ASKED, make_user())

    assert "switched on" in error.value.sentence


# --- Old mirrors ------------------------------------------------------------------------------------------------
def test_address_without_v3_is_asked_by_v2_and_remembered(provider):
    provider.no_v3()
    provider.knows(BARCODE, off_product())
    provider.knows(OTHER.digits, off_product(code=OTHER.digits))

    lookup.lookup(ASKED, make_user())
    lookup.lookup(OTHER, make_user())

    assert (provider.hits("/api/v3"), provider.hits("/api/v2")) == (1, 2)


@pytest.mark.parametrize("trouble", [500, 429, 400])
def test_v2_is_not_asked_for_any_other_reason(provider, trouble):
    provider.fails_with(trouble)

    with pytest.raises(lookup.ProvidersUnavailable):
        lookup.lookup(ASKED, make_user())

    assert provider.hits("/api/v2") == 0


def test_slow_old_mirror_costs_five_seconds_for_both_versions_together(provider):
    provider.no_v3()
    provider.delays(3)

    with pytest.raises(lookup.ProvidersUnavailable):  # the second would have said no after 6 seconds
        lookup.lookup(ASKED, make_user())


def test_a_json_no_of_v3_is_final(provider):
    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(ASKED, make_user())

    assert provider.hits("/api/v2") == 0


def test_the_request_says_who_we_are_and_asks_for_what_is_read(provider, settings):
    settings.OFF_CONTACT = "cook@example.org"
    provider.knows(BARCODE, off_product())

    lookup.lookup(ASKED, make_user())

    request = provider.requests[0]
    assert request.headers["user-agent"].startswith("DietIntel/")
    assert "(cook@example.org)" in request.headers["user-agent"]
    assert request.query["product_type"] == "all"
    assert {"nutriments", "nutrition", "product_name_de", "serving_quantity"} <= set(request.query["fields"].split(","))


# --- At the same time -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_five_first_scans_at_once_make_one_call_and_one_row(provider):
    provider.knows(BARCODE, off_product())
    provider.delays(0.4)
    user = make_user()

    results = at_once(5, lambda: lookup.lookup(ASKED, user).name)

    assert results == ["Nut spread"] * 5
    assert provider.hits() == 1
    assert Product.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_scans_of_an_unknown_code_at_once_make_one_call_and_one_miss(provider):
    provider.delays(0.3)
    user = make_user()

    results = at_once(10, lambda: lookup.lookup(ASKED, user))

    assert {type(result) for result in results} == {lookup.ProductNotFound}
    assert provider.hits() == 1
    assert Miss.objects.get().times == 1


@pytest.mark.django_db(transaction=True)
def test_outcomes_are_counted_exactly(provider):
    provider.knows(BARCODE, off_product())

    lookup.lookup(ASKED, User())
    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(OTHER, User())

    counted = dict(Counter.objects.filter(key="openfoodfacts:product").values_list("event", "value"))
    assert (counted["success"], counted["not_found"]) == (1, 1)
    assert ProviderState.objects.get().calls == 2
