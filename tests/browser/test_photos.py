"""A photo on a phone: sent from Today, watched, corrected, logged; and several at once."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from dietintel.accounts.models import User
from tests.browser.conftest import PHONE, no_sideways_scroll, settled, sign_in
from tests.factories import make_product
from tests.pictures import barcode_image, encoded
from tests.tracking.test_photos import a_meal
from tracking.models import Draft, Example, MealItem
from workflows import execution
from workflows.models import Run
from workflows.states import StepState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CODE = "4006381333931"


def picture(image):
    return {"name": "meal.jpg", "mimeType": "image/jpeg", "buffer": encoded(image).read()}


def work_off():
    """What a worker would do meanwhile."""
    run = Run.objects.latest("pk")
    while step := run.steps.filter(state=StepState.READY, not_before__lte=timezone.now()).first():
        execution.work_on(step.pk)


def test_a_photo_is_sent_watched_corrected_and_seen_on_today(screen, settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    make_product(barcode=CODE, name="Nut spread")
    make_product(barcode="", name="Blueberries, raw")
    screen.set_viewport_size(PHONE)
    sign_in(screen)

    screen.goto("/today/")
    with screen.expect_file_chooser() as chosen:
        screen.get_by_text("Photo", exact=True).click()
    chosen.value.set_files([picture(barcode_image(CODE))])
    expect(screen.get_by_role("heading", name="Looking at your photo")).to_be_visible()
    expect(screen.get_by_text("Comparing it with your day")).to_be_visible()
    assert no_sideways_scroll(screen)
    work_off()
    expect(screen.get_by_role("heading", name="Is this right?")).to_be_visible()
    assert screen.get_by_alt_text("Your photo").evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    assert not MealItem.objects.exists()

    screen.get_by_role("button", name="Nut spread: it is something else").click()
    expect(screen.get_by_label("What was it instead of “Nut spread”?")).to_be_focused()
    settled(screen)
    screen.keyboard.type("blueb")  # over the name that was wrong
    expect(screen.get_by_role("button", name=re.compile("Blueberries, raw"))).to_be_visible()
    screen.get_by_label("What was it instead of “Nut spread”?").press("Enter")
    screen.keyboard.press("Enter")
    expect(screen.get_by_label("How much Blueberries, raw")).to_be_focused()
    screen.get_by_label("How much Blueberries, raw").fill("2")
    screen.get_by_label("Unit of Blueberries, raw").select_option("1 spoon (15 g)")
    expect(screen.locator("#sum-energy")).to_have_text(re.compile("162"))
    settled(screen)
    assert no_sideways_scroll(screen)
    screen.get_by_label("How much Blueberries, raw").fill("lots")
    screen.get_by_label("How much Blueberries, raw").press("Enter")
    expect(screen.get_by_text("Enter an amount between")).to_be_visible()
    expect(screen.get_by_label("How much Blueberries, raw")).to_be_focused()
    screen.get_by_label("How much Blueberries, raw").fill("2")
    screen.get_by_label("How much Blueberries, raw").press("Enter")

    expect(screen.get_by_text("1 food is in your diary.")).to_be_visible()
    expect(screen.get_by_role("button", name="Undo")).to_be_visible()
    expect(screen.get_by_role("link", name=re.compile("Blueberries, raw"))).to_be_visible()
    assert (MealItem.objects.get().amount, Example.objects.count()) == (30, 1)

    screen.goto("/photos/")
    screen.get_by_label("Photos", exact=True).set_input_files([picture(a_meal(300, 200)), picture(a_meal(200, 200))])
    screen.get_by_role("button", name="Look what is on it").click()
    expect(screen.get_by_text("They are being looked at.")).to_be_visible()
    work_off()
    expect(screen.locator("#batch").get_by_text("2 photos were looked at")).to_be_visible()
    assert no_sideways_scroll(screen)
    screen.locator("#batch a").first.click()
    expect(screen.get_by_role("button", name="Log it")).to_be_visible()
    assert Draft.objects.filter(photo__user=User.objects.get()).open().count() == 2
