"""Runs on real processes that are killed, frozen and stopped, on the database that the tests run on."""

import random
import time

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from tests.workflows.deeds import (
    Crowd,
    Deaf,
    Five,
    Flaky,
    Killer,
    Many,
    Nap,
    Stubborn,
)
from tests.workflows.running import (
    Running,
    alive,
    calls,
    ended,
    outcomes,
    photos,
    seconds,
    start,
    wait_until,
    worker_of,
    working_on,
)
from workflows import engine
from workflows.broker import LEASE_S
from workflows.models import Attempt, Run, Step
from workflows.states import LIVE_RUN, Outcome, StepState

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def _service(django_db_setup, django_db_blocker, tmp_path_factory):
    """One for most tests: worker with three processes, and watch."""
    with django_db_blocker.unblock():
        service = Running(tmp_path_factory.mktemp("service"))
    yield service
    service.kill_everything()


@pytest.fixture
def service(_service, transactional_db):
    wait_until(_service.is_up)
    yield _service
    for run in Run.objects.live():
        engine.cancel(run, by="test", now=timezone.now())
    wait_until(lambda: not Run.objects.live().exists())


# --- Chaos ------------------------------------------------------------------------------------------------------
def test_a_busy_worker_that_is_killed_loses_one_attempt_and_nothing_else(service, tmp_path):
    """Scenario 1."""
    runs = photos(tmp_path, 20, seconds=0.3)
    victim = working_on(runs[3])
    worker_of(victim).kill()
    killed_at = timezone.now()

    found = ended(*runs)

    assert {run.state for run in found} == {"completed"}
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted(map(str, range(20)))
    lost = Attempt.objects.filter(outcome=Outcome.LOST)
    assert {attempt.step_id for attempt in lost} == {victim.pk}
    again = Attempt.objects.get(step=victim, outcome=Outcome.SUCCEEDED)
    assert (again.started_at - killed_at).total_seconds() < LEASE_S
    assert sum(calls(tmp_path).values()) == 41


def killed_idle(service, place, *, times, seed):
    """The slowest completion of a run after one of the idle pool was killed."""
    chosen, slowest = random.Random(seed), 0.0
    for _time in range(times):
        wait_until(service.is_up)
        chosen.choice(service.pool()).kill()
        began = time.monotonic()
        (run,) = ended(start(Nap, place=str(place), seconds=0))
        assert run.state == "completed"
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def test_an_idle_worker_that_is_killed_does_not_stop_the_queue(service, tmp_path):
    """Scenario 2."""
    assert killed_idle(service, tmp_path, times=5, seed=1) < 20


@pytest.mark.long
def test_idle_workers_that_are_killed_again_and_again_do_not_stop_the_queue(service, tmp_path):
    """Scenario 2 in full."""
    assert killed_idle(service, tmp_path, times=40, seed=2) < 20


def test_after_the_death_of_the_one_that_guards_them_all_processes_are_replaced(service, tmp_path):
    """Scenario 3."""
    run = start(Nap, place=str(tmp_path), seconds=3)
    working_on(run)
    sentinel = wait_until(lambda: service.child("worker"))
    old = [sentinel, *sentinel.children()]

    sentinel.kill()

    began = time.monotonic()
    wait_until(lambda: not alive(old))
    assert time.monotonic() - began < 5  # 2 where nothing else runs
    other = start(Nap, place=str(tmp_path), seconds=0)
    assert [each.state for each in ended(run, other)] == ["completed", "completed"]
    assert outcomes(run) == ["lost", "succeeded"]
    assert time.monotonic() - began < 20


def test_a_step_that_always_kills_its_process_is_poison_and_harms_no_other(service, tmp_path):
    """Scenario 6."""
    killer = start(Killer, place=str(tmp_path))
    others = photos(tmp_path, 3, seconds=0.1)

    assert {run.state for run in ended(*others)} == {"completed"}
    (killer,) = ended(killer)

    assert (killer.state, killer.steps.get(name="die").error[:6]) == ("failed", "poison")
    assert calls(tmp_path)["die"] == 4


@pytest.mark.long
def test_a_frozen_worker_is_not_believed_later_and_a_long_step_keeps_its_lease(service, tmp_path):
    """Scenarios 9 and 12, which both wait for a lease."""
    long = start(Nap, place=str(tmp_path), seconds=LEASE_S + 4)
    frozen = start(Nap, place=str(tmp_path), seconds=2)
    worker_of(working_on(long))
    worker = worker_of(working_on(frozen))
    worker.suspend()
    try:
        (found,) = ended(frozen)
        before = Step.objects.values().get(run=frozen)
    finally:
        worker.resume()
    wait_until(lambda: "deed_nap.nap: somebody else has it by now" in service.said.read_text())
    assert ended(long)[0].state == "completed"

    assert (found.state, outcomes(frozen)) == ("completed", ["lost", "succeeded"])
    assert Step.objects.values().get(run=frozen) == before
    assert outcomes(long) == ["succeeded"]


# --- Time and cancel --------------------------------------------------------------------------------------------
@pytest.mark.long
@pytest.mark.parametrize("how", ["with others", "alone"])
def test_code_that_hears_no_signal_is_ended_at_its_limit_and_tried_again(service, tmp_path, how):
    """Scenario 10: a library in C, which lets other threads run or does not."""
    run = start(Deaf, place=str(tmp_path), how=how)
    wait_until(lambda: Attempt.objects.filter(step__run=run).exclude(outcome=Outcome.OPEN).exists())

    (run,) = ended(run)

    tries = list(Attempt.objects.filter(step__run=run).order_by("number"))
    assert [each.outcome for each in tries] == ["timeout", "timeout"]
    assert all(seconds(each.started_at, each.finished_at) < 12 for each in tries)  # 10 on an idle machine
    assert (run.state, calls(tmp_path)["compute"]) == ("failed", 2)


def test_tries_are_repeated_after_different_waits_within_bounds_and_soon_after_they_are_due(service, tmp_path):
    """Scenario 11."""
    runs = [start(Flaky, place=str(tmp_path), number=number) for number in range(3)]

    assert {(run.state, run.result) for run in ended(*runs)} == {("completed", 4)}

    waits, late = [], []
    for run in runs:
        tries = list(Attempt.objects.filter(step__run=run).order_by("number"))
        said = [event.data["in_s"] for event in run.events.filter(kind="step will be tried again")]
        for number, (before, after, wait) in enumerate(zip(tries, tries[1:], said, strict=False)):
            assert 0 <= wait <= min(1.6, 0.8 * 2**number)
            waits.append(wait)
            late.append(seconds(before.finished_at, after.started_at) - wait)
    assert len(set(waits)) > 6  # said in milliseconds
    assert all(-0.01 <= each < 2 for each in late)
    assert sorted(late)[4] < 0.5  # all of them on an idle machine


def test_a_cancelled_step_stops_in_seconds_and_a_second_cancel_is_refused(service, tmp_path):
    """Scenario 13: Python code, code in C, and code that swallows what would stop it."""
    python = start(Nap, place=str(tmp_path), seconds=60)
    in_c = start(Stubborn, place=str(tmp_path), how="in C")
    working_on(python)
    working_on(in_c)
    for run in (python, in_c):
        engine.cancel(run, by="ada", now=timezone.now())
    asked = time.monotonic()

    with pytest.raises(engine.AlreadyEnded):
        engine.cancel(python, by="ada", now=timezone.now())
    wait_until(lambda: not Run.objects.filter(pk=python.pk, state__in=LIVE_RUN).exists())
    assert time.monotonic() - asked < 5  # 3 on an idle machine
    wait_until(lambda: not Run.objects.filter(pk=in_c.pk, state__in=LIVE_RUN).exists())
    assert time.monotonic() - asked < 12  # 10 on an idle machine

    assert {run.state for run in ended(python, in_c)} == {"cancelled"}
    assert (outcomes(python), outcomes(in_c)) == (["cancelled"], ["cancelled"])


def test_a_step_that_swallows_everything_is_ended_with_its_process(service, tmp_path):
    run = start(Stubborn, place=str(tmp_path), how="in Python")
    worker = worker_of(working_on(run))
    engine.cancel(run, by="ada", now=timezone.now())

    assert ended(run)[0].state == "cancelled"
    wait_until(lambda: not alive([worker]))


def test_a_provider_that_is_down_degrades_the_run_and_a_retry_repeats_only_what_failed(service, tmp_path):
    """Scenario 15."""
    (tmp_path / "advice").touch()
    (run,) = ended(start(Five, place=str(tmp_path)))
    assert (run.state, run.degraded, run.doubts) == ("completed", True, ["advice failed"])
    before = calls(tmp_path)

    (tmp_path / "advice").unlink()
    engine.retry(run, by="ada", now=timezone.now())
    (run,) = ended(run)

    assert (run.state, run.doubts) == ("completed", ["five was done without advice"])
    assert calls(tmp_path) - before == {"advice": 1}


def test_a_failed_run_that_is_retried_repeats_only_the_open_steps(service, tmp_path):
    """Scenario 16."""
    (tmp_path / "four").touch()
    (run,) = ended(start(Five, place=str(tmp_path)))
    assert (run.state, run.error) == ("failed", "four failed")
    done = calls(tmp_path)

    (tmp_path / "four").unlink()
    engine.retry(run, by="ada", now=timezone.now())
    (run,) = ended(run)

    assert (run.state, run.result) == ("completed", 5)
    assert set(calls(tmp_path) - done) <= {"four", "five", "advice"}
    assert calls(tmp_path)["one"] == calls(tmp_path)["two"] == 1


# --- Order ------------------------------------------------------------------------------------------------------
def batch_keeps_its_limit(place, *, items):
    run = start(Many, place=str(place), numbers=list(range(items)))
    busy = Step.objects.filter(run=run, index__gte=0, state__in=[StepState.READY, StepState.RUNNING])
    most = 0

    def over():
        nonlocal most
        most = max(most, busy.count())
        return not Run.objects.filter(pk=run.pk, state__in=LIVE_RUN).exists()

    wait_until(over, patience_s=300, every_s=0.01)
    (run,) = ended(run)
    assert (run.state, run.result) == ("completed", [each * each for each in range(items)])
    assert max(calls(place).values()) == 1
    assert 1 < most <= 4


def test_of_a_batch_never_more_items_are_on_their_way_than_allowed(service, tmp_path):
    """Scenario 17."""
    batch_keeps_its_limit(tmp_path, items=40)


@pytest.mark.long
def test_of_a_large_batch_never_more_items_are_on_their_way_than_allowed(service, tmp_path):
    """Scenario 17 in full."""
    batch_keeps_its_limit(tmp_path, items=200)


def test_a_batch_with_few_bad_items_is_completed_and_one_with_more_fails_with_its_results(service, tmp_path):
    """Scenario 18."""
    few = start(Many, place=str(tmp_path), numbers=[*range(17), -1, -2, -3])
    more = start(Many, place=str(tmp_path), numbers=[*range(15), -1, -2, -3, -4, -5])

    few, more = ended(few, more)

    assert (few.state, few.degraded, few.doubts) == ("completed", True, ["3 of 20 failed in each"])
    assert few.result == [*(each * each for each in range(17)), None, None, None]
    errors = few.steps.filter(state=StepState.FAILED).values_list("error", flat=True)
    assert sorted(error.partition("\n")[0] for error in errors) == [
        f"ValueError: -{number} is no food" for number in (1, 2, 3)
    ]
    assert (more.state, more.steps.get(name="each", index=-1).error) == ("failed", "5 of 20 failed")
    assert more.steps.filter(index__gte=0, state=StepState.DONE).count() == 15


def test_a_person_does_not_wait_for_a_crowd_of_background_work(service, tmp_path):
    """Scenario 19."""
    crowd = start(Crowd, place=str(tmp_path), numbers=list(range(500)))
    wait_until(lambda: Step.objects.filter(run=crowd, state=StepState.RUNNING, index__gte=0).count() == 2)
    waits = []
    for _time in range(3):
        asked = timezone.now()
        run = start(Nap, place=str(tmp_path), seconds=0)
        assert ended(run)[0].state == "completed"
        waits.append((Attempt.objects.get(step__run=run).started_at - asked).total_seconds())
        assert Step.objects.filter(run=crowd, state=StepState.RUNNING).count() <= 2

    assert min(waits) < 1
    assert Step.objects.filter(run=crowd, state=StepState.READY).count() > 400
