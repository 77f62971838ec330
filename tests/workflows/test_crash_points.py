"""A process that dies at any step, before its work, after it, or after its record, leaves a run that ends as if not."""

import os
import warnings
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connections
from django.utils import timezone

from tests.workflows.deeds import Five, Many, Photo
from tests.workflows.running import start
from tests.workflows.work import Batch, Meal, reread
from workflows import engine, execution, registry
from workflows.definitions import Workflow
from workflows.models import Attempt
from workflows.processes import lives
from workflows.states import Outcome, StepState

pytestmark = pytest.mark.django_db(transaction=True)
POINTS = ["before the call", "after the call", "after the record"]
RUNS: dict[type[Workflow], dict[str, object]] = {
    Meal: {"photo": 7},
    Batch: {"photos": [1, 2, 3]},
    Photo: {"place": "", "number": 1, "seconds": 0},
    Five: {"place": ""},
    Many: {"place": "", "numbers": [1, 2, 3, 4, 5, 6]},
}


@pytest.fixture(autouse=True)
def _all_workflows(monkeypatch):
    known = {workflow.name: workflow for workflow in RUNS}
    monkeypatch.setattr(registry, "_WORKFLOWS", {**registry._WORKFLOWS, **known})


def due(run):
    return list(run.steps.filter(state=StepState.READY, not_before__lte=timezone.now()))


def work_off(run):
    """Do what is due as a worker does, until nothing is."""
    while steps := due(run):
        execution.work_on(steps[0].pk)


def die_at(point, step):
    """In a process that is about to work on `step`: the hooks that end it, as kill -9 would."""
    functions: Any = registry.workflow_called(step.run.workflow).definition.functions
    function, succeed = functions[step.name], engine.succeed

    def call(*args, **kwargs):
        if point == "before the call":
            os._exit(9)
        function(*args, **kwargs)
        os._exit(9)

    def record(*args, **kwargs):
        succeed(*args, **kwargs)
        os._exit(9)

    if point == "after the record":
        engine.succeed = record
    else:
        functions[step.name] = call


def die_over(step, point):
    """Work on `step` in a process that dies at `point`."""
    connections.close_all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: the child only works and dies
        child = os.fork()
    if child == 0:
        try:
            die_at(point, step)
            execution.work_on(step.pk)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def result(run):
    """All that a run leaves, but times and attempts."""
    run = reread(run)
    steps = [(step.name, step.index, step.state, step.output, step.error) for step in run.steps.order_by("pk")]
    return run.state, run.result, run.degraded, run.doubts, run.error, steps, sorted(Group.objects.values_list("name"))


def crashed_everywhere(workflow, given, point):
    """Run, dying over each of its steps once."""
    run, dead = start(workflow, **given), set()
    while steps := due(run):
        step = steps[0]
        if step.pk in dead:
            execution.work_on(step.pk)
        else:
            die_over(step, point)
            dead.add(step.pk)
            engine.sweep(now=timezone.now(), alive=lives)
    return run


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("workflow", RUNS, ids=lambda workflow: workflow.name)
def test_a_crash_at_every_step_changes_nothing_in_the_end(workflow, point, tmp_path):
    """Scenario 5."""
    given = {**RUNS[workflow], **({"place": str(tmp_path)} if "place" in RUNS[workflow] else {})}
    calm = start(workflow, **given)
    work_off(calm)
    expected = result(calm)
    assert expected[0] == "completed"
    Group.objects.all().delete()

    run = crashed_everywhere(workflow, given, point)

    assert result(run) == expected
    leaves = run.steps.exclude(output=None, index=-1).count()
    tries = Attempt.objects.filter(step__run=run)
    assert tries.filter(outcome=Outcome.LOST).count() == (0 if point == "after the record" else tries.count() / 2)
    assert tries.filter(outcome=Outcome.SUCCEEDED).count() == leaves
