"""Runs: started, claimed step by step, recorded, cancelled, tried again. Every function is one transaction.

Three statements carry it. A claim is one conditional UPDATE, so a step has one worker. Its token grows with every
claim, and a report counts only with the newest: who was away too long is not believed. What follows from a report is
derived from what is recorded, in the same transaction, so there is nothing between "done" and "the next may begin".
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet

from dietintel.accounts.models import User
from dietintel.logs import current_request_id
from workflows import broker, figures, registry, rules
from workflows.definitions import MOST_ITEMS, StepPlan, Workflow
from workflows.models import Attempt, Event, Run, Step
from workflows.rules import Change, Seen
from workflows.states import ENDED_STEP, Outcome, Priority, RunState, StepState

LEASE = dt.timedelta(seconds=broker.LEASE_S)
Steps = dict[rules.Place, Step]  # of one run: the steps themselves, and of their items those that matter now
MOST_OUTPUT = 64 * 1024  # bytes of JSON: larger things belong into files or tables, and their ids into outputs


class WorkflowError(Exception):
    """Nothing was written. `sentence` is for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class AlreadyEnded(WorkflowError):
    """The run has ended: there is nothing to cancel."""


class NothingToRetry(WorkflowError):
    """The run goes on, or nothing in it failed."""


class Lost(Exception):
    """The step belongs to somebody else by now: the report is thrown away."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a step, until its lease is over."""

    step_id: int
    run_id: int
    token: int
    workflow: type[Workflow]
    plan: StepPlan
    attempt: int
    message: int | None
    arguments: Mapping[str, Any]
    idempotency_key: str


# --- Starting ---------------------------------------------------------------------------------------------------
def start(
    workflow: type[Workflow],
    *,
    input: Mapping[str, Any] | None = None,
    user: User | None = None,
    key: str = "",
    priority: Priority | None = None,
    now: dt.datetime,
) -> Run:
    """A new run, its first steps in the queue: both are there when the transaction under way commits, or neither.

    With a `key`: the live run of that key, where there is one. Raises TypeError for inputs that do not fit the steps.
    """
    given = dict(input or {})
    definition = workflow.definition
    missing, unknown = definition.inputs - given.keys(), given.keys() - definition.inputs - definition.optional_inputs
    if missing or unknown:
        raise TypeError(f"{workflow.name}: missing {sorted(missing)}, unknown {sorted(unknown)}")
    for last_try in (False, False, True):
        run = Run(
            workflow=workflow.name,
            version=workflow.version,
            plan=[each.kept() for each in definition.plan],
            input=_plain(given),
            user=user,
            priority=workflow.priority if priority is None else priority,
            key=key,
            created_at=now,
            deadline_at=now + workflow.deadline if workflow.deadline else None,
            request_id=current_request_id(),
        )
        try:
            with transaction.atomic():
                run.save()
                steps = [Step(run=run, name=each.name, order=order) for order, each in enumerate(definition.plan)]
                Step.objects.bulk_create(steps)
                _note(run, "started", now=now)
                _advance(run, _by_place(steps), now=now)
            return run
        except IntegrityError:
            same = Run.objects.filter(workflow=workflow.name, key=key) if key else Run.objects.none()
            if live := same.live().first():
                return live
            if last_try or not same.exists():
                raise
            # The other one ended in this moment, so the key is free.
    raise AssertionError("unreachable")


# --- Working ----------------------------------------------------------------------------------------------------
def claim(step_id: int, *, worker: str, now: dt.datetime) -> Claim | None:
    """Take a step. None where it is not to be worked on now: done, cancelled, not due, or somebody else's."""
    with transaction.atomic():
        # The lock is the run's. The step may be seen as it was before somebody else gave the lock back; then the
        # conditional UPDATE below says no, and there is a newer message about it.
        step = Step.objects.select_related("run").select_for_update(of=("run",)).filter(pk=step_id).first()
        if step is None or step.run.ended or step.run.stopping:
            return None
        run = step.run
        if step.state == StepState.RUNNING and step.lease_until and step.lease_until <= now:
            steps = _steps_of(run, step_id)
            step = steps[step.name, step.index]
            if step.state == StepState.RUNNING and step.lease_until and step.lease_until <= now:
                _lose(run, steps, step, now=now)
            if run.ended or run.stopping:
                return None
        if step.state != StepState.READY or step.not_before is None or step.not_before > now:
            return None
        try:
            workflow = registry.workflow_called(run.workflow, run.version)
        except registry.UnknownWorkflow as error:
            _fail_step(run, step, str(error), now=now)
            _advance(run, _steps_of(run), now=now)
            return None
        claimed = Step.objects.filter(pk=step.pk, state=StepState.READY, token=step.token).update(
            state=StepState.RUNNING, token=F("token") + 1, attempt=F("attempt") + 1, worker=worker,
            lease_until=now + LEASE, progress=0.0, note="",
        )  # fmt: skip
        if not claimed:
            return None
        step.token, step.attempt = step.token + 1, step.attempt + 1  # as it was when nobody else was first
        Attempt.objects.create(step=step, number=step.token, worker=worker, started_at=now)
        if run.state == RunState.PENDING:
            run.state, run.started_at = RunState.RUNNING, run.started_at or now
            run.save(update_fields=["state", "started_at"])
        _note(run, "step started", step=step, now=now, worker=worker, attempt=step.attempt)
        _write_events(run)
        plan = _plan(run)[step.name]
        return Claim(
            step.pk, run.pk, step.token, workflow, plan, step.attempt, step.message, _arguments(run, step, plan),
            idempotency_key=str(step.uuid),
        )  # fmt: skip


def renew(claim: Claim, *, now: dt.datetime) -> str | None:
    """Keep the lease. Says why the work is to stop: "lost", "cancel", "failed", "deadline"; None to go on."""
    mine = Step.objects.filter(pk=claim.step_id, token=claim.token, state=StepState.RUNNING)
    if not mine.update(lease_until=now + LEASE):
        return "lost"
    broker.hold(claim.message, now=now)
    return Run.objects.values_list("stopping", flat=True).get(pk=claim.run_id) or None


def report_progress(claim: Claim, progress: float, note: str) -> None:
    Step.objects.filter(pk=claim.step_id, token=claim.token, state=StepState.RUNNING).update(
        progress=min(1.0, max(0.0, progress)), note=note[:200]
    )


def remember(claim: Claim, name: str, result: Any) -> None:
    """Keep what `ctx.once` brought. Raises Lost."""
    with transaction.atomic():
        step = Step.objects.select_for_update().get(pk=claim.step_id)
        if (step.token, step.state) != (claim.token, StepState.RUNNING):
            raise Lost
        step.once = {**step.once, name: _plain(result)}
        step.save(update_fields=["once"])


def remembered(claim: Claim) -> dict[str, Any]:
    kept: dict[str, Any] = Step.objects.values_list("once", flat=True).get(pk=claim.step_id)
    return kept


def succeed(
    claim: Claim,
    output: Any = None,
    *,
    work: Callable[[], Any] | None = None,
    doubts: Iterable[str] = (),
    now: dt.datetime,
) -> None:
    """Record that a step is done. `work`: what a `tx` step does, inside this transaction; its result is the output.

    Raises Lost, and whatever `work` raises; nothing is written then, nor has `work` had an effect.
    """
    with transaction.atomic():
        run, steps, step = _reported(claim)
        if work is not None:
            output = work()
        step.output = _plain(output)
        size = len(json.dumps(step.output))
        if size > MOST_OUTPUT:
            raise ValueError(f"{step} returned {size} bytes; the most is {MOST_OUTPUT}")
        if doubts := list(doubts):
            step.doubts = doubts
            run.doubts = list(dict.fromkeys([*run.doubts, *doubts]))
            run.save(update_fields=["doubts"])
        _close(step, Outcome.SUCCEEDED, now=now)
        step.state, step.progress, step.finished_at, step.error = StepState.DONE, 1.0, now, ""
        _save_ended(step)
        _note(run, "step done", step=step, now=now)
        _advance(run, steps, now=now)


def fail(
    claim: Claim,
    error: str,
    *,
    worth_retrying: bool,
    outcome: Outcome = Outcome.ERROR,
    retry_after_s: float = 0.0,
    now: dt.datetime,
) -> None:
    """Record a try that failed: another follows after a while, if any are left and it is worth it. Raises Lost."""
    with transaction.atomic():
        run, steps, step = _reported(claim)
        _close(step, outcome, error=error, now=now)
        _after_failure(run, step, claim.plan, error, worth_retrying, retry_after_s, now=now)
        _advance(run, steps, now=now)


def give_back(claim: Claim, *, outcome: Outcome, now: dt.datetime) -> None:
    """Record that the work was stopped from outside; it does not count as a try. Raises Lost."""
    with transaction.atomic():
        run, steps, step = _reported(claim)
        _close(step, outcome, now=now)
        step.attempt -= 1
        if run.stopping:
            step.state, step.finished_at = StepState.CANCELLED, now
            _save_ended(step)
        else:
            _make_ready(run, step, due=now)
        _note(run, f"step {outcome.value}", step=step, now=now)
        _advance(run, steps, now=now)


# --- Deciding from outside --------------------------------------------------------------------------------------
def cancel(run: Run, *, by: str, now: dt.datetime) -> Run:
    """Nothing new begins; what runs is stopped by its worker within seconds. Raises AlreadyEnded, also if repeated."""
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        if run.ended:
            raise AlreadyEnded(f"This run has ended already: {run.get_state_display()}.")
        if run.stopping == "cancel":
            raise AlreadyEnded("This run is being cancelled already.")
        run.stopping, run.cancelled_by = "cancel", by
        run.save(update_fields=["stopping", "cancelled_by"])
        _note(run, "cancel asked for", now=now, by=by)
        _advance(run, _steps_of(run), now=now)
        return run


def retry(run: Run, *, by: str, now: dt.datetime) -> Run:
    """Go on from where it broke. Raises NothingToRetry.

    What is done stays done, unless it had to do without something that is tried again now and left nothing but its
    output: then it is done again too (`rules.made_anew`). Of what stays, the run says what it was done without.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        steps = _by_place(_slim(run.steps.all()))
        again = [step for step in steps.values() if step.state in ENDED_STEP and step.state != StepState.DONE]
        if not run.ended or not again:
            raise NothingToRetry("Nothing in this run is left to try again.")
        again += _done_again(run, steps, again)
        for step in again:
            step.state, step.attempt, step.losses, step.slot = StepState.BLOCKED, 0, 0, None
            step.finished_at, step.error, step.progress, step.note = None, "", 0.0, ""
            step.output, step.doubts = None, []
        try:
            with transaction.atomic():
                run.state, run.stopping, run.error, run.finished_at = RunState.PENDING, "", "", None
                run.degraded, run.cancelled_by, run.deadline_at = False, "", None
                run.doubts = list(dict.fromkeys(why for step in steps.values() for why in step.doubts))
                run.save()
        except IntegrityError as error:
            raise NothingToRetry("Another run does the same at this moment.") from error
        for step in again:
            step.save()
        _note(run, "retried", now=now, by=by)
        _advance(run, steps, now=now)
        return run


def _done_again(run: Run, steps: Steps, again: Iterable[Step]) -> list[Step]:
    """The done steps that are done again with `again`. Those that are not are told what they were done without."""
    plan, seen = list(_plan(run).values()), _seen(steps)
    names = {step.name for step in again}
    asked_others = set(run.steps.exclude(once={}).values_list("name", flat=True))
    anew = rules.made_anew(plan, seen, names, for_good=asked_others)
    for name, why in rules.done_without(plan, seen, names | anew):
        step = steps[name, -1]
        step.doubts = list(dict.fromkeys([*step.doubts, why]))
        step.save(update_fields=["doubts"])
    replaced = Attempt.objects.filter(step__in=[steps[name, -1].pk for name in anew], outcome=Outcome.SUCCEEDED)
    replaced.update(outcome=Outcome.REPLACED)
    return [steps[name, -1] for name in names | anew if steps[name, -1].state == StepState.DONE]


def sweep(*, now: dt.datetime, alive: Callable[[str], bool] = lambda worker: True) -> int:
    """Take back what dead workers left, send again what has no message, end what took too long. Returns how many.

    `alive`: whether a worker of this host still lives; one of another host counts as alive until its lease is over.
    """
    mended = 0
    running = Step.objects.filter(state=StepState.RUNNING).only("pk", "worker", "lease_until")
    gone = [step.pk for step in running if (step.lease_until and step.lease_until <= now) or not alive(step.worker)]
    for step_id in gone:
        mended += _take_back(step_id, now=now, alive=alive)
    for run_id in Run.objects.live().filter(deadline_at__lte=now, stopping="").values_list("pk", flat=True):
        mended += _end_at_deadline(run_id, now=now)
    late = now - dt.timedelta(seconds=2)
    due = dict(Step.objects.filter(state=StepState.READY, not_before__lte=late).values_list("pk", "message"))
    there = broker.waiting({message for message in due.values() if message is not None})
    for step_id, message in due.items():
        if message not in there:
            mended += _send_again(step_id, message, now=now)
    return mended


def _take_back(step_id: int, *, now: dt.datetime, alive: Callable[[str], bool]) -> bool:
    with transaction.atomic():
        run = _locked_run_of(step_id)
        steps = {} if run is None else _steps_of(run, step_id)
        step = _step_called(step_id, steps)
        if run is None or step is None or step.state != StepState.RUNNING or step.lease_until is None:
            return False
        if step.lease_until > now and alive(step.worker):
            return False
        _lose(run, steps, step, now=now)
        return True


def _end_at_deadline(run_id: int, *, now: dt.datetime) -> bool:
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        if run.ended or run.stopping:
            return False
        run.stopping = "deadline"
        run.save(update_fields=["stopping"])
        _note(run, "deadline", now=now)
        _advance(run, _steps_of(run), now=now)
        return True


def _send_again(step_id: int, message: int | None, *, now: dt.datetime) -> bool:
    with transaction.atomic():
        run = _locked_run_of(step_id)
        step = Step.objects.filter(pk=step_id, state=StepState.READY, message=message).first()
        if run is None or step is None:
            return False
        _send(run, step, due=now)
        return True


# --- Inside a transaction, with the run locked ------------------------------------------------------------------
def _locked_run_of(step_id: int) -> Run | None:
    return Run.objects.select_for_update(of=("self",)).filter(steps=step_id).first()


def _steps_of(run: Run, step_id: int | None = None) -> Steps:
    """The steps themselves, and the one of that id, which may be an item of one."""
    return _by_place(_slim(run.steps.filter(Q(index=-1) | Q(pk=step_id))))


def _slim(steps: "QuerySet[Step]") -> "QuerySet[Step]":
    """Without the large things in them: those are fetched for the one step that is asked."""
    return steps.defer("item", "output", "once")


def _by_place(steps: Iterable[Step]) -> Steps:
    return {(step.name, step.index): step for step in steps}


def _step_called(step_id: int, steps: Steps) -> Step | None:
    return next((step for step in steps.values() if step.pk == step_id), None)


def _reported(claim: Claim) -> tuple[Run, Steps, Step]:
    run = Run.objects.select_for_update().get(pk=claim.run_id)
    steps = _steps_of(run, claim.step_id)
    step = _step_called(claim.step_id, steps)
    if step is None or (step.token, step.state) != (claim.token, StepState.RUNNING):
        raise Lost
    return run, steps, step


def _advance(run: Run, steps: Steps, *, now: dt.datetime) -> None:
    """Write what follows from what is recorded, and the events of the whole transaction."""
    plan = _plan(run)
    tallies = _tallies(run) if any(each.over for each in plan.values()) else {}
    steps |= _next_items(run, plan, tallies)
    found = _derive(run, plan, steps, tallies)
    if found.stopping and any(tally[StepState.BLOCKED] or tally[StepState.READY] for tally in tallies.values()):
        steps |= _by_place(_slim(run.steps.filter(state__in=[StepState.BLOCKED, StepState.READY])))
        found = _derive(run, plan, steps, tallies)
    for name in found.expand:
        source = steps[plan[name].over, -1]
        items = [
            Step(run=run, name=name, index=index, order=steps[name, -1].order, item=item)
            for index, item in enumerate(source.output or [])
        ]
        steps |= _by_place(Step.objects.bulk_create(items))
    # Slots that become free first, or the database would see two in one.
    for change in sorted(found.changes, key=lambda change: change.to == StepState.READY):
        _apply(run, steps[change.name, change.index], change, now=now)
    if found.stopping != run.stopping or found.run is not None:
        run.stopping = found.stopping
        if found.run is not None:
            _end(run, plan, steps, found, now=now)
        run.save()
    _write_events(run)


def _apply(run: Run, step: Step, change: Change, *, now: dt.datetime) -> None:
    if change.to is StepState.READY:
        step.slot = change.slot
        _make_ready(run, step, due=now)
        return
    step.state, step.slot, step.error = change.to, None, change.why or step.error
    if change.to in ENDED_STEP:
        step.finished_at = now
        if step.message is not None and change.to is StepState.CANCELLED:
            broker.drop({step.message})
    step.save()
    _note(run, f"step {change.to.value}", step=step, now=now, why=change.why)


def _end(run: Run, plan: Mapping[str, StepPlan], steps: Steps, found: rules.Derived, *,
         now: dt.datetime) -> None:  # fmt: skip
    assert found.run is not None
    run.state, run.finished_at, run.error = found.run, now, found.error
    run.doubts = [*run.doubts, *(each for each in found.doubts if each not in run.doubts)]
    if run.state == RunState.COMPLETED:
        run.degraded = bool(run.doubts)
        run.result = steps[list(plan)[-1], -1].output
    _note(run, f"run {found.run.value}", now=now, error=found.error)
    figures.run_ended(run, now=now)


def _after_failure(run: Run, step: Step, plan: StepPlan, error: str, worth_retrying: bool, retry_after_s: float, *,
                   now: dt.datetime) -> None:  # fmt: skip
    if worth_retrying and step.attempt < plan.attempts and not run.stopping:
        pause_s = max(retry_after_s, rules.backoff_s(step.attempt, base_s=plan.base_s, cap_s=plan.cap_s))
        step.error = error
        _make_ready(run, step, due=now + dt.timedelta(seconds=pause_s))
        _note(run, "step will be tried again", step=step, now=now, error=error[:500], in_s=round(pause_s, 3))
    else:
        _fail_step(run, step, error, now=now)


def _fail_step(run: Run, step: Step, error: str, *, now: dt.datetime) -> None:
    step.state, step.error, step.finished_at = StepState.FAILED, error, now
    _save_ended(step)
    _note(run, "step failed", step=step, now=now, error=error[:500])


def _lose(run: Run, steps: Steps, step: Step, *, now: dt.datetime) -> None:
    """The step's worker died, or could not say that it lives."""
    plan = _plan(run)[step.name]
    opened = step.attempts.filter(outcome=Outcome.OPEN).first()
    # Seen dead before its lease was over, it lived until now; else we know of its last renewal.
    lived_until = now if step.lease_until and step.lease_until > now else (step.lease_until or now) - LEASE
    late = opened is not None and lived_until >= opened.started_at + dt.timedelta(seconds=plan.timeout_s)
    if late:  # ended by force because it took too long, so it could not say so itself
        _close(step, Outcome.TIMEOUT, error=f"took longer than {plan.timeout_s} s", now=now)
        _after_failure(run, step, plan, f"took longer than {plan.timeout_s} s", True, 0.0, now=now)
    else:
        _close(step, Outcome.LOST, error="its worker died", now=now)
        step.losses += 1
        step.attempt -= 1
        if run.stopping:
            step.state, step.finished_at = StepState.CANCELLED, now
            _save_ended(step)
        elif step.losses > rules.MOST_LOSSES:
            _fail_step(run, step, f"poison: {step.losses} workers died over it", now=now)
        else:
            _make_ready(run, step, due=now)
        _note(run, "step lost", step=step, now=now, losses=step.losses)
    _advance(run, steps, now=now)


def _make_ready(run: Run, step: Step, *, due: dt.datetime) -> None:
    step.state, step.not_before, step.lease_until, step.worker = StepState.READY, due, None, ""
    _send(run, step, due=due)


def _send(run: Run, step: Step, *, due: dt.datetime) -> None:
    timeout_s = _plan(run)[step.name].timeout_s
    step.message = broker.send(step.pk, priority=run.priority, due=due, timeout_s=timeout_s)
    step.save()


def _save_ended(step: Step) -> None:
    step.slot, step.lease_until, step.not_before, step.worker = None, None, None, ""
    step.save()


def _close(step: Step, outcome: Outcome, *, error: str = "", now: dt.datetime) -> None:
    step.attempts.filter(number=step.token, outcome=Outcome.OPEN).update(
        outcome=outcome, finished_at=now, error=error[:10_000]
    )
    figures.attempt_ended(step, outcome, now=now)


def _note(run: Run, kind: str, *, now: dt.datetime, step: Step | None = None, **data: Any) -> None:
    run.unwritten.append(Event(run=run, at=now, kind=kind, step=str(step) if step else "", data=data))


def _write_events(run: Run) -> None:
    Event.objects.bulk_create(run.unwritten)
    run.unwritten.clear()


# --- Reading ----------------------------------------------------------------------------------------------------
def _derive(run: Run, plan: Mapping[str, StepPlan], steps: Steps, tallies: rules.Tallies) -> rules.Derived:
    return rules.derive(
        list(plan.values()),
        _seen(steps),
        tallies=tallies,
        stopping=run.stopping,
        lengths={each.over: _length(steps, each, tallies) for each in plan.values() if each.over},
    )


def _seen(steps: Steps) -> list[Seen]:
    return [Seen(step.name, step.index, StepState(step.state), step.slot) for step in steps.values()]


def _tallies(run: Run) -> dict[str, Counter[StepState]]:
    """How many items of each step are in which state: counted in an index, however many there are."""
    rows = run.steps.filter(index__gte=0).values_list("name", "state").annotate(number=Count("pk")).order_by()
    tallies: dict[str, Counter[StepState]] = {}
    for name, state, number in rows:
        tallies.setdefault(name, Counter())[StepState(state)] = number
    return tallies


def _next_items(run: Run, plan: Mapping[str, StepPlan], tallies: rules.Tallies) -> Steps:
    """Of the items that wait for a place the next ones, and those that have the places now."""
    found: Steps = {}
    for name, tally in tallies.items():
        if tally.get(StepState.BLOCKED):
            items = _slim(run.steps.filter(name=name, index__gte=0))
            found |= _by_place(items.filter(state__in=[StepState.READY, StepState.RUNNING]))
            found |= _by_place(items.filter(state=StepState.BLOCKED).order_by("index")[: plan[name].max_parallel])
    return found


def _plan(run: Run) -> dict[str, StepPlan]:
    return {each["name"]: StepPlan.of(each) for each in run.plan}


def _length(steps: Steps, plan: StepPlan, tallies: rules.Tallies) -> int | None:
    """Of the list that a step is done for: None where it is none, or too long."""
    if tally := tallies.get(plan.name):
        return sum(tally.values())
    source = steps[plan.over, -1]
    if source.state != StepState.DONE or not isinstance(source.output, list) or len(source.output) > MOST_ITEMS:
        return None
    return len(source.output)


def _arguments(run: Run, step: Step, plan: StepPlan) -> dict[str, Any]:
    """What the step's function is called with, beside its context."""
    workflow = registry.workflow_called(run.workflow, run.version)
    names = workflow.definition.parameters[step.name]
    known: dict[str, Any] = {**dict.fromkeys(plan.may_miss), **run.input}
    plans = _plan(run)
    needed = [name for name in names if name in plans]
    rows = run.steps.filter(name__in=needed).order_by("index") if needed else Step.objects.none()
    lists: dict[str, list[Any]] = {}
    for row in rows.values("name", "index", "state", "output"):
        done = row["output"] if row["state"] == StepState.DONE else None
        if row["index"] >= 0:
            lists.setdefault(row["name"], []).append(done)
        elif plans[row["name"]].over:
            lists.setdefault(row["name"], [])
        else:
            known[row["name"]] = done
    known |= lists
    if plan.over:
        known["item"] = step.item
    return {name: known.get(name) for name in names}


def _plain(value: Any) -> Any:
    """As JSON gives it back. Raises TypeError for what is no JSON."""
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))
