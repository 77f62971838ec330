"""FatSecret: what its answers mean, then lookups through a real server, and that nothing but its ids is ever kept."""

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from hypothesis import given
from hypothesis import strategies as st

from dietintel.gateway.classify import Answer, Outcome, default_classifier
from dietintel.gateway.conf import CachePolicy
from dietintel.gateway.models import ProviderState
from products import checks, lookup, online, providers, services
from products.barcodes import Barcode, normalise
from products.models import FiguresNotKept, Miss, Product
from products.nutrients import NUTRIENTS, Nutrients, possible, rounded
from products.providers import fatsecret as fatsecret_module
from products.providers.base import Found
from products.providers.fatsecret import (
    A_DAY,
    FatSecret,
    classify,
    configuration,
    parse,
    parse_id,
)
from products.search import search
from tests import provider as fake
from tests.clock import FakeClock
from tests.factories import BARCODE, make_own_food, make_product, make_token, make_user, off_product
from tests.products.test_lookup import at_once
from tests.provider import as_json

SAMPLES = os.environ.get("DIETINTEL_SAMPLES", "")
ASKED = Barcode(BARCODE)
FOOD = f"/foods/{BARCODE}/"
API = f"/api/v1/products/{BARCODE}"
DAY = 24 * 3600
NOON = 1_790_000_000.0 // DAY * DAY + DAY / 2


def serving(amount="100.000", unit="g", label="100 g", **figures):
    weight = {} if amount is None else {"metric_serving_amount": amount, "metric_serving_unit": unit}
    return {"serving_id": "1", "serving_description": label, **weight, **figures}


BAR = serving(
    "40.000", "g", "1 bar", calories="200", protein="4.00", fat="10.00", saturated_fat="4.00", carbohydrate="24.00",
    sugar="12.00", fiber="2.00", sodium="80",
)  # fmt: skip


def food(*servings, **changes):
    return {
        "food_id": "4384",
        "food_name": "Midnight Bar",
        "food_type": "Brand",
        "brand_name": "Secretive",
        "food_url": "https://www.fatsecret.com/calories-nutrition/secretive/midnight-bar",
        "servings": {"serving": list(servings) or [BAR]},
        **changes,
    }


def parsed(*servings, **changes):
    return parse({"food": food(*servings, **changes)}, asked="4384", barcode=BARCODE)


def values(*servings):
    return dict(parsed(*servings).per_100)


def codes(*servings, **changes):
    return [flag.code for flag in parsed(*servings, **changes).quality]


def verdict(body, status=200, now=NOON):
    return classify(Answer(status, body, is_json=True, retry_after_s=None), now=now)


def error_verdict(code):
    return verdict({"error": {"code": code, "message": "something"}})


# --- Figures ----------------------------------------------------------------------------------------------------
def test_serving_of_another_size_is_calculated_to_100_and_said():
    found = parsed(BAR)

    assert dict(found.per_100) == {
        "energy_kcal": 500, "protein_g": 10, "fat_g": 25, "saturated_fat_g": 10, "carbohydrates_g": 55, "sugars_g": 30,
        "fiber_g": 5, "salt_g": Decimal("0.5"),
    }  # fmt: skip
    assert [flag.code for flag in found.quality] == ["FROM_SERVING"]
    assert (found.name, found.brand, found.source_id, found.barcode) == ("Midnight Bar", "Secretive", "4384", BARCODE)


@pytest.mark.parametrize(
    ("amounts", "taken"),
    [
        (["40", "100.000", "101"], "100.000"),
        (["28", "240", "7"], "240"),  # by factor: rounding is magnified less
        (["90", "120"], "90"),
        (["0.5", "8"], "8"),
    ],
)
def test_of_several_servings_the_one_nearest_to_100_counts(amounts, taken):
    only = values(*[serving(amount, fat=amount if amount == taken else "0") for amount in amounts])

    assert only == {"fat_g": 100}


def test_exactly_100_is_no_calculation():
    assert codes(serving(calories="50", protein="1", fat="1", carbohydrate="9", fiber="0")) == []


@given(
    amount=st.decimals(min_value=5, max_value=2000, places=3),
    key=st.sampled_from(["calories", "protein", "fat", "sodium", "potassium", "sugar"]),
    share=st.decimals(min_value=0, max_value=1, places=4),
)
def test_any_figure_of_any_serving_is_its_share_of_100(amount, key, share):
    ours, factor = {
        "calories": ("energy_kcal", Decimal(1)), "protein": ("protein_g", Decimal(1)), "fat": ("fat_g", Decimal(1)),
        "sugar": ("sugars_g", Decimal(1)), "sodium": ("salt_g", Decimal("0.0025")),
        "potassium": ("potassium_mg", Decimal(1)),
    }[key]  # fmt: skip
    declared = (NUTRIENTS[ours].most / factor * share * amount / 100).quantize(Decimal("0.001"))

    found = values(serving(str(amount), label="1 piece", **{key: str(declared)}))

    expected = declared * factor * 100 / amount
    assert found.get(ours) == (rounded(expected) if possible(ours, expected) else None)


@given(total=st.integers(0, 1000), fibre=st.integers(0, 1000))
def test_carbohydrate_and_fibre_never_add_up_to_more_than_was_declared(total, fibre):
    found = values(serving(carbohydrate=f"{total / 10}", fiber=f"{fibre / 10}"))

    if "carbohydrates_g" in found:
        assert found["carbohydrates_g"] == max(0, Decimal(total - fibre) / 10)
    else:
        assert fibre - total > 5


def test_carbohydrate_with_an_unknown_share_of_fibre_is_left_out_and_said():
    found = parsed(serving("50", label="1 slice", carbohydrate="24"))

    assert "carbohydrates_g" not in found.per_100
    assert "48 g" in next(flag.message for flag in found.quality if flag.code == "CARBS_INCLUDE_FIBRE")


def test_impossible_values_are_dropped_and_flagged():
    assert values(serving("10", fat="11", protein="1")) == {"protein_g": 10}
    assert "IMPOSSIBLE_VALUE" in codes(serving("10", fat="11"))


def test_what_is_not_a_number_is_not_declared():
    assert values(serving(calories="", fat=None, protein="much", sugar="NaN", salt="1", sodium=400)) == {"salt_g": 1}


# --- Servings ---------------------------------------------------------------------------------------------------
def test_one_serving_comes_as_an_object_and_several_as_a_list():
    assert parsed(servings={"serving": BAR}) == parsed(servings={"serving": [BAR]})


def test_household_servings_are_kept_and_100_g_is_none():
    found = parsed(BAR, serving("80", label="2 bars"), serving("100", label="100 g"), serving(None, label="1 box"))

    assert [(each.label, each.amount) for each in found.servings] == [("1 bar", 40), ("2 bars", 80)]


def test_millilitres_decide_the_basis_and_are_not_mixed_with_grams():
    found = parsed(serving("240", "ml", "1 cup", calories="120"), serving("30", "g", "1 spoon of powder"))

    assert (found.basis, found.per_100["energy_kcal"]) == ("ml", 50)
    assert [each.label for each in found.servings] == ["1 cup"]


@pytest.mark.parametrize("given_serving", [serving(None, calories="90"), serving("3", "oz", calories="90"),
                                           serving("0", calories="90"), serving("4.9", calories="90")])  # fmt: skip
def test_serving_without_a_usable_weight_tells_nothing_about_100(given_serving):
    assert values(given_serving) == {}
    assert codes(given_serving) == ["SERVING_ONLY", "NO_NUTRITION"]


@pytest.mark.parametrize("servings", [None, {}, {"serving": None}, {"serving": "x"}, {"serving": [None, 7, []]}, []])
def test_no_servings_are_no_figures(servings):
    assert codes(servings=servings) == ["NO_NUTRITION"]


def test_generic_food_has_no_brand_and_one_without_a_name_has_the_barcode():
    assert parsed(food_type="Generic").brand == ""
    assert (parsed(food_name=None).name, codes(food_name=None)[-1]) == (f"Secretive {BARCODE}", "NO_NAME")


@pytest.mark.parametrize("body", [None, [], "x", {}, {"food": []}, {"food": food(food_id="7")}])
def test_anything_but_the_food_that_was_asked_for_is_malformed(body):
    with pytest.raises(ValueError, match="not the food"):
        parse(body, asked="4384", barcode=BARCODE)


@pytest.mark.parametrize("value", ["", "x", "1\x00", "²", "-1", None, [], {}, 1.5, "9" * 30])
def test_id_that_is_none_is_malformed(value):
    with pytest.raises(ValueError, match="no id"):
        parse_id({"food_id": {"value": value}})


# --- Errors -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", [11, "11"])
def test_used_up_day_is_a_pause_until_the_next_begins(code):
    found = verdict({"error": {"code": code}}, now=NOON + 3600)

    assert (found.outcome, found.cooldown_s) == (Outcome.THROTTLED, 11 * 3600)


@pytest.mark.parametrize(
    ("code", "outcome", "pause_s"),
    [
        (1, Outcome.FAILURE, None),
        (8, Outcome.AUTH, 3600),
        (10, Outcome.CLIENT_ERROR, None),
        (12, Outcome.THROTTLED, 60),
        (13, Outcome.AUTH, None),
        (14, Outcome.AUTH, 3600),
        (21, Outcome.AUTH, 3600),
        (101, Outcome.CLIENT_ERROR, None),
        (106, Outcome.NOT_FOUND, None),
        (211, Outcome.NOT_FOUND, None),
        (9999, Outcome.FAILURE, None),
    ],
)
def test_each_error_code_asks_for_its_own_next_step(code, outcome, pause_s):
    found = error_verdict(code)

    assert (found.outcome, found.cooldown_s) == (outcome, pause_s)


@pytest.mark.parametrize("value", ["0", 0])
def test_id_zero_is_a_no(value):
    assert verdict({"food_id": {"value": value}}).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("status", [404, 410])
def test_status_that_means_missing_is_about_the_address_and_no_no(status):
    assert verdict({}, status=status).outcome is Outcome.MALFORMED


@pytest.mark.parametrize("body", [None, [], {"error": "x"}, {"error": {"code": []}}, {"food_id": {"value": []}}])
@pytest.mark.parametrize("status", [200, 401, 429, 500])
def test_everything_else_is_judged_by_its_status(body, status):
    answer = Answer(status, body, is_json=True, retry_after_s=None)

    assert classify(answer, now=NOON) == default_classifier(answer)


@pytest.mark.skipif(not SAMPLES, reason="DIETINTEL_SAMPLES names the folder of recorded bodies")
def test_documented_bodies_mean_what_they_say():
    bodies = json.loads((Path(SAMPLES) / "fatsecret" / "documented_bodies.json").read_text())

    assert parse_id(bodies.pop("find_id_v1_found")) == "4384"
    assert verdict(bodies.pop("find_id_v1_not_found")).outcome is Outcome.NOT_FOUND
    assert verdict(bodies.pop("error_missing_scope")).outcome is Outcome.AUTH
    assert verdict(bodies.pop("error_ip")).why.startswith("21: the address of this server")
    with pytest.raises(ValueError, match="no id"):
        parse_id(bodies.pop("token_error"))
    assert not bodies


# --- Through a real server --------------------------------------------------------------------------------------
@pytest.fixture
def fatsecret(provider, settings):
    """One server that is both: Open Food Facts, which knows nothing, and FatSecret, which knows the bar."""
    there = fake.FatSecret(provider)
    settings.FATSECRET_BASE_URL, settings.FATSECRET_TOKEN_URL = there.base_url, there.token_url
    settings.FATSECRET_CLIENT_ID, settings.FATSECRET_CLIENT_SECRET = there.CLIENT_ID, there.CLIENT_SECRET
    there.knows(BARCODE, food())
    return there


@pytest.fixture
def clock(monkeypatch) -> FakeClock:
    """Time as FatSecret's client sees it."""
    clock = FakeClock(NOON)
    monkeypatch.setitem(providers.PROVIDERS, "fatsecret", lambda: FatSecret(configuration(), clock=clock))
    return clock


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def text_of(response):
    return " ".join(response.content.decode().split())


def goes_down(fatsecret):
    """FatSecret alone: Open Food Facts is the same server."""
    fatsecret.provider.route(r"/rest/server\.api|/connect/token", lambda request, match: as_json({}, 500))


def everything_stored():
    """All rows of all tables, as text."""
    return repr({model.__name__: list(model._default_manager.values()) for model in apps.get_models()})


@pytest.mark.django_db
def test_what_the_others_do_not_know_fatsecret_is_asked_for(fatsecret, user):
    found = lookup.lookup(ASKED, user)

    assert (found.name, found.brand, found.per_100["energy_kcal"]) == ("Midnight Bar", "Secretive", 500)
    assert (found.source, found.source_id, found.may_be_kept) == ("fatsecret", "4384", False)
    assert (fatsecret.calls("food.find_id_for_barcode"), fatsecret.calls("food.get.v4")) == (1, 1)
    assert [miss.provider for miss in Miss.objects.all()] == ["openfoodfacts"]


@pytest.mark.django_db
def test_without_an_account_it_is_not_asked(fatsecret, user, settings):
    settings.FATSECRET_CLIENT_SECRET = ""

    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, user)

    assert (error.value.unasked, fatsecret.calls()) == ((), 0)


@pytest.mark.django_db
def test_it_is_the_last_of_three(fatsecret, user, settings):
    provider = fatsecret.provider
    settings.FDC_BASE_URL, settings.FDC_API_KEY = provider.url, "planted-key"
    provider.route(r"/foods/search", lambda request, match: as_json({"foods": []}))

    lookup.lookup(ASKED, user)

    asked = list(dict.fromkeys(request.path for request in provider.requests))
    assert [path.rpartition("/")[2] for path in asked] == [BARCODE, "search", "token", "server.api"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "sent"), [("96385074", "0000096385074"), ("04252614", "0042100005264"), ("036000291452", "0036000291452")]
)
def test_every_code_is_asked_for_with_13_digits_and_upc_e_expanded(fatsecret, user, typed, sent):
    fatsecret.knows(sent, food(food_id="5"))

    assert lookup.lookup(normalise(typed), user).source_id == "5"


@pytest.mark.django_db
def test_code_of_a_case_is_not_asked_for(fatsecret, user):
    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(Barcode("13017624010708"), user)

    assert fatsecret.calls() == 0


@pytest.mark.django_db
def test_a_no_is_remembered_as_one(fatsecret, user):
    for _ in range(3):
        with pytest.raises(lookup.ProductNotFound):
            lookup.lookup(Barcode("22007377"), user)

    assert fatsecret.calls() == 1
    assert {miss.provider for miss in Miss.objects.all()} == {"openfoodfacts", "fatsecret"}


@pytest.mark.django_db
@pytest.mark.parametrize("code", [1, 10, 11, 12, 14, 21, 9999])
def test_trouble_is_could_not_ask_and_no_no(fatsecret, user, code):
    fatsecret.errs_with(code)

    with pytest.raises(lookup.ProductNotFound) as error:
        lookup.lookup(ASKED, user)

    assert [each.label for each in error.value.unasked] == ["FatSecret"]
    assert {miss.provider for miss in Miss.objects.all()} == {"openfoodfacts"}


@pytest.mark.django_db
def test_used_up_day_sends_nothing_more_until_midnight(fatsecret, clock, user):
    fatsecret.errs_with(11)
    for _ in range(2):
        with pytest.raises(lookup.ProductNotFound) as error:
            lookup.lookup(ASKED, user)
        clock.passes(6 * 3600)

    assert fatsecret.calls() == 1
    assert error.value.unasked[0].retry_after_s == pytest.approx(6 * 3600, abs=5)


@pytest.mark.django_db
def test_token_that_is_taken_back_is_renewed_once_and_the_question_repeated(fatsecret, user):
    lookup.lookup(ASKED, user)
    fatsecret.takes_tokens_back()
    fatsecret.knows("22007377", food(food_id="5"))

    assert lookup.lookup(Barcode("22007377"), user).source_id == "5"
    assert fatsecret.provider.hits("/connect/token") == 2


@pytest.mark.django_db
def test_wrong_configuration_is_told_to_the_operator_and_left_alone(fatsecret, user):
    fatsecret.errs_with(21, "Invalid IP address detected:  '203.0.113.7'")

    for code in (BARCODE, "22007377"):
        with pytest.raises(lookup.ProductNotFound):
            lookup.lookup(Barcode(code), user)

    told = ProviderState.objects.get(key="fatsecret:product").last_error
    assert "not among those registered at FatSecret" in told
    assert fatsecret.calls() == 1


@pytest.mark.django_db
def test_calls_of_both_kinds_share_the_day_s_quota(fatsecret, clock, user, settings, monkeypatch):
    assert A_DAY == 5000
    settings.PROVIDER_ORDER = ["fatsecret"]
    monkeypatch.setattr(fatsecret_module, "A_DAY", 2)
    lookup.lookup(ASKED, user)

    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(Barcode("22007377"), user)

    assert fatsecret.calls() == 2
    assert error.value.retry_after_s == 12 * 3600
    assert error.value.sentence == (
        "FatSecret may be asked only so often a day, and it was. Try again in 12 hours, or enter it by hand."
    )


@pytest.mark.django_db
def test_secrets_are_in_no_address_no_log_and_no_page(fatsecret, reader, capsys, caplog):
    caplog.set_level("DEBUG")
    shown = text_of(reader.get(FOOD))
    fatsecret.errs_with(14)
    shown += text_of(reader.get("/foods/22007377/"))

    call_command("providers")
    said = (
        shown + caplog.text + "".join(capsys.readouterr()) + everything_stored() + repr(providers.in_order()[-1].config)
    )

    requests = fatsecret.provider.requests
    assert fatsecret.tokens
    assert any(request.headers.get("authorization", "").startswith("Bearer planted-token") for request in requests)
    for secret in (
        "planted-secret",
        "planted-token",
        *(request.headers.get("authorization", "?!") for request in requests),
    ):
        assert secret not in said
        assert not any(secret in str(request.query) for request in requests)


# --- Only the id is kept ----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_nothing_but_the_id_reaches_the_database(fatsecret, reader, api):
    reader.get(FOOD)
    api.get(API)
    (found,) = Product.objects.filter(source="fatsecret").values()
    row: dict[str, object] = {**found}

    identity = {name: row.pop(name) for name in ("id", "uuid", "fetched_at", "source", "source_id", "barcode")}
    assert (identity["source"], identity["source_id"], identity["barcode"]) == ("fatsecret", "4384", BARCODE)
    assert row == {
        "owner_id": None, "name": "", "names": {}, "brand": "", "quantity": "", "basis": "g", "per_100": Nutrients({}),
        "servings": [], "nutriscore": "", "nova_group": None, "allergens": None, "traces": None, "image_url": "",
        "quality": [], "search_text": "", "may_be_kept": False,
    }  # fmt: skip
    stored = everything_stored().lower()
    assert "4384" in stored
    for word in ("midnight", "secretive", "1 bar"):  # digits are in times as well
        assert word not in stored


@pytest.mark.django_db
def test_within_a_day_nobody_is_asked_and_after_it_the_figures_are_gone(fatsecret, clock, user):
    lookup.lookup(ASKED, user)
    asked = fatsecret.provider.hits()
    goes_down(fatsecret)

    clock.passes(DAY - 1)
    found = lookup.lookup(ASKED, user)
    assert (found.name, found.fetched_at) == ("Midnight Bar", dt.datetime.fromtimestamp(NOON, dt.UTC))
    assert fatsecret.provider.hits() == asked

    clock.passes(1)
    with pytest.raises(lookup.ProvidersUnavailable) as error:
        lookup.lookup(ASKED, user)
    assert [each.label for each in error.value.unasked] == ["FatSecret"]
    assert Product.objects.get(source="fatsecret").source_id == "4384"


@pytest.mark.django_db
def test_known_id_spares_the_search_for_the_barcode(fatsecret, clock, user):
    lookup.lookup(ASKED, user)
    clock.passes(DAY)

    again = lookup.lookup(ASKED, user)

    assert again.per_100["energy_kcal"] == 500
    assert (fatsecret.calls("food.find_id_for_barcode"), fatsecret.calls("food.get.v4")) == (1, 2)
    assert fatsecret.provider.hits("/api/") == 1  # who had it is asked first, the others not at all


@pytest.mark.django_db
def test_barcode_with_another_id_than_before_gets_it_into_its_row(fatsecret, clock, user):
    lookup.lookup(ASKED, user)
    fatsecret.forgets(BARCODE)
    fatsecret.knows(BARCODE, food(food_id="99", food_name="Noon Bar"))
    clock.passes(DAY)

    assert lookup.lookup(ASKED, user).name == "Noon Bar"
    assert Product.objects.get(source="fatsecret").source_id == "99"


@pytest.mark.django_db
def test_where_it_cannot_be_asked_the_others_are_and_what_they_say_is_kept(fatsecret, clock, user):
    lookup.lookup(ASKED, user)
    Miss.objects.all().delete()  # the "no" of Open Food Facts has grown old
    cache.clear()
    fatsecret.provider.knows(BARCODE, off_product())
    goes_down(fatsecret)
    clock.passes(DAY)

    found = lookup.lookup(ASKED, user)

    assert (found.source, found.may_be_kept) == ("openfoodfacts", True)
    assert lookup.lookup(ASKED, user).source == "openfoodfacts"


@pytest.mark.django_db
def test_food_that_it_no_longer_has_is_a_no(fatsecret, clock, user):
    lookup.lookup(ASKED, user)
    fatsecret.forgets(BARCODE)
    clock.passes(DAY)

    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(ASKED, user)


@pytest.mark.django_db
def test_switched_off_it_leaves_a_plain_no(fatsecret, user, settings):
    lookup.lookup(ASKED, user)
    settings.FATSECRET_CLIENT_ID = settings.FATSECRET_CLIENT_SECRET = ""

    with pytest.raises(lookup.ProductNotFound):
        lookup.lookup(ASKED, user)


@pytest.mark.django_db
def test_food_to_show_cannot_be_saved(fatsecret, user):
    found = lookup.lookup(ASKED, user)

    with pytest.raises(FiguresNotKept):
        found.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.bulk_update([found], ["name", "per_100"])
    with pytest.raises(FiguresNotKept):
        services.correct(found, user, {"brand": "Mine"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [{"name": "x"}, {"brand": "x"}, {"per_100": Nutrients({"salt_g": Decimal(1)})}, {"servings": [{}]},
     {"names": {"de": "x"}}, {"allergens": []}, {"search_text": "x"}, {"quality": [{}]}, {"nova_group": 1}],
)  # fmt: skip
def test_database_takes_nothing_beside_the_id(change):
    row = Product.objects.create(source="fatsecret", source_id="7", barcode=BARCODE, may_be_kept=False)

    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=row.pk).update(**change)


@pytest.mark.django_db
def test_food_that_may_be_kept_still_needs_a_name():
    with pytest.raises(IntegrityError), transaction.atomic():
        make_product(name="")


@pytest.mark.django_db
def test_row_from_before_the_rule_loses_its_figures_with_the_next_answer(fatsecret, user):
    make_product(source="fatsecret", source_id="1", name="Old figures")

    lookup.refresh(Product.objects.get().pk)

    row = Product.objects.get()
    assert (row.name, row.source_id, row.may_be_kept) == ("", "4384", False)


@pytest.mark.django_db
def test_id_alone_is_in_no_list_and_no_search(fatsecret, user, admin_client, reader):
    reader.get(FOOD)

    for text in ("", "midnight", BARCODE, "4384", "secretive"):
        assert search(text, user).products == []
    assert not list(Product.objects.known_as(ASKED, user))
    assert lookup.known(ASKED, user) is None
    assert "4384" not in text_of(admin_client.get("/admin/products/product/"))
    assert "No foods yet" in text_of(reader.get("/foods/"))


@pytest.mark.django_db
def test_own_food_wins_also_where_the_id_is_known(fatsecret, user):
    lookup.lookup(ASKED, user)
    own = make_own_food(user, barcode=BARCODE)

    assert lookup.lookup(ASKED, user) == own


@pytest.mark.django_db
def test_food_is_never_old_and_never_refreshed(fatsecret, user):
    found = lookup.lookup(ASKED, user)

    assert not found.stale(now=timezone.now())
    assert OrmQ.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_five_first_scans_at_once_make_two_calls_and_one_row(fatsecret, user):
    fatsecret.provider.delays(0.2)

    results = at_once(5, lambda: lookup.lookup(ASKED, user).name)

    assert results == ["Midnight Bar"] * 5
    assert fatsecret.calls() == 2
    assert Product.objects.filter(source="fatsecret").count() == 1


def test_source_that_keeps_answers_too_long_stops_the_start(settings, monkeypatch):
    settings.FATSECRET_CLIENT_ID = settings.FATSECRET_CLIENT_SECRET = "x"
    assert checks.what_may_not_be_stored_is_cached_briefly() == []

    monkeypatch.setattr(fatsecret_module, "KEPT", CachePolicy(ttl_s=DAY, negative_ttl_s=0, stale_s=1))

    (error,) = checks.what_may_not_be_stored_is_cached_briefly()
    assert "fatsecret:product" in error.msg


# --- Hits of a search, for the next provider with such a rule ---------------------------------------------------
class Sought(FatSecret):
    hits_are_whole = True

    def search(self, text, *, caller, total_s):
        return Found((parsed(BAR),), timezone.now().timestamp())


@pytest.mark.django_db
def test_hit_of_a_search_is_shown_and_opened_without_being_kept(fatsecret, user, reader, monkeypatch):
    monkeypatch.setitem(providers.PROVIDERS, "fatsecret", lambda: Sought(configuration()))
    lookup.lookup(ASKED, user)
    sought = online.called("fatsecret")
    assert sought

    (hit,) = online.search(sought, "bar", user, limit=5).products
    opened = online.keep(sought, "bar", BARCODE, "4384", user)

    assert (hit.name, hit.may_be_kept, opened.name, opened.get_absolute_url()) == (
        "Midnight Bar",
        False,
        "Midnight Bar",
        FOOD,
    )
    assert "midnight" not in everything_stored().lower()


# --- Pages ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_page_shows_the_figures_the_remark_and_the_credit(fatsecret, reader):
    response = reader.get(FOOD)

    text = text_of(response)
    assert response.status_code == 200
    assert "FatSecret lets us keep these figures for a day only. Save them as your own food to log it." in text
    assert '<a href="https://www.fatsecret.com" rel="noreferrer external">Powered by FatSecret</a>' in text
    assert ("Midnight Bar" in text, "500" in text, "mend the entry" in text) == (True, True, False)
    assert f'<a class="button primary" href="/foods/new/?copy={BARCODE}">' in text
    assert "Save as my own food" in text
    assert "Correct these values" not in text


@pytest.mark.django_db
def test_figures_are_saved_as_an_own_food_by_confirming_the_form(fatsecret, reader, user):
    reader.get(FOOD)
    form = reader.get(f"/foods/new/?copy={BARCODE}").context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    assert (sent["name"], sent["brand"], sent["barcode"], sent["salt_g"]) == (
        "Midnight Bar", "Secretive", BARCODE, Decimal("0.5"))  # fmt: skip

    saved = reader.post(f"/foods/new/?copy={BARCODE}", sent, follow=True)

    own = lookup.lookup(ASKED, user)
    assert (own.owner, own.source, own.may_be_kept) == (user, "own", True)
    assert dict(own.per_100) == dict(parsed(BAR).per_100)
    assert own.servings == [{"label": "1 bar", "amount": "40"}]
    assert "lets us keep" not in text_of(saved)
    assert Product.objects.get(source="fatsecret").name == ""


@pytest.mark.django_db
def test_showing_the_form_saves_nothing_and_asks_nobody_again(fatsecret, reader, user):
    reader.get(FOOD)
    asked = fatsecret.provider.hits()

    response = reader.get(f"/foods/new/?copy={BARCODE}")

    assert "Filled in with what FatSecret says." in text_of(response)
    assert fatsecret.provider.hits() == asked
    assert not Product.objects.owned_by(user).exists()


@pytest.mark.django_db
def test_form_whose_figures_are_gone_says_so_and_keeps_the_barcode(fatsecret, clock, reader):
    reader.get(FOOD)
    goes_down(fatsecret)
    clock.passes(DAY)

    response = reader.get(f"/foods/new/?copy={BARCODE}")

    assert response.status_code == 200
    assert "We could not reach FatSecret" in text_of(response)
    assert response.context["form"]["barcode"].value() == BARCODE
    assert "Filled in" not in text_of(response)


@pytest.mark.django_db
def test_any_food_can_be_copied_and_what_is_none_cannot(reader, user):
    other = make_own_food(user, name="Soup")

    assert reader.get(f"/foods/new/?copy={other.uuid}").context["form"]["name"].value() == "Soup"
    assert reader.get(f"/foods/new/?copy={make_own_food(make_user()).uuid}").status_code == 404
    assert reader.get("/foods/new/?copy=nonsense").status_code == 404


@pytest.mark.django_db
def test_page_without_figures_is_503_with_the_time_to_come_back(fatsecret, clock, reader):
    reader.get(FOOD)
    fatsecret.errs_with(11)
    clock.passes(DAY)

    response = reader.get(FOOD)

    assert response.status_code == 503
    assert int(response["Retry-After"]) == pytest.approx(12 * 3600, abs=5)
    assert "We could not reach FatSecret. Try again in 12 hours, or enter it by hand." in text_of(response)


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["change", "delete"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_correcting_it_leads_back_with_a_sentence(fatsecret, reader, action, method):
    reader.get(FOOD)
    row = Product.objects.get(source="fatsecret")

    for reference in (BARCODE, row.uuid):
        response = getattr(reader, method)(f"/foods/{reference}/{action}/", follow=True)

        assert response.redirect_chain == [(FOOD, 302)]
        assert "Save them as your own food, and change that." in text_of(response)


@pytest.mark.django_db
def test_page_by_id_shows_it_too(fatsecret, reader):
    reader.get(FOOD)

    assert "Midnight Bar" in text_of(reader.get(f"/foods/{Product.objects.get(source='fatsecret').uuid}/"))


# --- API --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_api_gives_every_key_of_the_contract(fatsecret, api):
    body = api.get(API).json()

    assert (body["name"], body["brand"], body["basis"], body["source"]) == (
        "Midnight Bar",
        "Secretive",
        "g",
        "fatsecret",
    )
    assert body["per_100"] == {
        "energy_kcal": 500, "fat_g": 25, "saturated_fat_g": 10, "carbohydrates_g": 55, "sugars_g": 30, "fiber_g": 5,
        "protein_g": 10, "salt_g": 0.5,
    }  # fmt: skip
    assert body["servings"] == [{"label": "1 bar", "amount": 40}]
    assert (body["attribution"], body["source_url"]) == ("Powered by FatSecret", "https://www.fatsecret.com")
    assert [flag["code"] for flag in body["quality"]] == ["NOT_KEPT", "FROM_SERVING"]
    assert (body["stale"], body["corrected"], body["nutriscore"], body["allergens"]) == (False, False, None, None)
    assert api.get(f"/api/v1/products/{body['id']}").json() == body


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["patch", "delete"])
def test_api_says_why_it_cannot_be_corrected(fatsecret, api, method):
    seen = api.get(API).json()

    for reference in (BARCODE, seen["id"]):
        response = getattr(api, method)(
            f"/api/v1/products/{reference}", '{"brand": "Mine"}', content_type="application/json"
        )

        error = response.json()["error"]
        assert (response.status_code, error["category"], error["code"]) == (409, "conflict", "FIGURES_NOT_KEPT")
        assert error["user_message"].endswith("Save them as your own food, and change that.")
        assert error["own_food_url"] == f"/foods/new/?copy={BARCODE}"


@pytest.mark.django_db
def test_api_without_figures_is_503_with_the_time_to_come_back(fatsecret, clock, api):
    api.get(API)
    fatsecret.errs_with(21)
    clock.passes(DAY)

    response = api.get(API)

    assert (response.status_code, response.json()["error"]["code"]) == (503, "PROVIDERS_UNAVAILABLE")
    assert int(response["Retry-After"]) == pytest.approx(3600, abs=5)


@pytest.mark.django_db
def test_command_looks_it_up_as_everybody_does(fatsecret, capsys):
    call_command("lookup", BARCODE)

    said = capsys.readouterr().out
    assert "Midnight Bar, Secretive, 500 kcal per 100 g (fatsecret)" in said
    assert "for a day only" in said
