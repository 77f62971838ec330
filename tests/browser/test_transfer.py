"""Taking one's data along, bringing another program's, and going."""

import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, SIZES, no_sideways_scroll, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CSV = (
    b"Date,Name,Icon,Type,Quantity,Units,Calories,Deleted,Fat (g)\n"
    b"02/03/2026,Porridge with a very long name that has to be broken somewhere,x,Breakfast,1,Bowl,310,0,6.5\n"
    b"02/03/2026,Cake,x,Snacks,1,Slice,400,1,18\n"
    b"02/04/2026,Mystery,x,Dinner,1,Plate,lots,0,n/a\n"
)


@SIZES
def test_bring_a_diary_undo_it_take_everything_along_and_go(screen, tmp_path, settings, viewport):
    settings.DATA_DIR = tmp_path
    screen.set_viewport_size(viewport)
    sign_in(screen, "/more/")
    screen.get_by_role("link", name="Export and import").click()
    expect(screen.get_by_role("heading", name="Your data")).to_be_visible()
    assert no_sideways_scroll(screen)

    screen.get_by_label("File").set_input_files({"name": "log.csv", "mimeType": "text/csv", "buffer": CSV})
    screen.get_by_role("button", name="Look at it").click()
    expect(screen.get_by_text("Line 4: not a number: “lots”")).to_be_visible()
    screen.get_by_label("day/month/year").check()
    screen.get_by_role("button", name="Read the dates like this").click()
    expect(screen.get_by_text("Mon 2 Mar 2026")).to_be_visible()
    assert no_sideways_scroll(screen)
    screen.get_by_role("button", name="Import 1 entry").click()
    expect(screen.get_by_text("1 entry imported.")).to_be_visible()
    expect(screen.get_by_text("Porridge with a very long name")).to_be_visible()
    screen.get_by_role("button", name="Undo").click()
    expect(screen.get_by_text("Porridge with a very long name")).to_have_count(0)

    screen.goto("/settings/data/")
    with screen.expect_download() as download:
        screen.get_by_role("link", name="Export everything").click()
    assert "account.json" in zipfile.ZipFile(download.value.path()).namelist()
    screen.get_by_role("link", name="Delete the account…").click()
    screen.get_by_label("Your password").fill(PASSWORD)
    screen.get_by_role("button", name="Delete everything").click()
    expect(screen.get_by_role("button", name="Make my account")).to_be_visible()
