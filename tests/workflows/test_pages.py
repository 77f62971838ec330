"""The pages and the API of runs."""

import pytest

from tests.factories import make_token, make_user
from tests.workflows.work import NOON, Meal, step_of
from workflows import engine

pytestmark = pytest.mark.django_db


def start(user):
    return engine.start(Meal, input={"photo": 7}, user=user, now=NOON)


@pytest.fixture
def person(client):
    user = make_user()
    client.force_login(user)
    return user


def test_a_person_sees_their_runs_and_nobody_elses(client, person):
    mine, other = start(person), start(make_user())

    page = client.get("/runs/").content.decode()

    assert str(mine.uuid) in page
    assert str(other.uuid) not in page
    assert client.get(f"/runs/{mine.uuid}/").status_code == 200
    assert client.get(f"/runs/{other.uuid}/").status_code == 404
    assert client.post(f"/runs/{other.uuid}/cancel/").status_code == 404


def test_a_signed_out_visitor_is_sent_to_the_login(client):
    assert client.get("/runs/").status_code == 302


def test_a_live_run_asks_for_itself_again_and_an_ended_one_does_not(client, person, worker):
    run = start(person)
    assert 'hx-trigger="every 2s"' in client.get(f"/runs/{run.uuid}/").content.decode()

    worker.finish(run)

    assert 'hx-trigger="every 2s"' not in client.get(f"/runs/{run.uuid}/").content.decode()


def test_a_failed_run_is_tried_again_from_its_page(client, person, worker):
    run = start(person)
    worker.fail(worker.claim(step_of(run, "image")))

    response = client.post(f"/runs/{run.uuid}/retry/")

    assert response.url == f"/runs/{run.uuid}/"
    assert step_of(run, "image").state == "ready"


def test_the_api_tells_every_step_with_its_tries_and_the_reason_it_waits(client, worker):
    user = make_user()
    secret = {"headers": {"Authorization": f"Bearer {make_token(user)}"}}
    run = start(user)
    worker.succeed(worker.claim(step_of(run, "image")))

    body = client.get(f"/api/v1/workflows/status/{run.uuid}", **secret).json()

    assert (body["status"], body["degraded"], body["progress"]) == ("running", False, 0.25)
    told = [(s["name"], s["status"], len(s["attempts"]), s["reason"]) for s in body["steps"]]
    assert told == [
        ("image", "completed", 1, ""),
        ("inference", "pending", 0, "no worker has been started"),
        ("feedback", "pending", 0, "waits for inference"),
        ("history", "pending", 0, "waits for inference, feedback"),
    ]


def test_a_second_cancel_is_a_conflict_and_somebody_elses_run_is_not_there(client):
    user = make_user()
    secret = {"headers": {"Authorization": f"Bearer {make_token(user)}"}}
    run, other = start(user), start(make_user())

    assert client.delete(f"/api/v1/workflows/cancel/{run.uuid}", **secret).json()["status"] == "cancelled"
    again = client.delete(f"/api/v1/workflows/cancel/{run.uuid}", **secret)

    assert (again.status_code, again.json()["error"]["category"], again.json()["error"]["code"]) == (
        409,
        "workflow",
        "WORKFLOW_ENDED",
    )
    assert client.delete(f"/api/v1/workflows/cancel/{other.uuid}", **secret).status_code == 404


def test_fifty_runs_take_as_many_queries_as_five(client, person, django_assert_max_num_queries):
    for _number in range(30):
        start(person)

    with django_assert_max_num_queries(10):
        client.get("/runs/")


def test_the_list_is_paged_without_gap_or_repeat(client):
    user = make_user()
    secret = {"headers": {"Authorization": f"Bearer {make_token(user)}"}}
    expected = [str(start(user).uuid) for _number in range(5)][::-1]

    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        more = f"&cursor={cursor}" if cursor else ""
        body = client.get(f"/api/v1/workflows/list?limit=2{more}", **secret).json()
        seen += [each["workflow_id"] for each in body["results"]]
        cursor = body["next_cursor"]

    assert seen == expected
