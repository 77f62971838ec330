"""A browser that fails the test when the page complains: script errors and violations of the content policy."""

import pytest
from playwright.sync_api import expect

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
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


def sign_up(screen, name="ada"):
    screen.goto("/")
    screen.get_by_label("Name").fill(name)
    screen.get_by_label("Password", exact=True).fill("correct horse battery")
    screen.get_by_role("button", name="Make my account").click()
    expect(screen.get_by_role("navigation", name="Places")).to_be_visible()


def no_sideways_scroll(screen):
    return screen.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
