"""Charts: where marks stand, what a day without entries is, and the pages and the API that show it."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from products.nutrients import Nutrients
from tests.factories import PER_100, make_item, make_meal, make_token, make_user
from tracking.charts import HEIGHT, WIDE, Calendar, Table, day_chart, group_chart, line_chart, scale
from tracking.dates import today_of
from tracking.models import Meal, MealItem, Profile, Target, TargetDay
from tracking.series import DayFigure, Mean, Series, days_between, mean_of
from tracking.summaries import figures_between, totals_between

DAY = dt.date(2026, 3, 2)
ONE = dt.timedelta(days=1)
VALUES = st.decimals(min_value=0, max_value=100_000, places=4)
NO_TABLE = Table((), ())


# --- Scales and calendars ---------------------------------------------------------------------------------------
@given(st.lists(VALUES, max_size=20), st.booleans())
def test_a_scale_has_room_for_every_value_and_round_steps(values, from_zero):
    found = scale(values, from_zero=from_zero)

    assert all(0 <= found.y(value) <= HEIGHT for value in values)
    assert str(found.step.scaleb(-found.step.adjusted()).normalize()) in {"1", "2", "2.5", "5"}
    assert 2 <= len(found.ticks()) <= 8
    assert not from_zero or found.low == 0


def test_the_labels_of_a_scale_are_round_numbers():
    ticks = scale([Decimal(1840)], from_zero=True).ticks()

    assert [(tick.text, tick.at) for tick in ticks] == [
        ("0", "200.00"),
        ("500", "150.00"),
        ("1,000", "100.00"),
        ("1,500", "50.00"),
        ("2,000", "0.00"),
    ]


def test_scales_that_err_a_little_draw_no_mountains():
    found = scale([Decimal("80.1"), Decimal("80.2")], from_zero=False)

    assert found.high - found.low >= 2


@given(st.dates(dt.date(1950, 1, 1), dt.date(2150, 1, 1)), st.integers(min_value=0, max_value=3660))
def test_a_calendar_has_at_most_seven_labels_in_order(first, days):
    calendar = Calendar(first, first + days * ONE)

    places = [float(tick.at.removesuffix("%")) for tick in calendar.ticks()]

    assert len(places) <= 7
    assert places == sorted(set(places))
    assert all(0 < place < 100 for place in places)


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (7, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        (30, ["2 Mar", "9 Mar", "16 Mar", "23 Mar", "30 Mar"]),
        (365, ["May", "Jul", "Sep", "Nov", "Jan", "Mar"]),
        (3653, ["2028", "2030", "2032", "2034", "2036"]),
    ],
)
def test_a_calendar_labels_days_that_people_think_in(days, labels):
    found = [tick.text for tick in Calendar(DAY, DAY + (days - 1) * ONE).ticks()]

    assert found[: len(labels)] == labels


# --- Drawing ----------------------------------------------------------------------------------------------------
def drawn(figures, **changes):
    values: dict[str, Any] = {"means": {}, "targets": {}, "first": DAY, "last": DAY + 9 * ONE, **changes}
    return day_chart(name="n", title="Energy", summary="", unit="kcal", table=NO_TABLE, figures=figures, **values)


def test_a_day_is_a_bar_in_its_place_and_a_day_without_a_figure_is_a_gap():
    chart = drawn({DAY: DayFigure(Decimal(1000)), DAY + ONE: DayFigure(None), DAY + 9 * ONE: DayFigure(Decimal(2000))})

    assert [(bar.x, bar.width, bar.y, bar.height) for bar in chart.bars] == [
        ("1.400%", "7.200%", "100.00", "100.00"),
        ("91.400%", "7.200%", "0.00", "200.00"),
    ]


def test_a_bar_that_is_only_the_least_it_can_be_is_hatched():
    chart = drawn({DAY: DayFigure(Decimal(1000), at_least=True), DAY + ONE: DayFigure(Decimal(900))})

    assert [bar.at_least for bar in chart.bars] == [True, False]
    assert chart.hatched


def test_groups_are_bars_in_their_order_and_one_without_a_name_has_no_label():
    groups = [
        ("Mon", DayFigure(Decimal(1000))),
        ("", DayFigure(Decimal(2000), at_least=True)),
        ("Wed", DayFigure(None)),
    ]
    chart = group_chart(name="n", title="Energy", summary="", unit="kcal", table=NO_TABLE, groups=groups)

    assert [(bar.x, bar.width, bar.y, bar.height, bar.at_least) for bar in chart.bars] == [
        ("4.667%", "24.000%", "100.00", "100.00", False),
        ("38.000%", "24.000%", "0.00", "200.00", True),
    ]
    assert [(tick.at, tick.text) for tick in chart.x_ticks] == [("16.667%", "Mon"), ("83.333%", "Wed")]


def test_a_line_of_means_does_not_cross_days_without_one():
    chart = drawn({}, means={DAY: Decimal(1), DAY + ONE: Decimal(2), DAY + 5 * ONE: Decimal(1)})

    assert [line.path for line in chart.lines] == ["M50.00 100.00L150.00 0.00", "M550.00 100.00h0"]


def test_a_target_is_a_mark_over_its_days_and_steps_where_it_changes():
    chart = drawn({}, targets={DAY: Decimal(2000), DAY + ONE: Decimal(2000), DAY + 2 * ONE: Decimal(1000)})

    assert [(line.kind, line.path) for line in chart.lines] == [
        ("target", "M0.00 0.00H100.00H200.00M200.00 100.00H300.00")
    ]


def test_many_days_are_points_and_no_more_than_can_be_told_apart():
    figures = {DAY + number * ONE: DayFigure(Decimal(number)) for number in range(3000)}

    chart = drawn(figures, last=DAY + 2999 * ONE)

    assert chart.bars == ()
    assert 200 < len(chart.dots) <= 400
    assert chart.dots[-1].x == "99.983%"


def line_of(*values, goal=None):
    at = dt.datetime.combine(DAY, dt.time(12))
    points = [(at + number * ONE, Decimal(value)) for number, value in enumerate(values)]
    last = DAY + (len(values) - 1) * ONE
    return line_chart(
        name="w", title="", summary="", unit="kg", table=NO_TABLE, first=DAY, last=last, points=points, line=points,
        goal=goal,
    )  # fmt: skip


def test_a_line_runs_through_its_points():
    chart = line_of("80", "82")

    assert [(dot.x, dot.y) for dot in chart.dots] == [("25.000%", "200.00"), ("75.000%", "0.00")]
    assert [(line.kind, line.path) for line in chart.lines] == [("trend", "M250.00 200.00L750.00 0.00")]


def test_a_goal_that_is_near_is_a_line_and_one_far_off_is_left_out():
    near, far = line_of("80", "82", goal=Decimal(79)), line_of("80", "82", goal=Decimal(50))

    assert near.lines[-1].path == f"M0 200.00H{WIDE}"
    assert [line.kind for line in far.lines] == ["trend"]


# --- Series -----------------------------------------------------------------------------------------------------
def test_a_mean_leaves_out_days_that_are_not_known_and_says_at_least():
    figures = [DayFigure(Decimal(10)), DayFigure(None, at_least=True), DayFigure(Decimal(20), at_least=True)]

    assert mean_of(figures) == Mean(Decimal(15), at_least=True, days=2)
    assert mean_of([DayFigure(None)]) is None


def test_days_without_entries_are_not_days_of_nothing():
    series = Series(DAY, DAY + 9 * ONE, {DAY: DayFigure(Decimal(10)), DAY + 4 * ONE: DayFigure(Decimal(20))})

    assert series.mean(before=DAY + 30 * ONE) == Mean(Decimal(15), at_least=False, days=2)


def test_a_day_that_is_not_over_does_not_count():
    series = Series(DAY, DAY + ONE, {DAY: DayFigure(Decimal(2000)), DAY + ONE: DayFigure(Decimal(100))})

    assert series.mean(before=DAY + ONE) == Mean(Decimal(2000), at_least=False, days=1)


def test_a_mean_of_a_week_needs_four_days_of_it():
    figures = {DAY + number * ONE: DayFigure(Decimal(number)) for number in (0, 1, 2, 3, 12)}

    means = Series(DAY, DAY + 12 * ONE, figures).weekly_means(before=DAY + 30 * ONE)

    assert {day: mean.value for day, mean in means.items()} == {
        day: Decimal("1.5") for day in days_between(DAY + 3 * ONE, DAY + 6 * ONE)
    }


@given(st.lists(VALUES, min_size=7, max_size=40))
def test_a_mean_of_a_week_lies_between_its_least_and_its_most_day(values):
    figures = {DAY + number * ONE: DayFigure(value) for number, value in enumerate(values)}
    series = Series(DAY, DAY + (len(values) - 1) * ONE, figures)

    for day, mean in series.weekly_means(before=dt.date.max).items():
        end = (day - DAY).days + 1
        week = values[max(0, end - 7) : end]
        assert min(week) - Decimal("1e-20") <= mean.value <= max(week) + Decimal("1e-20")


# --- Figures of one nutrient ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_figures_of_one_nutrient_are_those_of_the_totals():
    user = make_user()
    recipe = {"basis": "serving", "figures": Nutrients({"salt_g": Decimal("0.1235")}), "amount": Decimal("1.5")}
    kinds: list[dict[str, Any]] = [{}, {"amount": Decimal("33.3333")}, recipe, {"at_least": ["salt_g"]}]
    for number, changes in enumerate(kinds * 3):
        make_item(make_meal(user, day=DAY + number // 2 * ONE, name=f"meal {number}"), **changes)
    make_item(make_meal(user, day=DAY + 20 * ONE))
    make_item(make_meal(day=DAY))

    totals = totals_between(user, DAY, DAY + 9 * ONE)

    for key in ("energy_kcal", "salt_g", "iron_mg"):
        expected = {day: DayFigure(each.get(key), each.at_least(key)) for day, each in totals.items()}
        assert figures_between(user, key, DAY, DAY + 9 * ONE) == expected


# --- Page -------------------------------------------------------------------------------------------------------
@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def text_of(response):
    return " ".join(response.content.decode().replace("\u00a0", " ").split())


def eaten(user, *, days_ago=1, kcal="2000", **figures):
    meal, _new = Meal.objects.get_or_create(user=user, day=today_of(user) - days_ago * ONE, name="lunch")
    known = {"energy_kcal": Decimal(kcal), **figures}
    return make_item(meal, figures=Nutrients(known), amount=Decimal(100), quantity=Decimal(100))


def aim(user, kcal="2200"):
    target = Target.objects.create(user=user, starts_on=today_of(user) - 100 * ONE)
    for weekday in range(7):
        TargetDay.objects.create(target=target, weekday=weekday, energy_kcal=Decimal(kcal))


@pytest.mark.django_db
def test_page_shows_a_month_of_energy_with_words_drawing_and_figures(reader, user):
    aim(user)
    for days_ago in range(1, 6):
        eaten(user, days_ago=days_ago)

    page = text_of(reader.get("/charts/"))

    assert "On average 2,000 kcal a day, over 5 days. 5 of 30 days have entries." in page
    assert page.count("<rect x=") == 5
    assert 'class="mean"' in page
    assert 'class="target"' in page
    assert "<td>2,000 kcal</td><td>2,000 kcal</td><td>2,200 kcal</td>" in page


@pytest.mark.django_db
def test_today_is_drawn_and_does_not_count(reader, user):
    eaten(user, days_ago=0, kcal="150")

    page = text_of(reader.get("/charts/?span=week"))

    assert "1 of 7 days has entries. Today is not over and does not count." in page
    assert page.count("<rect x=") == 1


@pytest.mark.django_db
def test_what_is_partly_unknown_is_at_least(reader, user):
    eaten(user, iron_mg=Decimal(4))
    eaten(user)

    page = text_of(reader.get("/charts/?nutrient=iron_mg&span=week"))

    assert "On average ≥ 4.0 mg" in page
    assert "url(#chart-nutrient-hatch)" in page


@pytest.mark.django_db
def test_what_nobody_declares_is_a_dash_and_never_0(reader, user):
    eaten(user)

    page = text_of(reader.get("/charts/?nutrient=iron_mg&span=week"))

    assert "<td>–</td>" in page
    assert "<rect x=" not in page


@pytest.mark.django_db
def test_energy_is_shown_in_the_readers_unit(reader, user):
    Profile.objects.create(user=user, energy_unit="kJ")
    eaten(user, kcal="1000")

    assert "On average 4,184 kJ a day" in text_of(reader.get("/charts/"))


@pytest.mark.django_db
def test_own_days_are_shown(reader, user):
    meal = make_meal(user, day=DAY)
    make_item(meal)

    page = text_of(reader.get("/charts/?nutrient=protein_g&first=2026-03-01&last=2026-03-04"))

    assert "1 of 4 days has entries." in page
    assert page.count("<rect x=") == 1


@pytest.mark.django_db
def test_nothing_written_down_is_said_with_the_days(reader):
    page = text_of(reader.get("/charts/?first=2026-03-01&last=2026-03-04"))

    assert "Nothing was written down from 1 March 2026 to 4 March 2026." in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("first=2026-03-04&last=2026-03-01", "This day is before the first one."),
        ("first=1990-01-01&last=2026-03-01", "Choose at most ten years."),
        ("first=1901-01-01", "Choose at most ten years."),
        ("first=yesterday", "Choose a day between 1900 and 2200."),
        ("first=0001-01-01&last=0001-01-02", "Choose a day between 1900 and 2200."),
        ("nutrient=alcohol_vol", "not one of the available choices"),
        ("nutrient=love", "not one of the available choices"),
    ],
)
def test_days_or_a_nutrient_that_cannot_be_are_explained_and_kept(reader, query, sentence):
    response = reader.get(f"/charts/?{query}")

    assert response.status_code == 422
    assert sentence in text_of(response)
    assert query.split("=")[0] == "nutrient" or f'value="{query.split("&")[0].split("=")[1]}"' in text_of(response)


@pytest.mark.django_db
def test_signed_out_is_sent_to_sign_in(client):
    assert client.get("/charts/").status_code == 302
    assert client.get("/api/v1/charts/energy_kcal").status_code == 401


@pytest.mark.django_db
def test_others_meals_are_not_in_the_chart(reader):
    eaten(make_user())

    assert "<rect x=" not in text_of(reader.get("/charts/"))


@pytest.mark.django_db
def test_a_year_with_ten_thousand_items_takes_under_ten_queries(reader, user):
    aim(user)
    days = list(days_between(today_of(user) - 360 * ONE, today_of(user)))
    meals = Meal.objects.bulk_create(Meal(user=user, day=day, name="lunch") for day in days)
    of_each = 10_000 // len(meals) + 1
    figures, amount = Nutrients(PER_100), Decimal(30)
    MealItem.objects.bulk_create(
        MealItem(meal=meal, name="Nut spread", figures=figures, quantity=amount, amount=amount)
        for meal in meals
        for _ in range(of_each)
    )

    with CaptureQueriesContext(connection) as queries:
        page = text_of(reader.get("/charts/?span=year"))

    assert MealItem.objects.count() >= 10_000
    assert len(queries) < 10
    assert "361 of 365 days have entries." in page
    assert f"On average {Decimal('161.7') * of_each:,.0f} kcal" in page


@pytest.mark.django_db
def test_the_text_of_a_chart_is_tied_to_its_drawing(reader, user):
    eaten(user)

    page = text_of(reader.get("/charts/"))

    [(named, described)] = re.findall(r'role="img" aria-labelledby="([^"]+)" aria-describedby="([^"]+)"', page)
    assert f'id="{named}"' in page
    assert f'id="{described}"' in page


# --- API --------------------------------------------------------------------------------------------------------
@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"}, raise_request_exception=False)


@pytest.mark.django_db
def test_api_gives_a_nutrient_day_by_day(api, user):
    make_item(make_meal(user, day=DAY))
    make_item(make_meal(user, day=DAY + 2 * ONE), figures=Nutrients({"fat_g": Decimal(1)}))

    body = api.get("/api/v1/charts/energy_kcal?from=2026-03-01&to=2026-03-05").json()

    assert body == {
        "nutrient": "energy_kcal",
        "unit": "kcal",
        "from": "2026-03-01",
        "to": "2026-03-05",
        "mean": 161.7,
        "mean_at_least": False,
        "days": [
            {"date": "2026-03-02", "value": 161.7, "at_least": False, "mean_7": None, "target": None},
            {"date": "2026-03-04", "value": None, "at_least": True, "mean_7": None, "target": None},
        ],
    }


@pytest.mark.django_db
def test_api_knows_only_nutrients_that_add_up(api):
    assert api.get("/api/v1/charts/alcohol_vol").status_code == 404
    assert api.get("/api/v1/charts/love").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["from=2026-03-05&to=2026-03-01", "from=1990-01-01", "from=0001-01-01&to=0001-01-02", "to=0001-01-02", "to=x"],
)
def test_api_refuses_days_that_cannot_be(api, query):
    response = api.get(f"/api/v1/charts/energy_kcal?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"] in {"from", "to"}
