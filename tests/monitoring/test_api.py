import json
import os
import subprocess
import sys

import pytest
from django.db import connection
from django.test import Client

from monitoring.api import Migrations
from tests import services
from tests.factories import make_token, make_user
from tests.services import free_port

pytestmark = pytest.mark.django_db
PATHS = ["/api/v1/monitoring/ping", "/api/v1/monitoring/ready"]


def outsider(secret=None):
    """A client on another machine, with a bearer token where it has one."""
    return Client(headers={"Authorization": f"Bearer {secret}"} if secret else {}, REMOTE_ADDR="192.0.2.7")


@pytest.mark.parametrize("path", PATHS)
def test_the_machine_itself_may_ask_without_login(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"])
def test_a_request_through_a_proxy_is_not_the_machine_itself(client, path, header):
    assert client.get(path, headers={header: "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_outsiders_are_refused(path):
    assert outsider().get(path).status_code == 401
    assert outsider(make_token()).get(path).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_staff_and_the_monitor_may_ask_from_anywhere(settings, path):
    settings.MONITORING_TOKEN = "let-me-see"
    staff = outsider(make_token(make_user(is_staff=True)))
    monitor = outsider("let-me-see")

    assert staff.get(path).status_code == monitor.get(path).status_code == 200


def test_the_monitor_s_token_opens_nothing_else(settings):
    settings.MONITORING_TOKEN = "let-me-see"

    assert Client(headers={"Authorization": "Bearer let-me-see"}).get("/api/v1/products").status_code == 401


def test_not_ready_while_a_migration_is_missing(client):
    Migrations._applied = False
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'products'")

    response = client.get("/api/v1/monitoring/ready")

    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert client.get("/api/v1/monitoring/ping").status_code == 200


def test_ready_names_its_checks(client):
    Migrations._applied = False

    assert client.get("/api/v1/monitoring/ready").json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok"},
    }


ASK_TWICE = """
import json, time, django
django.setup()
from django.test import Client
client, seen = Client(raise_request_exception=False, headers={"Authorization": "Bearer di_x"}), []
for path in ("/api/v1/monitoring/ready", "/api/v1/products"):
    began = time.monotonic()
    seen.append((client.get(path).status_code, time.monotonic() - began))
print(json.dumps(seen))
"""


def test_without_its_postgresql_the_web_server_says_so_within_seconds(tmp_path):
    nobody = f"postgres://test@127.0.0.1:{free_port()}/food"
    web = {"DATABASE_URL": nobody, "DATA_DIR": str(tmp_path), "DIETINTEL_ROLE": "web", "ALLOWED_HOSTS": "testserver"}

    ended = subprocess.run(
        [sys.executable, "-c", ASK_TWICE],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "dietintel.settings", **web},
        capture_output=True,
        text=True,
        check=True,
    )

    for status, seconds in json.loads(ended.stdout):
        assert status == 503
        assert seconds < 10


HANGS = """
import json, time, django, psutil
django.setup()
from django.db import OperationalError, connection
from dietintel import postgres
postgres.PATIENCE_S = 1.0

def ask(question):
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]
    except OperationalError:
        return "no answer"
    finally:
        connection.close()  # as at the end of every request

ask("SELECT pg_sleep(0.5)")
folder = ask("SHOW data_directory")
server = psutil.Process(int(open(f"{folder}/postmaster.pid").readline()))
everything = [server, *server.children()]
for process in everything:
    process.suspend()
began = time.monotonic()
seen = [ask("SELECT 'works'"), ask("SELECT 'works'"), time.monotonic() - began]
for process in everything:
    process.resume()
ends = time.monotonic() + 30
while (again := ask("SELECT 'works'")) != "works" and time.monotonic() < ends:
    time.sleep(0.1)
print(json.dumps([*seen, again]))
"""


@pytest.mark.services("postgres")
def test_postgresql_that_hangs_is_given_up_and_found_again(tmp_path):
    with services.postgres() as url:
        ended = subprocess.run(
            [sys.executable, "-c", HANGS],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "dietintel.settings", "DATABASE_URL": url,
                 "DATA_DIR": str(tmp_path), "DIETINTEL_ROLE": "web"},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip

    first, second, seconds, again = json.loads(ended.stdout)
    assert (first, second, again) == ("no answer", "no answer", "works")
    assert seconds < 10
