"""The pages of foods, as a plain browser without JavaScript uses them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products import services
from products.models import Correction, Product
from products.nutrients import Nutrients
from tests.factories import BARCODE, make_own_food, make_product, make_user, off_product
from tests.pictures import barcode_image, encoded

pytestmark = pytest.mark.django_db
FOOD = f"/foods/{BARCODE}/"
FORM = {"name": "Soup", "brand": "", "basis": "g", "energy_kcal": "41,5", "salt_g": "0.9", "serving_1_label": "1 bowl",
        "serving_1_amount": "300"}  # fmt: skip


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def text_of(response):
    return " ".join(response.content.decode().split())


# --- Scan -------------------------------------------------------------------------------------------------------
def test_typed_barcode_leads_to_its_food(reader):
    response = reader.get("/scan/", {"barcode": "3 017624 010701"})

    assert (response.status_code, response["Location"]) == (302, FOOD)


def test_typed_nonsense_is_kept_and_explained(reader):
    response = reader.get("/scan/", {"barcode": "12ab"})

    assert response.status_code == 422
    assert "A barcode has only digits." in text_of(response)
    assert 'value="12ab"' in text_of(response)


def test_photo_shows_the_number_before_anything_is_looked_up(reader, provider):
    response = reader.post("/scan/", {"image": encoded(barcode_image(BARCODE))})

    assert response.status_code == 200
    assert FOOD in text_of(response)
    assert provider.hits() == 0


def test_photo_without_a_code_says_what_to_try(reader):
    response = reader.post("/scan/", {"image": encoded(barcode_image(BARCODE).crop((0, 0, 60, 60)))})

    assert response.status_code == 200
    assert response.context["codes"] == []


@pytest.mark.parametrize("files", [{}, {"image": ""}])
def test_no_photo_is_a_sentence_beside_the_field(reader, files):
    response = reader.post("/scan/", files)

    assert response.status_code == 422
    assert "Choose a photo first." in text_of(response)


def test_htmx_gets_the_part_alone(reader):
    response = reader.post("/scan/", {"image": encoded(barcode_image(BARCODE))}, headers={"HX-Request": "true"})

    assert "<html" not in text_of(response)
    assert "HX-Request" in response["Vary"]


# --- One food ---------------------------------------------------------------------------------------------------
def test_food_shows_figures_source_age_and_doubts(reader):
    make_product(
        fetched_at=timezone.now() - dt.timedelta(days=3),
        quality=[{"code": "ENERGY_MISMATCH"}],
        nutriscore="e",
        allergens=["en:nuts", "en:milk"],
    )

    text = text_of(reader.get(FOOD))

    for shown in ("Nut spread", "Nutty", "539", "Open Food Facts", "ODbL", "The energy does not fit", "nuts", "milk"):
        assert shown.lower() in text.lower()


def test_undeclared_is_a_dash_and_never_zero(reader):
    make_product(per_100=Nutrients({"energy_kcal": Decimal(100)}), servings=[])

    text = text_of(reader.get(FOOD))

    assert "not declared" in text
    assert "0 g" not in text.replace("100 g", "")


def test_unknown_allergens_are_never_called_free_of(reader):
    make_product(allergens=None)

    text = text_of(reader.get(FOOD)).lower()

    assert "unknown" in text
    assert "free of" not in text


def test_what_it_may_contain_is_shown_also_without_allergens(reader):
    make_product(allergens=None, traces=["en:nuts"])

    text = text_of(reader.get(FOOD))

    assert "May contain" in text
    assert "Nuts" in text


def test_a_strength_in_per_cent_is_the_same_in_every_serving(reader):
    make_product(per_100=Nutrients({"alcohol_vol": Decimal(12)}), servings=[{"label": "750 ml", "amount": "750"}])

    rows = {row.nutrient.key: row for row in reader.get(FOOD).context["table"]}

    assert (rows["alcohol_vol"].per_100, rows["alcohol_vol"].per_serving) == (12, [12])


def test_parts_stand_right_under_their_whole(reader):
    figures = {"fat_g": 5, "trans_fat_g": 1, "polyols_g": 1, "carbohydrates_g": 9, "salt_g": 1}
    make_product(per_100=Nutrients({key: Decimal(value) for key, value in figures.items()}))

    keys = [row.nutrient.key for row in reader.get(FOOD).context["table"]]

    assert keys[keys.index("fat_g") + 1 : keys.index("fat_g") + 3] == ["saturated_fat_g", "trans_fat_g"]
    assert keys.index("sugars_g") < keys.index("polyols_g") < keys.index("fiber_g")


def test_pages_name_no_remote_picture(reader):
    make_product(image_url="https://images.example.org/1.jpg")

    assert "images.example.org" not in text_of(reader.get(FOOD))


def test_unknown_barcode_is_asked_for_and_shown(reader, provider):
    provider.knows(BARCODE, off_product())

    assert "Nut spread" in text_of(reader.get(FOOD))


def test_not_found_leads_to_a_form_with_the_barcode_filled_in(reader, provider):
    response = reader.get(FOOD)

    assert response.status_code == 404
    assert f"/foods/new/?barcode={BARCODE}" in text_of(response)
    assert f'value="{BARCODE}"' in text_of(reader.get(f"/foods/new/?barcode={BARCODE}"))


def test_could_not_ask_says_when_to_try_again(reader, provider):
    provider.fails_with(429, headers={"Retry-After": "30"})

    response = reader.get(FOOD)

    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert "Try again in 30 seconds" in text_of(response)


def test_names_of_foods_are_text_and_not_markup(reader):
    make_product(name="<script>alert(1)</script>", brand='"><img src=x>')

    text = text_of(reader.get(FOOD))

    assert "<script>alert" not in text
    assert "<img src=x" not in text


@pytest.mark.parametrize("path", ["/foods/abc/", "/foods/12/", "/foods/00000000-0000-0000-0000-000000000000/"])
def test_what_is_no_food_is_404(reader, path):
    assert reader.get(path).status_code == 404


def test_stale_food_says_so(reader):
    make_product(fetched_at=timezone.now() - dt.timedelta(days=40))

    assert "30 days" in text_of(reader.get(FOOD))


# --- Own foods --------------------------------------------------------------------------------------------------
def test_own_food_is_entered_with_a_decimal_comma(reader, user):
    response = reader.post("/foods/new/", FORM)

    food = Product.objects.get()
    assert response["Location"] == f"/foods/{food.uuid}/"
    assert (food.owner, food.per_100["energy_kcal"], food.per_100["salt_g"]) == (user, Decimal("41.5"), Decimal("0.9"))
    assert "fat_g" not in food.per_100
    assert food.servings == [{"label": "1 bowl", "amount": "300"}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"name": ""}, "name"), ({"energy_kcal": "903"}, "energy_kcal"), ({"fat_g": "x"}, "fat_g"),
     ({"fat_g": "-1"}, "fat_g"), ({"barcode": "12"}, "barcode"), ({"serving_1_amount": ""}, "serving_1_amount"),
     ({"serving_1_label": ""}, "serving_1_label"), ({"basis": "oz"}, "basis"), ({"fat_g": "1e999999"}, "fat_g"),
     ({"name": "a\x00b"}, "name")],
)  # fmt: skip
def test_bad_own_food_keeps_what_was_typed_and_says_why_beside_the_field(reader, wrong, field):
    response = reader.post("/foods/new/", {**FORM, **wrong})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "1 bowl" in text_of(response) or "serving_1_label" in wrong
    assert Product.objects.count() == 0


def test_second_own_food_with_a_barcode_is_refused_beside_the_field(reader, user):
    make_own_food(user, barcode=BARCODE)

    response = reader.post("/foods/new/", {**FORM, "barcode": BARCODE})

    assert response.status_code == 422
    assert "already" in response.context["form"].errors["barcode"][0]


def test_own_food_is_changed_and_deleted(reader, user):
    food = make_own_food(user)

    reader.post(f"/foods/{food.uuid}/change/", {**FORM, "name": "Better soup"})
    food.refresh_from_db()
    assert (food.name, "fat_g" in food.per_100) == ("Better soup", False)

    assert reader.get(f"/foods/{food.uuid}/delete/").status_code == 200
    assert reader.post(f"/foods/{food.uuid}/delete/")["Location"] == "/foods/"
    assert Product.objects.count() == 0


@pytest.mark.parametrize("action", ["", "change/", "delete/"])
def test_somebody_else_s_food_is_not_there(reader, action):
    theirs = make_own_food(make_user())

    assert reader.get(f"/foods/{theirs.uuid}/{action}").status_code == 404
    assert reader.post(f"/foods/{theirs.uuid}/{action}", FORM).status_code in {404, 405}
    assert Product.objects.count() == 1


# --- Corrections ------------------------------------------------------------------------------------------------
def test_correction_is_shown_next_time_and_can_be_taken_back(reader, user):
    product = make_product()
    form = reader.get(f"{FOOD}change/").context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() is not None}

    reader.post(f"{FOOD}change/", {**values, "salt_g": "0.3"})

    assert Correction.objects.get().changes == {"per_100": {"salt_g": "0.3"}}
    assert "You have corrected this food." in text_of(reader.get(FOOD))
    reader.post(f"{FOOD}delete/")
    assert Correction.objects.count() == 0
    assert Product.objects.get() == product


def test_sending_the_form_unchanged_corrects_nothing(reader):
    make_product(per_100=Nutrients({"fat_g": Decimal("0.0001"), "vitamin_c_mg": Decimal("12.5")}))
    form = reader.get(f"{FOOD}change/").context["form"]

    reader.post(f"{FOOD}change/", {name: form[name].value() or "" for name in form.fields})

    assert Correction.objects.count() == 0


def test_form_sent_back_in_another_language_corrects_nothing(reader):
    make_product(names={"de": "Nussaufstrich"})
    german = {"Accept-Language": "de"}
    form = reader.get(f"{FOOD}change/", headers=german).context["form"]

    reader.post(f"{FOOD}change/", {name: form[name].value() or "" for name in form.fields}, headers=german)

    assert Correction.objects.count() == 0


def test_what_changed_behind_an_open_form_is_not_taken_for_the_person_s_word(reader):
    product = make_product(per_100=Nutrients({"salt_g": Decimal("0.1"), "fat_g": Decimal(5)}))
    shown = reader.get(f"{FOOD}change/")
    form = shown.context["form"]
    values = {name: form[name].value() or "" for name in form.fields} | {"shown": shown.context["shown"]}
    product.per_100 = Nutrients({"salt_g": Decimal("0.2"), "fat_g": Decimal(5)})
    product.save()

    reader.post(f"{FOOD}change/", {**values, "brand": "Mine"})

    assert Correction.objects.get().changes == {"brand": "Mine"}


def test_snapshot_that_somebody_made_up_is_ignored(reader):
    make_product()

    response = reader.post(f"{FOOD}change/", {**FORM, "shown": "made:up:entirely"})

    assert response.status_code == 302
    assert Correction.objects.get().changes["name"] == "Soup"


def test_second_source_of_a_barcode_has_a_page_of_its_own(reader):
    make_product()
    other = make_product(source="fdc", source_id="7", name="The other one")

    assert "The other one" in text_of(reader.get(other.get_absolute_url()))


def test_all_servings_survive_the_form(reader, user):
    five = [{"label": f"{number} spoons", "amount": str(number)} for number in range(1, 6)]
    food = make_own_food(user, servings=five)
    form = reader.get(f"/foods/{food.uuid}/change/").context["form"]
    values = {name: form[name].value() or "" for name in form.fields}

    reader.post(
        f"/foods/{food.uuid}/change/", {**values, "brand": "Mum", "serving_6_label": "1 pot", "serving_6_amount": "9"}
    )

    food.refresh_from_db()
    assert food.servings == [*five, {"label": "1 pot", "amount": "9"}]


def test_without_a_correction_there_is_nothing_to_take_back(reader):
    make_product()

    assert reader.get(f"{FOOD}delete/").status_code == 404


# --- The list ---------------------------------------------------------------------------------------------------
def test_search_lists_what_fits_with_its_energy(reader):
    make_product()

    text = text_of(reader.get("/foods/", {"q": "nut"}))

    assert "Nut spread" in text
    assert "539" in text


def test_empty_list_says_what_to_do_next(reader):
    text = text_of(reader.get("/foods/"))

    assert "/scan/" in text
    assert "/foods/new/" in text


def test_barcode_typed_into_the_search_can_be_looked_up(reader):
    assert FOOD in text_of(reader.get("/foods/", {"q": BARCODE}))


def test_list_of_twenty_costs_as_many_queries_as_one_of_five(reader, user):
    counts = []
    for total in (5, 20):
        for number in range(Product.objects.count(), total):
            services.correct(
                make_product(name=f"Food {number}", barcode=str(10_000_000 + number)), user, {"brand": "x"}
            )
        with CaptureQueriesContext(connection) as queries:
            reader.get("/foods/", {"q": "food"})
        counts.append(len(queries))

    assert counts[0] == counts[1]
