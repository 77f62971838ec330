"""The pages of profile and targets, as a plain browser without JavaScript uses them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_item, make_meal, make_profile, make_target, make_user
from tracking.models import Profile, Target, TargetDay, WeightEntry
from tracking.targets import DayTarget, targets_between

pytestmark = pytest.mark.django_db
PROFILE = {"sex": "female", "birth_date": "1990-05-01", "height_cm": "171,5", "activity": "light", "weight_unit": "kg",
           "length_unit": "cm", "energy_unit": "kcal"}  # fmt: skip
UNITS = {"protein_unit": "g", "fat_unit": "g", "carbohydrates_unit": "g"}
FORM = {"action": "save", "goal": "keep", "starts_on": "2026-03-02", "energy_from": "own", "energy": "2000", **UNITS}
MONDAY = dt.date(2026, 3, 2)


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def text_of(response):
    return " ".join(response.content.decode().replace("\u00a0", " ").split())


def weigh(user, kg=65, day=MONDAY):
    return WeightEntry.objects.create(user=user, day=day, time=dt.time(7), weight_kg=Decimal(kg))


def make_known(user, **changes):
    """A woman of 30 and 65 kg, whenever the test runs: she needs 2,120 kcal."""
    make_profile(user, birth_date=timezone.now().date().replace(day=1) - dt.timedelta(days=30 * 366), **changes)
    weigh(user)


# --- Profile ----------------------------------------------------------------------------------------------------
def test_a_profile_is_saved_and_shown_again(reader, user):
    response = reader.post("/profile/", PROFILE)

    assert (response.status_code, response["Location"]) == (302, "/targets/")
    profile = Profile.objects.get(user=user)
    assert (profile.sex, profile.height_cm, profile.activity) == ("female", Decimal("171.5"), "light")
    shown = text_of(reader.get("/profile/"))
    assert 'value="171.5"' in shown
    assert 'value="1990-05-01"' in shown


@pytest.mark.parametrize(
    ("typed", "unit", "cm"),
    [("5 ft 7", "in", "170.2"), ("67", "in", "170.2"), ("1,80 m", "cm", "180"), ("", "cm", None)],
)
def test_a_height_is_read_in_the_readers_unit(reader, user, typed, unit, cm):
    reader.post("/profile/", {**PROFILE, "height_cm": typed, "length_unit": unit})

    assert Profile.objects.get(user=user).height_cm == (None if cm is None else Decimal(cm))


def test_changing_the_unit_alone_keeps_the_height(reader, user):
    make_profile(user, height_cm=Decimal("171.5"))

    reader.post("/profile/", {**PROFILE, "height_cm": "171.5", "length_unit": "in"})

    profile = Profile.objects.get(user=user)
    assert (profile.height_cm, profile.length_unit) == (Decimal("171.5"), "in")
    assert 'value="5 ft 7.5 in"' in text_of(reader.get("/profile/"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"height_cm": "tall"}, "Enter a length like 171.5."),
        ({"height_cm": "17"}, "Enter a height between 50.0 cm and 280.0 cm."),
        ({"birth_date": "2999-01-01"}, "Check the year: nobody alive was born then."),
        ({"birth_date": "soon"}, "Enter a date like 1990-03-27."),
        ({"weight_unit": "stone"}, "Select a valid choice"),
    ],
)
def test_a_wrong_profile_is_kept_as_typed_with_a_sentence(reader, user, changes, sentence):
    response = reader.post("/profile/", {**PROFILE, **changes})

    (typed,) = changes.values()
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert f'value="{typed}"' in text_of(response) or "weight_unit" in changes
    assert Profile.objects.get(user=user).sex == ""


# --- Targets ----------------------------------------------------------------------------------------------------
def test_a_newcomer_is_told_what_is_needed(reader):
    text = text_of(reader.get("/targets/"))

    assert "What do you aim for?" in text
    assert "Complete your profile" in text
    assert "This is not medical advice." in text


def test_the_computed_energy_is_shown_with_its_steps(reader, user):
    make_known(user)

    response = reader.post("/targets/", {**FORM, "action": "compute", "goal": "lose", "rate": "0.5"})

    text = text_of(response)
    assert response.status_code == 200
    for shown in ("1,370", "× 1.55 for your activity", "2,120", "less, for 0.5 kg a week", "550", "1,570"):
        assert shown in text
    assert not Target.objects.exists()


def test_htmx_gets_the_steps_alone(reader, user):
    make_known(user)

    response = reader.post("/targets/", {**FORM, "action": "compute"}, headers={"HX-Request": "true"})

    assert text_of(response).startswith('<div id="suggestion"')


def test_a_goal_that_could_harm_says_so_before_it_is_saved(reader, user):
    make_known(user, pregnant_or_breastfeeding=True)

    response = reader.post("/targets/", {"action": "compute", "goal": "lose", "rate": "0.5"})

    assert response.status_code == 200
    assert "no goal during pregnancy" in text_of(response)


def test_what_is_missing_for_the_formula_is_named(reader, user):
    make_known(user, activity="", height_cm=None)

    page = text_of(reader.get("/targets/"))

    assert "once these are known: your height, how active you are." in page


def test_what_pregnancy_needs_is_said_in_the_readers_unit(reader, user):
    make_known(user, pregnant_or_breastfeeding=True, energy_unit="kJ")

    page = text_of(reader.post("/targets/", {"action": "compute", "goal": "keep"}))

    assert "need more than this" in page
    assert "kcal" not in page.partition("need more than this")[2].partition("EFSA")[0]


def test_the_computed_energy_is_taken(reader, user):
    make_known(user)

    response = reader.post("/targets/", {**FORM, "goal": "lose", "rate": "0,5", "energy_from": "formula", "energy": ""})

    assert (response.status_code, response["Location"]) == (302, "/targets/")
    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(Decimal(1570))
    assert Target.objects.get().rate_kg_per_week == Decimal("0.5")


def test_an_own_figure_with_macros_and_other_days_is_saved_and_shown_in_the_form_again(reader, user):
    weigh(user)
    other = {"other_weekdays": ["5", "6"], "other_energy": "2300", "other_carbohydrates": "250"}

    reader.post("/targets/", {**FORM, "protein": "1.6", "protein_unit": "g_per_kg", **other})

    saturday = dt.date(2026, 3, 7)
    assert targets_between(user, MONDAY, saturday)[MONDAY] == DayTarget(Decimal(2000), Decimal(104))
    assert targets_between(user, MONDAY, saturday)[saturday] == DayTarget(
        Decimal(2300), Decimal(104), None, Decimal(250)
    )
    form = reader.get("/targets/").context["form"]
    assert (form["energy"].value(), form["protein"].value(), form["protein_unit"].value()) == (2000, "1.6", "g_per_kg")
    assert (form["other_weekdays"].value(), form["other_energy"].value()) == (["5", "6"], 2300)
    assert form["other_protein"].value() is None
    assert form["other_carbohydrates"].value() == "250"


def test_units_of_the_reader_are_typed_and_shown(reader, user):
    make_known(user, weight_unit="lb", energy_unit="kJ")

    reader.post("/targets/", {**FORM, "goal": "lose", "rate": "1", "goal_weight": "130", "energy": "8000"})

    target = Target.objects.get()
    assert (target.rate_kg_per_week, target.goal_weight_kg) == (Decimal("0.45"), Decimal("58.967"))
    assert {day.energy_kcal for day in target.days.all()} == {Decimal("1912.0")}
    response = reader.get("/targets/")
    form = response.context["form"]
    assert (form["rate"].value(), form["goal_weight"].value(), form["energy"].value()) == ("1", "130.0", 8000)
    assert "less, for 1 lb a week" in text_of(response)


def test_what_the_diary_shows_stands_beside_the_formula_and_can_be_taken(reader, user):
    make_known(user)
    today = user.wall_clock(timezone.now()).date()
    for number in range(1, 29):
        make_item(make_meal(user, day=today - dt.timedelta(days=number)), quantity=Decimal(400), amount=Decimal(400))
        weigh(user, 65, today - dt.timedelta(days=number))

    text = text_of(reader.get("/targets/"))
    reader.post("/targets/", {**FORM, "goal": "lose", "rate": "0.5", "energy_from": "diary"})

    assert "What your diary shows" in text
    assert "2,156" in text
    assert targets_between(user, MONDAY, MONDAY)[MONDAY] == DayTarget(Decimal(1610))  # 2,156 less 550, to tens


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"energy": "900"}, "At least 1,200 kcal a day"),
        ({"energy": ""}, "Enter how much."),
        ({"energy": "much"}, "Enter a number."),
        ({"goal": "lose", "rate": "2"}, "At your weight, at most 0.65 kg a week."),
        ({"goal": "lose", "rate": ""}, "Say how fast"),
        ({"goal": "lose", "rate": "0.3", "goal_weight": "40"}, "less is underweight"),
        ({"goal_weight": "heavy", "goal": "lose", "rate": "0.3"}, "Enter a weight like"),
        ({"protein": "600"}, "Take less of one, or more energy."),
        ({"protein": "60", "protein_unit": "percent", "fat": "50", "fat_unit": "percent"}, "110 %"),
        ({"other_weekdays": ["5"]}, "Enter what is different on these days."),
        ({"other_energy": "2200"}, "Choose the days"),
        ({"other_energy": "700", "other_weekdays": ["5"]}, "At least 1,200 kcal a day"),
        ({"starts_on": "1800-01-01"}, "Choose a day between 1900 and 2200."),
        ({"goal": ""}, "This field is required."),
        ({"energy_from": "diary"}, "Select a valid choice"),
    ],
)
def test_a_wrong_target_is_kept_as_typed_with_a_sentence_and_nothing_is_written(reader, user, changes, sentence):
    make_known(user)

    response = reader.post("/targets/", {**FORM, "carbohydrates": "12.5", **changes})

    text = text_of(response)
    assert response.status_code == 422
    assert sentence in text
    assert 'value="12.5"' in text
    for name, typed in changes.items():
        assert response.context["form"][name].value() == typed
    assert not Target.objects.exists()
    assert not TargetDay.objects.exists()


def test_a_target_that_became_unsafe_is_doubted(reader, user):
    make_known(user, pregnant_or_breastfeeding=True)
    make_target(user, goal="lose", rate_kg_per_week=Decimal("0.5"))

    assert "Losing weight is no goal during pregnancy" in text_of(reader.get("/targets/"))


def test_all_targets_are_listed_the_latest_first_a_page_at_a_time(reader, user):
    for number in range(25):
        make_target(user, starts_on=MONDAY + dt.timedelta(days=number))
    make_target(starts_on=dt.date(2020, 1, 1))

    first = reader.get("/targets/")
    second = reader.get("/targets/", {"before": first.context["older"].isoformat()})

    listed = [row["target"].starts_on for page in (first, second) for row in page.context["history"]]
    assert listed == [MONDAY + dt.timedelta(days=number) for number in reversed(range(25))]
    assert second.context["older"] is None


def test_a_page_of_targets_costs_as_many_queries_for_twenty_as_for_five(reader, user):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert reader.get("/targets/").status_code == 200
        return len(captured)

    make_known(user)
    for number in range(5):
        make_target(user, starts_on=MONDAY + dt.timedelta(days=number))
    few = queries()
    for number in range(5, 20):
        make_target(user, starts_on=MONDAY + dt.timedelta(days=number))

    assert queries() == few


def test_a_target_is_deleted_after_a_question(reader, user):
    target = make_target(user)

    assert "Delete the target of" in text_of(reader.get(f"/targets/{target.pk}/delete/"))
    response = reader.post(f"/targets/{target.pk}/delete/")

    assert response["Location"] == "/targets/"
    assert not Target.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_elses_target_is_not_there(reader, method):
    target = make_target()

    assert getattr(reader, method)(f"/targets/{target.pk}/delete/").status_code == 404
    assert Target.objects.filter(pk=target.pk).exists()


@pytest.mark.parametrize("path", ["/profile/", "/targets/", "/targets/1/delete/"])
def test_signed_out_goes_to_the_login(client, path):
    response = client.get(path)

    assert response.status_code == 302
    assert "next=" in response["Location"]


def test_settings_lead_to_both(reader):
    text = text_of(reader.get("/settings/"))

    assert 'href="/profile/"' in text
    assert 'href="/targets/"' in text
