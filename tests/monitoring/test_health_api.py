"""The health endpoints, the command, the page of operators and the line for everybody."""

import datetime as dt
import io
import json
import os
import re
import subprocess
import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dietintel.gateway.models import ProviderState
from dietintel.gateway.policy import State
from monitoring.health import concerns, snapshot
from monitoring.health.conditions import Status
from monitoring.models import Check, Flip, HealAttempt
from tests.factories import make_token, make_user
from tests.services import free_port
from tests.test_serve import ROOT
from tests.workflows.work import Clockwork, Meal, step_of
from workflows import engine, registry
from workflows.models import Run

pytestmark = pytest.mark.django_db
HEALTH, QUEUE = "/api/v1/monitoring/health", "/api/v1/monitoring/health/queue"
LONG_AGO = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def shown(status="healthy", **changes):
    """A check as the watch writes it into the snapshot."""
    return {
        "status": status,
        "message": "ok",
        "response_time_ms": 1.5,
        "checked_at": LONG_AGO.isoformat(),
        "details": {},
        "kind": "",
        "impact": "critical",
        "phase": "confirmed" if status == "unhealthy" else "well",
        "since": LONG_AGO.isoformat(),
        "exhausted": False,
        "flapping": False,
        "mending": False,
        **changes,
    }


def measured(status=Status.HEALTHY, *, ago_s=0, message="All is well.", **checks):
    now = timezone.now() - dt.timedelta(seconds=ago_s)
    snapshot.write(status, message, checks or {"queue": shown()}, now=now)
    return now


def outsider(secret=None):
    return Client(headers={"Authorization": f"Bearer {secret}"} if secret else {}, REMOTE_ADDR="192.0.2.7")


# --- Endpoints --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("status", "code"), [("healthy", 200), ("degraded", 200), ("unhealthy", 503)])
def test_status_decides_about_the_code(client, status, code):
    at = measured(Status(status), queue=shown(status, details={"due": 3}))

    whole, single = client.get(HEALTH), client.get(QUEUE)

    one = {"status": status, "message": "ok", "response_time_ms": 1.5, "checked_at": LONG_AGO.isoformat(),
           "details": {"due": 3}}  # fmt: skip
    assert (whole.status_code, single.status_code) == (code, code)
    assert whole.json() == {
        "status": status,
        "message": "All is well.",
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "checks": {"queue": one},
    }
    assert single.json() == one


def test_old_snapshot_says_that_nobody_is_measuring(client):
    at = measured(ago_s=20)
    sentence = f"Nobody is measuring since {at:%Y-%m-%d %H:%M:%S} UTC."

    whole, single = client.get(HEALTH), client.get(QUEUE)

    assert (whole.status_code, whole.json()["status"], whole.json()["message"]) == (503, "unhealthy", sentence)
    assert (single.status_code, single.json()["status"], single.json()["message"]) == (503, "unhealthy", sentence)


@pytest.mark.parametrize("content", [None, "", "{", '{"status": "fine"}', "[]"])
def test_snapshot_that_is_none_is_unhealthy_and_no_crash(client, settings, content):
    if content is not None:
        settings.HEALTH_FILE.write_text(content)

    response = client.get(HEALTH)

    assert response.status_code == 503
    assert response.json()["message"] == "Nobody is measuring: there is no result yet."
    assert client.get(QUEUE).status_code == 503


def test_check_that_there_is_not_is_not_found(client):
    measured()

    response = client.get("/api/v1/monitoring/health/luck")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_access_is_as_for_ping_and_words_in_details_are_for_staff(client, settings):
    settings.MONITORING_TOKEN = "let-me-see"
    measured(queue=shown(details={"due": 3, "hosts": "cellar:17"}))
    staff = outsider(make_token(make_user(is_staff=True)))

    def details(asking):
        return asking.get(QUEUE).json()["details"]

    assert outsider().get(HEALTH).status_code == outsider().get(QUEUE).status_code == 401
    assert outsider(make_token()).get(HEALTH).status_code == 403
    assert details(client) == details(outsider("let-me-see")) == {"due": 3}
    assert details(staff) == {"due": 3, "hosts": "cellar:17"}
    assert staff.get(HEALTH).json()["checks"]["queue"]["details"] == {"due": 3, "hosts": "cellar:17"}


def test_answer_needs_no_query(client, django_assert_num_queries):
    measured()

    with django_assert_num_queries(0):
        assert client.get(HEALTH).status_code == 200


ASK = """
import json, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
paths = ("ping", "ready", "health", "health/database")
print(json.dumps([client.get(f"/api/v1/monitoring/{path}").status_code for path in paths]))
"""


@pytest.mark.parametrize("address", ["postgres://test@127.0.0.1:{port}/food", "sqlite:///{folder}/missing.sqlite3"])
def test_without_its_database_the_service_lives_is_not_ready_and_says_why(tmp_path, settings, address):
    settings.HEALTH_FILE = tmp_path / "health.json"
    measured(Status.UNHEALTHY, database=shown("unhealthy", message="It cannot be reached."))
    gone = {
        "DATABASE_URL": address.format(port=free_port(), folder=tmp_path / "gone"),  # a folder that is not there
        "ALLOWED_HOSTS": "testserver",
    }

    ended = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "dietintel.settings", "DATA_DIR": str(tmp_path), **gone},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert json.loads(ended.stdout) == [200, 503, 503, 503]


# --- Command ----------------------------------------------------------------------------------------------------
def health(*arguments):
    """What the command says, and its exit code."""
    out = io.StringIO()
    try:
        call_command("health", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    return out.getvalue(), 0


def test_command_says_it_in_sentences_and_in_its_exit_code():
    measured(Status.DEGRADED, message="cache: Slow.", queue=shown(), cache=shown("degraded", message="Slow."))

    assert health() == (
        "cache: Slow.\nqueue                     healthy    ok\ncache                     degraded   Slow.\n", 1
    )  # fmt: skip
    assert health("queue") == ("queue                     healthy    ok\n", 0)
    said, code = health("cache", "--json")
    assert (json.loads(said)["message"], code) == ("Slow.", 1)
    with pytest.raises(CommandError, match="There is no check called luck. There are: queue, cache."):
        health("luck")


def test_command_fails_where_nobody_measures():
    measured(ago_s=60)

    said, code = health("--json")

    assert (json.loads(said)["status"], code) == ("unhealthy", 2)


# --- The operator's page ----------------------------------------------------------------------------------------
PAGE = "/admin/monitoring/check/"


@pytest.fixture
def operator(client):
    client.force_login(make_user(username="operator", is_staff=True, is_superuser=True))
    return client


def a_row(name="queue"):
    return Check.objects.create(
        name=name, impact="critical", status="unhealthy", phase="confirmed", checked_at=LONG_AGO
    )


def test_page_says_on_top_what_is_wrong_and_shows_what_was_tried(operator):
    measured(Status.UNHEALTHY, database=shown(), queue=shown("unhealthy", message="It stands still.", mending=True))
    HealAttempt.objects.create(
        check_name="queue", heal="restart_worker", at=LONG_AGO, outcome="no_effect", note="Tried."
    )
    Flip.objects.create(check_name="queue", at=LONG_AGO, from_status="healthy", to_status="unhealthy", message="Why.")

    page = operator.get(PAGE).content.decode()

    assert "Meals are saved; queue: It stands still; being mended now." in page
    assert page.index("It stands still.") < page.index("<h2>database")
    for words in ("restart_worker", "Tried.", "Why.", "healthy → unhealthy"):
        assert words in page
    assert "<script>" not in page
    assert "style=" not in page.partition('id="desk"')[2].partition("</main>")[0]


def test_button_asks_the_watch_and_is_audited(operator):
    a_row()
    measured(queue=shown("unhealthy"))

    operator.post(f"{PAGE}queue/mend/")

    assert Check.objects.get().asked_by == "operator"
    entry = LogEntry.objects.get()
    assert (entry.object_id, str(entry.user), entry.get_change_message()) == (
        "queue", "operator", "asked to mend it now",
    )  # fmt: skip
    assert "Being mended" in operator.get(PAGE).content.decode()


def test_button_is_for_operators_and_for_what_can_be_mended(operator, client):
    a_row("cpu")
    a_row()
    answers = [
        operator.get(f"{PAGE}queue/mend/"),
        operator.post(f"{PAGE}cpu/mend/"),
        operator.post(f"{PAGE}luck/mend/"),
    ]
    client.force_login(make_user(is_staff=True))
    answers += [client.post(f"{PAGE}queue/mend/"), client.get(PAGE)]
    client.force_login(make_user())
    answers += [client.post(f"{PAGE}queue/mend/"), client.get(PAGE)]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 403, 302, 302]
    assert set(Check.objects.values_list("asked_by", flat=True)) == {""}


@pytest.mark.parametrize("model", ["flip", "healattempt", "alert"])
def test_history_opens_and_cannot_be_changed(operator, model):
    assert operator.get(f"/admin/monitoring/{model}/").status_code == 200
    assert operator.get(f"/admin/monitoring/{model}/add/").status_code == 403


def queries_of(client, address):
    client.get(address)  # what is looked up once in a process
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.usefixtures("_known_meal")
def test_page_takes_as_many_queries_for_much_history_as_for_none(operator, worker):
    measured()
    make_trouble(worker)
    few = queries_of(operator, PAGE)

    for _time in range(10):
        make_trouble(worker)

    assert queries_of(operator, PAGE) == few < 30


@pytest.fixture
def _known_meal(monkeypatch):
    monkeypatch.setitem(registry._WORKFLOWS, Meal.name, Meal)


@pytest.fixture
def worker():
    worker = Clockwork()
    worker.now = timezone.now()
    return worker


def make_trouble(worker):
    """A failed run, one that runs, one that waits, and a remedy."""
    for name in ("failed", "running", "waiting"):
        run = engine.start(Meal, input={"photo": name}, now=worker.now)
        claim = worker.claim(step_of(run, "image")) if name != "waiting" else None
        if claim and name == "failed":
            engine.fail(claim, "OSError: no soup\nTraceback", worth_retrying=False, now=worker.now)
    HealAttempt.objects.create(check_name="queue", heal="x", at=LONG_AGO, outcome="healed")


@pytest.mark.usefixtures("_known_meal")
def test_desk_shows_the_work_what_failed_of_it_and_the_buttons_beside(operator, worker):
    measured(queue=shown(), provider_openfoodfacts=shown("unhealthy", impact="info"))
    ProviderState.objects.create(key="openfoodfacts:product", state=State.FORCED_OPEN)
    make_trouble(worker)
    make_trouble(worker)

    page = " ".join(operator.get(PAGE).content.decode().split())

    assert "0 completed (of these 0 degraded), 2 failed, 0 cancelled. Tried again: 0." in page
    assert re.search(r"test_meal: image</a> – OSError: no soup <span class=.quiet.>2 runs", page)
    assert page.count('value="cancel"') == 2
    assert page.count('value="retry_kind"') == 1
    assert 'href="/admin/gateway/providerstate/?q=openfoodfacts"' in page
    assert "forced_open" in page
    for place in ("workflows/step", "workflows/run", "gateway/providerstate"):
        assert f'<a href="/admin/{place}/">' in page


def test_cleaning_is_started_once_signed_and_for_operators_only(operator, client):
    answers = [operator.get(f"{PAGE}clean/"), operator.post(f"{PAGE}clean/"), operator.post(f"{PAGE}clean/")]
    (asked_by,) = Run.objects.filter(workflow="cleanup").values_list("user__username", flat=True)
    client.force_login(make_user(is_staff=True))
    answers += [client.post(f"{PAGE}clean/")]

    assert [answer.status_code for answer in answers] == [404, 302, 302, 404]
    assert (asked_by, Run.objects.count()) == ("operator", 1)
    assert [str(entry.user) for entry in LogEntry.objects.all()] == ["operator", "operator"]


def test_staff_who_may_look_only_see_the_desk_without_buttons(client, worker):
    reader = make_user(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_check"))
    client.force_login(reader)
    measured(queue=shown("unhealthy"))

    page = client.get(PAGE).content.decode().partition('id="desk"')[2].partition("</main>")[0]

    assert "unhealthy" in page
    assert "<button" not in page


# --- The line for everybody -------------------------------------------------------------------------------------
SLOW_PHOTOS = "Reading photos is slow right now; your meals are saved."


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ({"queue": shown()}, ""),
        ({"ml_model": shown("degraded")}, SLOW_PHOTOS),
        ({"ml_model": shown("unhealthy")}, SLOW_PHOTOS),
        ({"ml_model": shown("disabled")}, ""),
        ({"cpu": shown("degraded")}, ""),
        ({"disk": shown("degraded")}, ""),
        ({"queue": shown("degraded")}, ""),
        ({"queue": shown("unhealthy")}, "Work in the background waits right now; your meals are saved."),
        ({"disk": shown("unhealthy")}, "Photos cannot be kept right now; your meals are saved."),
        ({"provider_a": shown("unhealthy", impact="info")}, ""),
        ({"provider_a": shown("unhealthy", impact="important")}, str(concerns.PROVIDERS)),
        ({"queue": shown("unhealthy", phase="suspect", since="2999-01-01T00:00:00+00:00")}, ""),
    ],
)
def test_people_are_told_what_concerns_them(checks, words):
    measured(**checks)

    assert str(concerns.sentence(snapshot.read())) == words


def test_line_is_on_every_page_of_who_is_signed_in_and_says_nothing_when_nobody_measures(client):
    client.force_login(make_user())
    measured(ml_model=shown("degraded"))
    while_slow = client.get("/scan/").content.decode()
    measured(ml_model=shown("degraded"), ago_s=60)
    while_unknown = client.get("/scan/").content.decode()
    client.logout()

    assert SLOW_PHOTOS in while_slow
    assert SLOW_PHOTOS not in while_unknown
    assert SLOW_PHOTOS not in client.get("/login/").content.decode()
