"""A meal lands on the person's own day: clocks put forward and back, far zones, a journey, a minute to midnight."""

import datetime as dt
import json
import zoneinfo

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dietintel.accounts.models import User
from tests.factories import make_token, make_user
from tracking.errors import Refused
from tracking.models import MealItem
from tracking.moments import day_and_time

ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "UTC", "Etc/GMT-14"]
MOMENTS = [
    # zone, moment, the day and time on the person's clock
    ("Europe/Berlin", "2026-03-29T00:59:00+00:00", "2026-03-29", "01:59"),  # the last minute of winter
    ("Europe/Berlin", "2026-03-29T01:00:00+00:00", "2026-03-29", "03:00"),  # there is no two o'clock
    ("Europe/Berlin", "2026-03-29T21:59:00+00:00", "2026-03-29", "23:59"),  # a day of 23 hours
    ("Europe/Berlin", "2026-03-29T22:00:00+00:00", "2026-03-30", "00:00"),
    ("Europe/Berlin", "2026-10-25T00:30:00+00:00", "2026-10-25", "02:30"),  # half past two
    ("Europe/Berlin", "2026-10-25T01:30:00+00:00", "2026-10-25", "02:30"),  # and once more
    ("Europe/Berlin", "2026-10-24T21:59:00+00:00", "2026-10-24", "23:59"),
    ("Europe/Berlin", "2026-10-25T22:59:00+00:00", "2026-10-25", "23:59"),  # a day of 25 hours
    ("Europe/Berlin", "2026-10-25T23:00:00+00:00", "2026-10-26", "00:00"),
    ("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08", "03:00"),
    ("America/New_York", "2026-11-01T06:30:00Z", "2026-11-01", "01:30"),
    ("Pacific/Kiritimati", "2026-03-02T10:00:00Z", "2026-03-03", "00:00"),  # UTC+14
    ("Pacific/Kiritimati", "2026-03-02T09:59:00Z", "2026-03-02", "23:59"),
    ("Etc/GMT+12", "2026-03-02T11:59:00Z", "2026-03-01", "23:59"),  # UTC-12: the sign of these names is the other way
    ("Etc/GMT+12", "2026-03-02T12:00:00Z", "2026-03-02", "00:00"),
    ("Europe/Berlin", "2026-03-02T23:59:00+14:00", "2026-03-02", "10:59"),  # a device that is set to another zone
    ("Europe/Berlin", "2026-03-02T23:59:00", "2026-03-02", "23:59"),  # without a zone: what the clock showed
]


@pytest.fixture
def traveller():
    return make_user(time_zone="Europe/Berlin")


def program_of(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"})


def log(user, **when):
    body = {"name": "dinner", "items": [{"name": "Soup", "energy_kcal": 90}], **when}
    return program_of(user).post("/api/v1/meals", json.dumps(body), content_type="application/json")


@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "moment", "day", "time"), MOMENTS)
def test_a_moment_is_of_the_day_that_it_was_for_the_person(zone, moment, day, time):
    response = log(make_user(time_zone=zone), eaten_at=moment)

    assert (response.json()["date"], response.json()["items"][0]["time"]) == (day, f"{time}:00")


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])  # these two are never on the same day
def test_a_meal_without_a_date_is_of_the_persons_today(zone):
    user = make_user(time_zone=zone)
    before = user.wall_clock(timezone.now()).date()

    day = log(user).json()["date"]

    assert before <= dt.date.fromisoformat(day) <= user.wall_clock(timezone.now()).date()
    assert program_of(user).get("/api/v1/days/today").json()["totals"]["energy_kcal"] == 90


@pytest.mark.django_db
def test_a_journey_leaves_every_meal_on_the_day_that_it_was_eaten(traveller):
    log(traveller, eaten_at="2026-03-02T19:30:00+01:00")  # at home
    User.objects.filter(pk=traveller.pk).update(time_zone="Asia/Tokyo")
    log(traveller, eaten_at="2026-03-03T19:30:00+09:00")
    User.objects.filter(pk=traveller.pk).update(time_zone="America/Los_Angeles")
    log(traveller, eaten_at="2026-03-03T19:30:00-08:00")  # the same day a second time, over the date line

    days = program_of(traveller).get("/api/v1/days?from=2026-03-01&to=2026-03-05").json()["results"]

    assert {day["date"]: day["totals"]["energy_kcal"] for day in days} == {"2026-03-02": 90, "2026-03-03": 180}
    assert {str(item.time) for item in MealItem.objects.all()} == {"19:30:00"}


@pytest.mark.django_db
@pytest.mark.parametrize("time", ["00:00", "12:00", "23:59:59"])
def test_a_date_and_a_time_are_kept_as_they_were_said(time):
    response = log(make_user(time_zone="Pacific/Kiritimati"), date="2026-03-29", time=time)

    assert response.json()["date"] == "2026-03-29"
    assert response.json()["items"][0]["time"].startswith(time)


@given(
    st.integers(-600_000_000, 5_600_000_000).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC)),  # 1951–2147
    st.sampled_from(ZONES),
)
def test_now_and_the_same_moment_said_are_the_same_day_in_every_zone(now, zone):
    user = User(time_zone=zone)

    day, time = day_and_time(user, now=now, eaten_at=now)

    shown = now.astimezone(zoneinfo.ZoneInfo(zone))
    assert (day, time) == (shown.date(), shown.time().replace(microsecond=0))
    assert day_and_time(user, now=now) == (day, None)
    assert abs((day - now.date()).days) <= 1


@pytest.mark.parametrize("moment", [dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)])
def test_a_moment_out_of_every_calendar_is_refused(moment):
    zone = "Etc/GMT+12" if moment.year == 1 else "Etc/GMT-14"

    with pytest.raises(Refused, match="between 1900 and 2200"):
        day_and_time(User(time_zone=zone), now=timezone.now(), eaten_at=moment)
