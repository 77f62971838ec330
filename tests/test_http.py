"""What holds for every answer: request ids, headers, errors, logs."""

import json
import logging

import jsonschema
import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework import exceptions

from dietintel import api_errors
from dietintel.http import preferred_languages
from dietintel.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401
from tests.factories import make_token, make_user

pytestmark = pytest.mark.django_db


def crash(request):
    raise RuntimeError("planted-secret-4711")


def say_404(request):
    raise Http404("planted-secret-4711")


def lose_the_database(request):
    raise OperationalError("planted-secret-4711")


urlpatterns = [
    *urlpatterns,
    path("crash/", crash),
    path("api/v1/crash", crash),
    path("missing/", say_404),
    path("lost/", lose_the_database),
    path("api/v1/lost", lose_the_database),
]


@pytest.fixture
def visitor():
    return Client(raise_request_exception=False)


ERROR = {"$ref": "#/components/schemas/Error"}


@pytest.fixture
def schema(client):
    return client.get("/api/v1/schema").json()


def conforms(schema, shape, answer):
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator({**shape, "components": schema["components"]}, format_checker=checker).validate(
        answer
    )


@pytest.fixture
def crashing(settings):
    settings.ROOT_URLCONF = "tests.test_http"


@pytest.mark.parametrize("given", ["abc", "A.b_c-1", "x" * 64])
def test_well_formed_request_id_is_taken_and_returned(visitor, given):
    assert visitor.get("/login/", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "ä", "<script>"])
def test_any_other_request_id_is_replaced(visitor, given):
    made = visitor.get("/login/", headers={"X-Request-ID": given})["X-Request-ID"]

    assert made != given
    assert len(made) == 32


def test_crash_of_a_page_is_a_plain_page_without_details(visitor, crashing):
    response = visitor.get("/crash/")

    assert response.status_code == 500
    assert b"planted-secret" not in response.content
    assert response["X-Request-ID"].encode() in response.content


def test_crash_of_the_api_has_the_shape_of_every_error(visitor, crashing):
    response = visitor.get("/api/v1/crash")

    error = json.loads(response.content)["error"]
    assert (response.status_code, error["category"], error["code"]) == (500, "internal", "INTERNAL_ERROR")
    assert error["request_id"] == response["X-Request-ID"]
    assert "planted-secret" not in response.content.decode()


def test_crash_is_logged_with_the_request_id(visitor, crashing, caplog):
    response = visitor.get("/crash/", headers={"X-Request-ID": "find-me"})

    crashes = [record for record in caplog.records if record.exc_info]
    assert response["X-Request-ID"] == "find-me"
    assert len(crashes) == 1


def test_page_without_its_database_is_503_with_a_sentence(visitor, crashing):
    response = visitor.get("/lost/")

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert b"The database does not answer" in response.content
    assert b"planted-secret" not in response.content
    assert visitor.get("/api/v1/lost").json()["error"]["code"] == "SERVICE_UNAVAILABLE"


def test_missing_page_is_404_without_the_reason(visitor, crashing):
    response = visitor.get("/missing/")

    assert response.status_code == 404
    assert b"planted-secret" not in response.content


def test_form_without_csrf_token_is_403_with_a_sentence():
    strict = Client(enforce_csrf_checks=True)
    make_user()

    response = strict.post("/login/", {"username": "a", "password": "b"})

    assert response.status_code == 403
    assert b"reload the page" in response.content


def test_host_that_is_not_ours_is_400(visitor):
    response = visitor.get("/login/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert b"ALLOWED_HOSTS" in response.content


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 5000])
def test_json_in_thousands_of_brackets_is_400(body):
    api = Client(headers={"Authorization": f"Bearer {make_token()}"}, raise_request_exception=False)

    assert api.post("/api/v1/products", body, content_type="application/json").status_code == 400


def test_static_files_leave_no_access_line(client, caplog):
    caplog.set_level(logging.INFO, "dietintel.access")

    client.get("/static/css/base.css").close()

    assert caplog.records == []


def test_page_that_htmx_restores_comes_whole(client):
    client.force_login(make_user())

    back = client.get("/foods/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})

    assert b"<html" in back.content


def test_every_page_forbids_foreign_scripts_and_frames(client):
    client.force_login(make_user())

    response = client.get("/scan/")

    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "camera=(self)" in response["Permissions-Policy"]
    assert "private" in response["Cache-Control"]


def test_access_line_names_route_status_and_duration(client, caplog):
    caplog.set_level(logging.INFO, "dietintel.access")

    client.get("/foods/3017624010701/?q=secret")

    line = caplog.records[-1]
    assert (line.route, line.status) == ("foods/<str:reference>/", 302)
    assert line.duration_ms > 0
    assert "secret" not in line.getMessage()


def test_what_a_letter_s_link_allows_is_not_in_the_log(client, caplog):
    caplog.set_level(logging.INFO, "dietintel.access")

    client.get("/insights/mail/off/planted-token-5513/")

    assert caplog.records[-1].getMessage().startswith("GET /insights/mail/off/token/ ")


def test_line_breaks_in_a_path_make_no_line_in_the_log(client, caplog):
    caplog.set_level(logging.INFO, "dietintel.access")

    client.get("/x%0a2026-11-21 ERROR%0d%1b[31m forged/")

    assert caplog.records[-1].getMessage() == "GET /x%0A2026-11-21%20ERROR%0D%1B%5B31m%20forged/ 404"


def test_time_to_wait_is_rounded_up_so_that_nobody_comes_too_early():
    class Busy(exceptions.APIException):
        status_code = 429
        wait = 1.2

    response = api_errors.handle(Busy(), {})

    assert response["Retry-After"] == "2"


# --- How much a request may bring -------------------------------------------------------------------------------
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("content_type", "length"),
    [(MULTIPART, 13_000_001), ("application/json", 1_000_001), ("application/x-www-form-urlencoded", 400_000_000)],
)
def test_body_that_is_too_long_is_413_before_it_is_read(visitor, content_type, length):
    """Before it is read: the test sends none, which would be a 400, 401 or 403."""
    declared = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(length)}

    page = visitor.generic("POST", "/login/", **declared)
    api = visitor.generic("POST", "/api/v1/products/scan", **declared)

    assert page.status_code == api.status_code == 413
    assert b"This is too large." in page.content
    assert api.json()["error"]["code"] == "TOO_LARGE"
    assert api.json()["error"]["request_id"] == api["X-Request-ID"]


@pytest.mark.parametrize(("content_type", "length"), [(MULTIPART, 13_000_000), ("application/json", 1_000_000)])
def test_body_as_long_as_allowed_is_looked_at(visitor, content_type, length):
    declared = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(length)}

    assert visitor.generic("POST", "/api/v1/products/scan", **declared).status_code == 401


def test_body_without_a_length_is_411(visitor):
    response = visitor.generic("POST", "/api/v1/products", headers={"Transfer-Encoding": "chunked"})

    assert (response.status_code, response.json()["error"]["code"]) == (411, "LENGTH_REQUIRED")


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize(
    ("fields", "status"), [({"note": "x" * 1_100_000}, 413), ({f"field{number}": "" for number in range(1100)}, 400)]
)
def test_form_that_is_too_large_inside_is_no_crash(visitor, fields, status, accept):
    headers = {"Authorization": f"Bearer {make_token()}", "Accept": accept}

    assert visitor.post("/api/v1/products/scan", fields, headers=headers).status_code == status
    assert visitor.post("/login/", fields).status_code == status


# --- The API as a whole -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("slash", ["", "/"])
def test_api_paths_answer_with_and_without_a_final_slash(slash):
    api = Client(headers={"Authorization": f"Bearer {make_token()}"})

    assert api.get(f"/api/v1/products{slash}").status_code == 200
    assert api.get(f"/api/v1/schema{slash}").status_code == 200


def test_schema_is_openapi_3_1_and_names_the_main_paths(client):
    schema = client.get("/api/v1/schema", headers={"Accept": "application/json"}).json()

    assert schema["openapi"].startswith("3.1")
    assert {"/api/v1/products", "/api/v1/products/{reference}", "/api/v1/products/scan"} <= schema["paths"].keys()


def test_schema_is_json_for_whoever_does_not_say_what_he_reads_and_yaml_for_whoever_asks_for_it(client):
    assert client.get("/api/v1/schema", headers={"Accept": "*/*"})["Content-Type"] == "application/json"
    assert b"openapi: 3.1.0" in client.get("/api/v1/schema?format=yaml").content


def test_every_operation_says_how_its_errors_look(schema):
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["default"]["content"]["application/json"]["schema"] == ERROR
            for status, response in operation["responses"].items():
                assert status < "400" or response["content"], operation["operationId"]


def test_error_is_as_the_schema_says(client, schema):
    conforms(schema, ERROR, client.get("/api/v1/meals").json())


def test_answers_about_the_diary_are_as_the_schema_says(schema):
    user = make_user()
    api = Client(headers={"Authorization": f"Bearer {make_token(user)}"})

    def ask(method, path, body=None, *, of=None):
        made = api.generic(method, f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")
        responses = schema["paths"][f"/api/v1/{of or path}"][method.lower()]["responses"]
        shape = responses[str(made.status_code)]["content"]["application/json"]["schema"]
        answer = made.json()
        assert made.status_code < 300, answer
        conforms(schema, shape, answer)
        return answer

    food = ask("POST", "products", {"name": "Bread", "per_100": {"energy_kcal": 250}})
    item = {"product": food["id"], "amount_g": 30, "time": "00:30"}
    meal = ask("POST", "meals", {"name": "lunch", "date": "2026-03-02", "items": [item]})
    one = meal["items"][0]["id"]
    ask("GET", "meals")
    ask("GET", "days/2026-03-02", of="days/{date}")
    ask("GET", "days?from=2026-03-01&to=2026-03-03", of="days")
    ask("GET", "recents")
    ask("GET", "charts/energy_kcal?to=2026-03-02", of="charts/{nutrient}")
    ask("PATCH", f"meals/{meal['id']}/items/{one}", {"amount": 2}, of="meals/{meal_id}/items/{item_id}")
    ask("DELETE", f"meals/{meal['id']}/items/{one}", of="meals/{meal_id}/items/{item_id}")
    ask("DELETE", f"meals/{meal['id']}", of="meals/{meal_id}")
    ask("POST", "weights", {"weight_kg": 80, "date": "2026-03-02", "time": "00:30"})
    ask("POST", "recipes", {"name": "Toast", "ingredients": [{"product": food["id"], "quantity": 60}]})
    ask("GET", "recipes")
    ask("GET", "profile")
    ask("GET", "targets")
    ask("GET", "expenditure")
    ask("GET", "favourites")
    ask("GET", "photos")
    ask("GET", "workflows/list")
    ask("GET", "workflows/stats")


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?format=foo", {}, 404),
        ("", {"Accept": "image/png"}, 406),
        ("", {"Accept": "application/vnd.oai.openapi", "Authorization": "Bearer wrong"}, 401),
    ],
)
def test_error_of_the_schema_is_json_like_every_other(client, query, headers, status):
    response = client.get(f"/api/v1/schema{query}", headers=headers)

    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert json.loads(response.content)["error"]["request_id"] == response["X-Request-ID"]


def test_docs_page_loads(client):
    assert client.get("/api/v1/docs").status_code == 200


def test_browsable_api_for_people(client):
    client.force_login(make_user())

    assert client.get("/api/v1/products", headers={"Accept": "text/html"})["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", ("en",)),
        ("de-AT,de;q=0.9,fr;q=0.5", ("de", "fr", "en")),
        ("*", ("en",)),
        ("en-GB", ("en",)),
        (";;", ("en",)),
    ],
)
def test_languages_are_the_reader_s_best_first(header, languages):
    request = RequestFactory().get("/", headers={"Accept-Language": header})

    assert preferred_languages(request) == languages
