"""Training as a person starts it: a press, its progress, a version, and back."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import no_sideways_scroll, sign_in
from tests.tracking.confirmed import confirmed, make_recogniser
from tests.workflows.test_crash_points import work_off
from tracking.models import Recogniser
from workflows.models import Run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_training_is_begun_followed_and_taken_back(screen):
    user = sign_in(screen)
    confirmed(user)
    make_recogniser(user)

    screen.goto("/photos/")
    screen.get_by_role("link", name="What recognition has learned").click()
    screen.get_by_role("button", name="Train now").click()
    expect(screen.get_by_role("heading", name="Learning from your photos")).to_be_visible()
    work_off(Run.objects.get())
    expect(screen.locator(".run-head .state")).to_have_text("Completed")

    screen.goto("/photos/learned/")
    expect(screen.get_by_role("heading", name="Version 2 is in use")).to_be_visible()
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Use version 1 again").click()
    expect(screen.get_by_role("heading", name="Version 1 is in use")).to_be_visible()
    assert Recogniser.objects.get(version=2).state == Recogniser.State.RETIRED
