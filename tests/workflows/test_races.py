"""Many processes at once at the engine: whoever is first, it is one of the allowed ends."""

import datetime as dt
from collections import Counter

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from tests.workflows import crewmen
from tests.workflows.deeds import Five
from tests.workflows.running import start
from workflows.models import Attempt, Run, Step
from workflows.states import StepState

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes_of(run):
    return [attempt.outcome for attempt in Attempt.objects.filter(step__run=run).order_by("pk")]


def cancelled_while_it_completes(crew, place, *, times):
    pks = [start(Five, place=str(place)).pk for _ in range(times)]
    run_steps = Step.objects.filter(run__in=pks)
    # Only the last step of each is left, and it is being worked on.
    run_steps.exclude(name="five").update(state=StepState.DONE, finished_at=timezone.now(), output=2)
    OrmQ.objects.all().delete()
    for pk in pks:
        Step.objects.filter(run=pk, name="five").update(state=StepState.READY, not_before=timezone.now())

    crew.run(crewmen.complete_or_cancel, pks)

    for run in Run.objects.filter(pk__in=pks):
        found = (run.state, run.steps.get(name="five").state, outcomes_of(run))
        assert found in [("completed", "done", ["succeeded"]), ("cancelled", "cancelled", []),
                         ("cancelled", "cancelled", ["cancelled"]), ("cancelled", "done", ["succeeded"])]  # fmt: skip
    return Counter(Run.objects.filter(pk__in=pks).values_list("state", flat=True))


def test_completion_racing_cancel_is_one_of_the_two_and_never_mixed(crew, tmp_path):
    """Scenario 14."""
    found = cancelled_while_it_completes(crew, tmp_path, times=60)

    assert found["completed"] + found["cancelled"] == 60


@pytest.mark.long
def test_a_thousand_completions_racing_cancels_are_never_mixed(crew, tmp_path):
    """Scenario 14 in full."""
    found = cancelled_while_it_completes(crew, tmp_path, times=1000)

    assert found["completed"] + found["cancelled"] == 1000


def test_of_many_starts_with_one_key_one_run_comes(crew):
    """Scenario 20."""
    found = crew.run(crewmen.start_often, 15)

    assert len({uuid for each in found for uuid in each}) == 1
    assert sum(map(len, found)) == 15 * crew.size >= 90
    assert (Run.objects.count(), Step.objects.count(), OrmQ.objects.count()) == (1, 5, 1)


def test_each_slot_of_a_schedule_is_started_once_by_many_hosts(crew):
    """Scenario 21: after an outage there is one, not as many as were missed."""
    Schedule.objects.all().delete()
    crew.run(crewmen.ensure_schedules)
    names = list(Schedule.objects.values_list("name", flat=True))
    assert len(names) == len(set(names)) > 0
    long_ago = timezone.now() - dt.timedelta(days=3)
    Schedule.objects.all().update(next_run=long_ago)

    crew.run(crewmen.look_at_schedules)
    queued = OrmQ.objects.count()
    crew.run(crewmen.look_at_schedules)

    assert queued == OrmQ.objects.count() == len(names)
    assert Schedule.objects.filter(next_run__lte=timezone.now()).count() == 0
    crew.run(crewmen.start_slot, names[0], long_ago.isoformat())  # the message delivered to all of them
    assert Run.objects.filter(workflow=names[0]).count() == 1
