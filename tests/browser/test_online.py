"""Searching a provider from the list of foods, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import no_sideways_scroll, sign_in
from tests.factories import BARCODE, off_product

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def off(provider, settings):
    settings.OFF_SEARCH_URL = provider.url
    provider.knows(BARCODE, off_product())
    return provider


def test_search_is_asked_for_and_a_result_is_opened_and_kept(screen, off):
    sign_in(screen)
    screen.goto("/foods/")
    screen.keyboard.press("/")
    screen.keyboard.type("nut")
    button = screen.get_by_role("link", name="Search Open Food Facts for “nut”")
    expect(button).to_be_visible()
    assert off.hits() == 0

    button.click()
    result = screen.get_by_role("button", name=re.compile("Nut spread"))
    expect(result).to_be_visible()
    expect(screen.get_by_role("heading", name="Open Food Facts")).to_be_focused()
    assert off.hits("/search") == 1
    assert no_sideways_scroll(screen)

    result.click()
    expect(screen.get_by_role("heading", name="Nut spread")).to_be_visible()
    screen.go_back()
    expect(screen.get_by_label("Search foods")).to_have_value("nut")
    screen.reload()
    expect(screen.locator("#online").get_by_role("link", name=re.compile("Nut spread"))).to_be_visible()
    assert off.hits("/search") == 1


def test_provider_in_trouble_is_said_where_it_was_asked(screen, off):
    sign_in(screen)
    off.fails_with(500)
    screen.goto("/foods/?q=nut")

    screen.get_by_role("link", name="Search Open Food Facts").click()
    expect(screen.get_by_text("We could not reach Open Food Facts")).to_be_visible()

    off.recovers()
    screen.get_by_role("link", name="Try again").click()
    expect(screen.get_by_role("button", name=re.compile("Nut spread"))).to_be_visible()


def test_search_works_without_javascript(browser, browser_context_args, off):
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    screen = context.new_page()
    sign_in(screen)

    screen.goto("/foods/?q=nut")
    screen.get_by_role("link", name="Search Open Food Facts").click()
    screen.get_by_role("button", name=re.compile("Nut spread")).click()
    expect(screen.get_by_role("heading", name="Nut spread")).to_be_visible()
    context.close()
