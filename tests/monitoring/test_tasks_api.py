"""The queue and its tasks over HTTP, and the cleanup on demand: for staff."""

import datetime as dt
import uuid

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.factories import make_token, make_user
from tests.workflows.work import Batch, Clockwork, Meal, reread, step_of
from workflows import engine, registry
from workflows.execution import work_on
from workflows.models import Host, Run
from workflows.states import RunState, StepState

pytestmark = pytest.mark.django_db
STATUS, CLEANUP = "/api/v1/monitoring/tasks/status", "/api/v1/monitoring/maintenance/cleanup"
TASK = "/api/v1/monitoring/tasks/{}"
EVERY = [("get", STATUS), ("get", TASK), ("delete", TASK), ("post", CLEANUP)]


@pytest.fixture(autouse=True)
def _known_workflows(monkeypatch):
    monkeypatch.setattr(registry, "_WORKFLOWS", {**registry._WORKFLOWS, Meal.name: Meal, Batch.name: Batch})


@pytest.fixture
def worker():
    found = Clockwork()
    found.now = timezone.now() + dt.timedelta(seconds=1)
    return found


def caller(**who):
    return Client(headers={"Authorization": f"Bearer {make_token(make_user(**who))}"})


@pytest.fixture
def staff():
    return caller(username="ada", is_staff=True)


def start(workflow=Meal, **given):
    return engine.start(workflow, input=given or {"photo": 7}, user=make_user(), now=timezone.now())


def task_of(run, name="image"):
    return TASK.format(step_of(run, name).uuid)


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_without_a_login_it_is_401_and_for_people_who_are_not_staff_403(client, method, path):
    path = path.format(step_of(start(), "image").uuid)

    assert getattr(client, method)(path).status_code == 401
    refused = getattr(caller(), method)(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert Run.objects.get().state == RunState.PENDING


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_final_slash_makes_no_difference(staff, method, path):
    path = path.format(step_of(start(), "image").uuid)

    assert getattr(staff, method)(f"{path}/").status_code in {200, 202}


def test_the_status_counts_by_priority(staff, worker):
    Host.objects.create(name="cellar:1", workers=3, beat_at=timezone.now())
    start()
    busy = start()
    worker.claim(step_of(busy, "image"))
    waiting = start(Batch, photos=[1])
    step_of(waiting, "plan")
    waiting.steps.filter(name="plan").update(not_before=timezone.now() + dt.timedelta(hours=1))

    body = staff.get(STATUS).json()

    assert (body["workers"], body["running"]) == (3, 1)
    assert body["last_beat_at"] is not None
    lanes = body["priorities"]
    assert list(lanes) == ["critical", "high", "normal", "low"]
    assert {name: lanes["high"][name] for name in ("due", "later", "running")} == {"due": 1, "later": 0, "running": 1}
    assert lanes["high"]["oldest_due_s"] >= 0
    assert lanes["low"] == {"due": 0, "later": 1, "running": 0, "oldest_due_s": None}


def test_where_no_worker_ever_was_the_last_beat_is_null(staff):
    body = staff.get(STATUS).json()

    assert (body["workers"], body["last_beat_at"]) == (0, None)


def test_a_task_is_told_with_its_run_its_reason_and_its_tries(staff, worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))

    done, waiting, blocked = (staff.get(task_of(run, name)).json() for name in ("image", "inference", "feedback"))

    assert (done["status"], done["workflow_id"], done["workflow"]) == ("completed", str(run.uuid), "test_meal")
    assert [each["outcome"] for each in done["attempts"]] == ["succeeded"]
    assert (done["run_status"], done["priority"], done["required"]) == ("running", "high", True)
    assert (waiting["status"], waiting["reason"]) == ("pending", "no worker has been started")
    assert (blocked["status"], blocked["reason"]) == ("pending", "waits for inference")


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_task_that_is_not_there_is_404(staff, method):
    assert getattr(staff, method)(TASK.format(uuid.uuid4())).status_code == 404
    assert getattr(staff, method)(TASK.format("17")).status_code == 404


def test_cancelling_a_task_cancels_its_run_in_the_name_of_the_caller(staff):
    run = start()

    answer = staff.delete(task_of(run, "inference"))

    assert (answer.status_code, answer.json()["status"], answer.json()["run_status"]) == (200, "cancelled", "cancelled")
    assert (reread(run).state, reread(run).cancelled_by) == (RunState.CANCELLED, "ada")


def test_a_task_that_runs_is_cancelled_by_its_worker_and_a_second_cancel_is_a_conflict(staff, worker):
    run = start()
    worker.claim(step_of(run, "image"))

    assert staff.delete(task_of(run)).json()["status"] == "running"
    again = staff.delete(task_of(run))

    assert reread(run).stopping == "cancel"
    assert (again.status_code, again.json()["error"]["category"]) == (409, "workflow")


def test_a_task_that_has_ended_is_a_conflict_and_its_run_goes_on(staff, worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))

    refused = staff.delete(task_of(run))

    error = refused.json()["error"]
    assert (refused.status_code, error["category"], error["code"]) == (409, "workflow", "WORKFLOW_ENDED")
    assert reread(run).state == RunState.RUNNING


def test_a_cleanup_is_started_once_however_often_it_is_asked_for_and_deletes_what_is_old(staff):
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - dt.timedelta(days=1))

    first, second = staff.post(CLEANUP), staff.post(CLEANUP)

    assert (first.status_code, first.json()["status"]) == (202, "pending")
    assert first.json() == second.json()
    run = Run.objects.get(workflow="cleanup")
    assert str(run.uuid) == first.json()["workflow_id"]
    assert staff.get(f"/api/v1/workflows/status/{run.uuid}").status_code == 200  # it is the caller's own
    while due := run.steps.filter(state=StepState.READY, not_before__lte=timezone.now()).first():
        work_on(due.pk)
    assert reread(run).result["expired logins"] == 1
    assert not Session.objects.filter(session_key="old").exists()

    assert staff.post(CLEANUP).json() != first.json()  # that one has ended


def test_a_cleanup_is_not_a_get(staff):
    assert staff.get(CLEANUP).status_code == 405
