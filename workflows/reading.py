"""What people and programs see of runs: states in five words, with the reason beside them. Reads only."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Avg, Count, F, Prefetch, Q, prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dietintel.accounts.models import User
from workflows import registry
from workflows.definitions import StepPlan
from workflows.models import Attempt, Host, Run, Step
from workflows.states import SHOWN_AS, Priority, RunState, StepState

BEATS_FOR = dt.timedelta(seconds=15)  # after this silence a host counts as gone

_KIND = re.compile(r"^[A-Za-z_]\w*: ")
MOST_LISTED = 50  # items of a run on its page
URGENT = [StepState.RUNNING, StepState.FAILED, StepState.READY]


@dataclass(frozen=True)
class Queue:
    """How busy the workers are."""

    workers: int
    running: int
    last_beat: dt.datetime | None
    ahead: dict[int, int]  # due steps that go before a new one, by priority

    @classmethod
    def seen(cls, *, now: dt.datetime) -> "Queue":
        """Three queries."""
        hosts = list(Host.objects.all())
        due = Step.objects.filter(state=StepState.READY, not_before__lte=now)
        waiting = dict(due.values_list("run__priority").annotate(n=Count("pk")).order_by())
        return cls(
            workers=sum(host.workers for host in hosts if now - host.beat_at < BEATS_FOR),
            running=Step.objects.filter(state=StepState.RUNNING).count(),
            last_beat=max((host.beat_at for host in hosts), default=None),
            ahead={p: sum(n for other, n in waiting.items() if other <= p) for p in Priority.values},
        )


@dataclass(frozen=True)
class StepShown:
    """A step, or one item of it."""

    step: Step
    plan: StepPlan
    reason: str  # why it is as it is, in words; empty where the state says it all
    told: str = ""  # what it is, as people are told

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def label(self) -> str:
        return self.name.replace("_", " ") + (f" {self.step.index + 1}" if self.step.index >= 0 else "")

    @property
    def state(self) -> RunState:
        return SHOWN_AS[StepState(self.step.state)]

    @cached_property
    def attempts(self) -> list[Attempt]:
        return list(self.step.attempts.all())

    @property
    def started_at(self) -> dt.datetime | None:
        return self.attempts[0].started_at if self.attempts else None

    @property
    def duration_s(self) -> float | None:
        """From the first try to the end; None while it has not both."""
        ended = self.step.finished_at
        return (ended - self.started_at).total_seconds() if ended and self.started_at else None

    @property
    def urgency(self) -> int:
        """Lower is what people look for first."""
        state = StepState(self.step.state)
        return URGENT.index(state) if state in URGENT else len(URGENT)

    @property
    def progress(self) -> float:
        return 1.0 if self.step.state == StepState.DONE else self.step.progress

    @property
    def said(self) -> str:
        """`reason` for people: without the kind of an error in front, which only operators can do something with."""
        return _KIND.sub("", self.reason) if self.step.state == StepState.FAILED else self.reason

    @property
    def error(self) -> str:
        """In one line: the rest is for whoever runs the server."""
        return self.step.error.partition("\n")[0]


@dataclass(frozen=True)
class RunShown:
    run: Run
    steps: tuple[StepShown, ...]

    @property
    def label(self) -> str:
        return workflow_label(self.run.workflow)

    @property
    def page(self) -> str:
        """Where its result is to be seen; empty where nowhere else."""
        try:
            return registry.workflow_called(self.run.workflow).page_of(self.run)
        except (registry.UnknownWorkflow, LookupError):  # of another version, with other inputs
            return ""

    @property
    def progress(self) -> float:
        """0 to 1: the share of its steps that ended, those under way by what they say."""
        if self.run.ended:
            return 1.0
        shares = [1.0 if each.step.finished_at else each.progress for each in self.steps]
        return sum(shares) / len(shares) if shares else 0.0

    @cached_property
    def listed(self) -> tuple[StepShown, ...]:
        """For a page: every step, and of very many items those that run or failed before all others."""
        items = sorted((each for each in self.steps if each.step.index >= 0), key=lambda each: each.urgency)
        left_out = {each.step.pk for each in items[MOST_LISTED:]}
        return tuple(each for each in self.steps if each.step.pk not in left_out)

    @property
    def left_out(self) -> int:
        """Items that are not `listed`."""
        return len(self.steps) - len(self.listed)

    @property
    def duration_s(self) -> float | None:
        if self.run.started_at is None or self.run.finished_at is None:
            return None
        return (self.run.finished_at - self.run.started_at).total_seconds()

    @property
    def can_retry(self) -> bool:
        """Whether something in it can be tried again from where it broke."""
        return self.run.ended and any(each.step.state not in {StepState.DONE, StepState.BLOCKED} for each in self.steps)


def workflow_label(name: str) -> str:
    """As people are told; the bare name where the program no longer knows it."""
    try:
        return str(registry.workflow_called(name).label or name.replace("_", " "))
    except registry.UnknownWorkflow:
        return name.replace("_", " ")


def shown(runs: Sequence[Run], *, now: dt.datetime) -> list[RunShown]:
    """Runs with their steps and reasons: as many queries for fifty as for one."""
    queue = Queue.seen(now=now)
    steps = Step.objects.filter(run__in=[run.pk for run in runs]).prefetch_related(
        Prefetch("attempts", Attempt.objects.order_by("number"))
    )
    by_run: dict[int, list[Step]] = {}
    for step in steps.order_by("order", "index"):
        by_run.setdefault(step.run_id, []).append(step)
    return [_shown(run, by_run.get(run.pk, []), queue, now=now) for run in runs]


def steps_shown(steps: Sequence[Step], *, now: dt.datetime) -> list[StepShown]:
    """Steps of any runs, with their reasons, for lists of steps; `run` is selected with them. Five queries."""
    queue = Queue.seen(now=now)
    prefetch_related_objects(steps, Prefetch("attempts", Attempt.objects.order_by("number")))
    ended: dict[int, set[str]] = {}
    heads = Step.objects.filter(run__in={step.run_id for step in steps}, index=-1, finished_at__isnull=False)
    for run_id, name in heads.values_list("run_id", "name"):
        ended.setdefault(run_id, set()).add(name)
    return [_step_shown(step.run, step, ended.get(step.run_id, set()), queue, now=now) for step in steps]


def _step_shown(run: Run, step: Step, ended: set[str], queue: Queue, *, now: dt.datetime) -> StepShown:
    plan = next(StepPlan.of(each) for each in run.plan if each["name"] == step.name)
    return StepShown(step, plan, _reason(run, step, plan, ended, queue, now=now), _step_told(run.workflow, step))


def _shown(run: Run, steps: list[Step], queue: Queue, *, now: dt.datetime) -> RunShown:
    plans = {plan.name: plan for plan in map(StepPlan.of, run.plan)}
    ended = {step.name for step in steps if step.index < 0 and step.finished_at}
    parts: dict[str, list[Step]] = {}
    for step in steps:
        if step.index >= 0:
            parts.setdefault(step.name, []).append(step)
    views = []
    for step in steps:
        reason = _reason(run, step, plans[step.name], ended, queue, now=now)
        if step.index < 0 and step.name in parts and not step.finished_at:
            over = sum(each.finished_at is not None for each in parts[step.name])
            reason = _("%(over)d of %(all)d are over") % {"over": over, "all": len(parts[step.name])}
        views.append(StepShown(step, plans[step.name], reason, _step_told(run.workflow, step)))
    return RunShown(run, tuple(views))


def _step_told(workflow: str, step: Step) -> str:
    try:
        told = str(registry.workflow_called(workflow).steps_told.get(step.name) or step.name.replace("_", " "))
    except registry.UnknownWorkflow:
        told = step.name.replace("_", " ")
    return told if step.index < 0 else f"{told} {step.index + 1}"


def _reason(run: Run, step: Step, plan: StepPlan, ended: set[str], queue: Queue, *, now: dt.datetime) -> str:
    if step.state == StepState.BLOCKED:
        open_needs = [name for name in plan.needs if name not in ended]
        if open_needs:
            return _("waits for %(steps)s") % {"steps": ", ".join(open_needs)}
        return _("waits for a free place") if step.index >= 0 else _("its parts are under way")
    if step.state == StepState.READY and step.not_before is not None:
        wait_s = (step.not_before - now).total_seconds()
        if wait_s > 1:
            return _("tries again in %(seconds)d s") % {"seconds": round(wait_s)}
        return _waiting(queue, run.priority)
    if step.state in {StepState.SKIPPED, StepState.CANCELLED, StepState.FAILED}:
        return step.error.partition("\n")[0]
    return step.note


def _waiting(queue: Queue, priority: int) -> str:
    if not queue.workers:
        if queue.last_beat is None:
            return _("no worker has been started")
        return _("no worker since %(time)s") % {"time": f"{queue.last_beat:%H:%M} UTC"}
    if queue.running >= queue.workers:
        place = queue.ahead.get(priority, 0)
        return ngettext("all workers are busy (next in line)", "all workers are busy (%(n)d in line)", place) % {
            "n": place
        }
    return _("begins in a moment")


def statistics(*, user: User | None) -> dict[str, object]:
    """Counts of runs by state and workflow, and how long completed ones took, of one person or (None) of all."""
    mine = Run.objects.all() if user is None else Run.objects.owned_by(user)
    by_state = dict(mine.values_list("state").annotate(n=Count("pk")).order_by())
    took = mine.filter(state=RunState.COMPLETED, started_at__isnull=False).annotate(
        took=F("finished_at") - F("started_at")
    )
    per_workflow = mine.values("workflow").annotate(
        runs=Count("pk"),
        completed=Count("pk", filter=Q(state=RunState.COMPLETED)),
        degraded=Count("pk", filter=Q(state=RunState.COMPLETED, degraded=True)),
        failed=Count("pk", filter=Q(state=RunState.FAILED)),
        cancelled=Count("pk", filter=Q(state=RunState.CANCELLED)),
    )
    means = {
        row["workflow"]: round(row["mean"].total_seconds(), 3)
        for row in took.values("workflow").annotate(mean=Avg("took")).order_by()
    }
    return {
        "by_state": {state.value: by_state.get(state.value, 0) for state in RunState},
        "workflows": [
            {**row, "mean_duration_s": means.get(row["workflow"])} for row in per_workflow.order_by("workflow")
        ],
    }


def lanes(*, now: dt.datetime) -> dict[str, dict[str, object]]:
    """Of each priority: steps that are due, that wait for their time, that run, and since when the oldest is due."""
    rows = Step.objects.filter(state__in=[StepState.READY, StepState.RUNNING]).values_list(
        "run__priority", "state", "not_before"
    )
    found: dict[str, dict[str, object]] = {}
    listed = list(rows)
    for priority in Priority:
        mine = [(state, due) for lane, state, due in listed if lane == priority]
        due = [at for state, at in mine if state == StepState.READY and at is not None and at <= now]
        found[priority.name.lower()] = {
            "due": len(due),
            "later": sum(state == StepState.READY for state, _at in mine) - len(due),
            "running": sum(state == StepState.RUNNING for state, _at in mine),
            "oldest_due_s": round((now - min(due)).total_seconds(), 3) if due else None,
        }
    return found
