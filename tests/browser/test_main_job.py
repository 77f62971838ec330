"""The main job as a newcomer does it: sign up, scan, see, correct, scan again."""

import re

import pytest
from playwright.sync_api import expect

from dietintel.accounts.models import User
from tests.browser.conftest import SIZES, fits, no_sideways_scroll, sign_in, sign_up, watch
from tests.factories import BARCODE, make_product, off_product
from tests.pictures import barcode_image, encoded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHOTO = {"name": "photo.jpg", "mimeType": "image/jpeg"}


def photo(digits=BARCODE):
    return {**PHOTO, "buffer": encoded(barcode_image(digits)).read()}


@SIZES
def test_newcomer_signs_up_scans_a_photo_corrects_a_value_and_sees_it_in_the_next_scan(screen, provider, viewport):
    provider.knows(BARCODE, off_product())
    screen.set_viewport_size(viewport)
    sign_up(screen)
    assert User.objects.get().is_owner

    screen.get_by_role("navigation", name="Places").get_by_role("link", name="Scan").click()
    screen.locator("input[type=file]").set_input_files(photo())
    expect(screen.get_by_text("3 017624 010701").first).to_be_visible()
    assert provider.hits() == 0
    screen.get_by_role("link", name="Look it up").click()
    expect(screen.get_by_role("heading", name="Nut spread")).to_be_visible()
    facts = screen.get_by_role("table")
    expect(facts.get_by_role("row", name=re.compile("Salt"))).to_contain_text("0.11")

    screen.get_by_role("link", name="Correct these values").click()
    screen.get_by_label("Salt").fill("0,3")
    screen.get_by_role("button", name="Save").click()
    expect(screen.get_by_text("You have corrected this food")).to_be_visible()

    screen.goto("/scan/")
    screen.locator("input[type=file]").set_input_files(photo())
    screen.get_by_role("link", name="Show this food").click()
    expect(screen.get_by_role("table").get_by_role("row", name=re.compile("Salt"))).to_contain_text("0.30")
    assert provider.hits() == 1
    assert no_sideways_scroll(screen)


def test_unknown_barcode_leads_to_an_own_food_that_the_next_scan_finds(screen, provider):
    sign_in(screen)

    screen.goto("/scan/")
    screen.get_by_label("Digits under the bars").last.fill(BARCODE)
    screen.keyboard.press("Enter")
    screen.get_by_role("link", name="Enter it as your own food").click()
    expect(screen.get_by_label("Barcode")).to_have_value(BARCODE)
    screen.get_by_label("Name").fill("Granny's spread")
    screen.get_by_label("Energy").fill("500")
    screen.get_by_role("button", name="Save").click()

    screen.goto(f"/scan/?barcode={BARCODE}")
    expect(screen.get_by_role("heading", name="Granny's spread")).to_be_visible()


def test_provider_that_cannot_be_asked_offers_to_try_again(screen, provider):
    sign_in(screen)
    provider.fails_with(500)

    screen.goto(f"/foods/{BARCODE}/")
    expect(screen.get_by_text("We could not reach Open Food Facts")).to_be_visible()

    provider.recovers()
    provider.knows(BARCODE, off_product())
    screen.get_by_role("link", name="Try again").click()
    expect(screen.get_by_role("heading", name="Nut spread")).to_be_visible()


def test_search_answers_while_typing_and_the_slash_key_leads_to_it(screen):
    sign_in(screen)
    make_product()
    make_product(name="Oat drink", brand="", barcode="22007377")
    screen.goto("/foods/")

    screen.keyboard.press("/")
    screen.keyboard.type("nut")

    expect(screen.get_by_role("link", name=re.compile("Nut spread"))).to_be_visible()
    expect(screen.get_by_role("link", name=re.compile("Oat drink"))).to_have_count(0)


def test_token_is_made_and_shown_once(screen):
    sign_in(screen)
    screen.goto("/settings/")

    screen.get_by_label("What is it for?").fill("Tablet")
    screen.get_by_role("button", name="Make a token").click()

    expect(screen.locator("input[value^=di_]")).to_be_visible()
    screen.goto("/settings/")
    expect(screen.locator("input[value^=di_]")).to_have_count(0)


def test_everything_works_without_javascript(browser, browser_context_args, provider):
    provider.knows(BARCODE, off_product())
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    screen = context.new_page()
    sign_up(screen)

    screen.goto("/scan/")
    screen.locator("input[type=file]").set_input_files(photo())
    screen.get_by_role("button", name="Read the photo").click()
    screen.get_by_role("link", name="Look it up").click()
    expect(screen.get_by_role("heading", name="Nut spread")).to_be_visible()
    screen.get_by_role("link", name="Correct these values").click()
    screen.get_by_label("Name").fill("Mine")
    screen.get_by_role("button", name="Save").click()
    expect(screen.get_by_role("heading", name="Mine")).to_be_visible()
    screen.goto("/foods/?q=nut")
    expect(screen.get_by_role("link", name=re.compile("Mine"))).to_be_visible()
    context.close()


def as_video(image, path):
    """A video file of one picture, as Chromium takes it for a camera (YUV4MPEG2)."""
    size = (640, 480)
    frame = image.convert("L").resize(size)
    grey = bytes([128]) * (size[0] * size[1] // 2)
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420mpeg2\n")
        for _ in range(10):
            file.write(b"FRAME\n" + frame.tobytes() + grey)
    return path


def test_live_camera_shows_the_digits_before_looking_up(
    playwright, browser_type_launch_args, browser_context_args, tmp_path, provider
):
    video = as_video(barcode_image(BARCODE, module_px=4, height_px=300), tmp_path / "camera.y4m")
    camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    ]
    arguments = {**browser_type_launch_args, "args": [*browser_type_launch_args["args"], *camera]}
    browser = playwright.chromium.launch(**arguments)
    screen = browser.new_context(**browser_context_args, permissions=["camera"]).new_page()
    complaints = watch(screen)
    sign_in(screen)

    screen.goto("/scan/")
    screen.get_by_role("button", name="Use the camera").click()

    expect(screen.get_by_text("3 017624 010701").first).to_be_visible()
    assert provider.hits() == 0
    assert complaints == []
    browser.close()


def test_no_page_scrolls_sideways(screen):
    sign_in(screen)
    make_product(
        name="Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 2,
        brand="Very long brand name, " * 6,
        allergens=["en:nuts", "en:sesame-seeds", "en:sulphur-dioxide-and-sulphites"],
        nutriscore="e",
    )

    for path in ("/scan/", "/foods/", f"/foods/{BARCODE}/", f"/foods/{BARCODE}/change/", "/foods/new/", "/settings/"):
        assert fits(screen, path), path
