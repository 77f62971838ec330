"""My runs: progress that appears by itself, stopping, trying again; and all of it without JavaScript."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from dietintel.accounts.models import User
from tests.browser.conftest import fits, sign_in
from tests.workflows.work import Batch, Clockwork, Meal, step_of
from workflows import engine, registry
from workflows.models import Host

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _known_workflows(monkeypatch):
    for workflow in (Meal, Batch):
        monkeypatch.setitem(registry._WORKFLOWS, workflow.name, workflow)


class Worker(Clockwork):
    """Works now."""

    def claim(self, step, worker="host:1:1"):
        self.now = timezone.now()
        Host.objects.update_or_create(name="host:1", defaults={"workers": 2, "beat_at": self.now})
        return super().claim(step, worker)


@pytest.fixture
def worker():
    return Worker()


def start(workflow=Meal, **given):
    return engine.start(workflow, input=given or {"photo": 7}, user=User.objects.get(), now=timezone.now())


def works(worker, run, name, index=-1):
    worker.succeed(worker.claim(step_of(run, name, index)))


def stage(screen, name):
    return screen.locator("#run li").filter(has=screen.get_by_text(name, exact=True))


def test_progress_appears_without_a_reload_until_the_run_has_ended(screen, worker):
    sign_in(screen)
    run = start()
    screen.goto("/settings/")
    screen.get_by_role("link", name="My runs").click()
    screen.get_by_role("link", name=re.compile("Test meal")).click()
    expect(stage(screen, "Image")).to_contain_text("No worker has been started")
    screen.evaluate("window.stillHere = true")

    works(worker, run, "image")
    claim = worker.claim(step_of(run, "inference"))
    engine.report_progress(claim, 0.5, "half of it is read")

    expect(stage(screen, "Image")).to_contain_text("Completed")
    expect(stage(screen, "Inference")).to_contain_text("Half of it is read")
    expect(screen.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"0\.3[78]"))

    worker.succeed(claim)
    works(worker, run, "feedback")
    works(worker, run, "history")

    expect(stage(screen, "History")).to_contain_text("Completed")
    expect(screen.locator("#run-said")).to_have_text("Completed")
    expect(screen.get_by_role("button", name="Stop it")).to_have_count(0)
    assert screen.evaluate("window.stillHere")


def test_a_run_is_stopped_and_gone_on_with_by_keyboard_while_the_page_keeps_changing(screen, worker):
    sign_in(screen)
    run = start()
    screen.goto(run.get_absolute_url())
    screen.get_by_role("button", name="Stop it").focus()
    with screen.expect_response(re.compile(r"/runs/.+")):
        pass  # the part comes again
    expect(screen.get_by_role("button", name="Stop it")).to_be_focused()

    screen.keyboard.press("Enter")
    expect(screen.get_by_text("It is being stopped.")).to_be_visible()
    expect(screen.locator("#run .run-head")).to_contain_text("Cancelled")

    screen.get_by_role("button", name="Try again what failed").click()
    expect(screen.get_by_text("It goes on from where it broke.")).to_be_visible()
    works(worker, run, "image")
    expect(stage(screen, "Image")).to_contain_text("Completed")


def test_everything_works_without_javascript(browser, browser_context_args, worker):
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    screen = context.new_page()
    sign_in(screen)
    run = start()
    screen.goto("/runs/")
    screen.get_by_role("link", name=re.compile("Test meal")).click()

    works(worker, run, "image")
    screen.get_by_role("link", name="Look again").click()
    expect(stage(screen, "Image")).to_contain_text("Completed")

    worker.fail(worker.claim(step_of(run, "inference")))
    expect(screen.locator("#run .run-head")).to_contain_text("Failed")  # the page comes again by itself
    screen.get_by_role("button", name="Try again what failed").click()
    screen.get_by_role("button", name="Stop it").click()
    expect(screen.locator("#run .run-head")).to_contain_text("Cancelled")
    context.close()


def test_runs_of_every_kind_fit_the_screen(screen, worker):
    sign_in(screen)
    failed, live, many = start(), start(), start(Batch, photos=list(range(60)))
    worker.finish(start())
    claim = worker.claim(step_of(failed, "image"))
    engine.fail(claim, "ProviderOfPicturesUnavailable: " + "x" * 300, worth_retrying=False, now=timezone.now())
    works(worker, live, "image")
    engine.fail(
        worker.claim(step_of(live, "inference")), "busy", worth_retrying=True, retry_after_s=90, now=timezone.now()
    )
    works(worker, many, "plan")
    worker.fail(worker.claim(step_of(many, "analyse", 0)))

    for path in ("/runs/", *(run.get_absolute_url() for run in (failed, live, many))):
        assert fits(screen, path), path
    expect(screen.get_by_text("10 more are not shown")).to_be_visible()
