"""The API of recipes, from outside."""

import json
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from products.nutrients import Nutrients
from tests.factories import make_ingredient, make_own_food, make_product, make_recipe, make_token, make_user
from tracking.models import Ingredient, Recipe

pytestmark = pytest.mark.django_db
API = "/api/v1/recipes"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    """A program with this user's token."""
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def send(api, method, path, body=None, **headers):
    return api.generic(method.upper(), path, json.dumps(body or {}), content_type="application/json", headers=headers)


def details_of(response):
    return {detail["field"]: detail["message"] for detail in response.json()["error"]["details"]}


def test_a_recipe_is_made_with_all_its_ingredients_in_one_request(api, user):
    spread = make_product()
    dough = make_recipe(user, name="Dough", ingredients=[{"figures": Nutrients({"energy_kcal": Decimal(300)})}])

    response = send(api, "post", API, {
        "name": "  Sweet   pie ", "servings": 4, "cooked_weight_g": 800, "note": "Bake.",
        "ingredients": [{"product": str(spread.uuid), "quantity": 2, "unit": "spoon"},
                        {"recipe": dough.pk, "quantity": "1.5"}]})  # fmt: skip

    body = response.json()
    assert response.status_code == 201
    assert Recipe.objects.get(pk=body.pop("id")).user == user
    assert body.pop("created_at") <= body.pop("updated_at")
    ids = [ingredient.pop("id") for ingredient in body["ingredients"]]
    assert ids == list(Ingredient.objects.filter(recipe__name="Sweet pie").values_list("pk", flat=True))
    nothing = dict.fromkeys(
        ["fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "fiber_g", "protein_g", "salt_g"]
    )
    of_spread = {
        "energy_kcal": 161.7, "fat_g": 9.27, "saturated_fat_g": 3.18, "carbohydrates_g": 17.25, "sugars_g": 16.89,
        "fiber_g": None, "protein_g": 1.89, "salt_g": 0.0321,
    }  # fmt: skip
    least = ["fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "protein_g", "salt_g"]
    assert sorted(body.pop("at_least")) == sorted(least)
    assert body == {
        "name": "Sweet pie",
        "servings": 4,
        "cooked_weight_g": 800,
        "note": "Bake.",
        "totals": of_spread | {"energy_kcal": 386.7},
        "per_serving": {
            "energy_kcal": 96.675, "fat_g": 2.3175, "saturated_fat_g": 0.795, "carbohydrates_g": 4.3125,
            "sugars_g": 4.2225, "fiber_g": None, "protein_g": 0.4725, "salt_g": 0.008,
        },
        "per_100": {
            "energy_kcal": 48.3375, "fat_g": 1.1588, "saturated_fat_g": 0.3975, "carbohydrates_g": 2.1562,
            "sugars_g": 2.1112, "fiber_g": None, "protein_g": 0.2362, "salt_g": 0.004,
        },
        "ingredients": [
            {"name": "Nut spread", "brand": "Nutty", "product": str(spread.uuid), "recipe": None, "quantity": 2,
             "unit": "1 spoon (15 g)", "amount": 30, "basis": "g", "totals": of_spread, "at_least": [], "kept": None},
            {"name": "Dough", "brand": "", "product": None, "recipe": dough.pk, "quantity": 1.5, "unit": "serving",
             "amount": 1.5, "basis": "serving", "totals": {"energy_kcal": 225, **nothing}, "at_least": [],
             "kept": None},
        ],
    }  # fmt: skip


def test_a_repeated_request_makes_one_recipe(api):
    body = {"name": "Soup"}
    first = send(api, "post", API, body, **{"Idempotency-Key": "one"})

    again = send(api, "post", API, body, **{"Idempotency-Key": "one"})

    assert (again.status_code, again.json()) == (201, first.json())
    assert Recipe.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"servings": 0}, "servings"),
        ({"servings": "NaN"}, "servings"),
        ({"cooked_weight_g": 100_000}, "cooked_weight_g"),
        ({"colour": "red"}, "colour"),
        ({"ingredients": [{"quantity": 1}]}, "ingredients.0.product"),
        ({"ingredients": [{"product": str(uuid.uuid4()), "quantity": 1}]}, "ingredients.0.product"),
        ({"ingredients": [{"recipe": 999_999_999_999_999_999_999, "quantity": 1}]}, "ingredients.0.recipe"),
    ],
)
def test_bad_input_is_told_by_field_and_nothing_is_written(api, wrong, field):
    response = send(api, "post", API, {"name": "Soup", **wrong})

    assert response.status_code == 422
    assert list(details_of(response)) == [field]
    assert Recipe.objects.count() == 0


def test_of_two_ingredients_a_wrong_second_one_leaves_nothing_behind(api):
    spread = make_product()
    rows = [{"product": str(spread.uuid), "quantity": 1}, {"product": str(spread.uuid), "quantity": 1, "unit": "cup"}]

    response = send(api, "post", API, {"name": "Soup", "ingredients": rows})

    assert response.status_code == 422
    assert list(details_of(response)) == ["ingredients.1.unit"]
    assert Recipe.objects.count() == 0


def test_somebody_elses_food_or_recipe_is_no_ingredient(api, user):
    mine = make_recipe(user)
    food, recipe = make_own_food(make_user()), make_recipe(ingredients=[{}])

    answers = [
        send(api, "post", f"{API}/{mine.pk}/ingredients", {**wanted, "quantity": 1})
        for wanted in ({"product": str(food.uuid)}, {"recipe": recipe.pk})
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert not Ingredient.objects.filter(recipe=mine).exists()


def test_a_circle_is_refused(api, user):
    inner, outer = make_recipe(user, ingredients=[{}]), make_recipe(user, ingredients=[{}])
    send(api, "post", f"{API}/{outer.pk}/ingredients", {"recipe": inner.pk, "quantity": 1})

    response = send(api, "post", f"{API}/{inner.pk}/ingredients", {"recipe": outer.pk, "quantity": 1})

    assert (response.status_code, list(details_of(response))) == (422, ["recipe"])


def test_ingredients_are_added_changed_moved_and_removed(api, user):
    recipe, spread = make_recipe(user, ingredients=[{"name": "Salt"}]), make_product()

    added = send(api, "post", f"{API}/{recipe.pk}/ingredients", {"product": str(spread.uuid), "quantity": 50})
    row = f"{API}/{recipe.pk}/ingredients/{added.json()['ingredients'][1]['id']}"
    changed = send(api, "patch", row, {"quantity": 3, "unit": "1 spoon (15 g)", "position": 0})
    removed = send(api, "delete", row)

    assert (added.status_code, changed.status_code, removed.status_code) == (201, 200, 204)
    assert [(each["name"], each["amount"]) for each in changed.json()["ingredients"]] == [
        ("Nut spread", 45),
        ("Salt", 100),
    ]
    assert [each["name"] for each in api.get(f"{API}/{recipe.pk}").json()["ingredients"]] == ["Salt"]


def test_a_recipe_is_changed_scaled_duplicated_and_deleted(api, user):
    recipe = make_recipe(user, ingredients=[{}])

    changed = send(api, "patch", f"{API}/{recipe.pk}", {"name": "Waffles", "cooked_weight_g": 250})
    scaled = send(api, "post", f"{API}/{recipe.pk}/scale", {"servings": 6})
    copied = send(api, "post", f"{API}/{recipe.pk}/duplicate")
    deleted = send(api, "delete", f"{API}/{recipe.pk}")

    assert changed.json()["name"] == "Waffles"
    assert (scaled.status_code, scaled.json()["servings"], scaled.json()["cooked_weight_g"]) == (200, 6, 750)
    assert scaled.json()["per_serving"] == changed.json()["per_serving"]
    assert (copied.status_code, copied.json()["name"]) == (201, "Copy of Waffles")
    assert copied.json()["totals"] == scaled.json()["totals"]
    assert (deleted.status_code, api.get(f"{API}/{recipe.pk}").status_code) == (204, 404)


@pytest.mark.parametrize("wrong", [{}, {"servings": 2, "factor": 2}, {"factor": 0}, {"factor": 99_999}])
def test_a_scale_that_cannot_be_is_422(api, user, wrong):
    recipe = make_recipe(user, ingredients=[{}])

    assert send(api, "post", f"{API}/{recipe.pk}/scale", wrong).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""), ("patch", ""), ("delete", ""), ("post", "/duplicate"), ("post", "/scale"),
        ("post", "/ingredients"), ("patch", "/ingredients/{row}"), ("delete", "/ingredients/{row}"),
    ],
)  # fmt: skip
def test_somebody_elses_recipe_is_not_there_and_nobodys_without_login(api, method, path):
    theirs = make_recipe(ingredients=[{}])
    row = theirs.ingredients.get()
    address = f"{API}/{theirs.pk}{path.format(row=row.pk)}"

    mine, nobodys = send(api, method, address), send(Client(), method, address)

    assert (mine.status_code, nobodys.status_code) == (404, 401)
    assert Ingredient.objects.filter(pk=row.pk, amount=100).exists()


def test_an_ingredient_of_another_recipe_is_not_there(api, user):
    one, other = make_recipe(user, ingredients=[{}]), make_recipe(user)

    response = send(api, "delete", f"{API}/{other.pk}/ingredients/{one.ingredients.get().pk}")

    assert response.status_code == 404


def test_recipes_are_searched_and_come_in_pages(api, user):
    for name in ("Apple pie", "Pear pie", "Soup", "Cherry pie"):
        make_recipe(user, name=name)
    make_recipe(name="Somebody's pie")

    first = api.get(API, {"search": "pie", "limit": 2}).json()
    second = api.get(API, {"search": "pie", "limit": 2, "cursor": first["next_cursor"]}).json()

    assert [each["name"] for each in first["results"]] == ["Apple pie", "Cherry pie"]
    assert ([each["name"] for each in second["results"]], second["next_cursor"]) == (["Pear pie"], None)
    assert api.get(API, {"cursor": "nonsense"}).status_code == 422


def test_a_list_takes_as_many_queries_for_fifty_recipes_as_for_five(api, user):
    spread, taken = make_product(), []
    for count in (5, 45):
        for number in range(count):
            part = make_recipe(user, name=f"part {number}", ingredients=[{"product": spread}])
            make_ingredient(make_recipe(user), part=part, basis="serving", quantity=1, amount=1)
        with CaptureQueriesContext(connection) as queries:
            assert api.get(API, {"limit": 100}).status_code == 200
        taken.append(len(queries))

    assert taken[0] == taken[1] <= 6


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_an_ingredient_of_a_recipe_that_no_row_can_be_is_not_found(api, user, method):
    ingredient = make_recipe(user, ingredients=[{}]).ingredients.get()

    response = getattr(api, method)(f"{API}/{10**40}/ingredients/{ingredient.pk}", {}, content_type="application/json")

    assert response.status_code == 404
