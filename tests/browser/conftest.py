"""A browser that fails the test when the page complains: script errors and violations of the content policy."""

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from dietintel.accounts import services

SMALL = {"width": 320, "height": 700}
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
SIZES = pytest.mark.parametrize(  # for what people do; whether a page fits is seen on all sizes by `fits`
    "viewport", [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop", marks=pytest.mark.long)]
)
PASSWORD = "correct horse battery"
expect.set_options(timeout=10_000)


@pytest.fixture
def browser_context_args(browser_context_args, live_server):
    return {**browser_context_args, "base_url": live_server.url, "viewport": PHONE, "locale": "en-GB"}


def watch(page):
    """The list of complaints of `page`, filled as they come."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        # A page that says 404, 422 or 503 is how errors are told; the browser writes each into its console.
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    return complaints


@pytest.fixture
def screen(page):
    """The browser's page; no complaint may have come when the test ends."""
    complaints = watch(page)
    yield page
    assert complaints == []


def settled(screen):
    """Wait until htmx has nothing on its way: what is typed into a part that is about to be replaced goes with it."""
    expect(screen.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def sign_up(screen, name="ada"):
    screen.goto("/")
    screen.get_by_label("Name").fill(name)
    screen.get_by_label("Password", exact=True).fill(PASSWORD)
    screen.get_by_role("button", name="Make my account").click()
    expect(screen.get_by_role("navigation", name="Places")).to_be_visible()


def sign_in(screen, path=None):
    """Somebody who has signed up and is signed in, without the pages for it; on the page `path` if one is named."""
    user = services.sign_up(username="ada", password=PASSWORD, time_zone="UTC")
    client = Client()
    client.force_login(user)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "domain": "localhost", "path": "/"}
    screen.context.add_cookies([cookie])
    if path:
        screen.goto(path)
    return user


def no_sideways_scroll(screen):
    return screen.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def fits(screen, path):
    """Whether no size and no theme makes the page scroll sideways."""
    screen.goto(path)
    for theme in ("light", "dark"):
        screen.emulate_media(color_scheme=theme)
        for size in (SMALL, PHONE, DESKTOP):
            screen.set_viewport_size(size)
            if not no_sideways_scroll(screen):
                return False
    return True
