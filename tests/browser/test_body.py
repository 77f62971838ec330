"""Weight and charts in a browser: written down, seen in the trend, deleted and put back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, SMALL, no_sideways_scroll, sign_in
from tests.factories import make_item, make_meal
from tracking.dates import today_of
from tracking.models import Profile, WeightEntry
from tracking.series import ONE_DAY

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = pytest.mark.parametrize(
    "viewport",
    [
        pytest.param(SMALL, id="small"),
        pytest.param(PHONE, id="phone", marks=pytest.mark.long),
        pytest.param(DESKTOP, id="desktop", marks=pytest.mark.long),
    ],
)


@pytest.fixture
def user(screen):
    """Somebody who is signed in."""
    return sign_in(screen)


@SCREENS
def test_weight_is_typed_seen_deleted_and_put_back(screen, user, viewport):
    Profile.objects.create(user=user, weight_unit="st")
    WeightEntry.objects.create(user=user, day=today_of(user) - ONE_DAY, time="07:00", weight_kg=72)
    screen.set_viewport_size(viewport)
    screen.goto("/weight/")

    screen.get_by_label("Weight in stones and pounds").fill("11 st 20")
    screen.keyboard.press("Enter")
    expect(screen.get_by_text("A stone has 14 pounds")).to_be_visible()
    expect(screen.get_by_label("Weight in stones and pounds")).to_have_value("11 st 20")
    screen.get_by_label("Weight in stones and pounds").fill("11 st 4.5")
    screen.keyboard.press("Enter")
    expect(screen.get_by_text("11 st 4.5 lb is written down.")).to_be_visible()
    expect(screen.get_by_role("img", name="Trend")).to_be_visible()
    assert no_sideways_scroll(screen)

    screen.get_by_role("link", name=re.compile("11 st 4.5 lb")).click()
    screen.get_by_role("button", name="Delete").click()
    expect(screen.get_by_text("is deleted.")).to_be_visible()
    screen.get_by_role("button", name="Undo").click()
    expect(screen.get_by_text("It is back.")).to_be_visible()
    expect(screen.get_by_role("link", name=re.compile("11 st 4.5 lb"))).to_be_visible()


@SCREENS
def test_chart_of_another_nutrient_and_another_span_is_one_touch_away(screen, user, viewport):
    for days_ago in range(1, 40, 2):
        make_item(make_meal(user, day=today_of(user) - days_ago * ONE_DAY))
    screen.set_viewport_size(viewport)
    screen.goto("/charts/")

    screen.get_by_label("Nutrient").select_option(label="Protein")
    expect(screen.get_by_role("img", name="Protein")).to_be_visible()
    screen.get_by_role("link", name="3 months").click()
    expect(screen.get_by_text("20 of 91 days have entries.")).to_be_visible()
    expect(screen).to_have_url(re.compile("nutrient=protein_g&span=quarter"))
    screen.get_by_text("Show figures").click()
    expect(screen.get_by_role("table").get_by_role("row")).to_have_count(21)
    assert no_sideways_scroll(screen)


def test_own_days_in_the_wrong_order_are_explained_and_stay(screen, user):
    screen.goto("/charts/")

    screen.get_by_text("Own days").click()
    screen.get_by_label("From").fill("2026-03-04")
    screen.get_by_label("To").fill("2026-03-01")
    screen.get_by_role("button", name="Show these days").click()

    expect(screen.get_by_text("This day is before the first one.")).to_be_visible()
    expect(screen.get_by_label("From")).to_have_value("2026-03-04")
