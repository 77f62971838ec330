"""A photo on a phone: kept, named, in the diary, and the next one is recognised."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, no_sideways_scroll, sign_in
from tests.factories import make_item, make_meal, make_product
from tests.pictures import encoded
from tests.tracking.test_photos import a_meal
from tracking.dates import today_of
from tracking.models import Example, MealItem, Photo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_photo_is_kept_named_logged_and_deleted(screen, settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    screen.set_viewport_size(PHONE)
    user = sign_in(screen)
    make_item(make_meal(user, day=today_of(user)), product=make_product())
    picture = {"name": "meal.jpg", "mimeType": "image/jpeg", "buffer": encoded(a_meal()).read()}

    screen.goto("/more/")
    screen.get_by_role("link", name="Photos").click()
    screen.get_by_label("Photos", exact=True).set_input_files([picture])
    screen.get_by_role("button", name="Keep them").click()
    expect(screen.get_by_role("heading", name="What is it?")).to_be_visible()
    image = screen.get_by_alt_text("Your photo")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 900
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Nut spread").click()
    screen.get_by_role("button", name="Log it").click()
    expect(screen.get_by_text("is in your diary")).to_be_visible()
    assert (Example.objects.count(), MealItem.objects.count()) == (1, 2)

    screen.goto("/photos/")
    screen.get_by_label("Photos", exact=True).set_input_files([picture, picture])
    screen.get_by_role("button", name="Keep them").click()
    expect(screen.locator(".photos img")).to_have_count(3)
    assert no_sideways_scroll(screen)
    screen.get_by_role("link", name="Delete").first.click()
    screen.get_by_role("button", name="Delete").click()
    expect(screen.locator(".photos img")).to_have_count(2)
    assert Photo.objects.count() == 2
