"""Setting a target: the computed steps follow the goal, and what could harm is refused before it is saved."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.conftest import SIZES, no_sideways_scroll, sign_in
from tracking.models import Target, WeightEntry
from tracking.targets import DayTarget, targets_between

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@SIZES
def test_newcomer_fills_the_profile_and_takes_the_computed_energy(screen, viewport):
    screen.set_viewport_size(viewport)
    user = sign_in(screen)
    WeightEntry.objects.create(user=user, day=dt.date(2026, 3, 2), time=dt.time(7), weight_kg=Decimal(65))

    screen.goto("/targets/")
    screen.get_by_role("link", name="Complete your profile").click()
    screen.get_by_label("Female").check()
    born = dt.date(timezone.now().year - 30, 1, 1)
    screen.get_by_label("Date of birth").fill(born.isoformat())
    screen.get_by_label("Height").fill("1,65 m")
    screen.get_by_label("Activity").select_option("moderate")
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Save").click()

    expect(screen.locator("#suggestion")).to_contain_text("2,120")
    expect(screen.get_by_label("How fast")).to_be_hidden()
    screen.get_by_label("Lose weight").check()
    expect(screen.locator("#suggestion")).to_contain_text("Say how fast")
    screen.get_by_label("How fast").fill("0.8")
    screen.get_by_label("Goal weight").focus()
    expect(screen.locator("#suggestion")).to_contain_text("at most 0.65")
    screen.get_by_label("How fast").fill("0,5")
    screen.get_by_label("Goal weight").focus()
    expect(screen.locator("#suggestion")).to_contain_text("1,570")
    assert no_sideways_scroll(screen)
    assert not Target.objects.exists()

    screen.get_by_label("As computed").check()
    screen.get_by_role("button", name="Save").click()
    expect(screen.get_by_role("status").get_by_text("Saved.")).to_be_visible()
    expect(screen.get_by_role("heading", name="Lose weight, since")).to_be_visible()
    today = Target.objects.get().starts_on
    assert targets_between(user, today, today) == {today: DayTarget(Decimal(1570))}
