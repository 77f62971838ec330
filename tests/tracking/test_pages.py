"""The pages of the diary, as a plain browser without JavaScript uses them, and the parts that htmx asks for."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import Product
from products.nutrients import Nutrients
from tests.factories import (
    BARCODE,
    PER_100,
    make_ingredient,
    make_item,
    make_meal,
    make_own_food,
    make_product,
    make_recipe,
    make_user,
    off_product,
)
from tracking.models import Favourite, Ingredient, Meal, MealItem, Profile, Recipe, Target, TargetDay, Undo
from tracking.services import diary

pytestmark = pytest.mark.django_db
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
DAY, NEXT_DAY = "/day/2026-03-02/", "/day/2026-03-03/"
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


def make_target(user, starts_on=dt.date(2026, 1, 1), **day):
    target = Target.objects.create(user=user, starts_on=starts_on)
    values = {"energy_kcal": Decimal(2000), **day}
    TargetDay.objects.bulk_create(TargetDay(target=target, weekday=weekday, **values) for weekday in range(7))


def logged():
    return list(MealItem.objects.order_by("pk").values_list("meal__day", "meal__name", "name", "amount"))


def log(reader, product, headers=None, **changes):
    said = {"quantity": "30", "unit": "g", "meal": "lunch", "day": "2026-03-02", **changes}
    return reader.post(f"{DAY}food/{product.uuid}/", said, headers=headers or {})


# --- The day ----------------------------------------------------------------------------------------------------
def test_the_start_is_today_in_the_person_s_own_time_zone(client):
    far = make_user(time_zone="Pacific/Kiritimati")
    client.force_login(far)

    response = client.get("/", follow=True)

    assert response.redirect_chain == [("/today/", 302)]
    assert response.context["date"] == timezone.now().astimezone(far.zone).date()


def test_day_shows_its_meals_with_sums_that_add_up_on_screen(reader, user):
    breakfast = make_meal(user)
    for _number in range(3):
        make_item(breakfast, figures=Nutrients({**PER_100, "energy_kcal": Decimal("33.5")}), amount=Decimal(100))
    make_item(make_meal(user, name="Second breakfast"), name="Tea")

    shown = reader.get(DAY).context

    meals = {meal.label: (meal.energy, [item.energy for item in meal.items]) for meal in shown["meals"] if meal.items}
    assert meals == {"Breakfast": (100, [34, 33, 33]), "Second breakfast": (162, [162])}
    assert shown["ring"].eaten == 262


def test_kilojoules_add_up_as_well(reader, user):
    Profile.objects.create(user=user, energy_unit="kJ")
    meal = make_meal(user)
    for _number in range(3):
        make_item(meal, figures=Nutrients({**PER_100, "energy_kcal": Decimal("33.5")}), amount=Decimal(100))

    response = reader.get(DAY)

    (breakfast,) = [meal for meal in response.context["meals"] if meal.items]
    assert breakfast.energy == sum(item.energy for item in breakfast.items) == response.context["ring"].eaten == 420
    assert "kJ" in text_of(response)


def test_what_is_left_is_the_target_less_what_is_shown_as_eaten(reader, user):
    make_target(user, protein=Decimal(100))
    make_item(make_meal(user))

    shown = reader.get(DAY).context

    assert (shown["ring"].target, shown["ring"].eaten, shown["ring"].left) == (2000, 162, 1838)
    assert [(bar.nutrient.key, bar.gauge.target) for bar in shown["bars"]] == [
        ("protein_g", 100),
        ("fat_g", None),
        ("carbohydrates_g", None),
    ]


def test_a_sum_that_had_to_skip_something_says_at_least(reader, user):
    meal = make_meal(user)
    make_item(meal)
    make_item(meal, name="Mystery", figures=Nutrients({"fat_g": Decimal(5)}))

    text = text_of(reader.get(DAY))

    assert "at least: something here was not declared" in text
    assert 'title="not declared">–' in text


def test_without_a_target_the_ring_shows_what_was_eaten(reader, user):
    make_item(make_meal(user))

    response = reader.get(DAY)

    assert response.context["ring"].target is None
    assert "eaten" in text_of(response)


def test_empty_day_says_what_to_do(reader):
    assert "Type what you ate" in text_of(reader.get(DAY))


def test_day_leads_to_the_days_beside_it(reader):
    text = text_of(reader.get(DAY))

    assert 'rel="prev" href="/day/2026-03-01/"' in text
    assert 'rel="next" href="/day/2026-03-03/"' in text


@pytest.mark.parametrize("path", ["/day/2026-02-30/", "/day/1899-12-31/", "/day/2200-01-02/", "/calendar/2026-13/"])
def test_what_is_no_day_of_a_diary_is_404(reader, path):
    assert reader.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/day/1900-01-01/", "/day/2200-01-01/", "/calendar/1900-01/", "/calendar/2200-01/"])
def test_the_first_and_the_last_day_can_be_looked_at(reader, path):
    assert reader.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/today/", DAY, f"{DAY}find/", f"{DAY}quick/", f"{DAY}copy/", f"{DAY}nutrients/", "/calendar/",
     "/calendar/2026-03/", "/more/", "/items/1/", f"{DAY}food/00000000-0000-0000-0000-000000000000/"],
)  # fmt: skip
def test_signed_out_is_sent_to_the_login(client, path):
    response = client.get(path)

    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/login/")


def test_day_costs_as_many_queries_for_fifty_items_as_for_five(reader, user):
    make_target(user)
    product, meal = make_product(), make_meal(user)
    counts = []
    for total in (5, 50):
        for _number in range(total - MealItem.objects.count()):
            make_item(meal, product=product)
        with CaptureQueriesContext(connection) as queries:
            reader.get(DAY)
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 20


# --- Adding -----------------------------------------------------------------------------------------------------
def test_a_food_is_logged_and_the_day_offers_to_undo_it(reader):
    response = log(reader, make_product())

    assert (response.status_code, response["Location"]) == (302, DAY)
    assert logged() == [(MONDAY, "lunch", "Nut spread", 30)]
    assert f'action="/undo/{Undo.objects.get().pk}/?day=2026-03-02"' in text_of(reader.get(DAY))


def test_htmx_gets_the_changed_parts_of_the_day_that_is_looked_at(reader):
    response = log(reader, make_product(), headers=HTMX, day="2026-03-03", from_entry="1")

    assert response.context["date"] == MONDAY
    assert response["HX-Trigger"] == '{"logged": {}}'
    assert "<html" not in text_of(response)
    for part in ('id="meals"', 'id="summary"', 'hx-swap-oob="innerHTML:#messages"'):
        assert part in text_of(response)


def test_form_of_a_food_offers_as_much_as_last_time_else_a_serving(reader, user):
    product = make_product()
    first = reader.get(f"{DAY}food/{product.uuid}/").context["form"]
    make_item(make_meal(user), product=product, quantity=Decimal("2.5"), serving="1 spoon (15 g)")

    again = reader.get(f"{DAY}food/{product.uuid}/").context["form"]

    assert (first["quantity"].value(), first["unit"].value()) == ("1", "1 spoon (15 g)")
    assert (again["quantity"].value(), again["unit"].value()) == ("2.5", "1 spoon (15 g)")


@pytest.mark.parametrize(
    ("typed", "amount"), [("12,5", "12.5"), ("½", "0.5"), ("1 1/2", "1.5"), (" 30 ", "30"), ("99999", "99999")]
)
def test_amounts_are_typed_as_people_write_them(reader, typed, amount):
    log(reader, make_product(), quantity=typed)

    assert MealItem.objects.get().amount == Decimal(amount)


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"quantity": ""}, "quantity"), ({"quantity": "a lot"}, "quantity"), ({"quantity": "-1"}, "quantity"),
     ({"quantity": "0"}, "quantity"), ({"quantity": "0.001"}, "quantity"), ({"quantity": "100000"}, "quantity"),
     ({"quantity": "1e5"}, "quantity"), ({"unit": "bucket"}, "unit"), ({"day": "1899-12-31"}, "day"),
     ({"day": "yesterday"}, "day"), ({"meal": " "}, "meal"), ({"meal": "x" * 61}, "meal"), ({"time": "25:00"}, "time")],
)  # fmt: skip
def test_bad_entry_says_why_beside_the_field_keeps_what_was_typed_and_writes_nothing(reader, wrong, field, headers):
    response = log(reader, make_product(), headers=headers, **{"quantity": "7.25", **wrong})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert response.context["form"]["quantity"].value() == wrong.get("quantity", "7.25")
    assert not Meal.objects.exists()
    assert response.headers.get("HX-Retarget") == ("#found" if headers else None)


def test_somebody_else_s_food_cannot_be_logged(reader):
    theirs = make_own_food(make_user())

    assert log(reader, theirs).status_code == 404
    assert reader.get(f"{DAY}food/{theirs.uuid}/").status_code == 404
    assert not MealItem.objects.exists()


def test_quick_add_takes_figures_alone(reader):
    said = {"name": "", "energy_kcal": "640", "fat_g": "24,5", "meal": "Canteen", "day": "2026-03-02"}

    reader.post(f"{DAY}quick/", said)

    item = MealItem.objects.get()
    assert (item.meal.name, item.name, dict(item.figures)) == (
        "Canteen",
        "Quick add",
        {"energy_kcal": 640, "fat_g": Decimal("24.5")},
    )


def test_quick_add_takes_energy_in_the_readers_unit(reader, user):
    Profile.objects.create(user=user, energy_unit="kJ")

    form = text_of(reader.get(f"{DAY}quick/"))
    reader.post(f"{DAY}quick/", {"name": "", "energy_kcal": "1000", "meal": "lunch", "day": "2026-03-02"})

    assert (form.count("kJ</span>"), form.count("kcal</span>")) == (1, 0)
    assert dict(MealItem.objects.get().figures) == {"energy_kcal": Decimal("239.0057")}


@pytest.mark.parametrize(
    ("wrong", "field"), [({"energy_kcal": ""}, "energy_kcal"), ({"fat_g": "x"}, "fat_g"), ({"fat_g": "-1"}, "fat_g")]
)
def test_bad_quick_add_is_told_and_nothing_is_written(reader, wrong, field):
    said = {"name": "Soup", "energy_kcal": "100", "meal": "lunch", "day": "2026-03-02", **wrong}

    response = reader.post(f"{DAY}quick/", said)

    assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    assert 'value="Soup"' in text_of(response)
    assert not Meal.objects.exists()


@pytest.mark.parametrize("address", ["/foods/?q=nut", f"/foods/{BARCODE}/"])
def test_foods_are_shown_in_the_readers_unit_of_energy(reader, user, address):
    make_product()
    Profile.objects.create(user=user, energy_unit="kJ")

    page = text_of(reader.get(address))

    assert "kJ</span>" in page
    assert "kcal</span>" not in page


def test_an_item_of_a_recipe_says_that_it_is_in_servings(reader, user):
    food, recipe = make_item(make_meal(user)), make_item(make_meal(user, name="lunch"), basis="serving")

    pages = [text_of(reader.get(f"/items/{item.pk}/")) for item in (food, recipe)]

    assert ["in servings" in page for page in pages] == [False, True]


# --- The entry box ----------------------------------------------------------------------------------------------
def test_favourites_that_were_never_logged_are_offered_and_one_tap_logs_them(reader, user):
    soup, recipe = make_product(name="Soup", servings=[]), make_recipe(user, name="Stew")
    make_ingredient(recipe)
    Favourite.objects.create(user=user, product=soup)
    Favourite.objects.create(user=user, recipe=recipe)

    page = reader.get(DAY)
    log(reader, soup, quantity="100")

    assert [hit.food.name for hit in page.context["liked_foods"]] == ["Soup"]
    assert [hit.recipe for hit in page.context["liked_recipes"]] == [recipe]
    assert f'action="{DAY}food/{soup.uuid}/"' in text_of(page)
    assert f'action="/recipes/{recipe.pk}/log/"' in text_of(page)
    assert reader.get(DAY).context["liked_foods"] == []


def test_empty_box_offers_what_was_eaten_before_and_one_tap_logs_it_again(reader, user):
    make_item(make_meal(user, day=timezone.now().date()), quantity=Decimal(2), serving="1 spoon (15 g)")
    (recent,) = reader.get(DAY).context["recents"]

    response = reader.post(f"{DAY}again/", {"item": recent.item.pk, "meal": "snacks"})

    assert response["Location"] == DAY
    assert logged()[1] == (MONDAY, "snacks", "Nut spread", 30)


def test_what_is_logged_again_has_the_figures_of_today(reader, user):
    product = make_product(per_100=Nutrients({**PER_100, "energy_kcal": Decimal(600)}))
    item = make_item(make_meal(user), product=product)

    reader.post(f"{NEXT_DAY}again/", {"item": item.pk, "meal": "lunch"})

    assert [each.figures["energy_kcal"] for each in MealItem.objects.order_by("pk")] == [539, 600]


@pytest.mark.parametrize("item", ["", "x", "999999", "9" * 5000, "theirs"])
def test_only_one_s_own_items_are_logged_again(reader, item):
    theirs = make_item()

    response = reader.post(f"{DAY}again/", {"item": theirs.pk if item == "theirs" else item, "meal": "lunch"})

    assert response.status_code == 404
    assert MealItem.objects.count() == 1


@pytest.mark.parametrize(("path", "headers"), [(DAY, {}), (f"{DAY}find/", HTMX)])
def test_a_word_lists_foods_with_one_tap_to_add(reader, path, headers):
    product = make_product()

    response = reader.get(path, {"q": "nut", "meal": "dinner"}, headers=headers)

    (hit,) = response.context["hits"]
    assert (hit.food.product, hit.much.quantity, hit.much.unit) == (product, 1, "1 spoon (15 g)")
    assert f"{DAY}food/{product.uuid}/" in text_of(response)


def test_a_word_that_nothing_is_called_leads_to_a_new_food(reader):
    text = text_of(reader.get(DAY, {"q": "xyzzy"}))

    assert "Nothing here is called “xyzzy”" in text
    assert "/foods/new/?name=xyzzy" in text


def test_a_known_barcode_shows_its_food_with_an_amount(reader):
    make_product()

    shown = reader.get(DAY, {"q": "3 017624 010701"}).context

    assert (shown["food"].name, shown["form"]["unit"].value()) == ("Nut spread", "1 spoon (15 g)")


def test_an_unknown_barcode_is_looked_up_only_when_asked(reader, provider):
    provider.knows(BARCODE, off_product())
    typed = reader.get(f"{DAY}find/", {"q": BARCODE}, headers=HTMX)
    assert (provider.hits(), "Look up barcode" in text_of(typed)) == (0, True)

    response = reader.get(f"{DAY}find/", {"q": BARCODE, "ask": "1"}, headers=HTMX)

    assert response.context["food"].name == "Nut spread"


def test_a_barcode_that_nobody_knows_leads_to_an_own_food(reader, provider):
    response = reader.get(DAY, {"q": BARCODE, "ask": "1"})

    assert response.status_code == 200
    assert f"/foods/new/?barcode={BARCODE}" in text_of(response)
    assert f'value="{BARCODE}"' in text_of(response)


def test_a_text_becomes_lines_that_are_logged_together(reader):
    spread, egg = make_product(), make_product(
        name="Egg", barcode="22007377", servings=[{"label": "1 egg", "amount": "50"}]
    )  # fmt: skip
    text = "2 eggs, 30 g nut spread, 3 xyzzy"
    asked = reader.get(DAY, {"q": text}).context["asked"]
    assert [(each.line.text, each.chosen) for each in asked] == [
        ("2 eggs", str(egg.uuid)),
        ("30 g nut spread", str(spread.uuid)),
        ("3 xyzzy", ""),
    ]

    sent = {"q": text, "meal": "breakfast"}
    for each in asked:
        sent |= {each.form[name].html_name: each.form[name].value() or "" for name in ("food", "quantity", "unit")}
    reader.post(f"{DAY}lines/", sent)

    assert logged() == [(MONDAY, "breakfast", "Egg", 100), (MONDAY, "breakfast", "Nut spread", 30)]


def test_a_line_that_cannot_be_logged_keeps_all_of_them_from_being_written(reader):
    spread = make_product()
    sent = {"q": "2 nut spread, 5 g nut spread", "meal": "lunch"}
    sent |= {"line-0-food": spread.uuid, "line-0-quantity": "2", "line-0-unit": "bucket"}
    sent |= {"line-1-food": spread.uuid, "line-1-quantity": "5", "line-1-unit": "g"}

    response = reader.post(f"{DAY}lines/", sent)

    assert response.status_code == 422
    assert [list(each.form.errors) for each in response.context["asked"]] == [["unit"], []]
    assert 'value="bucket"' in text_of(response)
    assert not Meal.objects.exists()


@pytest.mark.parametrize("food", ["", "theirs"])
def test_lines_without_a_food_log_nothing(reader, food):
    theirs = make_own_food(make_user(), name="Nut spread")
    sent = {"q": "2 nut spread", "line-0-food": theirs.uuid if food else "", "line-0-quantity": "2"}

    response = reader.post(f"{DAY}lines/", sent)

    assert response.status_code == 422
    assert not MealItem.objects.exists()


def test_lines_tell_their_energy_while_they_are_changed(reader):
    spread = make_product()
    sent = {"line-0-food": spread.uuid, "line-0-quantity": "2", "line-0-unit": "1 spoon (15 g)"}
    sent |= {"line-1-food": spread.uuid, "line-1-quantity": "a lot", "line-1-unit": "g"}
    sent |= {"line-2-food": make_own_food(make_user()).uuid, "line-2-quantity": "5", "line-2-unit": "g"}

    response = reader.post(f"{DAY}lines/energy/", sent, headers=HTMX)

    assert response.context["energies"] == [("line-0", Decimal("161.7")), ("line-1", None), ("line-2", None)]
    assert not Meal.objects.exists()


def test_a_recipe_is_found_by_its_name_and_a_serving_is_logged(reader, user):
    recipe = Recipe.objects.create(user=user, name="Nut cake", servings=Decimal(2))
    Ingredient.objects.create(
        recipe=recipe, name="Nut spread", figures=Nutrients(PER_100), quantity=Decimal(100), amount=Decimal(100)
    )
    Recipe.objects.create(user=make_user(), name="Nut bread")
    (hit,) = reader.get(DAY, {"q": "nut"}).context["recipes"]
    assert (hit.recipe, hit.energy_kcal) == (recipe, Decimal("269.5"))

    sent = {"quantity": "1", "unit": "serving", "meal": "snacks", "day": "2026-03-02"}
    response = reader.post(f"/recipes/{recipe.pk}/log/", sent, headers=HTMX)

    assert 'id="meals"' in text_of(response)
    assert logged() == [(MONDAY, "snacks", "Nut cake", 1)]


def test_a_recipe_is_logged_again_with_what_it_has_today(reader, user):
    recipe = Recipe.objects.create(user=user, name="Nut cake", servings=Decimal(1))
    item = make_item(make_meal(user), name="Nut cake", recipe=recipe, basis="serving", quantity=1, amount=1)
    Ingredient.objects.create(
        recipe=recipe, name="Nut spread", figures=Nutrients(PER_100), quantity=Decimal(200), amount=Decimal(200)
    )

    reader.post(f"{NEXT_DAY}again/", {"item": item.pk, "meal": "lunch"})

    assert [each.figures["energy_kcal"] for each in MealItem.objects.order_by("pk")] == [539, 1078]


def test_a_long_text_costs_no_more_queries_for_long_lists_of_recents(reader, user):
    counts = []
    for total in (5, 50):
        for number in range(MealItem.objects.count(), total):
            make_item(make_meal(user, day=timezone.now().date(), name=f"Meal {number}"), name=f"Food {number}")
        with CaptureQueriesContext(connection) as queries:
            reader.get(f"{DAY}find/", headers=HTMX)
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- One item ---------------------------------------------------------------------------------------------------
def change(reader, item, **changes):
    form = reader.get(f"/items/{item.pk}/").context["form"]
    sent = {form[name].html_name: form[name].value() or "" for name in form.fields}
    return reader.post(f"/items/{item.pk}/", sent | {form.add_prefix(name): value for name, value in changes.items()})


def test_an_amount_is_changed_and_undone(reader, user):
    item = make_item(make_meal(user), quantity=Decimal(2), serving="1 slice (30 g)", amount=Decimal(60))

    assert change(reader, item, quantity="1")["Location"] == DAY
    item.refresh_from_db()
    assert (item.quantity, item.serving, item.amount) == (1, "1 slice (30 g)", 30)

    response = reader.post(f"/undo/{Undo.objects.get().pk}/")
    assert response["Location"] == DAY
    item.refresh_from_db()
    assert item.amount == 60


def test_an_item_moves_to_another_meal_day_and_time(reader, user):
    item = make_item(make_meal(user))

    change(reader, item, meal="dinner", day="2026-03-03", time="19:30")

    item.refresh_from_db()
    assert (item.meal.day, item.meal.name, item.time) == (TUESDAY, "dinner", dt.time(19, 30))


def make_quick(user, **figures):
    kept = Nutrients({key: Decimal(figure) for key, figure in (figures or {"energy_kcal": "640"}).items()})
    shown = {"basis": "serving", "quantity": Decimal(1), "amount": Decimal(1)}
    return make_item(make_meal(user), name="Canteen", figures=kept, **shown)


def test_name_and_figures_of_a_quick_add_are_changed_and_undone(reader, user):
    item = make_quick(user, energy_kcal="640", fat_g="24.5", salt_g="2")

    change(reader, item, name="Goulash", energy_kcal="700", fat_g="")

    item.refresh_from_db()
    assert (item.name, dict(item.figures)) == ("Goulash", {"energy_kcal": 700, "salt_g": 2})
    reader.post(f"/undo/{Undo.objects.get().pk}/")
    item.refresh_from_db()
    assert (item.name, dict(item.figures)) == ("Canteen", {"energy_kcal": 640, "fat_g": Decimal("24.5"), "salt_g": 2})


def test_quick_add_without_any_figure_is_refused_beside_its_energy(reader, user):
    item = make_quick(user)

    response = change(reader, item, energy_kcal="", name="Goulash")

    assert (response.status_code, list(response.context["form"].errors)) == (422, ["energy_kcal"])
    assert 'value="Goulash"' in text_of(response)
    assert not Undo.objects.exists()


def test_quick_add_in_kilojoules_sent_back_unchanged_changes_nothing(reader, user):
    Profile.objects.create(user=user, energy_unit="kJ")
    item = make_quick(user, energy_kcal="239.0057")

    change(reader, item)

    assert not Undo.objects.exists()


def test_an_item_of_a_food_asks_for_no_figures(reader, user):
    item = make_item(make_meal(user), product=make_product())

    assert "fat_g" not in reader.get(f"/items/{item.pk}/").context["form"].fields


def test_a_form_sent_back_unchanged_changes_nothing(reader, user):
    item = make_item(make_meal(user), product=make_product(), time=dt.time(8, 5), quantity=Decimal("33.3333"))

    change(reader, item)

    assert not Undo.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"), [({"quantity": "none"}, "quantity"), ({"unit": "cup"}, "unit"), ({"day": ""}, "day")]
)
def test_a_bad_change_is_told_beside_its_field_and_changes_nothing(reader, user, wrong, field):
    item = make_item(make_meal(user), product=make_product())

    response = change(reader, item, **wrong)

    assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    item.refresh_from_db()
    assert item.amount == 30


def test_a_deleted_item_comes_back_by_undo(reader, user):
    item = make_item(make_meal(user))

    reader.post(f"/items/{item.pk}/delete/")
    assert logged() == []
    reader.post(f"/undo/{Undo.objects.get().pk}/")

    assert logged() == [(MONDAY, "breakfast", "Nut spread", 30)]


def test_an_action_is_undone_once(reader, user):
    reader.post(f"/items/{make_item(make_meal(user)).pk}/delete/")
    undo = Undo.objects.get().pk
    reader.post(f"/undo/{undo}/")

    response = reader.post(f"/undo/{undo}/?day=2026-03-02", follow=True)

    assert "cannot be taken back any more" in text_of(response)


def test_a_food_that_changed_is_noted_and_its_figures_are_taken_over_on_request(reader, user):
    product = make_product(per_100=Nutrients({**PER_100, "energy_kcal": Decimal(600)}))
    item = make_item(make_meal(user), product=product)
    assert "This food has other figures now." in text_of(reader.get(DAY))

    reader.post(f"/items/{item.pk}/renew/")

    item.refresh_from_db()
    assert item.figures["energy_kcal"] == 600
    assert "This food has other figures now." not in text_of(reader.get(DAY))


@pytest.mark.parametrize("action", ["", "delete/", "renew/"])
def test_somebody_else_s_item_is_not_there(reader, action):
    theirs = make_item(product=make_product())

    assert reader.post(f"/items/{theirs.pk}/{action}").status_code == 404
    assert reader.get(f"/items/{theirs.pk}/{action}").status_code in {404, 405}
    assert MealItem.objects.count() == 1


def test_somebody_else_s_action_is_not_undone(reader):
    done = diary.delete([make_item()])
    assert done.undo

    reader.post(f"/undo/{done.undo.pk}/")

    assert not MealItem.objects.exists()


def test_a_favourite_is_kept_and_let_go(reader, user):
    product = make_product()
    reader.post(f"/favourites/{product.uuid}/", {"on": "1", "next": DAY})
    assert list(Favourite.objects.values_list("user", "product")) == [(user.pk, product.pk)]

    response = reader.post(f"/favourites/{product.uuid}/", {"on": "0", "next": "https://elsewhere.example/"})

    assert response["Location"] == product.get_absolute_url()
    assert not Favourite.objects.exists()
    assert reader.post(f"/favourites/{make_own_food(make_user()).uuid}/", {"on": "1"}).status_code == 404


# --- Whole meals and days ---------------------------------------------------------------------------------------
def test_yesterday_s_breakfast_is_offered_where_today_s_is_empty_and_repeated_in_one_tap(reader, user):
    make_item(make_meal(user), quantity=Decimal(2), amount=Decimal(2))
    make_item(make_meal(user, name="dinner"), name="Soup")
    text = text_of(reader.get(NEXT_DAY))
    assert "Repeat the day before" in text

    reader.post(f"{DAY}copy/", {"meal": "breakfast", "to_day": "2026-03-03"})

    assert logged()[2:] == [(TUESDAY, "breakfast", "Nut spread", 2)]


def test_a_whole_day_is_copied_to_another(reader, user):
    make_item(make_meal(user))
    make_item(make_meal(user, name="Second breakfast"), name="Tea")

    response = reader.post(f"{DAY}copy/", {"to_day": "2026-03-03"})

    assert response["Location"] == NEXT_DAY
    assert logged()[2:] == [
        (TUESDAY, "breakfast", "Nut spread", 30),
        (TUESDAY, "Second breakfast", "Tea", 30),
    ]


@pytest.mark.parametrize("to_day", ["", "soon", "1066-10-14"])
def test_a_copy_to_no_day_is_told_beside_the_field(reader, user, to_day):
    make_item(make_meal(user))

    response = reader.post(f"{DAY}copy/", {"to_day": to_day})

    assert (response.status_code, list(response.context["form"].errors)) == (422, ["to_day"])
    assert MealItem.objects.count() == 1


def test_nothing_of_somebody_else_s_day_is_copied_or_deleted(reader):
    make_item()

    reader.post(f"{DAY}copy/", {"to_day": "2026-03-03"})
    reader.post(f"{DAY}clear/", {"meal": "breakfast"})

    assert MealItem.objects.count() == 1


def test_a_meal_is_emptied_and_comes_back_by_undo(reader, user):
    meal = make_meal(user)
    make_item(meal)
    make_item(meal)
    make_item(make_meal(user, name="lunch"), name="Soup")

    reader.post(f"{DAY}clear/", {"meal": "breakfast"})
    assert [name for _day, _meal, name, _amount in logged()] == ["Soup"]
    reader.post(f"/undo/{Undo.objects.get().pk}/")

    assert MealItem.objects.count() == 3


@pytest.mark.parametrize("path", [f"{DAY}clear/", f"{DAY}again/", f"{DAY}lines/", "/undo/1/"])
def test_what_writes_is_not_done_by_looking(reader, path):
    assert reader.get(path).status_code == 405


# --- Nutrients, calendar, places --------------------------------------------------------------------------------
def test_nutrients_of_a_day_stand_beside_reference_values_with_their_source(reader, user):
    meal = make_meal(user)
    make_item(meal, figures=Nutrients({**PER_100, "vitamin_c_mg": Decimal(40)}), amount=Decimal(100))
    make_item(meal, name="Soup")

    response = reader.get(f"{DAY}nutrients/")

    rows = {row.nutrient.key: row for group in response.context["groups"] for row in group.rows}
    assert (rows["vitamin_c_mg"].eaten, rows["vitamin_c_mg"].at_least, rows["vitamin_c_mg"].per_cent) == (40, True, 50)
    assert (rows["iron_mg"].eaten, rows["iron_mg"].per_cent) == (None, None)
    assert "1169/2011" in text_of(response)


def test_calendar_says_how_each_day_stood_to_its_target(reader, user):
    make_target(user)
    for day, kcal in ((2, 1950), (3, 1500), (4, 2300)):
        figures = Nutrients({**PER_100, "energy_kcal": Decimal(kcal)})
        make_item(make_meal(user, day=dt.date(2026, 3, day)), figures=figures, amount=Decimal(100))

    weeks = reader.get("/calendar/2026-03/").context["weeks"]

    cells = {cell.date.day: (cell.energy, cell.stands) for week in weeks for cell in week if cell.in_month}
    assert [cells[day] for day in (2, 3, 4, 5)] == [(1950, "near"), (1500, "below"), (2300, "above"), (None, "")]


def test_calendar_costs_as_many_queries_for_fifty_items_as_for_five(reader, user):
    make_target(user)
    counts = []
    for total in (5, 50):
        for number in range(MealItem.objects.count(), total):
            make_item(make_meal(user, day=dt.date(2026, 3, 1 + number % 28), name=f"Meal {number}"))
        with CaptureQueriesContext(connection) as queries:
            reader.get("/calendar/2026-03/")
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 10


def test_food_s_page_logs_it(reader):
    make_product()

    text = text_of(reader.get(f"/foods/{BARCODE}/"))

    assert f'action="/day/{timezone.now().date()}/food/{Product.objects.get().uuid}/"' in text


def test_places_lead_everywhere(reader):
    text = text_of(reader.get("/more/"))

    for path in ("/today/", "/foods/", "/scan/", "/more/", "/calendar/", "/settings/"):
        assert f'href="{path}"' in text


def test_names_are_text_and_not_markup(reader, user):
    make_item(make_meal(user, name="<b>meal</b>"), name="<script>alert(1)</script>", brand='"><img src=x>')

    for path in (DAY, f"{DAY}copy/", f"/items/{MealItem.objects.get().pk}/"):
        text = text_of(reader.get(path))
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>meal" not in text


@pytest.mark.parametrize("next_page", ["x", "//elsewhere.example/", "a\0b", "javascript:alert(1)"])
def test_a_star_never_leads_elsewhere_nor_breaks(reader, next_page):
    product = make_product()

    response = reader.post(f"/favourites/{product.uuid}/", {"on": "1", "next": next_page})

    assert (response.status_code, Favourite.objects.count()) == (302, 1)
    assert "elsewhere" not in response["Location"]
    assert "javascript:" not in response["Location"]


@pytest.mark.parametrize(
    ("method", "path"), [("get", "copy/"), ("post", "copy/"), ("post", "clear/"), ("post", "quick/"), ("get", "find/")]
)
def test_a_meal_with_a_zero_byte_is_no_meal(reader, user, method, path):
    make_item(make_meal(user))
    sent = {"meal": "a\0b", "to_meal": "a\0b", "to_day": "2026-03-03", "day": "2026-03-02", "energy_kcal": "90"}

    response = getattr(reader, method)(f"{DAY}{path}", sent)

    assert response.status_code in {200, 302, 422}
    assert list(Meal.objects.values_list("name", flat=True)) == ["breakfast"]
    assert MealItem.objects.count() == 1
