"""Runs from their start to their end, and everything that may come between."""

import pytest
from django_q.models import OrmQ

from tests.workflows.work import NOON, Batch, Meal, queued, reread, states, step_of
from workflows import engine, registry
from workflows.definitions import Workflow, step
from workflows.models import Attempt, Run
from workflows.states import Outcome

pytestmark = pytest.mark.django_db


def start(workflow=Meal, **input):
    return engine.start(workflow, input=input or {"photo": 7}, now=NOON)


def test_a_run_goes_from_step_to_step_and_keeps_the_result_of_the_last(worker):
    run = start()
    assert states(run) == {"image": "ready", "inference": "blocked", "feedback": "blocked", "history": "blocked"}

    run = worker.finish(run)

    assert (run.state, run.degraded) == ("completed", False)
    assert run.result == {"photo": 7, "food": "soup", "feedback": "soup is fine"}
    assert [event.kind for event in run.events.all()][-2:] == ["step done", "run completed"]


def test_inputs_that_do_not_fit_the_steps_start_nothing():
    with pytest.raises(TypeError):
        engine.start(Meal, input={"picture": 7}, now=NOON)

    assert (Run.objects.count(), queued()) == (0, 0)


def test_a_live_run_of_the_same_key_is_returned_and_a_finished_one_is_not(worker):
    first = engine.start(Meal, input={"photo": 7}, key="photo 7", now=NOON)
    again = engine.start(Meal, input={"photo": 7}, key="photo 7", now=NOON)
    worker.finish(first)
    later = engine.start(Meal, input={"photo": 7}, key="photo 7", now=NOON)

    assert again == first
    assert later != first


def test_a_step_is_claimed_once(worker):
    image = step_of(start(), "image")

    first, second = worker.claim(image), worker.claim(image, worker="host:2:2")

    assert first is not None
    assert second is None


def test_a_step_whose_worker_died_is_done_by_another_and_the_late_report_changes_nothing(worker):
    run = start()
    slow = worker.claim(step_of(run, "image"))
    worker.wait(13)
    quick = worker.claim(step_of(run, "image"), worker="host:2:2")
    worker.succeed(quick)
    before = states(run)

    with pytest.raises(engine.Lost):
        engine.succeed(slow, "another picture", now=worker.now)

    assert states(run) == before
    assert step_of(run, "image").output == "image of 7"
    assert list(Attempt.objects.values_list("outcome", flat=True)) == [Outcome.LOST, Outcome.SUCCEEDED]


def test_a_late_report_before_anybody_else_took_over_is_refused_once_the_step_was_taken_back(worker):
    run = start()
    slow = worker.claim(step_of(run, "image"))
    worker.wait(13)

    engine.sweep(now=worker.now)

    assert states(run)["image"] == "ready"
    with pytest.raises(engine.Lost):
        engine.succeed(slow, "late", now=worker.now)


def test_a_step_that_keeps_killing_its_workers_is_poison(worker):
    run = start()

    for _death in range(4):
        assert worker.claim(step_of(run, "image")) is not None
        worker.wait(9)
        worker.wait(4)
        engine.sweep(now=worker.now)

    assert (reread(run).state, step_of(run, "image").state) == ("failed", "failed")
    assert step_of(run, "image").error.startswith("poison")
    assert step_of(run, "image").attempts.count() == 4


def test_a_try_that_failed_is_repeated_after_a_while_and_at_most_so_often(worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))

    for attempt in (1, 2, 3):
        claim = worker.claim(step_of(run, "inference"))
        assert claim.attempt == attempt
        worker.fail(claim, worth_retrying=True)
        waits = step_of(run, "inference").not_before
        assert waits is None or 0 <= (waits - worker.now).total_seconds() <= 2 ** (attempt - 1)
        worker.wait(25)

    assert (reread(run).state, reread(run).error) == ("failed", "inference failed")
    assert set(states(run).values()) == {"done", "failed", "cancelled"}


def test_an_optional_step_that_fails_leaves_the_run_completed_and_degraded(worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))
    worker.succeed(worker.claim(step_of(run, "inference")))
    worker.fail(worker.claim(step_of(run, "feedback")))

    run = worker.finish(run)

    assert (run.state, run.degraded, run.doubts) == ("completed", True, ["feedback failed"])
    assert run.result["feedback"] is None


def test_a_failed_run_goes_on_from_where_it_broke(worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))
    worker.fail(worker.claim(step_of(run, "inference")))
    assert reread(run).state == "failed"

    run = engine.retry(reread(run), by="ada", now=worker.now)
    run = worker.finish(run)

    assert run.state == "completed"
    assert Attempt.objects.filter(step__name="image").count() == 1


def test_what_was_done_without_something_stays_done_when_that_is_tried_again_and_the_run_says_so(worker):
    run = start()
    worker.succeed(worker.claim(step_of(run, "image")))
    engine.succeed(worker.claim(step_of(run, "inference")), ["?", "soup"], doubts=["It is dark."], now=NOON)
    worker.fail(worker.claim(step_of(run, "feedback")))
    run = worker.finish(run)
    assert run.doubts == ["It is dark.", "feedback failed"]

    run = worker.finish(engine.retry(run, by="ada", now=worker.now))

    assert (run.state, run.degraded, step_of(run, "feedback").output) == ("completed", True, "soup is fine")
    assert run.doubts == ["It is dark.", "history was done without feedback"]
    assert step_of(run, "history").attempts.count() == 1
    with pytest.raises(engine.NothingToRetry):
        engine.retry(run, by="ada", now=worker.now)


def test_a_batch_whose_bad_items_are_tried_again_tells_that_its_summary_was_made_without_them(worker):
    run = start(Batch, photos=[1, 2, 3])
    worker.succeed(worker.claim(step_of(run, "plan")))
    worker.fail(worker.claim(step_of(run, "analyse", 0)))
    run = worker.finish(run)

    run = worker.finish(engine.retry(run, by="ada", now=worker.now))

    assert set(states(run).values()) == {"done"}
    assert (run.result, run.doubts) == ([None, "seen 2", "seen 3"], ["summary was done without all of analyse"])


class Told(Workflow):
    """Like a batch, with a summary that is nothing but its output."""

    name = "test_told"

    @step
    def plan(self, ctx, photos):
        return photos

    @step(map="plan", min_success=0)
    def analyse(self, ctx, item):
        return f"seen {item}"

    @step
    def summary(self, ctx, analyse):
        return analyse

    @step
    def after(self, ctx, summary):
        return f"seen are {', '.join(each or 'nobody' for each in summary)}"


@pytest.fixture
def told(worker, monkeypatch):
    """A run that is done, without its first item."""
    monkeypatch.setitem(registry._WORKFLOWS, Told.name, Told)
    run = start(Told, photos=[1, 2])
    worker.succeed(worker.claim(step_of(run, "plan")))
    worker.fail(worker.claim(step_of(run, "analyse", 0)))
    worker.succeed(worker.claim(step_of(run, "analyse", 1)))
    engine.succeed(worker.claim(step_of(run, "summary")), [None, "seen 2"], doubts=["One is dark."], now=NOON)
    return worker.finish(run)


def test_what_is_nothing_but_its_output_is_done_again_with_what_it_had_to_do_without(worker, told):
    assert (told.result, told.doubts) == ("seen are nobody, seen 2", ["One is dark.", "1 of 2 failed in analyse"])

    run = worker.finish(engine.retry(told, by="ada", now=worker.now))

    assert (run.state, run.result) == ("completed", "seen are seen 1, seen 2")
    assert (run.degraded, run.doubts) == (False, [])
    tries = step_of(run, "summary").attempts.values_list("outcome", flat=True)
    assert list(tries) == [Outcome.REPLACED, Outcome.SUCCEEDED]
    assert Attempt.objects.filter(step__name="plan").count() == 1


def test_what_asked_others_once_and_what_was_made_for_it_are_not_done_again(worker, told):
    told.steps.filter(name="after").update(once={"letter": "sent"})

    run = worker.finish(engine.retry(told, by="ada", now=worker.now))

    assert (run.state, run.degraded, run.result) == ("completed", True, "seen are nobody, seen 2")
    assert run.doubts == ["One is dark.", "summary was done without all of analyse"]


def test_a_cancelled_run_offers_nothing_and_ends_when_its_running_step_has_stopped(worker):
    run = start()
    claim = worker.claim(step_of(run, "image"))

    engine.cancel(run, by="ada", now=worker.now)

    assert engine.renew(claim, now=worker.now) == "cancel"
    assert reread(run).state == "running"
    engine.give_back(claim, outcome=Outcome.CANCELLED, now=worker.now)
    assert (reread(run).state, set(states(run).values())) == ("cancelled", {"cancelled"})
    with pytest.raises(engine.AlreadyEnded):
        engine.cancel(run, by="ada", now=worker.now)


def test_work_that_the_service_interrupted_is_done_again_and_does_not_count_as_a_try(worker):
    run = start()
    engine.give_back(worker.claim(step_of(run, "image")), outcome=Outcome.INTERRUPTED, now=worker.now)

    assert (states(run)["image"], step_of(run, "image").attempt) == ("ready", 0)
    assert worker.finish(run).state == "completed"


def test_of_a_list_only_so_many_items_are_worked_on_at_once(worker):
    run = start(Batch, photos=[1, 2, 3, 4, 5])
    worker.succeed(worker.claim(step_of(run, "plan")))
    assert [str(step) for step in worker.due(run)] == ["analyse 0", "analyse 1"]

    worker.succeed(worker.claim(step_of(run, "analyse", 1)))

    assert [str(step) for step in worker.due(run)] == ["analyse 0", "analyse 2"]
    assert worker.finish(run).result == ["seen 1", "seen 2", "seen 3", "seen 4", "seen 5"]


def test_a_batch_with_enough_good_items_is_completed_and_names_what_failed(worker):
    run = start(Batch, photos=[1, 2, 3])
    worker.succeed(worker.claim(step_of(run, "plan")))
    worker.fail(worker.claim(step_of(run, "analyse", 0)))

    run = worker.finish(run)

    assert (run.state, run.degraded, run.doubts) == ("completed", True, ["1 of 3 failed in analyse"])
    assert run.result == [None, "seen 2", "seen 3"]


def test_a_batch_with_too_few_good_items_fails(worker):
    run = start(Batch, photos=[1, 2, 3])
    worker.succeed(worker.claim(step_of(run, "plan")))
    worker.fail(worker.claim(step_of(run, "analyse", 0)))
    worker.fail(worker.claim(step_of(run, "analyse", 1)))

    run = worker.finish(run)

    assert (run.state, step_of(run, "analyse").error) == ("failed", "2 of 3 failed")


def test_a_batch_of_nothing_is_completed(worker):
    run = engine.start(Batch, input={"photos": []}, now=NOON)

    assert (worker.finish(run).state, reread(run).result) == ("completed", [])


def test_a_step_whose_message_was_lost_is_sent_again(worker):
    run = start()
    OrmQ.objects.all().delete()
    worker.wait(5)

    assert engine.sweep(now=worker.now) == 1
    assert (engine.sweep(now=worker.now), queued()) == (0, 1)
    assert step_of(run, "image").message == OrmQ.objects.get().pk


def test_a_transactional_step_that_raises_leaves_no_effect(worker):
    run = start()
    for name in ("image", "inference", "feedback"):
        worker.succeed(worker.claim(step_of(run, name)))
    claim = worker.claim(step_of(run, "history"))

    def work():
        engine.start(Batch, input={"photos": []}, now=NOON)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        engine.succeed(claim, work=work, now=worker.now)

    assert Run.objects.filter(workflow="test_batch").count() == 0
    assert states(run)["history"] == "running"
