"""What the logs say, and what they must never say."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import path
from pythonjsonlogger.json import JsonFormatter

from dietintel.logs import RequestIdFilter
from dietintel.urls import handler404, handler500, urlpatterns  # noqa: F401
from tests.factories import make_token, make_user
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
API_KEY = "planted-key-8152"
MONITOR = "planted-monitor-3377"
PASSWORD = "planted-password-9604"
BARCODE = "5000159407236"


def crash(request):
    password = request.POST["password"]
    raise RuntimeError(f"{len(password)} letters")


urlpatterns = [*urlpatterns, path("crash/", crash)]


@pytest.fixture
def said() -> Iterator[StringIO]:
    """All that is logged, at every level, as production writes it."""
    how: Any = django_settings.LOGGING["formatters"]["json"]  # type: ignore[index]
    text = StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter(how["fmt"], rename_fields=how["rename_fields"], timestamp=how["timestamp"]))
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


def lines(said: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_every_line_is_an_object_with_the_id_of_its_request(client, said: StringIO):
    make_user()
    client.get("/login/", headers={"X-Request-ID": "first"})
    client.get("/no%0awhere/", headers={"X-Request-ID": "second"})

    of_requests = [line for line in lines(said) if line["logger"] == "dietintel.access"]
    assert [(line["request_id"], line["message"], line["status"], line["level"]) for line in of_requests] == [
        ("first", "GET /login/ 200", 200, "INFO"),
        ("second", "GET /no%0Awhere/ 404", 404, "INFO"),
    ]


def test_no_secret_is_logged_whatever_goes_wrong(said: StringIO, provider: FakeProvider, settings):
    settings.ROOT_URLCONF = "tests.test_logs"
    settings.MONITORING_TOKEN = MONITOR
    settings.FDC_API_KEY, settings.FDC_BASE_URL = API_KEY, provider.url
    owner = make_user(username="ada")
    owner.set_password(PASSWORD)
    owner.save()
    token = make_token(owner)
    browser = Client(raise_request_exception=False)
    program = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})

    browser.post("/login/", {"username": "ada", "password": PASSWORD + "x"})
    browser.post("/login/", {"username": PASSWORD, "password": PASSWORD})  # into the wrong field
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    browser.post("/crash/", {"password": PASSWORD})
    browser.get(f"/nowhere/?token={token}&password={PASSWORD}")
    program.post("/api/v1/products", f'{{"password": "{PASSWORD}"', content_type="application/json")
    program.post("/api/v1/products", {"name": PASSWORD, "per_100": token}, content_type="application/json")
    Client(headers={"Authorization": f"Bearer {MONITOR}"}, REMOTE_ADDR="192.0.2.7").get("/metrics")
    Client(headers={"Authorization": f"Bearer {MONITOR}x"}, REMOTE_ADDR="192.0.2.7").get("/metrics")
    for status in (200, 403, 500):
        provider.answers({"error": {"message": f"What is {API_KEY}?"}}, status=status)
        program.get(f"/api/v1/products/{BARCODE}")
    provider.stop()
    program.get(f"/api/v1/products/{BARCODE}")

    assert any(API_KEY in str(dict(request.headers)) for request in provider.requests)  # it was there to be logged
    text = said.getvalue()
    assert "RuntimeError: 21 letters" in text
    assert "fdc:product: auth" in text
    secrets = [API_KEY, MONITOR, PASSWORD, token, django_settings.SECRET_KEY, browser.cookies["sessionid"].value]
    assert [secret for secret in secrets if re.search(re.escape(secret), text)] == []
    told = Client(headers={"Authorization": f"Bearer {MONITOR}"}).get("/metrics").content.decode()
    assert [secret for secret in secrets if secret in told] == []


def test_what_must_not_be_logged_would_be_found(leaks, tmp_path):
    secret = make_token()
    logging.getLogger("anything").warning("It came with %s", secret, extra={"mail": "planted-mail-1@example.org"})
    logging.getLogger("anything").info("planted-%s", "key")
    (tmp_path / "said").write_text("x" * 1000 + " Authorization: Bearer abcdefgh")
    leaks.look_into(tmp_path)

    found = leaks.taken()

    assert [sum(each in text for text in found) for each in (secret, "mail-1@", "planted-key", "Bearer")] == [
        2,
        2,
        1,
        1,
    ]
    (tmp_path / "said").unlink()
