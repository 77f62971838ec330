"""Weights and measurements: the pages as a plain browser uses them, and the API."""

import datetime as dt
import json
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import make_token, make_user
from tracking.dates import today_of
from tracking.errors import Refused
from tracking.models import Measurement, MeasurementKind, Profile, Target, WeightEntry
from tracking.services import body as services

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 3, 2)
ONE = dt.timedelta(days=1)
SEVEN = dt.time(7)
API = "/api/v1/weights"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


def text_of(response):
    return " ".join(response.content.decode().replace("\u00a0", " ").split())


def weighed(user, kg="72.4", *, day=DAY, time=SEVEN, note=""):
    return WeightEntry.objects.create(user=user, day=day, time=time, weight_kg=Decimal(kg), note=note)


def kind_of(user, name="Waist", unit="cm"):
    return MeasurementKind.objects.create(user=user, name=name, unit=unit)


def measured(kind, value="81.5", *, day=DAY, time=SEVEN):
    return Measurement.objects.create(kind=kind, day=day, time=time, value=Decimal(value))


def undo_of(response):
    """The address of the button that puts back what was deleted."""
    return [message.extra_tags for message in response.context["messages"]][-1]


def send(api, method, path, body, **headers):
    return getattr(api, method)(path, json.dumps(body), content_type="application/json", headers=headers)


# --- Weight: page -----------------------------------------------------------------------------------------------
def test_first_visit_has_one_field_and_says_what_to_do(reader):
    page = text_of(reader.get("/weight/"))

    assert "No weights yet." in page
    assert "Weight in kilograms" in page
    assert "<svg class=" not in page.replace('<svg class="icon"', "")


def test_weight_is_written_down_for_now_by_the_persons_clock(reader, user):
    user.time_zone = "Pacific/Kiritimati"
    user.save()

    response = reader.post("/weight/", {"weight": "72,4"}, follow=True)

    entry = WeightEntry.objects.get()
    assert (entry.user, entry.weight_kg, entry.day) == (user, Decimal("72.4"), today_of(user))
    assert entry.time.second == 0
    assert "72.4 kg is written down." in text_of(response)


def test_weight_is_typed_and_shown_in_ones_own_unit(reader, user):
    Profile.objects.create(user=user, weight_unit="st")

    page = text_of(reader.post("/weight/", {"weight": "11 st 4.5"}, follow=True))

    assert WeightEntry.objects.get().weight_kg == Decimal("71.894")
    assert "11 st 4.5 lb is written down." in page
    assert "Weight in stones and pounds" in page


def test_weight_of_another_day_is_written_down_there(reader, user):
    reader.post("/weight/", {"weight": "72.4", "day": "2026-03-02", "time": "06:30", "note": "after a run"})

    entry = WeightEntry.objects.get()
    assert (entry.day, entry.time, entry.note) == (DAY, dt.time(6, 30), "after a run")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"weight": ""}, "Enter what the scales say."),
        ({"weight": "heavy"}, "Enter a weight like 72.4."),
        ({"weight": "1,234"}, "A weight is between 2.0 kg and 650.0 kg."),
        ({"weight": "72.4", "day": "2199-01-01"}, "That day has not come yet."),
        ({"weight": "72.4", "day": "soon"}, "Choose a day between 1900 and 2200."),
        ({"weight": "72.4", "time": "noon"}, "Enter a time like 07:30."),
    ],
)
def test_what_cannot_be_is_explained_and_what_was_typed_stays(reader, typed, sentence):
    response = reader.post("/weight/", typed)

    assert response.status_code == 422
    assert sentence in text_of(response)
    for value in filter(None, typed.values()):
        assert f'value="{value}"' in text_of(response)
    assert WeightEntry.objects.count() == 0


def test_second_weight_of_a_minute_is_explained_and_kept_in_the_field(reader, user):
    weighed(user)

    response = reader.post("/weight/", {"weight": "72.9", "day": "2026-03-02", "time": "07:00"})

    page = text_of(response)
    assert response.status_code == 422
    assert "There is a weight of 07:00 on that day already." in page
    assert 'value="72.9"' in page
    assert '<details class="more" open>' in page
    assert WeightEntry.objects.count() == 1


def test_page_shows_the_trend_in_words_lines_and_figures(reader, user):
    today = today_of(user)
    for number, kg in enumerate(["80", "79.5", "79.8", "79.2", "79", "78.9", "79.1", "78.6", "78.5"]):
        weighed(user, kg, day=today - (8 - number) * ONE)

    page = text_of(reader.get("/weight/?span=month"))

    assert "Your trend is at 79.4 kg on" in page
    assert "−0.5 kg compared with a week before." in page
    assert page.count("<circle") == 9
    assert 'class="trend"' in page
    assert page.count('<th scope="row">') == 9


def test_page_says_when_the_goal_may_be_reached(reader, user):
    today = today_of(user)
    Target.objects.create(user=user, starts_on=today - 40 * ONE, goal="lose", goal_weight_kg=Decimal(75))
    for number in range(28):
        weighed(
            user,
            str(Decimal(80) - Decimal("0.1") * number + Decimal("0.2") * (number % 2)),
            day=today - (27 - number) * ONE,
        )

    page = text_of(reader.get("/weight/"))

    assert "If the last four weeks go on (−0.7 kg a week" in page
    assert ", likely between " in page


def test_a_goal_to_keep_ones_weight_has_no_date(reader, user):
    Target.objects.create(user=user, starts_on=DAY, goal="keep", goal_weight_kg=Decimal(75))
    weighed(user)

    assert "75.0 kg" not in text_of(reader.get("/weight/"))


def test_older_weights_are_a_page_further(reader, user):
    for number in range(20):
        weighed(user, day=DAY - number * ONE)

    first = reader.get("/weight/")
    [older] = re.findall(r'href="(\?before=[^"]+)"', text_of(first))
    second = reader.get(f"/weight/{older}")

    shown = [row.entry.day for response in (first, second) for row in response.context["rows"]]
    assert shown == [DAY - number * ONE for number in range(20)]


def test_page_takes_as_many_queries_for_fifty_weights_as_for_five(reader, user):
    def queries(count):
        WeightEntry.objects.all().delete()
        for number in range(count):
            weighed(user, day=DAY + number * ONE)
        with CaptureQueriesContext(connection) as captured:
            reader.get("/weight/?span=all")
        return len(captured)

    assert queries(50) == queries(5)


def test_weight_is_changed(reader, user):
    entry = weighed(user, "72.437", note="shoes on")

    reader.post(f"/weight/{entry.pk}/", {"weight": "72.4", "day": "2026-03-01", "time": "07:00", "note": ""})

    entry.refresh_from_db()
    # 72.437 stood in the field as 72.4 and was not touched.
    assert (entry.weight_kg, entry.day, entry.note) == (Decimal("72.437"), DAY - ONE, "")


def test_weight_cannot_be_changed_into_nonsense(reader, user):
    entry = weighed(user)

    response = reader.post(f"/weight/{entry.pk}/", {"weight": "x", "day": "", "time": "07:00"})

    assert response.status_code == 422
    assert 'value="x"' in text_of(response)
    entry.refresh_from_db()
    assert entry.weight_kg == Decimal("72.4")


def test_deleted_weight_can_be_put_back_once(reader, user):
    entry = weighed(user, note="after a run")
    deleted = reader.post(f"/weight/{entry.pk}/delete/", follow=True)
    assert "72.4 kg of 2 March is deleted." in text_of(deleted)
    assert WeightEntry.objects.count() == 0

    reader.post(undo_of(deleted))
    again = reader.post(undo_of(deleted), follow=True)

    back = WeightEntry.objects.get()
    assert (back.user, back.weight_kg, back.day, back.time, back.note, back.created_at) == (
        user, Decimal("72.4"), DAY, SEVEN, "after a run", entry.created_at,
    )  # fmt: skip
    assert "There is an entry of that time again already." in text_of(again)


def test_what_another_person_deleted_cannot_be_put_back(client, reader, user):
    entry = weighed(user)
    address = undo_of(reader.post(f"/weight/{entry.pk}/delete/", follow=True))
    client.force_login(make_user())

    response = client.post(address, follow=True)

    assert "This can no longer be put back." in text_of(response)
    assert WeightEntry.objects.count() == 0


def test_a_forged_token_puts_nothing_back(reader):
    assert "This can no longer be put back." in text_of(reader.post("/body/put-back/?token=x", follow=True))


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "path", ["/weight/{0}/", "/weight/{0}/delete/", "/measurements/{1}/", "/measurements/{1}/change/",
             "/measurements/{1}/delete/", "/measurements/values/{2}/", "/measurements/values/{2}/delete/"]
)  # fmt: skip
def test_somebody_elses_is_not_there(reader, method, path):
    kind = kind_of(make_user())
    entry, value = weighed(kind.user), measured(kind)

    response = getattr(reader, method)(path.format(entry.pk, kind.pk, value.pk))

    only_post = method == "get" and path.endswith("delete/") and "{1}" not in path
    assert response.status_code == (405 if only_post else 404)
    assert (WeightEntry.objects.count(), Measurement.objects.count()) == (1, 1)


@pytest.mark.parametrize("path", ["/weight/", "/weight/1/", "/measurements/", "/measurements/1/"])
def test_signed_out_is_sent_to_sign_in(client, path):
    response = client.get(path)

    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/login/")


# --- Measurements: pages ----------------------------------------------------------------------------------------
def test_something_new_to_measure_is_made_and_measured(reader, user):
    made = reader.post("/measurements/", {"name": " Waist ", "unit": "cm"})
    reader.post(made["Location"], {"value": "81,5"})

    value = Measurement.objects.get()
    assert (value.kind.name, value.kind.user, value.value, value.day) == (
        "Waist",
        user,
        Decimal("81.5"),
        today_of(user),
    )
    assert "81.5 cm" in text_of(reader.get("/measurements/"))


def test_two_values_are_a_chart(reader, user):
    kind = kind_of(user)
    measured(kind, "83")
    measured(kind, "81.5", day=DAY + 7 * ONE)

    page = text_of(reader.get("/measurements/"))

    assert "81.5 cm on 9 March 2026, −1.5 cm since 2 March 2026." in page
    assert page.count("<circle") == 2


def test_kind_of_a_name_that_is_there_is_explained(reader, user):
    kind_of(user)

    response = reader.post("/measurements/", {"name": "Waist", "unit": "in"})

    assert response.status_code == 422
    assert "You measure something of this name already." in text_of(response)
    assert 'value="in"' in text_of(response)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("", "Enter a value."), ("wide", "Enter a number like 81.5."), ("-1", "greater than or equal")],
)
def test_value_that_is_none_is_explained_and_kept(reader, user, value, sentence):
    response = reader.post(f"/measurements/{kind_of(user).pk}/", {"value": value})

    assert response.status_code == 422
    assert sentence in text_of(response)
    assert not value or f'value="{value}"' in text_of(response)


def test_value_is_changed_deleted_and_put_back(reader, user):
    value = measured(kind_of(user))
    reader.post(f"/measurements/values/{value.pk}/", {"value": "82", "day": "2026-03-02", "time": "07:00"})
    deleted = reader.post(f"/measurements/values/{value.pk}/delete/", follow=True)
    assert Measurement.objects.count() == 0

    reader.post(undo_of(deleted))

    assert Measurement.objects.get().value == Decimal(82)


def test_kind_is_renamed_and_deleted_with_its_values_after_a_question(reader, user):
    kind = kind_of(user)
    measured(kind)
    reader.post(f"/measurements/{kind.pk}/change/", {"name": "Belly", "unit": "cm"})
    kind.refresh_from_db()
    assert kind.name == "Belly"
    assert "One value goes with it" in text_of(reader.get(f"/measurements/{kind.pk}/delete/"))

    reader.post(f"/measurements/{kind.pk}/delete/")

    assert (MeasurementKind.objects.count(), Measurement.objects.count()) == (0, 0)


def test_measurements_take_as_many_queries_for_fifty_kinds_as_for_five(reader, user):
    def queries(count):
        MeasurementKind.objects.all().delete()
        for number in range(count):
            kind = kind_of(user, f"kind {number}")
            measured(kind)
            measured(kind, day=DAY + ONE)
        with CaptureQueriesContext(connection) as captured:
            reader.get("/measurements/")
        return len(captured)

    assert queries(50) == queries(5)


# --- API --------------------------------------------------------------------------------------------------------
def test_api_writes_reads_changes_and_deletes_a_weight(api, user):
    body = {"weight_kg": 72.4, "date": "2026-03-02", "time": "07:00", "note": "after a run"}
    made = send(api, "post", API, body)
    pk = made.json()["id"]
    assert (made.status_code, made.json()) == (
        201,
        {"id": pk, "trend_kg": 72.4, **body, "time": "07:00:00"},
    )

    changed = send(api, "patch", f"{API}/{pk}", {"weight_kg": "71.9"})
    assert (changed.status_code, changed.json()["weight_kg"]) == (200, 71.9)
    assert api.get(f"{API}/{pk}").json() == changed.json()
    assert api.delete(f"{API}/{pk}").status_code == 204
    assert api.get(f"{API}/{pk}").status_code == 404


def test_api_takes_now_where_no_time_is_said(api, user):
    body = send(api, "post", API, {"weight_kg": 72.4}).json()

    assert body["date"] == today_of(user).isoformat()


def test_api_lists_weights_in_pages_with_the_trend_of_all(api, user):
    weighed(user, "80")
    weighed(user, "81", day=DAY + ONE)
    weighed(user, "81", day=DAY + 2 * ONE)

    first = api.get(f"{API}?limit=2").json()
    second = api.get(f"{API}?limit=2&cursor={first['next_cursor']}").json()

    found = [(each["date"], each["weight_kg"], each["trend_kg"]) for each in first["results"] + second["results"]]
    assert found == [("2026-03-04", 81, 80.19), ("2026-03-03", 81, 80.1), ("2026-03-02", 80, 80)]
    assert second["next_cursor"] is None


def test_api_lists_the_weights_of_some_days(api, user):
    for number in range(4):
        weighed(user, day=DAY + number * ONE)

    found = api.get(f"{API}?from=2026-03-03&to=2026-03-04").json()["results"]

    assert [each["date"] for each in found] == ["2026-03-04", "2026-03-03"]


def test_a_repeated_request_writes_one_weight(api):
    body = {"weight_kg": 72.4, "date": "2026-03-02", "time": "07:00"}

    first = send(api, "post", API, body, **{"Idempotency-Key": "k"})
    again = send(api, "post", API, body, **{"Idempotency-Key": "k"})

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert WeightEntry.objects.count() == 1


def test_a_second_weight_of_a_minute_is_a_conflict(api, user):
    weighed(user)

    response = send(api, "post", API, {"weight_kg": 73, "date": "2026-03-02", "time": "07:00:30"})

    assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (409, "time")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "weight_kg"),
        ({"weight_kg": "heavy"}, "weight_kg"),
        ({"weight_kg": 1}, "weight_kg"),
        ({"weight_kg": 72.4, "date": "2199-01-01"}, "date"),
        ({"weight_kg": 72.4, "date": "1850-01-01"}, "date"),
        ({"weight_kg": 72.4, "weight_lb": 160}, "weight_lb"),
        ({"weight_kg": 72.4, "note": "x" * 201}, "note"),
    ],
)
def test_api_refuses_a_weight_that_cannot_be(api, body, field):
    response = send(api, "post", API, body)

    assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (422, field)
    assert WeightEntry.objects.count() == 0


def test_api_measures_things_of_ones_own(api):
    kind = send(api, "post", "/api/v1/measurements/kinds", {"name": "Waist", "unit": "cm"}).json()
    made = send(
        api, "post", "/api/v1/measurements",
        {"kind": kind["id"], "value": 81.5, "date": "2026-03-02", "time": "07:00"},
    )  # fmt: skip
    value = made.json()
    assert value == {"id": value["id"], "kind": kind["id"], "date": "2026-03-02", "time": "07:00:00", "value": 81.5}

    changed = send(api, "patch", f"/api/v1/measurements/{value['id']}", {"value": 80}).json()
    renamed = send(api, "patch", f"/api/v1/measurements/kinds/{kind['id']}", {"name": "Belly"}).json()

    assert (changed["value"], renamed) == (80, {**kind, "name": "Belly"})
    listed = api.get(f"/api/v1/measurements?kind={kind['id']}").json()
    assert listed == {"results": [changed], "next_cursor": None}
    assert api.get("/api/v1/measurements/kinds").json()["results"] == [renamed]
    assert api.get(f"/api/v1/measurements/{value['id']}").json() == changed
    assert api.delete(f"/api/v1/measurements/{value['id']}").status_code == 204
    assert api.delete(f"/api/v1/measurements/kinds/{kind['id']}").status_code == 204


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
@pytest.mark.parametrize("path", ["weights/{0}", "measurements/{2}", "measurements/kinds/{1}"])
def test_api_does_not_know_somebody_elses(api, method, path):
    kind = kind_of(make_user())
    entry, value = weighed(kind.user), measured(kind)

    response = getattr(api, method)(f"/api/v1/{path.format(entry.pk, kind.pk, value.pk)}")

    assert response.status_code == 404
    assert (WeightEntry.objects.count(), Measurement.objects.count()) == (1, 1)


def test_api_measures_nothing_for_somebody_else(api):
    kind = kind_of(make_user())

    response = send(api, "post", "/api/v1/measurements", {"kind": kind.pk, "value": 1})

    assert response.status_code == 404
    assert Measurement.objects.count() == 0


def test_api_lists_only_ones_own(api):
    kind = kind_of(make_user())
    weighed(kind.user)
    measured(kind)

    for path in ("weights", "measurements", "measurements/kinds"):
        assert api.get(f"/api/v1/{path}").json() == {"results": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["weights", "weights/1", "measurements", "measurements/1", "measurements/kinds"])
def test_api_without_login_is_refused(client, path):
    assert client.get(f"/api/v1/{path}").status_code == 401


def test_api_list_takes_as_many_queries_for_fifty_weights_as_for_five(api, user):
    def queries(count):
        WeightEntry.objects.all().delete()
        for number in range(count):
            weighed(user, day=DAY + number * ONE)
        with CaptureQueriesContext(connection) as captured:
            api.get(f"{API}?limit=50")
        return len(captured)

    assert queries(50) == queries(5)


def test_who_flew_west_may_still_correct_what_they_weighed_on_a_day_that_has_not_come_there(user):
    tomorrow = WeightEntry.objects.create(user=user, day=today_of(user) + ONE, time=SEVEN, weight_kg=Decimal(72))

    services.change_weight(tomorrow, {"weight_kg": Decimal("71.5")})
    with pytest.raises(Refused):
        services.change_weight(tomorrow, {"day": tomorrow.day + ONE})

    assert list(WeightEntry.objects.values_list("day", "weight_kg")) == [(tomorrow.day, Decimal("71.5"))]
