"""One run as whoever runs the server sees it: every try with its wait, its worker and how it ended. Reads only."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Value, When

from workflows import reading, registry
from workflows.models import Attempt, Event, Run, Step
from workflows.reading import StepShown
from workflows.states import StepState

MOST_ITEMS = 200  # of all steps that are done for many: what runs and what failed first
MOST_EVENTS = 200
MOST_TEXT = 20_000  # characters of one input or output
AT_FIRST = Case(
    *(When(state=state, then=Value(rank)) for rank, state in enumerate(reading.URGENT)),
    default=Value(len(reading.URGENT)),
)


@dataclass(frozen=True)
class Try:
    """An attempt. `waited_s`: since it could have begun at the earliest; `took_s`: None while it goes on."""

    attempt: Attempt
    waited_s: float
    took_s: float | None

    @property
    def error(self) -> str:
        return self.attempt.error.partition("\n")[0]

    @property
    def log(self) -> str:
        """The rest of what was said about the error: where it happened."""
        return self.attempt.error.partition("\n")[2]


@dataclass(frozen=True)
class Entry:
    """A step of the run, or one item of it."""

    shown: StepShown
    tries: tuple[Try, ...]

    @property
    def item(self) -> str:
        return _text(self.shown.step.item)

    @property
    def output(self) -> str:
        return _text(self.shown.step.output)


@dataclass(frozen=True)
class Timeline:
    run: Run
    entries: tuple[Entry, ...]
    left_out: int  # items that are not in `entries`
    events: tuple[Event, ...]  # the newest first

    @cached_property
    def private(self) -> bool:
        """Whether inputs and outputs are the person's own. Of a workflow that is not known any more they may be."""
        try:
            return registry.workflow_called(self.run.workflow).private
        except registry.UnknownWorkflow:
            return self.run.user_id is not None

    @cached_property
    def input(self) -> str:
        return _text(self.run.input)

    @cached_property
    def result(self) -> str:
        return _text(self.run.result)

    @property
    def can_retry(self) -> bool:
        return self.run.ended and any(
            each.shown.step.state not in {StepState.DONE, StepState.BLOCKED} for each in self.entries
        )


def timeline(run: Run, *, now: dt.datetime) -> Timeline:
    """Nine queries, however many steps there are."""
    items = run.steps.filter(index__gte=0)
    kept = list(items.alias(at_first=AT_FIRST).order_by("at_first", "order", "index")[:MOST_ITEMS])
    left_out = items.count() - len(kept) if len(kept) == MOST_ITEMS else 0
    steps = sorted([*run.steps.filter(index=-1), *kept], key=lambda step: (step.order, step.index))
    for step in steps:
        step.run = run
    ended = {step.name: step.finished_at for step in steps if step.index < 0}
    entries = [
        Entry(each, _tries(each, [ended.get(name) for name in each.plan.needs], run))
        for each in reading.steps_shown(steps, now=now)
    ]
    return Timeline(run, tuple(entries), left_out, tuple(run.events.order_by("-pk")[:MOST_EVENTS]))


def waiting_for(runs: Sequence[Run], *, now: dt.datetime) -> dict[int, str]:
    """What each of `runs` is at, in words, by its key: of those that go on, the first step that runs or waits."""
    live = [run for run in runs if not run.ended]
    at = Step.objects.filter(run__in=live, state__in=[StepState.RUNNING, StepState.READY])
    steps = list(at.alias(at_first=AT_FIRST).order_by("at_first", "order", "index")[: 4 * len(runs)])
    by_key = {run.pk: run for run in live}
    for step in steps:
        step.run = by_key[step.run_id]
    found: dict[int, str] = {}
    for each in reading.steps_shown(steps, now=now):
        found.setdefault(each.step.run_id, f"{each.label}: {each.reason or each.state.label}")
    return found


def _tries(shown: StepShown, needed: Sequence[dt.datetime | None], run: Run) -> tuple[Try, ...]:
    could_begin = max([at for at in needed if at is not None], default=run.created_at)
    found = []
    for attempt in shown.attempts:
        took = attempt.finished_at - attempt.started_at if attempt.finished_at else None
        waited_s = max(0.0, (attempt.started_at - could_begin).total_seconds())
        found.append(Try(attempt, waited_s, took.total_seconds() if took is not None else None))
        could_begin = attempt.finished_at or attempt.started_at
    return tuple(found)


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
