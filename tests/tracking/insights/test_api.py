import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import make_token, make_user
from tests.tracking.insights.logged import log
from tests.tracking.insights.weeks import MONDAY, WEEK
from tracking.models import Insight
from tracking.series import ONE_DAY
from tracking.services.insights import make
from workflows.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    user = make_user()
    log(user)
    return user


@pytest.fixture
def client(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"})


def post(client, body=None, **headers):
    return client.post(
        "/api/v1/workflows/insights/weekly", body or {}, content_type="application/json", headers=headers
    )


def last_monday():
    today = timezone.now().date()
    return today - (today.weekday() + 7) * ONE_DAY


def test_asking_for_a_week_starts_a_run_that_can_be_followed(client, user):
    answer = post(client, {"week": "2026-03-05"})

    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    status = client.get(f"/api/v1/workflows/status/{answer.json()['workflow_id']}").json()
    assert [step["name"] for step in status["steps"]] == ["collect", "compute", "mail", "summary"]
    run = Run.objects.get()
    assert (run.user, run.input) == (user, {"user_id": user.pk, "week": "2026-03-02", "by_mail": False})


@pytest.mark.parametrize("body", [{}, {"week": None}])
def test_without_a_week_it_is_the_last_one_that_is_over(client, body):
    assert post(client, body).status_code == 202
    assert Run.objects.get().input["week"] == str(last_monday())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"week": "soon"}, "week"),
        ({"week": str(timezone.now().date())}, "week"),
        ({"week": "1900-01-03"}, "week"),
        ({"week": "0001-01-01"}, "week"),
        ({"week": "9999-12-31"}, "week"),
        ({"weeks": "2026-03-05"}, "weeks"),
    ],
)
def test_week_that_cannot_be_is_refused_by_its_field(client, body, field):
    answer = post(client, body)

    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
    assert not Run.objects.exists()


def test_repeated_request_gets_the_first_answer(client):
    first = post(client, {"week": "2026-03-05"}, **{"Idempotency-Key": "once"})
    Run.objects.update(state="completed", finished_at=timezone.now())

    again = post(client, {"week": "2026-03-05"}, **{"Idempotency-Key": "once"})

    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (202, first.json(), "true")
    assert Run.objects.count() == 1


def test_week_is_answered_in_words_and_figures(client, user):
    make(user, WEEK, now=timezone.now())

    found = client.get("/api/v1/insights/2026-03-02").json()

    assert set(found) == {"week", "created_at", "outdated", "suggestions", "findings", "figures"}
    assert (found["week"], found["outdated"], found["figures"]["logged"]) == ("2026-03-02", False, 6)
    salt = next(each for each in found["figures"]["compared"] if each["nutrient"] == "salt_g")
    assert salt == {
        "nutrient": "salt_g", "mean": 8, "at_least": False, "reference": 6, "coverage": 1, "stands": "over",
    }  # fmt: skip
    first = found["suggestions"][0]
    assert (first["code"], first["figures"]["food"], first["sentence"][:5]) == ("LESS", "Soup", "Salt:")
    assert first["link"] == "/insights/2026-03-02/entries/?nutrient=salt_g&food=name%3ASoup"


def test_week_says_that_the_diary_has_changed_since(client, user):
    make(user, WEEK, now=timezone.now())
    log(user, "Fri Bread 1000 40 10 2 150 5 10 3\n")

    assert client.get("/api/v1/insights/2026-03-02").json()["outdated"] is True


def test_what_another_version_told_is_left_out(client, user):
    insight = make(user, WEEK, now=timezone.now())
    insight.statements["suggestions"].insert(0, {"code": "GONE", "figures": {}, "link": "/"})
    insight.figures = {"of": "another version"}
    insight.save()

    found = client.get("/api/v1/insights/2026-03-02").json()

    assert [each["code"] for each in found["suggestions"]] == ["LESS", "MORE", "LOG_DAYS"]
    assert found["figures"] == {"of": "another version"}


def test_list_has_the_newest_first_in_pages(client, user, django_assert_num_queries):
    for back in range(12):
        Insight.objects.create(
            user=user, week=MONDAY - back * 7 * ONE_DAY, figures={"logged": back}, statements={}, fingerprint=""
        )

    first = client.get("/api/v1/insights?limit=10").json()
    with django_assert_num_queries(2):  # who asks, and the page
        rest = client.get(f"/api/v1/insights?limit=10&cursor={first['next_cursor']}").json()

    assert [each["week"] for each in first["results"][:2]] == ["2026-03-02", "2026-02-23"]
    assert ([each["logged"] for each in rest["results"]], rest["next_cursor"]) == ([10, 11], None)


@pytest.mark.parametrize("week", ["2026-03-03", "2026-03-09", "soon", "0000-00-00"])
def test_week_that_nobody_looked_back_on_is_a_404(client, user, week):
    make(user, WEEK, now=timezone.now())

    assert client.get(f"/api/v1/insights/{week}").status_code == 404


def test_somebody_elses_week_is_a_404(user):
    make(user, WEEK, now=timezone.now())
    other = Client(headers={"Authorization": f"Bearer {make_token()}"})

    assert other.get("/api/v1/insights/2026-03-02").status_code == 404
    assert other.get("/api/v1/insights").json()["results"] == []


@pytest.mark.parametrize("path", ["insights", "insights/2026-03-02", "workflows/insights/weekly"])
def test_without_a_login_it_is_a_401(path):
    client = Client()
    answer = client.post(f"/api/v1/{path}") if "weekly" in path else client.get(f"/api/v1/{path}")

    assert answer.status_code == 401
