"""The operator's pages of runs and tasks: they show, and they act only through the engine."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_user
from tests.workflows.work import NOON, Batch, Meal, reread, step_of
from workflows import engine
from workflows.models import Event, Host, Run
from workflows.states import RunState
from workflows.timeline import MOST_ITEMS

pytestmark = pytest.mark.django_db
RUNS, TASKS = "admin:workflows_run_changelist", "admin:workflows_step_changelist"


def start(workflow=Meal, *, user=None, at=NOON, **given):
    return engine.start(workflow, input=given or {"photo": 7}, user=user, now=at)


def failed(worker, **given):
    run = start(**given)
    worker.fail(worker.claim(step_of(run, "image")))
    return reread(run)


def acts(admin_client, action, *runs, **more):
    return admin_client.post(
        reverse(RUNS), {"action": action, "_selected_action": [run.pk for run in runs], **more}, follow=True
    )


def page_of(admin_client, run):
    return admin_client.get(reverse("admin:workflows_run_change", args=[run.pk])).content.decode()


def test_the_list_tells_of_every_run_how_it_is_and_why(admin_client, worker):
    failed(worker, user=make_user(username="ada"))
    start()

    page = admin_client.get(reverse(RUNS)).content.decode()

    assert "ada" in page
    assert "image failed" in page
    assert "image: no worker has been started" in page


def test_the_list_is_narrowed_by_state_and_by_the_beginning_of_an_id(admin_client, worker):
    broken, live = failed(worker), start()

    by_state = admin_client.get(reverse(RUNS), {"state__exact": "failed"}).content.decode()
    by_id = admin_client.get(reverse(RUNS), {"q": str(live.uuid)[:13]}).content.decode()
    by_nonsense = admin_client.get(reverse(RUNS), {"q": "soup"}).content.decode()

    assert str(broken.uuid)[:8] in by_state
    assert str(live.uuid)[:8] not in by_state
    assert str(live.uuid)[:8] in by_id
    assert "0 workflow runs" in by_nonsense


def test_the_page_of_a_run_shows_every_try_with_its_wait_its_worker_and_its_error(admin_client, worker):
    run = start()
    worker.wait(3)
    worker.succeed(worker.claim(step_of(run, "image"), worker="cellar:17:99"))
    worker.wait(2)
    claim = worker.claim(step_of(run, "inference"))
    worker.wait(5)
    engine.fail(claim, "Busy: <b>later</b>\nTraceback of it", worth_retrying=True, now=worker.now)

    page = page_of(admin_client, run)

    assert "cellar:17:99" in page
    assert "<td>3.0 s</td>" in page  # waited
    assert "<td>5.00 s</td>" in page  # took
    assert "Busy: &lt;b&gt;later&lt;/b&gt;" in page
    assert "Traceback of it" in page
    assert "image of 7" in page  # an output
    assert "&quot;photo&quot;: 7" in page  # the input
    assert "step will be tried again" in page  # an event
    assert 'name="_save"' not in page


def test_a_form_that_is_sent_all_the_same_changes_nothing(admin_client):
    run = start()

    refused = admin_client.post(reverse("admin:workflows_run_change", args=[run.pk]), {"state": "completed"})

    assert refused.status_code == 403
    assert reread(run).state == RunState.PENDING


def test_a_cancel_stops_the_run_and_is_written_down_with_a_name_twice(admin_client, admin_user):
    run = start()

    acts(admin_client, "cancel", run)

    assert reread(run).state == RunState.CANCELLED
    assert Event.objects.get(kind="cancel asked for").data == {"by": admin_user.get_username()}
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user, entry.change_message) == (str(run.pk), admin_user, "cancelled")


def test_what_has_ended_is_not_cancelled_and_the_page_says_so(admin_client, worker):
    run = failed(worker)

    page = acts(admin_client, "cancel", run).content.decode()

    assert "has ended already" in page
    assert not LogEntry.objects.exists()


def test_a_retry_from_the_page_of_a_run_goes_on_and_stays_on_the_page(admin_client, admin_user, worker):
    run = failed(worker)
    assert "Retry from where it broke" in page_of(admin_client, run)

    answer = acts(admin_client, "retry", run, stay="1")

    assert answer.redirect_chain[-1][0] == reverse("admin:workflows_run_change", args=[run.pk])
    assert reread(run).state == RunState.PENDING
    assert Event.objects.get(kind="retried").data == {"by": admin_user.get_username()}
    assert LogEntry.objects.get().change_message == "retried"


def test_all_failed_runs_of_a_kind_are_tried_again_and_no_others(admin_client, worker):
    chosen, another = failed(worker), failed(worker)
    done = start()
    worker.finish(done)
    batch = start(Batch, photos=[1])
    worker.fail(worker.claim(step_of(batch, "plan")))

    acts(admin_client, "retry_kind", chosen)

    states = [reread(run).state for run in (chosen, another, done, batch)]
    assert states == ["pending", "pending", "completed", "failed"]
    assert LogEntry.objects.count() == 2


def test_staff_that_may_only_look_is_offered_no_action(client, django_user_model, worker):
    looker = django_user_model.objects.create_user(username="looker", password="x", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(looker)
    run = failed(worker)

    page = page_of(client, run)
    acts(client, "retry", run)

    assert "Retry from where it broke" not in page
    assert reread(run).state == RunState.FAILED
    assert client.get(reverse(TASKS)).status_code == 403


def test_a_run_of_very_many_items_shows_those_that_failed_and_says_how_many_are_left_out(admin_client, worker):
    run = start(Batch, photos=list(range(MOST_ITEMS + 30)))
    worker.succeed(worker.claim(step_of(run, "plan")))
    run.steps.filter(index=MOST_ITEMS + 20).update(state="failed", error="it broke")

    page = page_of(admin_client, run)

    assert f"Analyse {MOST_ITEMS + 21}: failed" in page
    assert "30 more items are not shown" in page


def test_the_tasks_page_shows_what_is_ready_runs_or_failed_each_with_its_reason(admin_client, worker):
    failed(worker)
    live = start()

    page = admin_client.get(reverse(TASKS)).content.decode()

    assert "it broke" in page
    assert "no worker has been started" in page
    assert "waits for image" not in page
    assert f"{reverse('admin:workflows_run_change', args=[live.pk])}#step-" in page


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"state": "all"}, ["image", "inference", "plan"]),
        ({"state": "running"}, ["plan"]),
        ({"state": "all", "run__priority__exact": "1"}, ["image", "inference"]),
        ({"run__workflow": "test_batch"}, ["plan"]),
    ],
)
def test_tasks_are_narrowed_by_state_lane_and_workflow(admin_client, worker, asked, shown):
    start()
    worker.claim(step_of(start(Batch, photos=[1]), "plan"))

    listed = admin_client.get(reverse(TASKS), asked).context["cl"].result_list

    assert {step.name for step in listed} >= set(shown)
    assert {step.name for step in listed}.isdisjoint({"image", "inference", "plan"} - set(shown))


def test_a_task_opens_where_it_belongs(admin_client):
    run = start()
    step = step_of(run, "image")

    answer = admin_client.get(reverse("admin:workflows_step_change", args=[step.pk]))

    assert answer.headers["Location"] == f"{reverse('admin:workflows_run_change', args=[run.pk])}#step-{step.pk}"


@pytest.mark.parametrize("listing", [RUNS, TASKS])
def test_fifty_rows_cost_as_many_queries_as_five(admin_client, listing):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            listed = admin_client.get(reverse(listing)).context["cl"].result_list
        return len(captured), len(listed)

    Host.objects.create(name="cellar:1", workers=2, beat_at=timezone.now())
    for number in range(5):
        start(user=make_user(), at=NOON + dt.timedelta(minutes=number))
    few, _rows = queries()
    for number in range(5, 50):
        start(user=make_user(), at=NOON + dt.timedelta(minutes=number))

    assert queries() == (few, 50)


@pytest.mark.parametrize("listing", [RUNS, TASKS])
def test_the_lists_keep_themselves_fresh_without_a_script_in_the_page(admin_client, listing):
    answer = admin_client.get(reverse(listing)).content.decode()

    assert 'src="/static/js/fresh.js"' in answer
    assert '<noscript><meta http-equiv="refresh"' in answer


def test_the_page_of_a_run_that_ended_stays_as_it_is(admin_client, worker):
    run = start()
    assert "fresh.js" in page_of(admin_client, run)

    worker.finish(run)

    assert "fresh.js" not in page_of(admin_client, run)
    assert Run.objects.get().state == RunState.COMPLETED
