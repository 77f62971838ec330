"""The diary over HTTP, from outside."""

import base64
import datetime as dt
import json
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from products.nutrients import NUTRIENTS, Nutrients
from products.services import correct
from tests.factories import (
    BARCODE,
    make_ingredient,
    make_item,
    make_meal,
    make_own_food,
    make_product,
    make_recipe,
    make_token,
    make_user,
    off_product,
)
from tracking.models import Favourite, Meal, MealItem, Target, TargetDay, Undo
from tracking.services import diary

pytestmark = pytest.mark.django_db
API = "/api/v1"
MONDAY, TUESDAY = "2026-03-02", "2026-03-03"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    """A program with this user's token."""
    return program_of(user)


def program_of(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def send(api, method, path, body=None, **headers):
    content = json.dumps({} if body is None else body)
    return api.generic(method.upper(), f"{API}/{path}", content, content_type="application/json", headers=headers)


def exact(response):
    """The body with its numbers as decimals, as they were written."""
    return json.loads(response.content, parse_float=Decimal, parse_int=Decimal)


def refused(response, status=422):
    error = response.json()["error"]
    assert response.status_code == status, error
    assert error["user_message"].endswith(".")
    return [detail["field"] for detail in error["details"]]


# --- Meals ------------------------------------------------------------------------------------------------------
def test_a_meal_is_logged_with_all_that_the_body_may_name(api, user):
    spread = make_product()
    recipe = make_recipe(user)
    make_ingredient(recipe)
    items = [
        {"barcode": "3 017624 010701", "amount_g": 30},
        {"product": str(spread.uuid), "amount": 2, "unit": "spoons"},
        {"recipe": recipe.pk, "time": "08:15"},
        {"name": "Coffee of the office", "energy_kcal": 12.5},
        {"name": "Bun", "figures": {"energy_kcal": 250, "protein_g": 7, "fiber_g": None}},
    ]

    response = send(api, "post", "meals", {"date": MONDAY, "name": "Breakfast", "time": "08:00", "items": items})

    body = response.json()
    assert response.status_code == 201
    assert {key: body[key] for key in ("date", "name", "label")} == {
        "date": MONDAY,
        "name": "breakfast",
        "label": "Breakfast",
    }
    assert [(item["name"], item["quantity"], item["unit"], item["amount"], item["time"]) for item in body["items"]] == [
        ("Nut spread", 30, "g", 30, "08:00:00"),
        ("Nut spread", 2, "1 spoon (15 g)", 30, "08:00:00"),
        ("Pancakes", 1, "serving", 1, "08:15:00"),
        ("Coffee of the office", 1, "serving", 1, "08:00:00"),
        ("Bun", 1, "serving", 1, "08:00:00"),
    ]
    assert body["totals"]["energy_kcal"] == 161.7 + 161.7 + 269.5 + 12.5 + 250
    assert "protein_g" in body["at_least"]
    assert "energy_kcal" not in body["at_least"]
    assert Undo.objects.get(pk=body["undo"])


def test_an_item_shows_all_that_is_known_of_it(api, user):
    spread = make_product()
    item = make_item(make_meal(user), product=spread, brand="Nutty", time=dt.time(8, 30))

    response = api.get(f"{API}/meals/{item.meal_id}/items/{item.pk}")

    eight = {"fiber_g": None}
    assert exact(response) == {
        "id": item.pk,
        "meal": item.meal_id,
        "name": "Nut spread",
        "brand": "Nutty",
        "product": str(spread.uuid),
        "barcode": BARCODE,
        "recipe": None,
        "quantity": 30,
        "unit": "g",
        "amount": 30,
        "basis": "g",
        "figures": dict(spread.per_100) | eight,
        "nutrients": {
            "energy_kcal": Decimal("161.7"),
            "fat_g": Decimal("9.27"),
            "saturated_fat_g": Decimal("3.18"),
            "carbohydrates_g": Decimal("17.25"),
            "sugars_g": Decimal("16.89"),
            "fiber_g": None,
            "protein_g": Decimal("1.89"),
            "salt_g": Decimal("0.0321"),
        },
        "at_least": [],
        "time": "08:30:00",
        "changed": False,
    }


def test_a_meal_that_is_there_already_is_added_to(api, user):
    first = send(api, "post", "meals", {"date": MONDAY, "name": "lunch"})

    second = send(
        api, "post", "meals", {"date": MONDAY, "name": " LUNCH ", "items": [{"name": "Soup", "energy_kcal": 90}]}
    )

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["undo"] is None
    assert Meal.objects.count() == MealItem.objects.count() == 1


def test_a_barcode_that_is_not_here_is_asked_for_and_logged(api, provider):
    provider.knows(BARCODE, off_product())

    response = send(api, "post", "meals", {"name": "snacks", "items": [{"barcode": BARCODE, "amount_g": 15}]})

    assert response.json()["items"][0]["nutrients"]["energy_kcal"] == 80.85


def test_a_barcode_that_nobody_knows_leaves_nothing_behind(api, provider):
    body = {"name": "snacks", "items": [{"name": "Soup", "energy_kcal": 90}, {"barcode": BARCODE, "amount_g": 15}]}

    response = send(api, "post", "meals", body)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "PRODUCT_NOT_FOUND"
    assert not Meal.objects.exists()


def test_many_new_barcodes_at_once_are_refused_before_anybody_is_asked(api, provider):
    codes = [f"{number:012}" for number in range(10**11, 10**11 + 200, 10)]
    items = [{"barcode": code, "amount_g": 1} for code in codes[:11]]

    assert refused(send(api, "post", "meals", {"name": "snacks", "items": items})) == ["items"]
    assert provider.requests == []


@pytest.mark.parametrize(
    ("item", "fields"),
    [
        ({}, ["items.0"]),
        ({"barcode": BARCODE, "energy_kcal": 3}, ["items.0"]),
        ({"barcode": BARCODE}, ["items.0.amount"]),
        ({"barcode": "12ab", "amount_g": 3}, ["items.0.barcode"]),
        ({"barcode": BARCODE, "amout_g": 3}, ["items.0.amout_g"]),
        ({"barcode": BARCODE, "amount_g": 0}, ["items.0.amount_g"]),
        ({"barcode": BARCODE, "amount_g": "0.009"}, ["items.0.amount_g"]),
        ({"barcode": BARCODE, "amount_g": 100_000}, ["items.0.amount_g"]),
        ({"barcode": BARCODE, "amount_g": "NaN"}, ["items.0.amount_g"]),
        ({"barcode": BARCODE, "amount_g": 3, "amount": 4}, ["items.0.amount"]),
        ({"barcode": BARCODE, "amount_g": 3, "unit": "g"}, ["items.0.amount_g"]),
        ({"barcode": BARCODE, "amount_ml": 3}, ["items.0.amount_ml"]),
        ({"barcode": BARCODE, "amount": 3, "unit": "bucket"}, ["items.0.unit"]),
        ({"barcode": BARCODE, "amount": 99_999, "unit": "kg"}, ["items.0.amount"]),
        ({"barcode": BARCODE, "amount_g": 3, "name": "x"}, ["items.0.name"]),
        ({"barcode": BARCODE, "amount_g": 3, "time": "25:00"}, ["items.0.time"]),
        ({"product": str(uuid.uuid4()), "amount_g": 3}, ["items.0.product"]),
        ({"product": "x", "amount_g": 3}, ["items.0.product"]),
        ({"recipe": 10**9}, ["items.0.recipe"]),
        ({"recipe": 10**30}, ["items.0.recipe"]),
        ({"name": "Soup"}, ["items.0"]),
        ({"figures": {"energy_kcal": -1}}, ["items.0.figures.energy_kcal"]),
        ({"figures": {"energy": 1}}, ["items.0.figures.energy"]),
        ({"figures": {"energy_kcal": None}}, ["items.0.figures"]),
        ({"energy_kcal": 90, "amount_g": 3}, ["items.0"]),
        ("soup", ["items.0"]),
    ],
)
def test_bad_input_is_refused_by_the_name_of_the_field_and_nothing_is_written(api, item, fields):
    make_product()

    response = send(api, "post", "meals", {"date": MONDAY, "name": "lunch", "items": [item]})

    assert refused(response) == fields
    assert not Meal.objects.exists()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 61}, ["name"]),
        ({"name": "lunch", "date": "2026-02-30"}, ["date"]),
        ({"name": "lunch", "date": "1899-12-31"}, ["date"]),
        ({"name": "lunch", "date": MONDAY, "eaten_at": f"{MONDAY}T12:00:00Z"}, ["eaten_at"]),
        ({"name": "lunch", "eaten_at": "noon"}, ["eaten_at"]),
        ({"name": "lunch", "eaten_at": "2026-02-30T12:00:00Z"}, ["eaten_at"]),
        ({"name": "lunch", "eaten_at": "0001-01-01T00:00:00+14:00"}, ["eaten_at"]),
        ({"name": "lunch", "calories": 3}, ["calories"]),
        ({"name": "lunch", "items": [{"energy_kcal": 1}] * 51}, ["items"]),
        ([], [""]),
    ],
)
def test_a_bad_meal_is_refused(api, body, fields):
    assert refused(send(api, "post", "meals", body)) == fields
    assert not Meal.objects.exists()


def test_an_own_food_of_somebody_else_cannot_be_eaten(api):
    theirs = make_own_food(make_user())

    response = send(api, "post", "meals", {"name": "lunch", "items": [{"product": str(theirs.uuid), "amount_g": 5}]})

    assert refused(response) == ["items.0.product"]


def test_meals_are_listed_in_pages_the_latest_day_first(api, user):
    meals = [make_meal(user, day=dt.date(2026, 3, day)) for day in range(1, 6)]
    make_meal()
    seen, cursor = [], ""
    while cursor is not None:
        body = api.get(f"{API}/meals?from=2026-03-02&limit=2&cursor={cursor}").json()
        seen += [meal["id"] for meal in body["results"]]
        cursor = body["next_cursor"]

    assert seen == [meal.pk for meal in reversed(meals[1:])]
    assert [meal["date"] for meal in api.get(f"{API}/meals?date={MONDAY}").json()["results"]] == [MONDAY]
    assert api.get(f"{API}/meals?to=2026-02-28").json()["results"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=W10=", "cursor=WyJ4IiwiMSJd", "date=x", "from=1"]
)
def test_a_query_that_makes_no_sense_is_refused(api, query):
    assert refused(api.get(f"{API}/meals?{query}")) == [query.partition("=")[0]]


def test_a_cursor_that_was_made_up_or_is_of_another_list_is_refused(api, user):
    for number in range(2):
        make_meal(user, day=dt.date(2026, 3, 2 + number))
    forged = base64.urlsafe_b64encode(json.dumps([None, "9" * 40]).encode()).decode()
    other = api.get(f"{API}/meals?limit=1").json()["next_cursor"]

    assert refused(api.get(f"{API}/meals?cursor={forged}")) == ["cursor"]
    assert refused(api.get(f"{API}/favourites?cursor={other}")) == ["cursor"]


def test_a_cursor_outlives_the_rows_behind_it(api, user):
    for number in range(2):
        make_meal(user, day=dt.date(2026, 3, 2 + number))
    cursor = api.get(f"{API}/meals?limit=1").json()["next_cursor"]
    Meal.objects.all().delete()

    assert api.get(f"{API}/meals?cursor={cursor}").json() == {"results": [], "next_cursor": None}


def test_a_meal_gets_another_name_and_day_and_back_again(api, user):
    item = make_item(make_meal(user))

    moved = send(api, "patch", f"meals/{item.meal_id}", {"name": "Brunch", "date": TUESDAY}).json()

    assert (moved["id"], moved["name"], moved["date"], len(moved["items"])) == (item.meal_id, "Brunch", TUESDAY, 1)
    assert send(api, "post", f"undo/{moved['undo']}").json() == {"days": [MONDAY, TUESDAY]}
    item.refresh_from_db()
    assert (str(item.meal.day), item.meal.name) == (MONDAY, "breakfast")


def test_a_meal_cannot_take_the_place_of_another(api, user):
    meal, _other = make_meal(user), make_meal(user, name="lunch")

    assert refused(send(api, "patch", f"meals/{meal.pk}", {"name": "Lunch"}), 409) == ["name"]
    assert refused(send(api, "patch", f"meals/{meal.pk}", {"date": "1899-01-01"})) == ["date"]
    assert refused(send(api, "patch", f"meals/{meal.pk}", {"id": 3})) == ["id"]


def test_a_deleted_meal_comes_back_with_all_that_was_in_it(api, user):
    meal = make_meal(user)
    items = [make_item(meal).pk for _number in range(3)]

    undo = send(api, "delete", f"meals/{meal.pk}").json()["undo"]

    assert not Meal.objects.exists()
    assert api.get(f"{API}/meals/{meal.pk}").status_code == 404
    send(api, "post", f"undo/{undo}")
    assert list(MealItem.objects.values_list("pk", flat=True)) == items
    assert send(api, "post", f"undo/{undo}").status_code == 404


# --- Items ------------------------------------------------------------------------------------------------------
def test_items_are_added_listed_changed_and_deleted(api, user):
    spread, meal = make_product(), make_meal(user)
    path = f"meals/{meal.pk}/items"

    made = send(api, "post", path, {"product": str(spread.uuid), "amount": "1.5", "unit": "spoon"})
    item = f"{path}/{made.json()['id']}"
    changed = send(api, "patch", item, {"amount": 2, "time": "09:00"})
    moved = send(api, "patch", item, {"amount_g": 12.5, "meal": "lunch", "date": TUESDAY, "time": None})

    assert (made.status_code, made.json()["amount"]) == (201, 22.5)
    assert {key: changed.json()[key] for key in ("quantity", "unit", "amount", "time")} == {
        "quantity": 2,
        "unit": "1 spoon (15 g)",
        "amount": 30,
        "time": "09:00:00",
    }
    assert {key: moved.json()[key] for key in ("quantity", "unit", "amount", "time")} == {
        "quantity": 12.5,
        "unit": "g",
        "amount": 12.5,
        "time": None,
    }
    assert api.get(f"{API}/{item}").status_code == 404  # it is of another meal now
    there = f"meals/{moved.json()['meal']}/items"
    assert [each["id"] for each in api.get(f"{API}/{there}").json()["results"]] == [made.json()["id"]]
    gone = send(api, "delete", f"{there}/{made.json()['id']}")
    assert (gone.status_code, set(gone.json())) == (200, {"undo"})
    assert api.get(f"{API}/{there}").json() == {"results": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"amount_g": 0}, ["amount_g"]),
        ({"amount_ml": 5}, ["unit"]),
        ({"unit": "g"}, ["unit"]),
        ({"amount": 5, "unit": "bucket"}, ["unit"]),
        ({"amount": 99_999.5}, ["amount"]),
        ({"energy_kcal": 3}, ["energy_kcal"]),
        ({"date": "2300-01-01"}, ["date"]),
        ({"meal": " "}, ["meal"]),
    ],
)
def test_a_bad_change_is_refused_and_nothing_changes(api, user, changes, fields):
    item = make_item(make_meal(user), product=make_product())

    assert refused(send(api, "patch", f"meals/{item.meal_id}/items/{item.pk}", changes)) == fields
    assert MealItem.objects.get().amount == 30


def test_an_item_says_when_its_food_has_changed_and_takes_the_figures_over_when_asked(api, user):
    spread = make_product()
    item = make_item(make_meal(user), product=spread)
    correct(spread, user, {"per_100": {"energy_kcal": Decimal(600)}})
    path = f"meals/{item.meal_id}/items/{item.pk}"

    before = api.get(f"{API}/{path}").json()
    after = send(api, "post", f"{path}/present-figures").json()

    assert (before["changed"], before["nutrients"]["energy_kcal"]) == (True, 161.7)
    assert (after["changed"], after["nutrients"]["energy_kcal"]) == (False, 180)
    send(api, "post", f"undo/{after['undo']}")
    assert api.get(f"{API}/{path}").json() == before


def test_name_and_figures_of_a_quick_add_are_changed(api):
    items = [{"name": "Soup", "figures": {"energy_kcal": 200, "fat_g": 3}}]
    meal = send(api, "post", "meals", {"name": "lunch", "date": MONDAY, "items": items}).json()
    path = f"meals/{meal['id']}/items/{meal['items'][0]['id']}"

    changed = send(api, "patch", path, {"name": "Stew", "figures": {"energy_kcal": 300, "fat_g": None}}).json()

    assert (changed["name"], changed["figures"]["energy_kcal"], changed["figures"]["fat_g"]) == ("Stew", 300, None)
    assert refused(send(api, "patch", path, {"figures": {"energy_kcal": None}})) == ["figures"]


@pytest.mark.parametrize(("body", "field"), [({"name": "x"}, "name"), ({"figures": {"fat_g": 1}}, "figures")])
def test_name_and_figures_of_a_food_that_was_eaten_stay(api, user, body, field):
    item = make_item(make_meal(user), product=make_product())

    assert refused(send(api, "patch", f"meals/{item.meal_id}/items/{item.pk}", body)) == [field]


def test_a_quick_add_has_no_figures_to_take_over(api, user):
    item = make_item(make_meal(user))

    assert refused(send(api, "post", f"meals/{item.meal_id}/items/{item.pk}/present-figures")) == [""]


# --- Copying ----------------------------------------------------------------------------------------------------
def test_yesterdays_breakfast_is_repeated_today(api, user):
    today = user.wall_clock(timezone.now()).date()
    yesterday = today - dt.timedelta(days=1)
    make_item(make_meal(user, day=yesterday), name="Muesli")
    make_item(make_meal(user, day=yesterday, name="dinner"), name="Wine")

    body = send(api, "post", "meals/copy", {"from_date": str(yesterday), "from_meal": "Breakfast"}).json()

    assert [item["name"] for item in body["items"]] == ["Muesli"]
    day = api.get(f"{API}/days/today").json()
    assert [item["id"] for item in day["meals"][0]["items"]] == [body["items"][0]["id"]]
    send(api, "post", f"undo/{body['undo']}")
    assert api.get(f"{API}/days/{today}").json()["totals"]["energy_kcal"] == 0


def test_a_whole_day_is_copied_into_one_meal_or_into_its_own(api, user):
    for name in ("breakfast", "Second breakfast"):
        make_item(make_meal(user, name=name))

    send(api, "post", "meals/copy", {"from_date": MONDAY, "to_date": TUESDAY})
    send(api, "post", "meals/copy", {"from_date": MONDAY, "to_date": TUESDAY, "to_meal": "snacks"})

    meals = api.get(f"{API}/days/{TUESDAY}").json()["meals"]
    assert {meal["name"]: len(meal["items"]) for meal in meals if meal["items"]} == {
        "breakfast": 1,
        "Second breakfast": 1,
        "snacks": 2,
    }


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["from_date"]),
        ({"from_date": MONDAY}, ["from_date"]),
        ({"from_date": MONDAY, "from_meal": "x" * 61}, ["from_meal"]),
        ({"from_date": MONDAY, "meal": "lunch"}, ["meal"]),
    ],
)
def test_a_copy_of_nothing_is_refused(api, body, fields):
    make_item()  # somebody else's

    assert refused(send(api, "post", "meals/copy", body)) == fields


# --- Days -------------------------------------------------------------------------------------------------------
def aim(user, **macros):
    target = Target.objects.create(user=user, starts_on=dt.date(2026, 1, 1))
    for weekday in range(7):
        TargetDay.objects.create(target=target, weekday=weekday, energy_kcal=Decimal(2000), **macros)


def test_a_day_shows_what_is_left_of_its_target(api, user):
    aim(user, protein=Decimal(1))
    make_item(make_meal(user))

    body = api.get(f"{API}/days/{MONDAY}").json()

    assert body["target"] == {"energy_kcal": 2000, "protein_g": 1, "fat_g": None, "carbohydrates_g": None}
    assert body["left"] == {"energy_kcal": 1838.3, "protein_g": -0.89, "fat_g": None, "carbohydrates_g": None}
    assert [meal["name"] for meal in body["meals"]] == ["breakfast", "lunch", "dinner", "snacks"]
    assert (body["totals"]["fiber_g"], body["at_least"]) == (None, [])


def test_an_empty_day_is_nothing_and_not_unknown(api):
    body = api.get(f"{API}/days/{MONDAY}").json()

    assert set(body["totals"].values()) == {0}
    assert (body["target"], body["left"], body["at_least"]) == (None, None, [])
    assert {meal["id"] for meal in body["meals"]} == {None}


def test_a_sum_that_skipped_something_says_at_least(api, user):
    meal = make_meal(user)
    make_item(meal)
    make_item(meal, figures=Nutrients({"energy_kcal": Decimal(100), "fiber_g": Decimal(3)}))

    body = api.get(f"{API}/days/{MONDAY}").json()

    assert body["totals"]["fiber_g"] == 0.9
    assert set(body["at_least"]) == set(body["totals"]) - {"energy_kcal"}


@pytest.mark.parametrize("date", ["tomorrow", "2026-02-30", "0001-01-01", "2026-3-2", "9999-12-31"])
def test_a_day_that_does_not_exist_is_not_found(api, date):
    assert api.get(f"{API}/days/{date}").status_code == 404


def test_days_of_a_range_have_their_sums_and_targets(api, user):
    aim(user)
    for day in (dt.date(2026, 3, 1), dt.date(2026, 3, 3)):
        make_item(make_meal(user, day=day))

    body = api.get(f"{API}/days?from={MONDAY}&to={TUESDAY}").json()

    (day,) = body["results"]
    assert (day["date"], day["totals"]["energy_kcal"], day["target"]["energy_kcal"]) == (TUESDAY, 161.7, 2000)
    assert refused(api.get(f"{API}/days?from=2026-03-02&to=2026-03-01")) == ["from"]
    assert refused(api.get(f"{API}/days?from=2025-01-01&to=2026-02-05")) == ["from"]
    assert api.get(f"{API}/days?from=2025-01-01&to=2026-02-04").status_code == 200
    assert api.get(f"{API}/days?from=0001-01-01&to=0001-01-02").status_code == 200
    assert api.get(f"{API}/days").json() == {"results": [], "next_cursor": None}


FIGURES = st.dictionaries(
    st.sampled_from([key for key, nutrient in NUTRIENTS.items() if nutrient.scales]),
    st.decimals(0, 900, places=4),
    max_size=8,
)
AMOUNTS = st.decimals("0.01", "99999", places=4)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIGURES, AMOUNTS, st.sampled_from(["breakfast", "lunch"]), st.booleans()), max_size=8))
def test_what_is_in_the_answer_adds_up_to_the_last_digit(eaten):
    user = make_user()
    meals = {name: make_meal(user, name=name) for name in ("breakfast", "lunch")}
    for figures, amount, meal, serving in eaten:
        basis = "serving" if serving else "g"
        make_item(meals[meal], figures=Nutrients(figures), amount=amount, quantity=amount, basis=basis)

    body = exact(program_of(user).get(f"{API}/days/{MONDAY}"))

    for key in NUTRIENTS:
        for meal in body["meals"]:
            parts = [item["nutrients"].get(key) for item in meal["items"]]
            adds_up(parts, meal["totals"].get(key), at_least=key in meal["at_least"])
        parts = [item["nutrients"].get(key) for meal in body["meals"] for item in meal["items"]]
        adds_up(parts, body["totals"].get(key), at_least=key in body["at_least"])


def adds_up(parts, total, *, at_least):
    known = [part for part in parts if part is not None]
    assert (total or 0) == sum(known)
    assert (total is None) <= (known == [])
    assert at_least == (bool(known) and None in parts)


@pytest.mark.parametrize("path", [f"days/{MONDAY}", "meals", "recents", "meals/{meal}", "meals/{meal}/items?limit=50"])
def test_as_many_queries_for_fifty_items_as_for_five(api, user, path):
    today, counts = user.wall_clock(timezone.now()).date(), []
    meal = make_meal(user, day=today if path == "recents" else dt.date(2026, 3, 2))
    for many in (5, 45):
        for number in range(many):
            make_item(meal, product=make_product(barcode=f"{many}{number}"), name=f"{many} {number}")
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"{API}/{path.format(meal=meal.pk)}").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- Recents, favourites, text ----------------------------------------------------------------------------------
def test_recents_are_the_persons_own_with_what_they_had(api, user):
    spread = make_product()
    item = make_item(make_meal(user, day=user.wall_clock(timezone.now()).date()), product=spread)
    make_item(make_meal(day=timezone.now().date()))
    send(api, "post", "favourites", {"product": str(spread.uuid)})

    body = api.get(f"{API}/recents?meal=Breakfast&limit=3").json()

    assert body["next_cursor"] is None
    (recent,) = body["results"]
    assert (recent["item"]["id"], recent["favourite"], recent["kcal"]) == (item.pk, True, 161.7)
    assert refused(api.get(f"{API}/recents?limit=0")) == ["limit"]
    assert refused(api.get(f"{API}/recents?meal={'x' * 61}")) == ["meal"]


def test_favourites_are_made_once_listed_and_taken_back(api, user):
    spread, recipe = make_product(), make_recipe(user)
    correct(spread, user, {"name": "Breakfast spread"})
    Favourite.objects.create(user=make_user(), product=spread)

    ids = [
        send(api, "post", "favourites", body).json()["id"]
        for body in ({"product": str(spread.uuid)}, {"product": str(spread.uuid)}, {"recipe": recipe.pk})
    ]

    assert ids[0] == ids[1]
    first = api.get(f"{API}/favourites?limit=1").json()
    rest = api.get(f"{API}/favourites?limit=1&cursor={first['next_cursor']}").json()
    assert [*first["results"], *rest["results"]] == [
        {"id": ids[2], "product": None, "recipe": recipe.pk, "name": "Pancakes", "brand": ""},
        {"id": ids[0], "product": str(spread.uuid), "recipe": None, "name": "Breakfast spread", "brand": "Nutty"},
    ]
    assert rest["next_cursor"] is None
    assert send(api, "delete", f"favourites/{ids[0]}").status_code == 204
    assert send(api, "delete", f"favourites/{ids[0]}").status_code == 404


def test_a_favourite_is_one_thing_that_the_person_may_see(api):
    theirs = make_own_food(make_user())

    assert refused(send(api, "post", "favourites", {})) == [""]
    assert refused(send(api, "post", "favourites", {"product": str(uuid.uuid4()), "recipe": 1})) == [""]
    assert refused(send(api, "post", "favourites", {"food": 1})) == ["food"]
    for body in ({"product": str(theirs.uuid)}, {"recipe": make_recipe().pk}):
        assert send(api, "post", "favourites", body).status_code == 404


def test_a_line_of_text_is_understood_and_nothing_is_written(api):
    spread = make_product()

    body = send(api, "post", "entries/parse", {"text": "2 spoons of nut spread, 3 unobtainable"}).json()

    known, unknown = body["lines"]
    (candidate,) = known.pop("candidates")
    assert known == {
        "text": "2 spoons of nut spread",
        "name": "nut spread",
        "quantity": 2,
        "unit": "spoons",
        "recipes": [],
        "problem": "",
    }
    assert (candidate["product"], candidate["amount"]) == (
        str(spread.uuid),
        {"quantity": 2, "unit": "1 spoon (15 g)", "amount": 30},
    )
    assert (unknown["text"], unknown["candidates"], bool(unknown["problem"])) == ("3 unobtainable", [], True)
    assert not Meal.objects.exists()


@pytest.mark.parametrize("body", [{}, {"text": " "}, {"text": "x" * 1001}, {"text": ["x"]}, {"text": "\0"}])
def test_no_text_and_too_much_of_it_are_refused(api, body):
    assert refused(send(api, "post", "entries/parse", body)) == ["text"]


# --- Who may, and once only -------------------------------------------------------------------------------------
ROUTES = [
    ("get", "meals"),
    ("post", "meals"),
    ("post", "meals/copy"),
    ("get", "meals/{meal}"),
    ("patch", "meals/{meal}"),
    ("delete", "meals/{meal}"),
    ("get", "meals/{meal}/items"),
    ("post", "meals/{meal}/items"),
    ("get", "meals/{meal}/items/{item}"),
    ("patch", "meals/{meal}/items/{item}"),
    ("delete", "meals/{meal}/items/{item}"),
    ("post", "meals/{meal}/items/{item}/present-figures"),
    ("post", "undo/{undo}"),
    ("get", "days"),
    ("get", "days/today"),
    ("get", "recents"),
    ("get", "favourites"),
    ("post", "favourites"),
    ("delete", "favourites/{favourite}"),
    ("post", "entries/parse"),
]


def address(path, user):
    product = make_product()
    item = make_item(make_meal(user), product=product)
    done = diary.change(item, {"quantity": Decimal(31)})
    favourite = Favourite.objects.create(user=user, product=product)
    return path.format(meal=item.meal_id, item=item.pk, undo=done.undo and done.undo.pk, favourite=favourite.pk)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_comes_in_without_a_login(client, user, method, path):
    response = send(client, method, address(path, user))

    assert response.status_code == 401
    assert MealItem.objects.get().quantity == 31


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in ROUTES if "{" in path])
def test_what_is_somebody_elses_is_not_there(api, method, path):
    response = send(api, method, address(path, make_user()), {"product": "x"})

    assert response.status_code == 404
    assert MealItem.objects.get().quantity == 31
    assert Favourite.objects.exists()


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in ROUTES if "{" in path])
def test_a_number_that_no_row_can_have_is_not_found(api, method, path):
    huge = dict.fromkeys(("meal", "item", "undo", "favourite"), 10**40)

    assert send(api, method, path.format(**huge)).status_code == 404


ONCE = {
    ("post", "meals"): {"date": MONDAY, "name": "lunch", "items": [{"name": "Soup", "energy_kcal": 90}]},
    ("post", "meals/copy"): {"from_date": MONDAY, "to_date": TUESDAY},
    ("patch", "meals/{meal}"): {"date": TUESDAY},
    ("delete", "meals/{meal}"): {},
    ("post", "meals/{meal}/items"): {"name": "Soup", "energy_kcal": 90},
    ("patch", "meals/{meal}/items/{item}"): {"amount_g": 3, "meal": "lunch"},
    ("delete", "meals/{meal}/items/{item}"): {},
    ("post", "meals/{meal}/items/{item}/present-figures"): {},
    ("post", "undo/{undo}"): {},
    ("delete", "favourites/{favourite}"): {},
}


@pytest.mark.parametrize(("method", "path"), ONCE)
def test_a_request_that_is_repeated_after_a_lost_answer_is_done_once(api, user, method, path):
    where, body = address(path, user), ONCE[method, path]

    first = send(api, method, where, body, **{"Idempotency-Key": "k1"})
    after = list(MealItem.objects.order_by("pk").values())
    second = send(api, method, where, body, **{"Idempotency-Key": "k1"})

    assert first.status_code in {200, 201, 204}
    said = [json.loads(response.content or "null") for response in (first, second)]
    assert (second.status_code, said[1]) == (first.status_code, said[0])
    assert second["Idempotent-Replayed"] == "true"
    assert list(MealItem.objects.order_by("pk").values()) == after


def test_a_key_that_came_with_another_request_is_a_conflict(api):
    send(api, "post", "meals", {"date": MONDAY, "name": "lunch"}, **{"Idempotency-Key": "k1"})

    response = send(api, "post", "meals", {"date": MONDAY, "name": "dinner"}, **{"Idempotency-Key": "k1"})

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert response.json()["error"]["category"] == "conflict"


def test_a_refused_request_does_not_use_its_key_up(api):
    body = {"date": MONDAY, "name": "lunch", "items": [{"product": str(uuid.uuid4()), "amount_g": 5}]}
    assert refused(send(api, "post", "meals", body, **{"Idempotency-Key": "k1"})) == ["items.0.product"]
    body["items"] = [{"name": "Soup", "energy_kcal": 90}]

    assert send(api, "post", "meals", body, **{"Idempotency-Key": "k1"}).status_code == 201
    assert refused(send(api, "post", "meals", body, **{"Idempotency-Key": "x" * 129})) == ["Idempotency-Key"]


def test_the_schema_of_all_this_is_made_without_a_complaint(client, capsys):
    schema = client.get(f"{API}/schema", headers={"Accept": "application/json"}).json()

    assert capsys.readouterr().err == ""
    assert {"/api/v1/meals", "/api/v1/meals/copy", "/api/v1/days/{date}", "/api/v1/entries/parse"} <= set(
        schema["paths"]
    )
