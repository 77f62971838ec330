"""Whatever happens, in whatever order: a machine of hypothesis works on runs, and looks after every step."""

import os
from contextlib import suppress

import hypothesis
import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.workflows.work import NOON, Clockwork, step_of
from workflows import engine, registry, rules
from workflows.definitions import Retry, Workflow, step
from workflows.models import Attempt, Run, Step
from workflows.states import ENDED_STEP, LIVE_RUN, Outcome, RunState, StepState

# One of these is a story of forty chapters, which takes as long as 25 examples elsewhere.
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", hypothesis.settings().max_examples // 25))
pytestmark = pytest.mark.django_db


def present(items):
    return len([item for item in items if item is not None])


class Effect(Workflow):
    """Every kind of step at once. `effect` leaves something in our database: a run of `Trace`."""

    name = "machine_effect"

    @step
    def things(self, ctx, number):
        return list(range(number))

    @step(map="things", max_parallel=2, min_success=0.5, retry=Retry(2, base=1))
    def each(self, ctx, item):
        return item

    @step(optional=True, retry=Retry(2, base=1))
    def extra(self, ctx, each):
        return present(each)

    @step(tx=True)
    def effect(self, ctx, each, extra=None):
        engine.start(Trace, input={"text": "done"}, now=NOON)
        return [each, extra]

    @step
    def tale(self, ctx, each, extra=None):
        if present(each) < len(each):
            ctx.degrade("Some are missing.")
        return [each, extra]

    @step
    def end(self, ctx, tale):
        return [tale]


def stays(step):
    """Whether it stays, once done: it is more than its output, or something was made of it that is."""
    effect_is_done = step.run.steps.filter(name="effect", state=StepState.DONE).exists()
    return step.name in {"things", "each", "effect"} or (step.name == "extra" and effect_is_done)


class Trace(Workflow):
    name = "machine_trace"

    @step
    def nothing(self, ctx, text):
        return text


class Machine(RuleBasedStateMachine):
    claims = Bundle("claims")

    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.worker = Clockwork()
        self.outputs: dict[int, object] = {}  # of done steps, by id

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    @property
    def runs(self):
        return Run.objects.filter(workflow=Effect.name)

    def holds(self, claim):
        """Whether this claim is the newest of its step, and nobody was told that its worker died."""
        return Step.objects.filter(pk=claim.step_id, token=claim.token, state=StepState.RUNNING).exists()

    # --- What may happen --------------------------------------------------------------------------------------
    @rule(number=st.integers(0, 4), key=st.sampled_from(["", "one", "two"]))
    def start(self, number, key):
        if self.runs.count() < 4:
            engine.start(Effect, input={"number": number}, key=key, now=self.worker.now)

    @rule(target=claims, at=st.integers(0, 10))
    def claim(self, at):
        ready = list(Step.objects.filter(state=StepState.READY, run__workflow=Effect.name).order_by("pk"))
        if not ready:
            return multiple()
        claimed = self.worker.claim(ready[at % len(ready)])
        return multiple() if claimed is None else claimed

    @rule(number=st.integers(1, 8))
    def nothing_happens_for_a_while(self, number):
        """So that the machine also comes to the last steps."""
        for _step in range(number):
            due = Step.objects.filter(state=StepState.READY, not_before__lte=self.worker.now)
            for ready in due.filter(run__workflow=Effect.name).order_by("pk")[:1]:
                if claim := self.worker.claim(ready):
                    self.worker.succeed(claim)

    @rule(at=st.integers(0, 3), without=st.sampled_from(["", "each", "extra"]), again=st.booleans())
    def a_run_comes_to_its_end(self, at, without, again):
        """And one of its items, or the optional step, does not."""
        for run in self.runs.order_by("pk")[at : at + 1]:
            self.worker.wait(61)
            engine.sweep(now=self.worker.now)
            while due := self.worker.due(run):
                claim = self.worker.claim(due[0])
                if due[0].name == without:
                    self.worker.fail(claim)
                    without = ""
                else:
                    self.worker.succeed(claim)
        if again:
            self.retry(at)

    @rule(at=st.integers(0, 10), dies=st.booleans())
    def nobody_succeeds(self, at, dies):
        """Until nobody tries it any more."""
        ready = list(Step.objects.filter(state=StepState.READY, run__workflow=Effect.name).order_by("pk"))
        for _try in range(6 if ready else 0):
            self.worker.wait(13)
            claim = self.worker.claim(ready[at % len(ready)])
            if claim and not dies:
                self.worker.fail(claim, worth_retrying=True)

    @rule(target=claims, claim=claims)
    def deliver_again(self, claim):
        again = engine.claim(claim.step_id, worker="host:2:2", now=self.worker.now)
        return multiple() if again is None else again

    @rule(target=claims, claim=claims)
    def another_takes_over_and_the_first_reports_late(self, claim):
        self.worker.wait(13)
        again = engine.claim(claim.step_id, worker="host:3:3", now=self.worker.now)
        assert again is None or engine.renew(claim, now=self.worker.now) == "lost"
        assert not self.holds(claim) or Run.objects.get(pk=claim.run_id).stopping
        self.report(claim, lambda: self.worker.succeed(claim))
        return multiple() if again is None else again

    @rule(claim=consumes(claims))
    def succeed(self, claim):
        self.report(claim, lambda: self.worker.succeed(claim))

    @rule(claim=claims)
    def succeed_and_come_again(self, claim):
        self.report(claim, lambda: self.worker.succeed(claim))

    @rule(claim=consumes(claims), worth=st.booleans())
    def fail(self, claim, worth):
        self.report(claim, lambda: self.worker.fail(claim, worth_retrying=worth))

    @rule(claim=consumes(claims))
    def give_back(self, claim):
        self.report(claim, lambda: engine.give_back(claim, outcome=Outcome.INTERRUPTED, now=self.worker.now))

    @rule(claim=claims)
    def renew(self, claim):
        held = self.holds(claim)
        assert (engine.renew(claim, now=self.worker.now) == "lost") is not held

    @rule(seconds=st.sampled_from([1, 5, 13, 100]))
    def wait(self, seconds):
        self.worker.wait(seconds)

    @rule()
    def sweep(self):
        leased = Step.objects.filter(state=StepState.RUNNING, lease_until__gt=self.worker.now)
        before = set(leased.values_list("pk", flat=True))
        engine.sweep(now=self.worker.now)
        assert set(leased.values_list("pk", flat=True)) == before

    @rule(at=st.integers(0, 3))
    def cancel(self, at):
        for run in self.runs.order_by("pk")[at : at + 1]:
            try:
                engine.cancel(run, by="ada", now=self.worker.now)
            except engine.AlreadyEnded:
                assert run.ended or run.stopping == "cancel"

    @rule(at=st.integers(0, 3))
    def retry(self, at):
        for run in self.runs.order_by("pk")[at : at + 1]:
            done = run.steps.filter(state=StepState.DONE)
            final = {each.pk for each in done if stays(each) and (each.name, each.index) != ("each", -1)}
            with suppress(engine.NothingToRetry):
                engine.retry(run, by="ada", now=self.worker.now)
            still_done = set(done.values_list("pk", flat=True))
            assert final <= still_done
            for pk in set(run.steps.values_list("pk", flat=True)) - still_done:
                self.outputs.pop(pk, None)

    def report(self, claim, tell):
        held = self.holds(claim)
        if held:
            tell()
        else:
            with pytest.raises(engine.Lost):
                tell()

    # --- What always holds ------------------------------------------------------------------------------------
    @invariant()
    def a_done_output_never_changes(self):
        done = dict(Step.objects.filter(state=StepState.DONE).values_list("pk", "output"))
        for pk, output in self.outputs.items():
            assert done.get(pk, "gone") == output
        self.outputs = done

    @invariant()
    def effects_are_as_many_as_done_transactional_steps(self):
        done = Step.objects.filter(name="effect", state=StepState.DONE).count()
        assert Run.objects.filter(workflow=Trace.name).count() == done

    @invariant()
    def as_many_items_are_on_their_way_as_may_be(self):
        for run in self.runs:
            items = list(run.steps.filter(index__gte=0).exclude(state__in=ENDED_STEP).values_list("state", flat=True))
            busy = len(items) - items.count(StepState.BLOCKED)
            assert busy <= 2
            assert busy == min(2, len(items)) or run.stopping

    @invariant()
    def nothing_is_ready_before_its_inputs(self):
        for run in self.runs:
            state = {(s.name, s.index): s.state for s in run.steps.all()}
            for plan in Effect.definition.plan:
                # Done before a retry, an effect and what it was made of stay so, though their inputs are open again.
                begun = {"ready", "running"} if plan.name in {"effect", "extra"} else {"ready", "running", "done"}
                if any(name == plan.name and v in begun for (name, _), v in state.items()):
                    assert all(state[name, -1] in ENDED_STEP for name in plan.needs)

    @invariant()
    def a_run_that_ended_has_only_steps_that_ended(self):
        for run in self.runs:
            open_steps = run.steps.exclude(state__in=ENDED_STEP).count()
            assert (open_steps == 0) == run.ended

    @invariant()
    def a_cancelled_run_offers_nothing(self):
        assert not Step.objects.filter(run__stopping="cancel", state__in=["ready", "blocked"]).exists()

    @invariant()
    def one_live_run_has_a_key(self):
        for key in ("one", "two"):
            assert self.runs.filter(key=key, state__in=LIVE_RUN).count() <= 1

    @invariant()
    def each_running_step_has_its_one_open_attempt(self):
        running = set(Step.objects.filter(state=StepState.RUNNING).values_list("pk", "token"))
        assert set(Attempt.objects.filter(outcome=Outcome.OPEN).values_list("step", "number")) == running

    @invariant()
    def tries_and_losses_are_counted(self):
        most = {plan.name: plan.attempts for plan in Effect.definition.plan}
        tried = Step.objects.exclude(run__events__kind="retried").filter(run__workflow=Effect.name, token__gt=0)
        for row in tried.prefetch_related("attempts"):
            outcomes = [attempt.outcome for attempt in row.attempts.all()]
            counted = [each for each in outcomes if each not in {Outcome.LOST, Outcome.INTERRUPTED, Outcome.CANCELLED}]
            assert row.attempt == len(counted) <= most[row.name]
            assert row.losses == outcomes.count(Outcome.LOST) <= rules.MOST_LOSSES + 1

    @invariant()
    def a_step_for_many_is_done_when_enough_of_them_are_and_a_run_that_misses_something_says_so(self):
        for run in self.runs:
            items = list(run.steps.filter(name="each", index__gte=0).values_list("state", flat=True))
            if run.steps.filter(name="each", index=-1, state=StepState.DONE).exists():
                assert items.count(StepState.DONE) * 2 >= len(items)
            if items and run.steps.filter(name="each", index=-1, state=StepState.FAILED).exists():
                assert items.count(StepState.DONE) * 2 < len(items)
            if run.state == RunState.COMPLETED:
                outputs = [each for (each,) in run.steps.filter(name="each", index__gte=0).values_list("output")]
                output = {each.name: each.output for each in run.steps.filter(index=-1)}
                assert run.result == output["end"] == [output["tale"]] == [[outputs, output["extra"]]]
                made_without = output["effect"] != output["tale"] or output["extra"] not in {None, present(outputs)}
                assert ("Some are missing." in run.doubts) == (None in outputs)
                failed = run.steps.filter(state=StepState.FAILED).exists()
                assert run.degraded == bool(run.doubts) == (failed or made_without)

    @invariant()
    def deriving_again_changes_nothing(self):
        for run in self.runs.filter(state__in=LIVE_RUN):
            steps = [rules.Seen(s.name, s.index, StepState(s.state), s.slot) for s in run.steps.all()]
            lengths = {"things": len(step_of(run, "things").output or [])}
            found = rules.derive(
                Effect.definition.plan, steps, tallies=rules.tallied(steps), stopping=run.stopping, lengths=lengths
            )
            assert (found.changes, found.expand, found.run, found.stopping) == ([], [], None, run.stopping)

    @invariant()
    def what_is_ready_is_in_the_queue(self):
        from workflows import broker

        ready = {step.message or 0 for step in Step.objects.filter(state=StepState.READY)}
        assert broker.waiting(ready) == ready


class LastlyEverythingEnds(Machine):
    """The same; and in the end one healthy worker brings every run to its end."""

    def teardown(self):
        for _round in range(20):
            self.worker.wait(61)
            engine.sweep(now=self.worker.now)
            for run in self.runs.filter(state__in=LIVE_RUN):
                self.worker.finish(run)
        states = set(self.runs.values_list("state", flat=True))
        try:
            self.a_run_that_ended_has_only_steps_that_ended()
            self.effects_are_as_many_as_done_transactional_steps()
            self.a_step_for_many_is_done_when_enough_of_them_are_and_a_run_that_misses_something_says_so()
        finally:
            super().teardown()
        assert states <= {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED}


SETTINGS = hypothesis.settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
if "MACHINE_QUICK" in os.environ:  # to know that it fails, not why
    SETTINGS = hypothesis.settings(SETTINGS, phases=[hypothesis.Phase.generate], database=None)


@pytest.fixture
def _machine_workflows(monkeypatch):
    known = {**registry._WORKFLOWS, Effect.name: Effect, Trace.name: Trace}
    monkeypatch.setattr(registry, "_WORKFLOWS", known)


@pytest.mark.usefixtures("_machine_workflows")
def test_whatever_happens_the_rules_hold_and_one_healthy_worker_ends_every_run():
    run_state_machine_as_test(LastlyEverythingEnds, settings=SETTINGS)
