"""What recognition has learned, as a page for the person, in the API, and for whoever runs the server."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_token, make_user
from tests.tracking.confirmed import confirmed, damage, make_recogniser
from tests.workflows.test_crash_points import work_off
from tracking.models import Example, Recogniser
from tracking.runs.training import TrainRecogniser
from tracking.services.recognisers import start_training
from workflows import engine
from workflows.models import Run

pytestmark = pytest.mark.django_db
PAGE, API = "/photos/learned/", "/api/v1/recognisers"
TRAIN = "/api/v1/workflows/recognisers/train"
State = Recogniser.State
FIGURES = {
    "photos": 5, "right": 4, "sure": 3, "wrong_sure": 0, "log_loss": 0.31, "learned_from": 15, "against": 0,
    "before": {"photos": 5, "right": 3, "sure": 2, "wrong_sure": 1, "log_loss": 0.5},
    "foods": [["Soup", "Soup", 2], ["Soup", "Stew", 1], ["Toast", "Toast", 2]],
}  # fmt: skip


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def program(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"})


def state(version):
    return Recogniser.objects.get(version=version).state


# --- The page ---------------------------------------------------------------------------------------------------
def test_without_photos_the_page_says_how_many_it_takes(reader):
    page = reader.get(PAGE).content.decode()

    assert "It takes 12 confirmed photos of 4 different meals; there are 0 of 0." in page
    assert 'id="train"' not in page


def test_run_of_a_training_tells_a_person_what_each_step_does_and_a_program_its_name(reader, program, user):
    run = engine.start(TrainRecogniser, input={"user_id": user.pk}, user=user, now=timezone.now())

    page = reader.get(run.get_absolute_url()).content.decode()
    told = program.get(f"/api/v1/workflows/status/{run.uuid}").json()

    assert "Learning how they vary" in page
    assert "aits for" not in page
    assert [step["name"] for step in told["steps"]] == ["collect", "features", "train", "evaluate", "promote"]
    assert told["page"] == PAGE


def test_page_shows_each_version_and_what_it_took_for_what(reader, user):
    make_recogniser(user, version=1, state=State.RETIRED, figures=FIGURES)
    make_recogniser(user, version=2, figures=FIGURES)

    page = reader.get(PAGE)

    said = page.content.decode()
    assert "Version 2 is in use" in said
    assert "4 of 5, before 3" in said
    assert "Use version 1 again" in said
    assert [(food.name, food.photos, food.right, food.taken_for) for food in page.context["last"].foods] == [
        ("Soup", 3, 2, [("Stew", 1)]),
        ("Toast", 2, 2, []),
    ]


def test_training_is_begun_with_a_press_and_leads_to_its_progress(reader, user):
    confirmed(user)

    response = reader.post(PAGE + "train/")

    run = Run.objects.owned_by(user).get()
    assert response["Location"] == run.get_absolute_url()
    assert run.get_absolute_url() in reader.get(PAGE).content.decode()


def test_training_with_too_few_photos_is_a_sentence(reader, user):
    confirmed(user, dishes=4, photos=2)

    page = reader.post(PAGE + "train/", follow=True)

    assert "there are 8 of 4." in page.content.decode()
    assert not Run.objects.exists()


def test_earlier_version_can_be_taken_into_use_again_and_so_can_none(reader, user):
    make_recogniser(user, version=1, state=State.RETIRED)
    make_recogniser(user, version=2)

    reader.post(PAGE + "1/use/")
    first = state(1), state(2)
    reader.post(PAGE + "0/use/")

    assert first == (State.ACTIVE, State.RETIRED)
    assert (state(1), state(2)) == (State.RETIRED, State.RETIRED)


@pytest.mark.parametrize("which", ["never in use", "damaged"])
def test_version_that_cannot_be_used_stays_where_it_is_with_the_reason(reader, user, which):
    row = make_recogniser(user, state=State.REJECTED if which == "never in use" else State.RETIRED)
    if which == "damaged":
        damage(row)

    page = reader.post(PAGE + "1/use/", follow=True).content.decode()

    assert ("never in use" if which == "never in use" else "Train again") in page
    assert state(1) != State.ACTIVE


def test_damaged_version_in_use_is_said_to_be(reader, user):
    damage(make_recogniser(user))

    assert "cannot be read any more" in reader.get(PAGE).content.decode()


def test_deleting_what_was_learned_is_asked_for_first(reader, user):
    confirmed(user, dishes=1, photos=1)
    make_recogniser(user)

    asked = reader.get(PAGE + "forget/")
    kept = Recogniser.objects.count()
    reader.post(PAGE + "forget/")

    assert "Delete what was learned?" in asked.content.decode()
    assert (kept, Recogniser.objects.count(), Example.objects.count()) == (1, 0, 0)


def test_somebody_else_sees_nothing_and_changes_nothing(reader):
    other = make_user()
    make_recogniser(other, version=1, state=State.RETIRED, figures=FIGURES)
    make_recogniser(other, version=2)

    page = reader.get(PAGE)
    response = reader.post(PAGE + "1/use/")
    reader.post(PAGE + "0/use/")
    reader.post(PAGE + "forget/")

    assert page.context["versions"] == []
    assert response.status_code == 404
    assert (state(1), state(2)) == (State.RETIRED, State.ACTIVE)


@pytest.mark.parametrize("way", ["", "forget/"])
def test_page_is_for_people_who_are_signed_in(client, way):
    assert client.get(PAGE + way)["Location"].startswith("/login/")


def test_page_takes_as_many_queries_for_many_versions_and_photos_as_for_few(reader, user):
    counts = []
    for number in range(2):
        confirmed(user, dishes=3, photos=1 + 4 * number)
        for version in range(1 + 20 * number, 3 + 22 * number):
            make_recogniser(user, version=version, state=State.RETIRED, figures=FIGURES)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            reader.get(PAGE)
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- The API ----------------------------------------------------------------------------------------------------
def test_api_lists_versions_with_their_figures(program, user):
    row = make_recogniser(user, figures=FIGURES)
    make_recogniser(make_user())

    answer = program.get(API)

    figures = {key: FIGURES[key] for key in ("photos", "right", "sure", "wrong_sure", "log_loss")}
    assert answer.json() == {
        "results": [
            {
                "version": 1,
                "state": "active",
                "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
                "learned_from": 15,
                "figures": figures,
                "before": FIGURES["before"],
            }
        ]
    }


def test_version_that_was_not_evaluated_has_no_figures(program, user):
    make_recogniser(user, state=State.CANDIDATE)

    (said,) = program.get(API).json()["results"]

    assert (said["learned_from"], said["figures"], said["before"]) == (None, None, None)


def test_api_begins_training_once_for_a_repeated_request(program, user):
    confirmed(user)

    answers = [program.post(TRAIN, {}, "application/json", headers={"Idempotency-Key": "a"}) for _ in range(2)]

    run = Run.objects.get()
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json() == {"workflow_id": str(run.uuid), "status": "pending"}
    assert run.user == user


def test_api_refuses_training_with_too_few_photos(program):
    answer = program.post(TRAIN)

    assert answer.status_code == 422
    assert "12 confirmed photos" in answer.json()["error"]["user_message"]


def test_api_takes_a_version_into_use_again(program, user):
    make_recogniser(user, version=1, state=State.RETIRED)
    make_recogniser(user, version=2)

    answer = program.post(f"{API}/1/activate")

    assert [(row["version"], row["state"]) for row in answer.json()["results"]] == [(2, "retired"), (1, "active")]


def test_api_answers_404_for_what_is_not_there_or_somebody_elses_and_409_for_what_was_never_in_use(program, user):
    make_recogniser(make_user(), version=7, state=State.RETIRED)
    make_recogniser(user, version=1, state=State.REJECTED)

    assert [program.post(f"{API}/{version}/activate").status_code for version in (7, 8, 10**30, 1)] == [
        404, 404, 404, 409,
    ]  # fmt: skip


@pytest.mark.parametrize(("method", "address"), [("get", API), ("post", TRAIN), ("post", f"{API}/1/activate")])
def test_api_is_for_people_who_are_signed_in(client, method, address):
    assert getattr(client, method)(address).status_code == 401


# --- For operators ----------------------------------------------------------------------------------------------
ADMIN = "/admin/tracking/recogniser/"


def test_operator_sees_figures_and_no_food(admin_client, user):
    confirmed(user)
    run = start_training(user=user, now=timezone.now())
    work_off(run)
    row = Recogniser.objects.get()

    pages = [admin_client.get(ADMIN), admin_client.get(f"{ADMIN}{row.pk}/change/")]

    assert [page.status_code for page in pages] == [200, 200]
    assert all(str(row.figures["log_loss"]) in page.content.decode() for page in pages)
    assert not any("meal " in page.content.decode() for page in pages)
    assert admin_client.get(f"/admin/workflows/run/{run.pk}/change/").status_code == 200


def test_operator_takes_a_version_into_use_again_and_that_is_written_down(admin_client, admin_user, user):
    old = make_recogniser(user, version=1, state=State.RETIRED)
    make_recogniser(user, version=2)

    admin_client.post(ADMIN, {"action": "use_again", "_selected_action": [old.pk]})

    assert (state(1), state(2)) == (State.ACTIVE, State.RETIRED)
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id, entry.change_message) == (
        admin_user.pk, str(old.pk), "taken into use again",
    )  # fmt: skip


def test_operator_cannot_use_what_was_never_in_use(admin_client, user):
    row = make_recogniser(user, state=State.REJECTED)

    page = admin_client.post(ADMIN, {"action": "use_again", "_selected_action": [row.pk]}, follow=True)

    assert "never in use" in page.content.decode()
    assert not LogEntry.objects.exists()


def test_admin_list_takes_as_many_queries_for_many_as_for_few(admin_client):
    counts = []
    for number in range(2):
        for _ in range(2 + 8 * number):
            make_recogniser(make_user(), figures=FIGURES)
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(ADMIN)
        counts.append(len(queries))

    assert counts[0] == counts[1]
