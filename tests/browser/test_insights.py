"""A week is made on a phone, read, and followed down to the entries behind a figure."""

import pytest
from playwright.sync_api import expect

from dietintel.accounts.models import User
from tests.browser.conftest import DESKTOP, PHONE, no_sideways_scroll, sign_up
from tests.tracking.insights.logged import log
from tests.workflows.test_crash_points import work_off
from tracking.dates import today_of
from tracking.insights.weeks import last_whole_week
from workflows.models import Run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SMALL = {"width": 320, "height": 700}


def test_a_week_is_made_read_and_looked_up(screen):
    screen.set_viewport_size(PHONE)
    sign_up(screen)
    user = User.objects.get()
    week = last_whole_week(today_of(user))
    log(user, days=dict(zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], week.days, strict=True)))

    screen.goto("/more/")
    screen.get_by_role("link", name="Insights").click()
    expect(screen.get_by_text("This week has not been looked at yet.")).to_be_visible()
    screen.get_by_role("button", name="Make it now").click()
    expect(screen.get_by_role("progressbar")).to_be_visible()
    screen.evaluate("window.stillHere = true")
    work_off(Run.objects.get())

    expect(screen.get_by_role("heading", name="Suggestions")).to_be_visible()
    assert screen.evaluate("window.stillHere")
    for theme in ("light", "dark"):
        screen.emulate_media(color_scheme=theme)
        for size in (SMALL, PHONE, DESKTOP):
            screen.set_viewport_size(size)
            assert no_sideways_scroll(screen), size
    screen.set_viewport_size(SMALL)
    screen.get_by_role("link", name="Salt: 8.00").click()
    expect(screen.get_by_role("heading", name="Salt: Soup")).to_be_visible()
    expect(screen.get_by_text("2 entries of this week, together 24.00")).to_be_visible()
    assert no_sideways_scroll(screen)
