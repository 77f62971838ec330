"""Weeks are looked back on by themselves: once for each person and week, whatever dies on the way, and by mail."""

import datetime as dt
import json
import re
from decimal import Decimal
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from tests.factories import make_item, make_meal, make_profile, make_target, make_user
from tests.monitoring.test_alerts import Mailbox, mail_port, serving  # noqa: F401 (fixtures)
from tests.tracking.insights.logged import log
from tests.tracking.insights.weeks import WEEK
from tests.workflows.test_crash_points import POINTS, crashed_everywhere, work_off
from tracking.insights.weeks import due_week
from tracking.models import Insight, MealItem, Profile
from tracking.runs.insights import InsightsDue, WeeklyInsights, begin, due
from tracking.series import ONE_DAY
from tracking.services.insights import is_outdated
from workflows import engine
from workflows.execution import work_on
from workflows.models import Run
from workflows.states import RunState, StepState

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/insights/2026-03-02"
# Monday 9 March 2026, half past five in the morning in Berlin: London has not come so far.
NOW = dt.datetime(2026, 3, 9, 4, 30, tzinfo=dt.UTC)


@pytest.fixture
def user():
    user = make_user(time_zone="Europe/Berlin")
    log(user)
    return user


def run(user, **given):
    started = begin(user, WEEK, now=timezone.now(), **given)
    work_off(started)
    return Run.objects.get(pk=started.pk)


def kept():
    """All of it but when it was made."""
    return list(Insight.objects.order_by("user", "week").values_list("user", "week", "figures", "statements"))


# --- One week ---------------------------------------------------------------------------------------------------
def test_run_keeps_what_the_week_showed(user):
    done = run(user)

    insight = Insight.objects.get()
    assert (done.state, done.degraded, done.user) == (RunState.COMPLETED, False, user)
    assert done.result == {"week": "2026-03-02", "address": API, "mail": "not wanted"}
    assert (insight.user, insight.week, insight.mailed_at) == (user, WEEK.monday, None)
    assert [each["code"] for each in insight.suggestions] == ["LESS", "MORE", "LOG_DAYS"]
    assert not is_outdated(insight)


def test_made_again_it_takes_the_place_of_what_was_told_before(user):
    run(user)
    MealItem.objects.filter(name="Soup").delete()
    assert is_outdated(Insight.objects.get())

    run(user)

    insight = Insight.objects.get()
    assert insight.figures["entries"] == 10
    assert not is_outdated(insight)


def test_diary_that_changes_while_it_is_read_leaves_an_outdated_insight(user):
    started = begin(user, WEEK, now=timezone.now())
    work_on(started.steps.get(state=StepState.READY).pk)  # collect
    make_item(make_meal(user, day=WEEK.monday, name="dinner"))
    work_off(started)

    assert is_outdated(Insight.objects.get())


def test_week_of_many_and_long_names_is_told_as_well(user):
    for number in range(40):
        meal = make_meal(user, day=WEEK.monday, name=f"{number} " + "食" * 56)
        figures = dict.fromkeys(("energy_kcal", "salt_g", "sugars_g", "saturated_fat_g"), Decimal(90))
        make_item(meal, name=f"{number} " + "食" * 290, brand="食" * 100, figures=figures, product=None)

    assert run(user).state == RunState.COMPLETED
    insight = Insight.objects.get()
    assert len(json.dumps([insight.figures, insight.statements])) > engine.MOST_OUTPUT


def test_asked_for_twice_at_once_it_is_one_run(user):
    assert begin(user, WEEK, now=timezone.now()) == begin(user, WEEK, now=timezone.now())


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_every_step_changes_nothing_in_the_end(user, point):
    run(user)
    expected = kept()
    Insight.objects.all().delete()

    given = {"user_id": user.pk, "week": WEEK.monday.isoformat()}
    crashed = Run.objects.get(pk=crashed_everywhere(WeeklyInsights, given, point).pk)

    assert (crashed.state, kept()) == (RunState.COMPLETED, expected)


# --- By itself --------------------------------------------------------------------------------------------------
def due_names(now=NOW):
    return sorted((user.username, str(week.monday)) for user, week in due(now=now))


def logger(name, zone, *, day=WEEK.monday):
    person = make_user(username=name, time_zone=zone)
    make_item(make_meal(person, day=day))
    return person


def test_each_persons_monday_morning_is_their_own():
    """At 04:30 UTC it is Monday in all of them but Los Angeles, where the week before is the last one."""
    logger("ada", "Europe/Berlin")
    logger("bob", "Europe/London")
    logger("cy", "Pacific/Auckland")
    logger("dee", "America/Los_Angeles")
    logger("eve", "America/Los_Angeles", day=WEEK.monday - 7 * ONE_DAY)
    logger("fay", "Atlantis/Sunken")  # a zone that is no more counts as UTC
    make_user(username="gus", time_zone="Europe/Berlin")  # logged nothing

    assert due_names() == [("ada", "2026-03-02"), ("cy", "2026-03-02"), ("eve", "2026-02-23")]
    assert due_names(NOW + dt.timedelta(hours=1)) == [
        ("ada", "2026-03-02"), ("bob", "2026-03-02"), ("cy", "2026-03-02"), ("eve", "2026-02-23"),
        ("fay", "2026-03-02"),
    ]  # fmt: skip


def test_who_logs_last_week_late_is_told_of_it_late(user):
    assert due_names(NOW + dt.timedelta(days=6)) == [(user.username, "2026-03-02")]
    assert due_names(NOW + dt.timedelta(days=7)) == []


@pytest.mark.parametrize("zones", [["Pacific/Auckland", "America/Los_Angeles"], ["America/Los_Angeles", "Asia/Tokyo"]])
def test_who_travels_is_told_of_each_week_once(zones):
    """From Monday to Monday, an hour at a time, and in another zone every nine hours."""
    person = logger("ada", zones[0])
    make_item(make_meal(person, day=WEEK.monday - 7 * ONE_DAY))
    begun = []
    for hour in range(-30, 7 * 24, 3):
        person.time_zone = zones[(hour // 9) % 2]
        person.save()
        for user, week in due(now=NOW + dt.timedelta(hours=hour)):
            begun.append(str(week.monday))
            Insight.objects.create(user=user, week=week.monday, figures={}, statements={}, fingerprint="")

    assert sorted(begun) == ["2026-02-23", "2026-03-02"]


def test_hourly_run_begins_each_week_once():
    week = due_week(timezone.now())
    person = logger("ada", "UTC", day=week.monday)
    for _hour in range(3):
        work_off(engine.start(InsightsDue, now=timezone.now()))

    begun = Run.objects.get(workflow="weekly_insights")
    assert (begun.user, begun.input["week"], begun.input["by_mail"]) == (person, str(week.monday), True)
    results = Run.objects.filter(workflow="insights_due").order_by("pk").values_list("result", flat=True)
    assert list(results) == [{"begun": 1}, {"begun": 0}, {"begun": 0}]


def test_failed_week_is_not_begun_again_each_hour(user):
    started = begin(user, WEEK, now=NOW, by_itself=True)
    Run.objects.filter(pk=started.pk).update(state=RunState.FAILED, finished_at=NOW)

    assert due_names() == []


def test_as_many_queries_for_ten_people_as_for_one(django_assert_num_queries):
    for number in range(10):
        logger(f"person {number}", "Europe/Berlin")

    with django_assert_num_queries(3):
        assert len(due(now=NOW)) == 10


# --- By mail ----------------------------------------------------------------------------------------------------
@pytest.fixture
def reader(user, settings):
    settings.SENDS_MAIL = True
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://diet.example.org"]
    user.email = "ada@example.org"
    user.save()
    make_profile(user, mails_insights=True, birth_date=None)
    make_target(user, starts_on=dt.date(2026, 1, 1))
    return user


def test_letter_says_what_the_page_says_and_how_to_end_it(reader, serving, mail_port, client):  # noqa: F811
    mailbox = serving(Mailbox(mail_port))

    done = run(reader, by_itself=True)

    assert done.result["mail"] == "sent"
    (letter,) = (message_from_bytes(each.encode()) for each in mailbox.letters)
    subject = str(make_header(decode_header(letter["Subject"])))
    assert (subject, letter["To"]) == ("DietIntel: Your week from 2 March 2026", "ada@example.org")
    text, html = (
        bytes(part.get_payload(decode=True)).decode() for part in letter.walk() if part.get_content_maintype() == "text"
    )
    sentence = "“Soup”, eaten 2 times, gave 50 % of it"
    assert sentence in text.replace("\u00a0", " ")
    assert sentence in html.replace("\u00a0", " ")
    assert "https://diet.example.org/insights/2026-03-02/" in text
    off = letter["List-Unsubscribe"].replace("\n", "").replace("\r", "").strip("<> ")
    assert off in text
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.sub("https://diet.example.org", "", off)
    assert client.get(address).status_code == 200
    assert Profile.objects.get().mails_insights
    assert client.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Profile.objects.get().mails_insights


def test_letter_is_sent_once_for_each_week(reader):
    run(reader, by_itself=True)
    run(reader, by_itself=True)

    assert len(mail.outbox) == 1
    assert Insight.objects.get().mailed_at is not None


@pytest.mark.parametrize("lacking", ["mail server", "address", "wish", "schedule"])
def test_nobody_gets_a_letter_that_they_did_not_ask_for(reader, settings, lacking):
    if lacking == "mail server":
        settings.SENDS_MAIL = False
    elif lacking == "address":
        reader.email = ""
        reader.save()
    elif lacking == "wish":
        Profile.objects.update(mails_insights=False)

    done = run(reader, by_itself=lacking != "schedule")

    assert (done.result["mail"], done.degraded, mail.outbox) == ("not wanted", False, [])


def test_mail_server_that_is_down_is_tried_again_and_the_week_is_kept(reader, mail_port):  # noqa: F811
    started = begin(reader, WEEK, now=timezone.now(), by_itself=True)
    work_off(started)

    step = started.steps.get(name="mail")
    assert (step.state, step.attempt) == (StepState.READY, 1)
    assert step.not_before is not None
    assert step.not_before > timezone.now()
    assert Insight.objects.get().mailed_at is None


def test_letter_that_cannot_be_sent_leaves_the_run_degraded(reader, mail_port):  # noqa: F811
    started = begin(reader, WEEK, now=timezone.now(), by_itself=True)
    for _try in range(5):
        started.steps.filter(state=StepState.READY).update(not_before=timezone.now())
        work_off(started)

    done = Run.objects.get(pk=started.pk)
    assert (done.state, done.degraded) == (RunState.COMPLETED, True)
    assert done.result == {"week": "2026-03-02", "address": API, "mail": "could not be sent"}
    assert any("mail" in doubt for doubt in done.doubts)


def test_letter_escapes_what_foods_are_called(reader):
    MealItem.objects.filter(name="Soup").update(name="<b>Soup&")

    run(reader, by_itself=True)

    (letter,) = mail.outbox
    assert "“<b>Soup&”" in letter.body
    assert isinstance(letter, EmailMultiAlternatives)
    (html,) = [str(each[0]) for each in letter.alternatives]
    assert "“&lt;b&gt;Soup&amp;”" in html


def test_token_of_another_kind_switches_nothing_off(client):
    assert client.post("/insights/mail/off/forged/").status_code == 404
