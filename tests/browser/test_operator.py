"""An operator's night, on the real service: web server, workers and watch, and a provider that fails."""

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from monitoring.models import HealAttempt
from tests.browser.conftest import DESKTOP, PHONE, no_sideways_scroll, sign_up, watch
from tests.factories import BARCODE, off_product
from tests.services import free_port
from tests.workflows.conftest import own_service  # noqa: F401 (a fixture)
from tests.workflows.deeds import Five, Nap
from tests.workflows.running import ended, start, wait_until, working_on
from workflows.models import Run
from workflows.states import LIVE_RUN

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HEALTH = "/admin/monitoring/check/"
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PRODUCT = "openfoodfacts:product"


@pytest.fixture
def desk(own_service, provider, browser, tmp_path):  # noqa: F811
    """A browser in which the owner of a running service is signed in."""
    port = str(free_port())
    (tmp_path / "data").mkdir()
    own = {"DATA_DIR": str(tmp_path / "data"), "OFF_BASE_URL": provider.url, "OFF_CONTACT": "a@example.org"}
    service = own_service("web", PORT=port, HEALTH_QUEUE_STUCK_S="3", **own)
    address = f"http://127.0.0.1:{port}"
    context = browser.new_context(base_url=address, viewport=DESKTOP, locale="en-GB")
    screen = context.new_page()
    screen.service, screen.complaints = service, watch(screen)
    wait_until(lambda: _answers(screen, address))
    sign_up(screen, "operator")
    yield screen
    assert screen.complaints == []
    context.close()


def _answers(screen, address):
    try:
        return screen.request.get(f"{address}/api/v1/monitoring/ping").ok
    except Exception:  # noqa: BLE001 (whatever Playwright calls a server that is not there yet)
        return False


def people_ask(screen, *barcodes):
    for barcode in barcodes:
        screen.request.get(f"/foods/{barcode}/")


def tile(screen, name):
    return screen.locator("li.tile").filter(has=screen.get_by_role("heading", name=re.compile(f"^{name} ")))


def listed(screen, text):
    return screen.locator(".desk-list li").filter(has_text=text)


def place(screen, name):
    screen.get_by_role("navigation", name="The operator's desk").get_by_role("link", name=name).click()


def test_an_operator_finds_what_is_wrong_and_mends_it_from_one_desk(desk, provider, tmp_path):
    provider.fails_with(500)
    people_ask(desk, "5000159407236", "4006381333931", "5449000000996")
    (tmp_path / "four").touch()  # which makes that step fail
    (broken,) = ended(start(Five, place=str(tmp_path)))

    # The failing provider: found on the first page, forced open, reset.
    desk.goto(HEALTH)
    expect(tile(desk, "provider openfoodfacts")).to_contain_text("unhealthy")
    expect(listed(desk, PRODUCT)).to_contain_text("open for")
    listed(desk, PRODUCT).get_by_role("button", name="Force open").click()
    expect(desk.locator(".field-now_state")).to_contain_text("forced_open")
    desk.get_by_role("button", name="Reset").click()
    expect(desk.locator(".field-now_state")).to_contain_text("closed")
    expect(desk.locator(".field-transitions")).to_contain_text("operator")

    # The failed run: why, and on from the step that failed.
    place(desk, "Health")
    expect(listed(desk, "deed_five: four")).to_contain_text("OSError: four cannot be reached")
    desk.get_by_role("link", name="deed_five: four").click()
    (tmp_path / "four").unlink()
    desk.get_by_role("button", name="Retry from where it broke").click()
    (mended,) = ended(broken)
    assert (mended.state, mended.result) == ("completed", 5)
    expect(desk.locator(".field-how")).to_contain_text("completed")  # the page comes again by itself

    # A running one is cancelled, from what the workers do now.
    napping = start(Nap, place=str(tmp_path), seconds=100)
    working_on(napping)
    place(desk, "Health")
    listed(desk, "deed_nap").get_by_role("button", name="Cancel").click()
    (stopped,) = ended(napping)
    assert (stopped.state, stopped.cancelled_by) == ("cancelled", "operator")

    # Old data goes.
    old = Run.objects.create(workflow="old", plan=[], state="completed", finished_at=LONG_AGO)
    place(desk, "Health")
    desk.get_by_role("button", name="Delete old data now").click()
    expect(desk.locator(".field-workflow")).to_contain_text("cleanup")
    wait_until(lambda: not Run.objects.filter(pk=old.pk).exists())


# --- Five phases ------------------------------------------------------------------------------------------------
PICTURES = os.environ.get("PICTURES")  # a folder; without it they go with the test


def pusher(service):
    """The process that hands messages to the workers: without it nothing is begun, and all of them live."""
    return max(service.pool(), key=lambda process: (process.create_time(), process.pid))


def pictured(screen, folder, phase):
    """The page on a phone and on a desktop, by day and by night; it fits each."""
    for theme in ("light", "dark"):
        screen.emulate_media(color_scheme=theme)
        for name, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
            screen.set_viewport_size(viewport)
            screen.goto(HEALTH)
            assert no_sideways_scroll(screen), (phase, name)
            screen.screenshot(path=folder / f"{phase}-{name}-{theme}.png", full_page=True)


def sentence(screen):
    screen.goto(HEALTH)
    return screen.locator(".desk-sentence").inner_text()


@pytest.mark.long
def test_from_all_well_through_trouble_and_its_remedies_to_all_well(desk, provider, tmp_path):
    folder = Path(PICTURES or tmp_path)
    wait_until(lambda: "All is well" in sentence(desk))
    pictured(desk, folder, "1-all-well")

    provider.fails_with(500)
    people_ask(desk, "5000159407236")
    frozen = pusher(desk.service)
    frozen.suspend()
    waiting = start(Five, place=str(tmp_path))
    pictured(desk, folder, "2-provider-and-worker-fail")

    people_ask(desk, "4006381333931", "5449000000996")
    wait_until(lambda: "queue: Work is due" in sentence(desk))
    expect(listed(desk, PRODUCT)).to_contain_text("open for")
    expect(tile(desk, "provider openfoodfacts")).to_contain_text("unhealthy")
    pictured(desk, folder, "3-breaker-open-health-degrades")

    wait_until(lambda: "being mended now" in sentence(desk) or not Run.objects.filter(state__in=LIVE_RUN).exists())
    pictured(desk, folder, "4-heals-run")
    (done,) = ended(waiting)
    assert (done.state, done.result) == ("completed", 5)
    wait_until(HealAttempt.objects.filter(check_name="queue", heal="restart_worker", outcome="healed").exists)
    assert not frozen.is_running()

    provider.recovers()
    provider.knows(BARCODE, off_product())
    expect(listed(desk, PRODUCT)).to_contain_text("half_open", timeout=90_000)  # the breaker's wait is over
    people_ask(desk, BARCODE)
    expect(listed(desk, PRODUCT)).to_contain_text("closed")
    expect(tile(desk, "provider openfoodfacts")).to_contain_text("healthy")
    wait_until(lambda: "All is well" in sentence(desk))
    pictured(desk, folder, "5-all-well-again")
