"""Old foods are asked for again in the background: steps as the worker does them, against a provider over HTTP."""

import datetime as dt

import pytest
from django.utils import timezone

from dietintel.gateway.models import ProviderState
from products import lookup
from products.models import FRESH_FOR, Miss, Product
from products.runs import MOST_AT_ONCE, RefreshProduct, RefreshStale
from tests.factories import make_own_food, make_product, make_user, off_product
from workflows import engine
from workflows.execution import work_on
from workflows.models import Run
from workflows.states import RunState, StepState

pytestmark = pytest.mark.django_db
CODES = ["3017624010701", "22007377", "4000417025005"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(lookup, "REFRESH_S", 1.0)  # the worker would try for 45 s


def make_stale(barcode=CODES[0], *, days=1, **changes):
    fetched_at = timezone.now() - FRESH_FOR - dt.timedelta(days=days)
    return make_product(**{"barcode": barcode, "name": f"Old {barcode}", "fetched_at": fetched_at, **changes})


def start(workflow=RefreshStale, **given):
    return engine.start(workflow, input=given, now=timezone.now())


def work_off(run):
    """Do what is due, as a worker would, until nothing is."""
    while due := run.steps.filter(state=StepState.READY, not_before__lte=timezone.now()).first():
        work_on(due.pk)
    return Run.objects.get(pk=run.pk)


def names():
    return set(Product.objects.values_list("name", flat=True))


def test_a_food_that_was_looked_at_is_refreshed(provider):
    provider.knows(CODES[0], off_product(product_name="New"))
    old = make_stale()

    run = work_off(start(RefreshProduct, product_id=old.pk))

    assert (run.state, run.result, names()) == (RunState.COMPLETED, "refreshed", {"New"})


def test_it_is_tried_again_no_sooner_than_the_provider_asks(provider):
    provider.fails_with(429, headers={"Retry-After": "240"})
    run = start(RefreshProduct, product_id=make_stale().pk)

    run = work_off(run)

    step = run.steps.get()
    assert (run.state, step.state, step.attempt) == (RunState.RUNNING, StepState.READY, 1)
    assert step.not_before - timezone.now() > dt.timedelta(seconds=200)
    assert names() == {f"Old {CODES[0]}"}


def test_looking_at_an_old_food_again_and_again_starts_one_run_and_writes_nothing_more(django_assert_max_num_queries):
    old = make_stale()
    now = timezone.now()

    lookup.freshen(old, now=now)
    with django_assert_max_num_queries(4) as captured:  # of the cache alone, where it is a table
        lookup.freshen(old, now=now)

    assert Run.objects.get().key == f"product {old.pk}"
    assert not [each for each in captured if "workflows_" in each["sql"]]


def test_the_oldest_foods_are_refreshed_and_the_run_says_how_many(provider):
    for code in CODES[:2]:
        provider.knows(code, off_product(code=code, product_name=f"New {code}"))
    for code in CODES:
        make_stale(code)

    run = work_off(start())

    assert run.result == {
        "foods": 3,
        "counts": {"refreshed": 2, "no longer known": 1},
        "words": "2 refreshed, 1 no longer known",
    }
    assert (run.state, run.degraded) == (RunState.COMPLETED, False)
    assert names() == {f"New {CODES[0]}", f"New {CODES[1]}", f"Old {CODES[2]}"}


def test_only_old_foods_of_providers_that_are_switched_on_are_asked_for_the_oldest_first(provider):
    newest, oldest = make_stale(CODES[0], days=1), make_stale(CODES[1], days=9)
    make_product(barcode=CODES[2], name="Fresh")
    make_stale(CODES[2], source="fdc", name="Switched off")
    make_stale("", source_id="17", name="Without a barcode")
    make_own_food(make_user(), barcode=CODES[2], fetched_at=oldest.fetched_at)
    run = start()

    work_on(run.steps.get(name="oldest").pk)

    assert run.steps.get(name="oldest").output == [oldest.pk, newest.pk]


def test_a_food_that_the_provider_no_longer_knows_gives_its_place_to_others(provider):
    gone = make_stale()

    work_off(start())
    again = start()
    work_on(again.steps.get(name="oldest").pk)

    assert again.steps.get(name="oldest").output == []
    assert Miss.objects.get().barcode == gone.barcode
    assert Product.objects.get() == gone


def test_a_run_takes_so_many_and_no_more(provider):
    stamp = timezone.now() - FRESH_FOR - dt.timedelta(days=1)
    Product.objects.bulk_create(
        Product(source="openfoodfacts", barcode=f"{number:013}", name="Old", per_100={}, fetched_at=stamp)
        for number in range(1, MOST_AT_ONCE + 5)
    )
    run = start()

    work_on(run.steps.get(name="oldest").pk)

    assert len(run.steps.get(name="oldest").output) == MOST_AT_ONCE


def test_a_provider_in_trouble_leaves_a_degraded_run_and_the_old_figures_which_one_retry_mends(provider):
    provider.fails_with(500)
    for code in CODES[:2]:
        make_stale(code)

    run = work_off(start())

    assert (run.state, run.degraded, run.doubts) == (RunState.COMPLETED, True, ["2 of 2 failed in refresh"])
    assert run.result["words"] == "2 could not be asked for"
    assert names() == {f"Old {code}" for code in CODES[:2]}

    provider.recovers()
    ProviderState.objects.all().delete()
    for code in CODES[:2]:
        provider.knows(code, off_product(code=code, product_name=f"New {code}"))
    run = work_off(engine.retry(run, by="ada", now=timezone.now()))

    assert (run.state, run.degraded, run.result["words"]) == (RunState.COMPLETED, False, "2 refreshed")
    assert names() == {f"New {code}" for code in CODES[:2]}


def test_it_starts_by_itself_every_few_hours():
    assert RefreshStale.every == dt.timedelta(hours=4)
    assert RefreshStale.deadline is not None
    assert RefreshStale.deadline < RefreshStale.every
