"""Profile, targets and energy spent, over HTTP."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_item, make_meal, make_profile, make_target, make_token, make_user
from tracking.models import Profile, Target, TargetDay, WeightEntry

pytestmark = pytest.mark.django_db
API = "/api/v1"
MONDAY = dt.date(2026, 3, 2)
TARGET = {"starts_on": "2026-03-02", "energy_kcal": 2000, "protein": {"value": 1.6, "unit": "g_per_kg"}}


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def send(api, method, path, body, **headers):
    return getattr(api, method)(f"{API}/{path}", json.dumps(body), content_type="application/json", headers=headers)


def details_of(response):
    return [(each["field"], each["message"].replace("\u00a0", " ")) for each in response.json()["error"]["details"]]


def weigh(user, kg=65, day=MONDAY):
    return WeightEntry.objects.create(user=user, day=day, time=dt.time(7), weight_kg=Decimal(kg))


# --- Profile ----------------------------------------------------------------------------------------------------
def test_an_empty_profile_says_what_is_not_said(api):
    response = api.get(f"{API}/profile")

    assert response.json() == {
        "sex": "",
        "birth_date": None,
        "height_cm": None,
        "activity": "",
        "pregnant_or_breastfeeding": False,
        "weight_unit": "kg",
        "length_unit": "cm",
        "energy_unit": "kcal",
    }


def test_a_profile_is_changed_field_by_field(api, user):
    send(api, "patch", "profile", {"sex": "female", "height_cm": 171.5})

    response = send(api, "patch", "profile", {"birth_date": "1995-06-15", "energy_unit": "kJ"})

    assert response.status_code == 200
    body = response.json()
    assert (body["sex"], body["height_cm"], body["birth_date"], body["energy_unit"]) == (
        "female",
        171.5,
        "1995-06-15",
        "kJ",
    )
    assert Profile.objects.get(user=user).height_cm == Decimal("171.5")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"height_cm": 20}, "height_cm"),
        ({"height_cm": "tall"}, "height_cm"),
        ({"birth_date": "2100-01-01"}, "birth_date"),
        ({"sex": "x"}, "sex"),
        ({"shoe_size": 42}, "shoe_size"),
    ],
)
def test_a_wrong_profile_is_422_and_nothing_is_written(api, user, body, field):
    response = send(api, "patch", "profile", {"activity": "light", **body})

    assert response.status_code == 422
    assert details_of(response)[0][0] == field
    assert not Profile.objects.filter(user=user, activity="light").exists()


# --- Targets ----------------------------------------------------------------------------------------------------
def test_a_target_is_made_and_shown_with_its_grams(api, user):
    weigh(user)

    response = send(api, "post", "targets", {**TARGET, "days": [{"weekdays": [5, 6], "energy_kcal": 2300}]})

    assert response.status_code == 201
    body = response.json()
    target = Target.objects.get(user=user)
    protein = {"value": 1.6, "unit": "g_per_kg"}

    def day(weekday, kcal):
        return {
            "weekday": weekday,
            "energy_kcal": kcal,
            "protein": protein,
            "fat": None,
            "carbohydrates": None,
            "grams": {"energy_kcal": kcal, "protein_g": 104, "fat_g": None, "carbohydrates_g": None},
        }

    assert body == {
        "id": target.pk,
        "starts_on": "2026-03-02",
        "goal": "keep",
        "rate_kg_per_week": 0,
        "goal_weight_kg": None,
        "weight_kg": 65,
        "days": [day(weekday, 2300 if weekday > 4 else 2000) for weekday in range(7)],
    }
    assert api.get(f"{API}/targets/{target.pk}").json() == body


def test_without_energy_and_day_it_is_computed_from_today_on(api, user):
    make_profile(user, birth_date=timezone.now().date().replace(day=1) - dt.timedelta(days=30 * 366))
    weigh(user)

    response = send(api, "post", "targets", {"goal": "lose", "rate_kg_per_week": 0.5})

    assert response.status_code == 201
    assert response.json()["starts_on"] == user.wall_clock(timezone.now()).date().isoformat()
    assert response.json()["days"][0]["energy_kcal"] == 1570


def test_a_repeated_request_makes_one_target(api, user):
    weigh(user)

    first = send(api, "post", "targets", TARGET, **{"Idempotency-Key": "k1"})
    Target.objects.filter(user=user).update(goal="gain")
    second = send(api, "post", "targets", TARGET, **{"Idempotency-Key": "k1"})

    assert second.json() == first.json()
    assert Target.objects.get(user=user).goal == "gain"


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"energy_kcal": 900}, "energy_kcal", "1,200 kcal"),
        ({"energy_kcal": 2000, "goal": "lose", "rate_kg_per_week": 0.5}, "goal", "must be known"),
        ({"energy_kcal": 2000, "protein": {"value": 90, "unit": "percent"}, "fat": {"value": 20, "unit": "percent"}},
         "protein", "110 %"),
        ({"energy_kcal": 2000, "days": [{"weekdays": [0], "energy_kcal": 900}]}, "days.energy_kcal", "1,200 kcal"),
        ({"energy_kcal": 2000, "days": [{"weekdays": [0]}, {"weekdays": [0, 1]}]}, "days", "once"),
        ({"energy_kcal": 2000, "goal": "shrink"}, "goal", "choice"),
        ({"energy_kcal": 2000, "kcal": 1}, "kcal", "no such field"),
        ({"energy_kcal": 2000, "fat": {"value": -1}}, "fat.value", "0"),
        ({"energy_kcal": 2000, "starts_on": "yesterday"}, "starts_on", "format"),
    ],
)  # fmt: skip
def test_a_wrong_or_harmful_target_is_422_and_nothing_is_written(api, body, field, word):
    response = send(api, "post", "targets", body)

    assert response.status_code == 422
    assert details_of(response)[0][0] == field
    assert word in details_of(response)[0][1]
    assert not Target.objects.exists()
    assert not TargetDay.objects.exists()


def test_history_comes_in_pages_with_the_latest_first(api, user):
    days = [MONDAY + dt.timedelta(days=number) for number in range(5)]
    for day in days:
        make_target(user, starts_on=day)
    make_target(starts_on=MONDAY)

    first = api.get(f"{API}/targets?limit=3").json()
    second = api.get(f"{API}/targets?limit=3&cursor={first['next_cursor']}").json()

    listed = [each["starts_on"] for each in first["results"] + second["results"]]
    assert listed == [day.isoformat() for day in reversed(days)]
    assert second["next_cursor"] is None


def test_history_costs_as_many_queries_for_fifty_as_for_five(api, user):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert api.get(f"{API}/targets?limit=100").status_code == 200
        return len(captured)

    for number in range(5):
        make_target(user, starts_on=MONDAY + dt.timedelta(days=number))
    few = queries()
    for number in range(5, 50):
        make_target(user, starts_on=MONDAY + dt.timedelta(days=number))

    assert queries() == few


def test_the_target_of_a_day_is_the_one_in_force_then(api, user):
    make_target(user, starts_on=MONDAY)
    make_target(user, starts_on=MONDAY + dt.timedelta(days=7), energy_kcal=Decimal(1800))

    assert api.get(f"{API}/targets/current?date=2026-03-05").json() == {
        "date": "2026-03-05",
        "target": {"energy_kcal": 2000, "protein_g": 100, "fat_g": None, "carbohydrates_g": None},
    }
    assert api.get(f"{API}/targets/current?date=2026-03-09").json()["target"]["energy_kcal"] == 1800
    assert api.get(f"{API}/targets/current?date=2026-03-01").json()["target"] is None
    assert details_of(api.get(f"{API}/targets/current?date=x"))[0][0] == "date"


def test_a_target_is_deleted(api, user):
    target = make_target(user)

    assert api.delete(f"{API}/targets/{target.pk}").status_code == 204
    assert api.delete(f"{API}/targets/{target.pk}").status_code == 404
    assert not TargetDay.objects.exists()


@pytest.mark.parametrize("method", ["get", "delete"])
def test_somebody_elses_target_is_not_there(api, method):
    target = make_target()

    assert getattr(api, method)(f"{API}/targets/{target.pk}").status_code == 404
    assert Target.objects.filter(pk=target.pk).exists()


@pytest.mark.parametrize("path", ["profile", "targets", "targets/1", "targets/current", "expenditure"])
def test_signed_out_is_401(client, path):
    assert client.get(f"{API}/{path}").status_code == 401


# --- Energy spent -----------------------------------------------------------------------------------------------
def test_expenditure_is_the_diarys_beside_the_formulas(api, user):
    make_profile(user, birth_date=timezone.now().date().replace(day=1) - dt.timedelta(days=30 * 366))
    today = user.wall_clock(timezone.now()).date()
    for number in range(1, 29):
        make_item(make_meal(user, day=today - dt.timedelta(days=number)), quantity=Decimal(400), amount=Decimal(400))
        weigh(user, 65, today - dt.timedelta(days=number))

    body = api.get(f"{API}/expenditure").json()

    assert body == {
        "first": (today - dt.timedelta(days=28)).isoformat(),
        "last": (today - dt.timedelta(days=1)).isoformat(),
        "diary": {
            "expenditure_kcal": 2156,
            "low_kcal": 2156,
            "high_kcal": 2156,
            "at_least": False,
            "intake_kcal": 2156,
            "change_kg_per_week": 0,
            "logged_days": 28,
            "weighings": 28,
        },
        "missing": None,
        "formula": {
            "resting_kcal": 1370,
            "activity_factor": 1.55,
            "need_kcal": 2120,
            "change_kcal": 0,
            "energy_kcal": 2120,
        },
        "formula_missing": [],
    }


def test_expenditure_says_what_is_missing(api):
    body = api.get(f"{API}/expenditure").json()

    assert body["diary"] is None
    assert body["formula"] is None
    assert body["formula_missing"] == ["sex", "birth_date", "height_cm", "activity", "weight_kg"]
    assert {**body["missing"], "message": ""} == {
        "logged_days": 14,
        "weighings": 5,
        "span_days": 14,
        "implausible": False,
        "message": "",
    }
