"""What holds for every answer: request ids, headers, errors, logs."""

import json
import logging

import pytest
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from dietintel.http import preferred_languages
from dietintel.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401
from tests.factories import make_token, make_user

pytestmark = pytest.mark.django_db


def crash(request):
    raise RuntimeError("planted-secret-4711")


def say_404(request):
    raise Http404("planted-secret-4711")


urlpatterns = [*urlpatterns, path("crash/", crash), path("api/v1/crash", crash), path("missing/", say_404)]


@pytest.fixture
def visitor():
    return Client(raise_request_exception=False)


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
    assert visitor.get("/login/", headers={"Host": "evil.example"}).status_code == 400


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


@pytest.mark.parametrize("slash", ["", "/"])
def test_api_paths_answer_with_and_without_a_final_slash(slash):
    api = Client(headers={"Authorization": f"Bearer {make_token()}"})

    assert api.get(f"/api/v1/products{slash}").status_code == 200
    assert api.get(f"/api/v1/schema{slash}").status_code == 200


def test_schema_is_openapi_3_1_and_names_the_main_paths(client):
    schema = client.get("/api/v1/schema", headers={"Accept": "application/json"}).json()

    assert schema["openapi"].startswith("3.1")
    assert {"/api/v1/products", "/api/v1/products/{reference}", "/api/v1/products/scan"} <= schema["paths"].keys()


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


def test_nothing_answers_with_another_site(client):
    assert isinstance(client.get("//evil.example/"), HttpResponse)
