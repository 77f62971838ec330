"""The pages of recipes, as a plain browser without JavaScript uses them."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.nutrients import Nutrients
from tests.factories import make_ingredient, make_own_food, make_product, make_recipe, make_user
from tracking.models import Favourite, Ingredient, MealItem, Recipe
from tracking.recipes import RecipeBook

pytestmark = pytest.mark.django_db
DETAILS = {"name": "Waffles", "servings": "2,5", "cooked_weight_g": "", "note": ""}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def text_of(response):
    return " ".join(response.content.decode().split())


def form_of(recipe, **typed):
    """What the form of a recipe sends where nothing else is `typed`."""
    weight = recipe.cooked_weight_g
    form = {
        "name": recipe.name,
        "servings": str(recipe.servings),
        "cooked_weight_g": str(weight or ""),
        "note": recipe.note,
    }
    for row in recipe.ingredients.all():
        form |= {
            f"ingredient-{row.pk}-quantity": str(row.quantity),
            f"ingredient-{row.pk}-unit": row.serving or row.basis,
        }
    return {**form, "q": "", **typed}


def change(recipe):
    return f"/recipes/{recipe.pk}/change/"


def sent_by(page, **typed):
    """What a browser sends of the form on this page, with something else `typed` into it."""
    html = page.content.decode()
    hidden = dict(re.findall(r'name="(initial-\w+)" value="([^"]*)"', html))
    return {**form_of(page.context["recipe"]), **hidden, **typed}


def test_two_tabs_keep_each_others_name_and_note(reader, user):
    recipe = make_recipe(user, name="Soup", note="Stir.")
    first, second = (reader.get(change(recipe)) for _tab in range(2))

    reader.post(change(recipe), sent_by(first, name="Stew", save="1"))
    reader.post(change(recipe), sent_by(second, note="Simmer.", save="1"))

    recipe.refresh_from_db()
    assert (recipe.name, recipe.note) == ("Stew", "Simmer.")


def test_name_that_is_typed_back_after_an_ingredient_was_added_counts(reader, user):
    recipe = make_recipe(user, name="Soup")
    page = reader.get(change(recipe))
    part = reader.post(change(recipe), sent_by(page, name="Stew", find="1", q="nothing"), headers=HTMX)

    reader.post(change(recipe), sent_by(part, name="Soup", save="1"))

    recipe.refresh_from_db()
    assert recipe.name == "Soup"


# --- The list ---------------------------------------------------------------------------------------------------
def test_recipes_are_listed_with_a_servings_energy_and_found_by_name(reader, user):
    make_recipe(user, name="Apple pie", ingredients=[{}])
    make_recipe(user, name="Soup")
    make_recipe(name="Somebody's pie")

    text = text_of(reader.get("/recipes/", {"q": "pie"}))

    assert "Apple pie" in text
    assert ">270<" in text.replace(" ", "")
    assert "Soup" not in text
    assert "Somebody" not in text


def test_a_person_without_recipes_is_told_what_they_are_for(reader):
    assert "quickest as a recipe" in text_of(reader.get("/recipes/"))


def test_a_long_list_goes_on_after_fifty(reader, user):
    for number in range(51):
        make_recipe(user, name=f"recipe {number:02}")

    first, second = text_of(reader.get("/recipes/")), text_of(reader.get("/recipes/", {"from": "50"}))

    assert ("recipe 49" in first, "recipe 50" in first, "from=50" in first) == (True, False, True)
    assert ("recipe 50" in second, "recipe 49" in second) == (True, False)


@pytest.mark.parametrize("address", ["/recipes/", "/recipes/{pk}/", "/recipes/{pk}/change/"])
def test_pages_take_as_many_queries_for_fifty_ingredients_and_recipes_as_for_five(reader, user, address):
    recipe, spread, taken = make_recipe(user), make_product(), []
    for count in (5, 45):
        for number in range(count):
            part = make_recipe(user, name=f"part {number}", ingredients=[{"product": spread}])
            make_ingredient(recipe, part=part, basis="serving", quantity=1, amount=1)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(address.format(pk=recipe.pk)).status_code == 200
        taken.append(len(queries))

    assert taken[0] == taken[1] <= 12


# --- One recipe -------------------------------------------------------------------------------------------------
def test_a_recipe_shows_a_serving_100_g_and_the_whole_and_what_is_at_least(reader, user):
    oats = {"name": "Oats", "figures": Nutrients({"energy_kcal": Decimal(350), "iron_mg": Decimal(4)})}
    inside = [{"name": "Spread"}, oats]
    recipe = make_recipe(user, cooked_weight_g=Decimal(400), note="Stir.\n\nBake.", ingredients=inside)

    response = reader.get(f"/recipes/{recipe.pk}/")

    table = {row.nutrient.key: row for row in response.context["table"]}
    energy = table["energy_kcal"]
    assert (energy.per_serving, energy.per_100, energy.all_of_it) == (Decimal("444.5"), Decimal("222.25"), 889)
    assert (energy.at_least, table["iron_mg"].at_least, table["fiber_g"].all_of_it) == (False, True, None)
    assert [each.energy for each in response.context["lines"]] == [539, 350]
    text = text_of(response)
    for shown in ("Spread", "Oats", "≥", "not declared", "<p>Stir.</p>", "400"):
        assert shown in text


def test_energies_of_ingredients_add_up_to_the_whole_that_is_shown(reader, user):
    third = {"figures": Nutrients({"energy_kcal": Decimal("100.4")})}
    recipe = make_recipe(user, ingredients=[third, third, third])

    shown = reader.get(f"/recipes/{recipe.pk}/").context

    assert (sum(each.energy for each in shown["lines"]), shown["total"]) == (301, 301)


def test_a_food_that_is_gone_is_said_beside_its_ingredient(reader, user):
    recipe = make_recipe(user, ingredients=[{}])

    assert "Not there any more" in text_of(reader.get(f"/recipes/{recipe.pk}/"))


def test_a_portion_is_logged_on_the_chosen_day(reader, user):
    recipe = make_recipe(user, ingredients=[{}])
    sent = {"quantity": "1/2", "unit": "serving", "meal": "lunch", "day": "2026-03-02", "time": ""}

    response = reader.post(f"/recipes/{recipe.pk}/log/", sent)

    item = MealItem.objects.get()
    assert response["Location"] == "/day/2026-03-02/"
    assert (item.recipe, item.meal.name, item.amount) == (recipe, "lunch", Decimal("0.5"))
    assert item.totals.get("energy_kcal") == Decimal("134.75")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"quantity": "lots"}, "quantity"),
        ({"unit": "g"}, "unit"),
        ({"day": "yesterday"}, "day"),
        ({"meal": ""}, "meal"),
    ],
)
def test_a_portion_that_cannot_be_is_explained_beside_the_field(reader, user, wrong, field):
    recipe = make_recipe(user, ingredients=[{}])
    sent = {"quantity": "77", "unit": "serving", "meal": "lunch", "day": "2026-03-02", **wrong}

    response = reader.post(f"/recipes/{recipe.pk}/log/", sent)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert f'value="{sent["quantity"]}"' in text_of(response)
    assert not MealItem.objects.exists()


def test_a_recipe_is_scaled_copied_starred_and_deleted(reader, user):
    recipe = make_recipe(user, ingredients=[{}])
    address = f"/recipes/{recipe.pk}/"
    make_ingredient(make_recipe(user, name="Cake"), part=recipe, basis="serving")

    reader.post(f"{address}scale/", {"servings": "5"})
    reader.post(f"{address}scale/", {"factor": "double", "servings": ""})
    copied = reader.post(f"{address}duplicate/")
    reader.post(f"{address}favourite/", {"on": "1"})
    starred = Favourite.objects.filter(recipe=recipe).exists()
    asked = text_of(reader.get(f"{address}delete/"))
    reader.post(f"{address}delete/")

    copy = Recipe.objects.get(name="Copy of Pancakes")
    assert copied["Location"] == change(copy)
    assert (copy.servings, copy.ingredients.get().amount) == (10, 500)
    assert (starred, "Cake" in asked) == (True, True)
    assert not Recipe.objects.filter(pk=recipe.pk).exists()


def test_a_scale_that_cannot_be_is_explained_and_kept(reader, user):
    recipe = make_recipe(user, ingredients=[{}])

    response = reader.post(f"/recipes/{recipe.pk}/scale/", {"servings": "99998"})

    assert response.status_code == 422
    assert "too little or too much of Nut spread" in text_of(response)
    assert 'value="99998"' in text_of(response)


# --- Writing ----------------------------------------------------------------------------------------------------
def test_a_new_recipe_leads_to_its_ingredients(reader, user):
    response = reader.post("/recipes/new/", DETAILS)

    recipe = Recipe.objects.get()
    assert response["Location"] == change(recipe)
    assert (recipe.user, recipe.servings, recipe.cooked_weight_g) == (user, Decimal("2.5"), None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"name": " "}, "name"), ({"servings": "0"}, "servings"), ({"cooked_weight_g": "x"}, "cooked_weight_g")],
)
def test_a_new_recipe_with_something_wrong_keeps_what_was_typed(reader, wrong, field):
    response = reader.post("/recipes/new/", {**DETAILS, "note": "Rest it for an hour.", **wrong})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "Rest it for an hour." in text_of(response)
    assert not Recipe.objects.exists()


def test_foods_and_recipes_are_found_and_offered_with_an_amount(reader, user):
    spread, recipe = make_product(), make_recipe(user)
    nutty = make_recipe(user, name="Nut mix", ingredients=[{}])

    found = reader.get(change(recipe), {"q": "nut"}).context["found"]

    assert [option.reference for option in found[0].options] == [f"recipe-{nutty.pk}", f"food-{spread.uuid}"]
    assert found[0].options[1].form.initial == {"quantity": "1", "unit": "1 spoon (15 g)"}


def test_a_recipe_that_would_make_a_circle_is_not_offered(reader, user):
    recipe = make_recipe(user, name="Nut dough")
    make_ingredient(make_recipe(user, name="Nut cake"), part=recipe, basis="serving")

    assert reader.get(change(recipe), {"q": "nut"}).context["found"][0].options == []


def test_adding_saves_what_was_typed_elsewhere_and_leaves_the_rest_of_the_text(reader, user):
    spread = make_product()
    recipe = make_recipe(user, ingredients=[{}])
    row, prefix = recipe.ingredients.get(), f"food-{spread.uuid}"
    sent = form_of(recipe, q="30 g nut spread, 2 unicorns", add=f"0:{prefix}")
    sent |= {
        f"ingredient-{row.pk}-quantity": "55,5",
        "name": "Better",
        f"{prefix}-quantity": "40",
        f"{prefix}-unit": "g",
    }

    response = reader.post(change(recipe), sent)

    assert response["Location"] == f"{change(recipe)}?q=2+unicorns#add"
    recipe.refresh_from_db()
    assert (recipe.name, [each.amount for each in recipe.ingredients.all()]) == ("Better", [Decimal("55.5"), 40])
    assert recipe.ingredients.last().product == spread


def test_the_first_of_each_line_is_added_at_once(reader, user):
    spread, egg = make_product(), make_own_food(user, name="Egg", servings=[{"label": "1 egg", "amount": "60"}])
    recipe = make_recipe(user)
    page = reader.get(change(recipe), {"q": "30 g nut spread, 2 eggs, 1 unicorn"}).context["found"]
    sent = form_of(recipe, q="30 g nut spread, 2 eggs, 1 unicorn", add_all="1")
    for each in page:
        for option in each.options:
            sent |= {f"{option.reference}-{name}": value for name, value in option.form.initial.items()}

    response = reader.post(change(recipe), sent)

    rows = recipe.ingredients.values_list("product", "amount")
    assert list(rows) == [(spread.pk, 30), (egg.pk, 120)]
    assert response["Location"].endswith("?q=1+unicorn#add")


@pytest.mark.parametrize("typed", ["", "lots", "0", "999999"])
def test_a_wrong_amount_of_something_new_is_explained_beside_it_and_nothing_is_saved(reader, user, typed):
    spread, recipe = make_product(), make_recipe(user)
    prefix = f"food-{spread.uuid}"
    sent = form_of(recipe, q="nut", add=f"0:{prefix}", name="Better") | {
        f"{prefix}-quantity": typed,
        f"{prefix}-unit": "g",
    }

    response = reader.post(change(recipe), sent)

    assert response.status_code == 422
    assert response.context["found"][0].options[0].form.errors["quantity"]
    assert 'value="Better"' in text_of(response)
    assert [(each.name, each.ingredients.count()) for each in Recipe.objects.all()] == [("Pancakes", 0)]


def test_a_wrong_amount_of_an_ingredient_saves_nothing_and_everything_typed_is_shown_again(reader, user):
    recipe = make_recipe(user, ingredients=[{}, {}])
    one, two = recipe.ingredients.all()
    sent = form_of(recipe, name="Better", save="1", q="nut") | {f"ingredient-{one.pk}-quantity": "5",
                                                              f"ingredient-{two.pk}-quantity": "a bit"}  # fmt: skip

    response = reader.post(change(recipe), sent)

    text = text_of(response)
    assert response.status_code == 422
    for typed in ('value="Better"', 'value="5"', 'value="a bit"', 'value="nut"'):
        assert typed in text
    assert set(Recipe.objects.values_list("name", "ingredients__amount")) == {("Pancakes", Decimal(100))}


def test_ingredients_are_moved_taken_out_and_counted_otherwise(reader, user):
    spread = make_product()
    recipe = make_recipe(user, ingredients=[{"name": "a"}, {"name": "b", "product": spread}, {"name": "c"}])
    a, b, c = recipe.ingredients.all()

    reader.post(change(recipe), form_of(recipe, down=str(a.pk)))
    reader.post(change(recipe), form_of(recipe, take_out=str(c.pk)))
    saved = reader.post(
        change(recipe),
        form_of(recipe, save="1") | {f"ingredient-{b.pk}-quantity": "2", f"ingredient-{b.pk}-unit": "1 spoon (15 g)"},
    )

    assert saved["Location"] == f"/recipes/{recipe.pk}/"
    assert [(each.pk, each.amount) for each in recipe.ingredients.all()] == [(b.pk, 30), (a.pk, 100)]


def test_enter_in_a_field_finds_where_something_is_asked_for_and_saves_where_not(reader, user):
    recipe = make_recipe(user)

    asked = reader.post(change(recipe), form_of(recipe, enter="1", q="nut"))
    saved = reader.post(change(recipe), form_of(recipe, enter="1"))

    assert (asked["Location"], saved["Location"]) == (f"{change(recipe)}?q=nut#add", f"/recipes/{recipe.pk}/")


def test_saving_says_what_was_asked_for_and_not_added(reader, user):
    recipe = make_recipe(user)

    response = reader.post(change(recipe), form_of(recipe, save="1", q="200 g flour"), follow=True)

    assert "Saved, but not added: 200 g flour" in text_of(response)


def test_htmx_gets_the_ingredients_alone_and_the_whole_form_where_something_is_wrong(reader, user):
    recipe = make_recipe(user, ingredients=[{}])
    row = recipe.ingredients.get()

    removed = reader.post(change(recipe), form_of(recipe, take_out=str(row.pk)), headers=HTMX)
    wrong = reader.post(change(recipe), form_of(recipe, servings="none", save="1"), headers=HTMX)
    saved = reader.post(change(recipe), form_of(recipe, save="1"), headers=HTMX)
    typed = reader.get(change(recipe), {"q": "nut"}, headers=HTMX)

    assert re.match(r'\s*<section id="edit-ingredients"', removed.content.decode())
    assert (wrong.status_code, wrong["HX-Retarget"]) == (422, "#recipe-edit")
    assert re.match(r'\s*<form id="recipe-edit"', wrong.content.decode())
    assert saved["HX-Redirect"] == f"/recipes/{recipe.pk}/"
    assert re.match(r'\s*<div id="recipe-found"', typed.content.decode())


def test_what_another_tab_took_out_or_added_meanwhile_breaks_nothing(reader, user):
    recipe = make_recipe(user, ingredients=[{"name": "a"}, {"name": "b"}])
    sent = form_of(recipe, save="1", take_out="999999999999999999999", up="x")
    recipe.ingredients.first().delete()
    make_ingredient(recipe, name="c")

    response = reader.post(change(recipe), sent)

    assert response.status_code == 302
    assert list(recipe.ingredients.values_list("name", flat=True)) == ["b", "c"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("get", "change/"), ("post", "change/"), ("post", "log/"), ("post", "scale/"), ("post", "duplicate/"),
     ("post", "favourite/"), ("get", "delete/"), ("post", "delete/")],
)  # fmt: skip
def test_somebody_elses_recipe_is_not_there_and_a_stranger_is_sent_to_sign_in(client, method, path):
    theirs = make_recipe(ingredients=[{}])
    address = f"/recipes/{theirs.pk}/{path}"
    sent = form_of(
        theirs, name="Mine", on="1", factor="double", quantity="1", unit="serving", meal="lunch", day="2026-03-02"
    )

    stranger = getattr(client, method)(address, sent)
    client.force_login(make_user())
    other = getattr(client, method)(address, sent)

    assert (stranger.status_code, other.status_code) == (302, 404)
    assert "/login/" in stranger["Location"]
    assert list(Recipe.objects.values_list("name", "ingredients__amount")) == [("Pancakes", Decimal(100))]
    assert [Favourite.objects.count(), MealItem.objects.count()] == [0, 0]


def test_somebody_elses_recipe_or_food_cannot_be_added(reader, user):
    theirs, food, recipe = make_recipe(name="Nut pie", ingredients=[{}]), make_own_food(make_user()), make_recipe(user)

    for prefix in (f"recipe-{theirs.pk}", f"food-{food.uuid}"):
        sent = form_of(recipe, q="nut", add=f"0:{prefix}") | {f"{prefix}-quantity": "1", f"{prefix}-unit": "g"}
        assert reader.post(change(recipe), sent).status_code == 422

    assert not Ingredient.objects.filter(recipe=recipe).exists()


def test_names_are_text_and_not_markup(reader, user):
    recipe = make_recipe(user, name="<script>alert(1)</script>", note="<b>x</b>", ingredients=[{"name": "<i>y</i>"}])

    for address in ("/recipes/", f"/recipes/{recipe.pk}/", change(recipe), f"/recipes/{recipe.pk}/delete/"):
        text = text_of(reader.get(address))
        assert not any(markup in text for markup in ("<script>alert", "<b>x", "<i>y"))


def test_the_book_and_the_page_agree(reader, user):
    recipe = make_recipe(user, ingredients=[{}])

    assert reader.get(f"/recipes/{recipe.pk}/").context["figures"].totals == RecipeBook.of(user).figures(recipe).totals
