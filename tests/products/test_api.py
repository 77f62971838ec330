"""The API of foods, from outside."""

import json
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from products import services
from products.models import Product
from tests.factories import BARCODE, make_own_food, make_product, make_token, make_user, off_product
from tests.pictures import barcode_image, encoded

pytestmark = pytest.mark.django_db
API = "/api/v1/products"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    """A program with this user's token."""
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def error_of(response):
    error = response.json()["error"]
    assert set(error) >= {"category", "code", "message", "timestamp", "details", "request_id", "user_message"}
    assert error["request_id"] == response["X-Request-ID"]
    assert error["user_message"].endswith(".")
    return error


def send(api, method, path, body):
    return getattr(api, method)(path, json.dumps(body), content_type="application/json")


# --- Lookup -----------------------------------------------------------------------------------------------------
def test_known_barcode_is_answered_with_every_key_of_the_contract(api):
    make_product(
        allergens=["en:nuts"],
        traces=["en:milk"],
        nutriscore="e",
        nova_group=4,
        image_url="https://images.example.org/1.jpg",
    )

    response = api.get(f"{API}/{BARCODE}")

    body = response.json()
    assert response.status_code == 200
    assert body.pop("fetched_at")
    assert uuid.UUID(body.pop("id"))
    assert body == {
        "barcode": BARCODE,
        "name": "Nut spread",
        "brand": "Nutty",
        "quantity": "",
        "basis": "g",
        "per_100": {
            "energy_kcal": 539,
            "fat_g": 30.9,
            "saturated_fat_g": 10.6,
            "carbohydrates_g": 57.5,
            "sugars_g": 56.3,
            "fiber_g": None,
            "protein_g": 6.3,
            "salt_g": 0.107,
        },
        "servings": [{"label": "1 spoon (15 g)", "amount": 15}],
        "source": "openfoodfacts",
        "source_url": f"https://world.openfoodfacts.org/product/{BARCODE}",
        "attribution": "Open Food Facts contributors, ODbL 1.0",
        "stale": False,
        "corrected": False,
        "quality": [],
        "nutriscore": "e",
        "nova_group": 4,
        "allergens": ["en:nuts"],
        "traces": ["en:milk"],
        "image_url": "https://images.example.org/1.jpg",
    }


def test_known_barcode_with_correction_costs_two_queries_and_no_write(api, user):
    services.correct(make_product(), user, {"per_100": {"salt_g": Decimal("0.3")}})

    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = api.get(f"{API}/{BARCODE}")

    assert response.json()["per_100"]["salt_g"] == 0.3
    assert len(queries) <= 2
    assert all(query["sql"].startswith("SELECT") for query in queries)


@pytest.mark.parametrize("path", [BARCODE, f"{BARCODE}/", "03017624010701", "3 017624 010701", "3017624-010701"])
def test_every_way_to_write_the_barcode_finds_it(api, path):
    make_product()

    assert api.get(f"{API}/{path}").json()["barcode"] == BARCODE


def test_digital_link_in_the_path_is_understood(api):
    make_product()

    assert api.get(f"{API}/https://id.gs1.org/01/0{BARCODE}").json()["barcode"] == BARCODE


def test_unknown_barcode_is_asked_for(api, provider):
    provider.knows(BARCODE, off_product())

    assert api.get(f"{API}/{BARCODE}").json()["name"] == "Nut spread"


def test_not_found_names_the_form_for_an_own_food(api, provider):
    response = api.get(f"{API}/{BARCODE}")

    error = error_of(response)
    assert response.status_code == 404
    assert (error["category"], error["code"]) == ("not_found", "PRODUCT_NOT_FOUND")
    assert error["own_food_url"] == f"/foods/new/?barcode={BARCODE}"


def test_could_not_ask_is_another_answer(api, provider):
    provider.fails_with(429, headers={"Retry-After": "30"})

    response = api.get(f"{API}/{BARCODE}")

    error = error_of(response)
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert (error["category"], error["code"]) == ("service_unavailable", "PROVIDERS_UNAVAILABLE")
    assert "30 seconds" in error["user_message"]


@pytest.mark.parametrize("code", ["abc", "123", "1" * 25, "0000000000000", "%00", "12345x", "🍎"])
def test_what_is_no_barcode_is_422(api, code, provider):
    response = api.get(f"{API}/{code}")

    assert response.status_code == 422
    assert error_of(response)["code"] == "INVALID_BARCODE"
    assert provider.hits() == 0


def test_names_follow_the_reader_s_language(api):
    make_product(names={"fr": "Pâte à tartiner", "en": "Spread"})

    assert (
        api.get(f"{API}/{BARCODE}", headers={"Accept-Language": "fr-CA,en;q=0.5"}).json()["name"] == "Pâte à tartiner"
    )
    assert api.get(f"{API}/{BARCODE}").json()["name"] == "Spread"
    assert api.get(f"{API}/{BARCODE}", headers={"Accept-Language": "fi"}).json()["name"] == "Spread"


TROUBLES = {
    "refused": lambda provider: provider.refuses(),
    "500": lambda provider: provider.fails_with(500),
    "503 page": lambda provider: provider.fails_with(503),
    "403 page": lambda provider: provider.fails_with(403),
    "404 page": lambda provider: provider.fails_with(404),
    "200 page": lambda provider: provider.fails_with(200),
    "not JSON": lambda provider: provider.answers(b"{", content_type="application/json"),
    "wrong JSON": lambda provider: provider.answers({"hello": 1}),
    "list": lambda provider: provider.answers(b"[]"),
    "another product": lambda provider: provider.answers({"status": 1, "product": off_product(code="22007377")}),
    "cut off": lambda provider: (provider.knows(BARCODE, off_product()), provider.cuts_off(40)),
    "flood": lambda provider: provider.floods(20_000_000),
    "redirect": lambda provider: provider.redirects_to("http://127.0.0.1:1/elsewhere"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_of_a_provider_is_a_500_or_a_no(api, provider, trouble):
    TROUBLES[trouble](provider)

    response = api.get(f"{API}/{BARCODE}")

    assert response.status_code == 503
    assert error_of(response)["code"] == "PROVIDERS_UNAVAILABLE"
    assert Product.objects.count() == 0


# --- Own foods and corrections ----------------------------------------------------------------------------------
def test_own_food_is_made_found_changed_and_deleted(api):
    made = send(api, "post", API, {
        "name": "  Granny's   soup ", "basis": "ml", "barcode": "2000000012345",
        "per_100": {"energy_kcal": 41.5, "salt_g": "0.9", "fat_g": None},
        "servings": [{"label": "1 bowl", "amount": 300}]})  # fmt: skip
    body = made.json()

    assert made.status_code == 201
    assert (body["name"], body["source"], body["attribution"]) == ("Granny's soup", "own", None)
    assert (body["per_100"]["energy_kcal"], body["per_100"]["fat_g"]) == (41.5, None)
    assert api.get(f"{API}/2000000012345").json()["id"] == body["id"]
    changed = send(api, "patch", f"{API}/{body['id']}", {"brand": "Granny", "per_100": {"salt_g": None}}).json()
    assert (changed["brand"], changed["per_100"]["salt_g"], changed["name"]) == ("Granny", None, "Granny's soup")
    assert api.delete(f"{API}/{body['id']}").status_code == 204
    assert api.get(f"{API}/{body['id']}").status_code == 404


def test_second_own_food_with_a_barcode_is_a_conflict(api, user):
    make_own_food(user, barcode=BARCODE)

    response = send(api, "post", API, {"name": "Again", "per_100": {}, "barcode": BARCODE})

    assert response.status_code == 409
    assert error_of(response)["code"] == "BARCODE_TAKEN"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"per_100": {}}, "name"),
        ({"name": " ", "per_100": {}}, "name"),
        ({"name": "x", "per_100": {"fat_g": 101}}, "per_100.fat_g"),
        ({"name": "x", "per_100": {"fat_g": -1}}, "per_100.fat_g"),
        ({"name": "x", "per_100": {"energy_kcal": 903}}, "per_100.energy_kcal"),
        ({"name": "x", "per_100": {"fat_g": "much"}}, "per_100.fat_g"),
        ({"name": "x", "per_100": {"fat_g": "NaN"}}, "per_100.fat_g"),
        ({"name": "x", "per_100": {"fat": 1}}, "per_100.fat"),
        ({"name": "x", "per_100": 7}, "per_100"),
        ({"name": "x", "per_100": {}, "basis": "oz"}, "basis"),
        ({"name": "x\u0000", "per_100": {}}, "name"),
        ({"name": "x", "per_100": {}, "servings": [{"label": "a", "amount": 0}]}, "servings.0.amount"),
        ({"name": "x", "per_100": {}, "servings": "many"}, "servings"),
        ({"name": "x" * 301, "per_100": {}}, "name"),
        ([], ""),
    ],
)
def test_bad_own_food_names_the_field_and_writes_nothing(api, body, field):
    response = send(api, "post", API, body)

    assert response.status_code == 422
    assert field in [detail["field"] for detail in error_of(response)["details"]]
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    ['{"name":"a","per_100":{},"\\ud800":1}', '{"name":"a","per_100":{"\\ud800":1}}',
     '{"name":"a","per_100":{},"basis":"\\ud800"}', '{"name":"\\ud800","per_100":{}}'],
)  # fmt: skip
def test_half_characters_are_refused_and_no_crash(api, body):
    response = api.post(API, body, content_type="application/json")

    assert response.status_code == 422
    assert error_of(response)["code"] == "VALIDATION_FAILED"


def test_bad_barcode_of_an_own_food_is_named(api):
    response = send(api, "post", API, {"name": "x", "per_100": {}, "barcode": "12"})

    assert (response.status_code, error_of(response)["details"][0]["field"]) == (422, "barcode")


def test_correction_of_a_provider_s_food_is_mine_alone(api):
    make_product()
    other = Client(headers={"Authorization": f"Bearer {make_token()}"})

    corrected = send(api, "patch", f"{API}/{BARCODE}", {"per_100": {"salt_g": 0.3}}).json()

    assert (corrected["per_100"]["salt_g"], corrected["corrected"]) == (0.3, True)
    assert [flag["code"] for flag in corrected["quality"]] == ["CORRECTED"]
    assert other.get(f"{API}/{BARCODE}").json()["per_100"]["salt_g"] == 0.107
    assert api.delete(f"{API}/{BARCODE}").status_code == 204
    assert api.get(f"{API}/{BARCODE}").json()["per_100"]["salt_g"] == 0.107
    assert api.delete(f"{API}/{BARCODE}").status_code == 404


def test_barcode_means_the_correction_and_never_the_own_food(api, user):
    services.correct(make_product(), user, {"name": "Corrected"})
    own = make_own_food(user, barcode=BARCODE)

    first, second = api.delete(f"{API}/{BARCODE}"), api.delete(f"{API}/{BARCODE}")

    assert (first.status_code, second.status_code) == (204, 404)
    assert Product.objects.filter(pk=own.pk).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 1e308}, "name"),
        ({"brand": True}, "brand"),
        ({"servings": [{"label": 1, "amount": 5}]}, "servings.0.label"),
    ],
)
def test_numbers_in_the_place_of_text_are_refused(api, user, body, field):
    food = make_own_food(user)

    error = error_of(send(api, "patch", f"{API}/{food.uuid}", body))

    assert [each["field"] for each in error["details"]] == [field]


def test_own_food_that_is_sent_again_with_its_key_is_one(api):
    body = {"name": "Soup", "per_100": {"energy_kcal": 40}}

    first, second = (
        api.post(API, json.dumps(body), content_type="application/json", headers={"Idempotency-Key": "k1"})
        for _time in range(2)
    )

    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert second["Idempotent-Replayed"] == "true"
    assert Product.objects.count() == 1


@pytest.mark.parametrize("body", [{"energy_kcal": 5}, {"barcode": "22007377"}, {"nonsense": 1}])
def test_unknown_fields_of_a_change_are_refused_and_not_ignored(api, body):
    make_product()

    response = send(api, "patch", f"{API}/{BARCODE}", body)

    assert response.status_code == 422
    assert [detail["field"] for detail in error_of(response)["details"]] == list(body)


def test_correcting_what_is_not_here_is_404(api, provider):
    assert send(api, "patch", f"{API}/{BARCODE}", {"name": "x"}).status_code == 404
    assert provider.hits() == 0


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_somebody_else_s_food_is_not_there(api, method):
    theirs = make_own_food(make_user())

    response = (
        getattr(api, method)(f"{API}/{theirs.uuid}", "{}", content_type="application/json")
        if method == "patch"
        else getattr(api, method)(f"{API}/{theirs.uuid}")
    )

    assert response.status_code == 404
    assert Product.objects.filter(pk=theirs.pk).exists()


# --- Search -----------------------------------------------------------------------------------------------------
def names(response):
    return [food["name"] for food in response.json()["results"]]


def test_search_finds_beginnings_accents_and_misspelt_words(api, user):
    make_product(name="Crème fraîche", barcode="20000004")
    make_product(name="Chocolate hazelnut spread", barcode="20000011")
    make_own_food(user, name="Chocolate cake")
    make_own_food(make_user(), name="Chocolate of somebody else")

    assert names(api.get(API, {"search": "creme"})) == ["Crème fraîche"]
    assert names(api.get(API, {"search": "choc haz"})) == ["Chocolate hazelnut spread"]
    assert set(names(api.get(API, {"search": "chocolate"}))) == {"Chocolate hazelnut spread", "Chocolate cake"}


def test_pages_of_results_follow_each_other_without_gap_or_repeat(api):
    for number in range(25):
        make_product(name=f"Yoghurt {number:02}", barcode=f"{10_000_000 + number}")

    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(API, {"search": "yog", "limit": 10, "cursor": cursor}).json()
        seen += [food["name"] for food in page["results"]]
        cursor = page["next_cursor"]

    assert sorted(seen) == [f"Yoghurt {number:02}" for number in range(25)]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"limit": "1000"}, {"cursor": "nonsense"}])
def test_bad_paging_is_422(api, query):
    assert api.get(API, query).status_code == 422


@pytest.mark.parametrize(
    "text", ["", '"', "' OR 1=1", "a* NEAR b", "\x00", "-", "%", "((", "ﬀ", "x" * 5000, "a AND NOT b"]
)
def test_no_search_text_is_an_error(api, text):
    make_product()

    assert api.get(API, {"search": text}).status_code == 200


def test_a_page_of_fifty_costs_as_many_queries_as_one_of_five(api, user):
    for number in range(50):
        services.correct(make_product(name=f"Food {number}", barcode=f"{10_000_000 + number}"), user, {"brand": "Mine"})

    counts = []
    for limit in (5, 50):
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get(API, {"search": "food", "limit": limit}).json()["results"]) == limit
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- Scan -------------------------------------------------------------------------------------------------------
def test_photo_gives_its_barcode_and_what_is_known(api):
    make_product()

    response = api.post(f"{API}/scan", {"image": encoded(barcode_image(BARCODE))})

    assert response.status_code == 200
    assert [(code["barcode"], code["product"]["name"]) for code in response.json()["codes"]] == [
        (BARCODE, "Nut spread")
    ]


def test_photo_of_an_unknown_code_asks_nobody(api, provider):
    response = api.post(f"{API}/scan", {"image": encoded(barcode_image(BARCODE))})

    assert response.json() == {"codes": [{"barcode": BARCODE, "product": None}]}
    assert provider.hits() == 0


def test_what_is_no_picture_is_422_beside_its_field(api):
    for content in (b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a" + b"\0" * 50):
        response = api.post(f"{API}/scan", {"image": encoded_bytes(content)})

        assert response.status_code == 422
        assert error_of(response)["details"][0]["field"] == "image"


def encoded_bytes(content):
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("photo.jpg", content, "image/jpeg")


@pytest.mark.parametrize("body", [{}, {"image": ""}])
def test_scan_without_a_picture_is_422(api, body):
    assert api.post(f"{API}/scan", body).status_code == 422


def test_scan_of_json_is_415(api):
    response = send(api, "post", f"{API}/scan", {})

    assert response.status_code == 415
    assert error_of(response)["category"] == "validation"


# --- Everything -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [("get", API), ("post", API), ("get", f"{API}/{BARCODE}"), ("patch", f"{API}/{BARCODE}"),
     ("delete", f"{API}/{BARCODE}"), ("post", f"{API}/scan")],
)  # fmt: skip
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}])
def test_signed_out_is_401(method, path, header):
    response = getattr(Client(headers=header), method)(path)

    assert response.status_code == 401
    assert error_of(response)["category"] == "authentication"
    assert "WWW-Authenticate" in response


def test_malformed_json_is_400_and_wrong_method_405(api):
    broken = api.post(API, "{", content_type="application/json")
    wrong = api.put(API)

    assert (broken.status_code, error_of(broken)["category"]) == (400, "validation")
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "METHOD_NOT_ALLOWED")


def test_unknown_address_is_404_in_the_same_shape(api):
    response = api.get("/api/v1/nonsense")

    assert response.status_code == 404
    assert error_of(response)["code"] == "NOT_FOUND"
