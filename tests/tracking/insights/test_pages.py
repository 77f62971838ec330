import datetime as dt
import re

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from dietintel.accounts.models import User
from tests.factories import make_item, make_meal, make_profile, make_target, make_user
from tests.tracking.insights.logged import log
from tests.tracking.insights.weeks import DAYS, MONDAY, WEEK
from tracking.insights import letters
from tracking.models import Insight, MealItem, Profile
from tracking.runs.insights import begin
from tracking.series import ONE_DAY
from tracking.services.insights import confirm_mail, make, wants_mail
from tracking.services.leaving import delete_account
from workflows import engine
from workflows.models import Run

pytestmark = pytest.mark.django_db
PAGE = "/insights/2026-03-02/"


@pytest.fixture
def user():
    user = make_user()
    log(user)
    make_target(user, starts_on=dt.date(2026, 1, 1))
    return user


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def text_of(answer):
    """What a page says, without its marks."""
    return " ".join(
        re.sub(r"<[^>]+>", " ", answer.content.decode()).replace("&nbsp;", " ").replace("\u00a0", " ").split()
    )


def get(client, path=PAGE, status=200, **headers):
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    return answer


# --- One week ---------------------------------------------------------------------------------------------------
def test_week_shows_its_suggestions_first_then_figures_and_charts(signed_in, user):
    make(user, WEEK, now=timezone.now())

    said = text_of(get(signed_in))

    parts = [
        "2–8 March 2026", "Suggestions", "Salt: 8.00 g a day", "Energy by day", "Averages of a day", "What it shows",
        "You wrote something down on 6 of 7 days", "Where it came from", "Against the reference",
    ]  # fmt: skip
    places = [said.index(part) for part in parts]
    assert places == sorted(places)
    assert "Energy 2,017 kcal 2,000 kcal * your target" in said
    assert "Salt 48.00 g Soup 24.00 g 50 %" in said


def test_every_link_of_a_week_leads_to_a_page(signed_in, user):
    make(user, WEEK, now=timezone.now())
    _head, _tag, page = get(signed_in).content.decode().partition('id="insight"')
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/(?!static)[^"]+)"', page)}

    assert len(links) == 30
    assert {link: signed_in.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_week_that_was_not_looked_at_says_what_to_do(signed_in):
    said = text_of(get(signed_in))

    assert "This week has not been looked at yet." in said
    assert "Make it now" in said


def test_make_it_now_starts_a_run_and_the_page_follows_it(signed_in, user):
    answer = signed_in.post(f"{PAGE}make/")

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    run = Run.objects.get()
    page = get(signed_in).content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert '<meta http-equiv="refresh"' in page
    assert run.get_absolute_url() in page
    part = get(signed_in, **{"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")

    make(user, WEEK, now=timezone.now())
    engine.cancel(run, by="ada", now=timezone.now())
    page = get(signed_in).content.decode()
    assert "every 1s" not in page
    assert "Make it again" in page


def test_failed_run_is_told_with_a_way_to_see_why(signed_in, user):
    run = begin(user, WEEK, now=timezone.now())
    Run.objects.filter(pk=run.pk).update(state="failed", finished_at=timezone.now())

    assert "That did not work." in text_of(get(signed_in))
    make(user, WEEK, now=timezone.now() + dt.timedelta(minutes=1))
    assert "That did not work." not in text_of(get(signed_in))


def test_changed_diary_is_told_beside_the_button_that_makes_it_again(signed_in, user):
    make(user, WEEK, now=timezone.now())
    assert "has changed since" not in text_of(get(signed_in))

    MealItem.objects.filter(name="Soup").delete()

    assert "Your diary of these days has changed since this was made. Make it again" in text_of(get(signed_in))


def test_figures_of_another_version_are_not_drawn_and_break_nothing(signed_in, user):
    insight = make(user, WEEK, now=timezone.now())
    insight.figures = {"version": 0}
    insight.save()

    said = text_of(get(signed_in))

    assert "Salt: 8.00 g a day" in said
    assert "Averages of a day" not in said
    assert "Make it again" in said
    assert "2–8 March 2026" in text_of(get(signed_in, "/insights/"))


@pytest.mark.parametrize(
    "rows",
    ["", "Tue Tea ? ? ? ? ? ? ? ?\n", "Tue Tea 100 ? ? ? ? ? ? ?\n"],
    ids=["nothing", "nothing known", "one meal"],
)
def test_thin_week_has_a_page_as_well(client, rows):
    user = make_user()
    client.force_login(user)
    log(user, rows)
    make(user, WEEK, now=timezone.now())

    said = text_of(get(client))

    assert "With four or more there is something to say" in said or "Nothing is written down for this week" in said


def test_reader_of_kilojoules_and_pounds_reads_those(signed_in, user):
    make_profile(user, energy_unit="kJ", weight_unit="lb", birth_date=None)
    make(user, WEEK, now=timezone.now())

    said = text_of(get(signed_in))

    assert "8,438 kJ" in said  # 2016.67 · 4.184
    assert "kcal" not in said


def test_other_days_of_a_week_lead_to_its_monday(signed_in):
    answer = get(signed_in, "/insights/2026-03-05/", 302)

    assert answer["Location"] == PAGE


def test_week_that_is_not_over_has_no_page(signed_in):
    today = timezone.now().date()

    for day in (today, today + 7 * ONE_DAY, dt.date(1900, 1, 2), dt.date(2199, 12, 31)):
        get(signed_in, f"/insights/{day}/", 404)
        assert signed_in.post(f"/insights/{day}/make/").status_code == 404


# --- All weeks --------------------------------------------------------------------------------------------------
def test_overview_has_this_week_the_last_and_the_archive(signed_in, user):
    make(user, WEEK, now=timezone.now())

    said = text_of(get(signed_in, "/insights/"))

    assert "2–8 March 2026 6 days with entries 2,017 kcal a day" in said
    assert "Make it now" in said


def test_somebody_new_is_told_what_to_do(client):
    client.force_login(make_user())

    said = text_of(get(client, "/insights/"))

    assert "Make it now" in said
    assert "All weeks" not in said


def test_archive_comes_in_pages_and_in_as_many_queries(signed_in, user, django_assert_max_num_queries):
    computed = make(user, WEEK, now=timezone.now())
    for back in range(1, 30):
        Insight.objects.create(
            user=user,
            week=MONDAY - back * 7 * ONE_DAY,
            figures=computed.figures,
            statements=computed.statements,
            fingerprint="",
        )

    with django_assert_max_num_queries(16):
        page = get(signed_in, "/insights/").content.decode()
    older = re.findall(r'href="\?before=([\d-]+)#', page)
    rest = get(signed_in, f"/insights/?before={older[0]}").content.decode()

    assert len(re.findall(r"/insights/\d{4}-\d\d-\d\d/\"><span", page)) == 26
    assert len(re.findall(r"/insights/\d{4}-\d\d-\d\d/\"><span", rest)) == 4
    assert get(signed_in, "/insights/?before=soon").status_code == 200


# --- Behind a figure --------------------------------------------------------------------------------------------
def test_entries_behind_a_figure_add_up_to_it(signed_in):
    """Soup: 12 and 12 of salt."""
    said = text_of(get(signed_in, f"{PAGE}entries/?nutrient=salt_g&food=name%3ASoup"))

    assert "Salt: Soup" in said
    assert "2 entries of this week, together 24.00 g." in said
    assert "Soup Tue 3 Mar, Lunch 12.00 g Soup Mon 2 Mar, Lunch 12.00 g" in said or "Mon 2 Mar" in said


def test_entries_of_a_meal_or_of_some_hours_alone(signed_in, user):
    log(user, "Mon Toast 300 1 1 1 1 1 1 1\n", meal="breakfast")
    MealItem.objects.filter(name="Toast").update(time=dt.time(7, 30))

    breakfast = text_of(get(signed_in, f"{PAGE}entries/?nutrient=energy_kcal&meal=breakfast"))
    hours = text_of(get(signed_in, f"{PAGE}entries/?nutrient=energy_kcal&since=7&until=10"))
    night = text_of(get(signed_in, f"{PAGE}entries/?nutrient=energy_kcal&since=0&until=3"))

    assert "1 entry of this week, together 300 kcal" in breakfast
    assert "1 entry of this week, together 300 kcal" in hours
    assert "Nothing like this is written down in this week." in night


def test_entries_that_do_not_declare_it_are_listed_with_a_dash(signed_in, user):
    make_item(make_meal(user, day=DAYS["Sun"], name="dinner"), name="Tea", figures={})

    said = text_of(get(signed_in, f"{PAGE}entries/?nutrient=salt_g"))

    assert "13 entries of this week, together ≥ 48.00 g." in said
    assert "Tea Sun 8 Mar, Dinner –" in said


def test_of_very_many_entries_the_largest_are_listed_and_all_count(signed_in, user, monkeypatch):
    monkeypatch.setattr("tracking.views.insights.MOST_ENTRIES", 5)

    said = text_of(get(signed_in, f"{PAGE}entries/?nutrient=energy_kcal"))

    assert "12 entries of this week, together 12,100 kcal." in said
    assert "7 smaller ones are not listed, and count in the sum." in said


@pytest.mark.parametrize(
    "query", ["", "?nutrient=love", "?nutrient=salt_g&since=99&until=x", "?food=%00", f"?food={'x' * 999}"]
)
def test_what_is_wrong_in_a_question_is_left_out(signed_in, query):
    get(signed_in, f"{PAGE}entries/{query}")


# --- By mail ----------------------------------------------------------------------------------------------------
def test_letters_are_offered_where_the_server_can_send_them(signed_in, settings):
    settings.SENDS_MAIL = False
    assert "By mail" not in text_of(get(signed_in, "/insights/"))

    settings.SENDS_MAIL = True
    assert "By mail" in text_of(get(signed_in, "/insights/"))


def ask_for_letters(signed_in, settings, email="ada@example.org"):
    settings.SENDS_MAIL = True
    return signed_in.post("/insights/mail/", {"wants": "on", "email": email}, follow=True)


def link_in(letter):
    (found,) = re.findall(r"https?://[^/]+(/insights/mail/on/\S+)", letter.body)
    return found


def test_letters_come_once_the_address_said_that_it_is_the_right_one(signed_in, client, user, settings):
    answer = ask_for_letters(signed_in, settings)

    (letter,) = mail.outbox
    assert "A letter is on its way to ada@example.org." in text_of(answer)
    assert (letter.to, "Soup" in letter.body) == (["ada@example.org"], False)
    client.logout()
    assert "Send the insights of" in text_of(get(client, link_in(letter)))
    assert not wants_mail(User.objects.get())
    client.post(link_in(letter))
    assert wants_mail(User.objects.get())
    assert User.objects.get().email == "ada@example.org"


def test_address_that_is_right_already_is_not_asked_again_and_another_one_is(signed_in, user, settings):
    confirm_mail(user, email="ada@example.org")

    same = ask_for_letters(signed_in, settings)
    ask_for_letters(signed_in, settings, "typo@example.org")

    assert "Each new week comes by mail." in text_of(same)
    assert [each.to for each in mail.outbox] == [["typo@example.org"]]
    assert User.objects.get().email == "ada@example.org"
    signed_in.post("/insights/mail/", {"email": "ada@example.org"})
    assert not wants_mail(User.objects.get())


def test_link_that_is_forged_too_old_or_of_another_kind_changes_nothing(client, user, settings, monkeypatch):
    token = letters.on_token(user, "ada@example.org")
    monkeypatch.setattr(letters, "ANSWERED_WITHIN", dt.timedelta(seconds=-1))

    for each in (token, letters.off_token(user), "forged"):
        assert client.post(reverse("insights_mail_on", args=[each])).status_code == 404
    assert not wants_mail(user)


def test_mail_server_that_is_down_is_said_and_addresses_are_not_tried_out(signed_in, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    codes = [ask_for_letters(signed_in, settings).status_code for _number in range(6)]

    assert codes == [503] * 5 + [429]


@pytest.mark.parametrize(
    ("sent", "sentence"), [("", "Enter the address that they are to be sent to."), ("ada@", "Enter an address like")]
)
def test_letters_need_an_address_and_what_was_typed_stays(signed_in, settings, sent, sentence):
    settings.SENDS_MAIL = True

    answer = signed_in.post("/insights/mail/", {"wants": "on", "email": sent})

    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert f'value="{sent}"' in answer.content.decode() or not sent
    assert not Profile.objects.filter(mails_insights=True).exists()


# --- Whose it is ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/insights/", PAGE, f"{PAGE}entries/"])
def test_signed_out_it_asks_who_one_is(client, path):
    assert get(client, path, 302)["Location"].startswith("/login/")


def test_somebody_elses_week_is_not_seen(client, user):
    make(user, WEEK, now=timezone.now())
    client.force_login(make_user())

    assert "Soup" not in text_of(get(client))
    assert "Soup" not in text_of(get(client, f"{PAGE}entries/"))
    assert "2–8 March" not in text_of(get(client, "/insights/"))


def test_insights_are_among_the_places(signed_in):
    assert reverse("insights") in get(signed_in, "/more/").content.decode()


def test_deleting_the_account_deletes_them(user):
    make(user, WEEK, now=timezone.now())

    delete_account(user)

    assert not Insight.objects.exists()
