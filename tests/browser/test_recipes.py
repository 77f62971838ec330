"""A recipe as somebody writes it at the kitchen table: ingredients by text, an amount changed, a portion logged."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIZES, no_sideways_scroll, settled, sign_in
from tests.factories import make_product, make_recipe
from tracking.models import MealItem, Recipe

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def foods():
    make_product()
    make_product(name="Oat flakes", brand="", barcode="22007377", servings=[])


@SIZES
def test_a_recipe_is_written_scaled_and_logged(screen, viewport):
    screen.set_viewport_size(viewport)
    user = sign_in(screen)
    foods()
    make_recipe(user, name="Nut dough", ingredients=[{}])

    screen.goto("/recipes/")
    screen.get_by_role("link", name="New recipe").click()
    screen.get_by_label("Name").fill("Granola")
    screen.get_by_label("Servings").fill("4")
    screen.get_by_role("button", name="On to the ingredients").click()
    screen.get_by_label("How it is made").fill("Roast it.")
    box = screen.get_by_label("Add ingredients")
    box.fill("200 g oat flakes, 2 unicorns")
    expect(screen.get_by_label("Amount of Oat flakes")).to_have_value("200")
    screen.get_by_role("button", name="Add Oat flakes").click()
    expect(box).to_have_value("2 unicorns")
    expect(screen.get_by_text("No food was found for this")).to_be_visible()
    settled(screen)
    box.fill("nut")
    screen.get_by_label("Amount of Nut spread").fill("1,5")
    screen.get_by_role("button", name="Add Nut spread").click()
    expect(screen.get_by_role("button", name="Take Nut spread out")).to_be_visible()
    expect(screen.get_by_label("How it is made")).to_have_value("Roast it.")
    box.fill("nut dough")
    screen.get_by_role("button", name="Add Nut dough").click()
    expect(box).to_have_value("")  # a recipe is not saved while something is left in the box
    screen.get_by_role("button", name="Move Nut dough up").click()
    expect(screen.locator(".edit-rows .name").nth(1)).to_have_text(re.compile("Nut dough"))
    settled(screen)
    screen.get_by_label("Amount of Nut spread").fill("lots")
    screen.get_by_role("button", name="Save").last.click()
    expect(screen.get_by_text("Enter an amount between")).to_be_visible()
    settled(screen)
    screen.get_by_label("Amount of Nut spread").fill("2")
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Save").last.click()

    expect(screen.get_by_role("heading", name="Granola")).to_be_visible()
    recipe = Recipe.objects.get(name="Granola")
    assert (recipe.note, [row.amount for row in recipe.ingredients.all()]) == ("Roast it.", [200, 1, 30])
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Double").click()
    expect(screen.get_by_text("8 servings").first).to_be_visible()
    screen.get_by_label("Amount").fill("1/2")
    screen.get_by_role("button", name="Log it").click()
    expect(screen.get_by_text("Granola is in your diary.")).to_be_visible()
    assert MealItem.objects.get().amount == Decimal("0.5")


def test_a_recipe_is_written_without_javascript(browser, browser_context_args):
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    screen = context.new_page()
    sign_in(screen)
    foods()

    screen.goto("/recipes/new/")
    screen.get_by_label("Name").fill("Granola")
    screen.get_by_role("button", name="On to the ingredients").click()
    screen.get_by_label("How it is made").fill("Roast it.")
    screen.get_by_label("Add ingredients").fill("200 g oat flakes, 30 g nut spread")
    screen.keyboard.press("Enter")
    screen.get_by_role("button", name="Add the first of each").click()
    screen.get_by_role("button", name="Save").last.click()

    expect(screen.get_by_role("heading", name="Granola")).to_be_visible()
    expect(screen.get_by_text("Roast it.")).to_be_visible()
    assert [row.amount for row in Recipe.objects.get().ingredients.all()] == [200, 30]
    context.close()
