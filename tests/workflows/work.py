"""Workflows to test with, and a worker that lives in the test."""

import datetime as dt

from django_q.models import OrmQ

from workflows import engine
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.models import Run, Step
from workflows.states import Priority, StepState

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


class Busy(Exception):
    """Worth another try."""


class Meal(Workflow):
    """image → inference → feedback → history, each saying what it was given."""

    name = "test_meal"
    priority = Priority.HIGH

    @step(timeout=10)
    def image(self, ctx, photo):
        return f"image of {photo}"

    @step(timeout=60, retry=Retry(3, base=1, cap=20, on=(Busy,)))
    def inference(self, ctx, image):
        return [image, "soup"]

    @step(optional=True)
    def feedback(self, ctx, inference):
        return f"{inference[1]} is fine"

    @step(tx=True)
    def history(self, ctx, photo, inference, feedback=None):
        return {"photo": photo, "food": inference[1], "feedback": feedback}


class Batch(Workflow):
    """Something for each of many."""

    name = "test_batch"
    priority = Priority.LOW

    @step
    def plan(self, ctx, photos):
        return photos

    @step(map="plan", max_parallel=2, min_success=0.5, retry=Retry(2))
    def analyse(self, ctx, item):
        return f"seen {item}"

    @step(tx=True)
    def summary(self, ctx, analyse):
        return analyse


class Clockwork:
    """A worker by hand: its clock is moved, its work is decided in the test."""

    def __init__(self):
        self.now = NOON

    def wait(self, seconds):
        self.now += dt.timedelta(seconds=seconds)

    def claim(self, step, worker="host:1:1"):
        return engine.claim(step.pk, worker=worker, now=self.now)

    def succeed(self, claim):
        """Do what the step does."""
        function, context = claim.workflow.definition.functions[claim.plan.name], Context(claim)

        def work():
            return function(None, context, **claim.arguments)

        done = {"work": work} if claim.plan.tx else {"output": work()}
        engine.succeed(claim, **done, doubts=context.doubts, now=self.now)

    def fail(self, claim, *, worth_retrying=False):
        engine.fail(claim, "it broke", worth_retrying=worth_retrying, now=self.now)

    def due(self, run):
        return list(run.steps.filter(state=StepState.READY, not_before__lte=self.now))

    def finish(self, run):
        """Work until nothing is due."""
        while due := self.due(run):
            claim = self.claim(due[0])
            assert claim is not None
            self.succeed(claim)
        return reread(run)


def reread(run):
    return Run.objects.get(pk=run.pk)


def step_of(run, name, index=-1):
    return Step.objects.get(run=run, name=name, index=index)


def states(run):
    return {str(step): step.state for step in run.steps.all()}


def queued():
    return OrmQ.objects.count()
