"""What follows from what is recorded: pure, so that deriving twice gives the same as deriving once."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from workflows.definitions import StepPlan
from workflows.states import ENDED_STEP, RunState, StepState

MOST_LOSSES = 3  # workers that may die over a step before it is called poison

Place = tuple[str, int]  # name and index of a step


@dataclass(frozen=True)
class Seen:
    """A step as it is recorded. `slot` is its place among those that may run at once."""

    name: str
    index: int
    state: StepState
    slot: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED_STEP


@dataclass(frozen=True)
class Change:
    """A step that is something else from now on, and why, where people should know."""

    name: str
    index: int
    to: StepState
    slot: int | None = None
    why: str = ""


@dataclass
class Derived:
    """What has to be written. `run` is None while nothing about the run's own state follows."""

    changes: list[Change] = field(default_factory=list)
    expand: list[str] = field(default_factory=list)  # steps whose items have to be made
    stopping: str = ""
    run: RunState | None = None
    error: str = ""
    doubts: list[str] = field(default_factory=list)


def derive(
    plan: Sequence[StepPlan], steps: Iterable[Seen], *, stopping: str, lengths: Mapping[str, int | None]
) -> Derived:
    """Everything that follows now.

    `stopping`: why nothing new may begin, empty to go on. `lengths`: of the lists that done steps returned, None for
    what is no list.
    """
    found = Derived(stopping=stopping)
    seen = {(each.name, each.index): each for each in steps}
    for each in plan:
        _settle(each, seen, found, lengths)
    if found.stopping:
        _stop(seen, found)
    _end(plan, seen, found)
    return found


def _settle(plan: StepPlan, seen: dict[Place, Seen], found: Derived, lengths: Mapping[str, int | None]) -> None:
    """What follows for one step of the plan, given all above it."""
    me = seen[plan.name, -1]
    if me.state is StepState.BLOCKED and not found.stopping:
        needed = [seen[name, -1] for name in plan.needs]
        if not all(each.ended for each in needed):
            return
        missing = [e.name for e in needed if e.state is not StepState.DONE and e.name not in plan.may_miss]
        if missing:
            to = StepState.FAILED if plan.required else StepState.SKIPPED
            _change(seen, found, Change(me.name, -1, to, why=f"needs {', '.join(missing)}"))
        elif plan.over:
            _map(plan, seen, found, lengths)
        else:
            _change(seen, found, Change(me.name, -1, StepState.READY))
    elif me.state is StepState.BLOCKED and plan.over:
        _gather(plan, _items(plan, seen), seen, found)
    now = seen[plan.name, -1]
    if now.state is StepState.FAILED and plan.required and not found.stopping:
        found.stopping = "failed"
    if now.state is StepState.FAILED and not plan.required:
        found.doubts.append(f"{plan.name} failed")
    failed = sum(each.state is StepState.FAILED for each in _items(plan, seen))
    if now.state is StepState.DONE and failed:
        found.doubts.append(f"{failed} of {len(_items(plan, seen))} failed in {plan.name}")


def _map(plan: StepPlan, seen: dict[Place, Seen], found: Derived, lengths: Mapping[str, int | None]) -> None:
    items = _items(plan, seen)
    length = lengths.get(plan.over)
    if length is None:
        _change(seen, found, Change(plan.name, -1, StepState.FAILED, why=f"{plan.over} returned no list"))
        return
    if not items and length:
        found.expand.append(plan.name)
        items = [Seen(plan.name, index, StepState.BLOCKED) for index in range(length)]
        seen.update({(each.name, each.index): each for each in items})
    taken = {each.slot for each in items if each.slot is not None and not each.ended}
    free = [slot for slot in range(plan.max_parallel or len(items)) if slot not in taken]
    waiting = [each for each in items if each.state is StepState.BLOCKED]
    for each, slot in zip(waiting, free, strict=False):
        _change(seen, found, Change(each.name, each.index, StepState.READY, slot=slot))
    _gather(plan, _items(plan, seen), seen, found)


def _gather(plan: StepPlan, items: list[Seen], seen: dict[Place, Seen], found: Derived) -> None:
    """The step itself, once all its items have ended."""
    if not all(each.ended for each in items) or (not items and found.stopping):
        return
    done = sum(each.state is StepState.DONE for each in items)
    # Rounded first: 0.7 of 10 items are 7, also where the machine says 7.000000000000001.
    enough = math.ceil(round(plan.min_success * len(items), 6))
    if done >= enough:
        _change(seen, found, Change(plan.name, -1, StepState.DONE))
    elif not found.stopping:
        why = f"{len(items) - done} of {len(items)} failed"
        _change(seen, found, Change(plan.name, -1, StepState.FAILED, why=why))


def _items(plan: StepPlan, seen: Mapping[Place, Seen]) -> list[Seen]:
    if not plan.over:
        return []
    return [each for (name, index), each in sorted(seen.items()) if name == plan.name and index >= 0]


def _stop(seen: dict[Place, Seen], found: Derived) -> None:
    """Nothing new begins. What runs is told by its worker's watch, and reported by it."""
    for each in list(seen.values()):
        if each.state in {StepState.BLOCKED, StepState.READY}:
            _change(seen, found, Change(each.name, each.index, StepState.CANCELLED, why="stopped"))


def _end(plan: Sequence[StepPlan], seen: Mapping[Place, Seen], found: Derived) -> None:
    if not all(each.ended for each in seen.values()):
        return
    if found.stopping == "cancel":
        found.run = RunState.CANCELLED
    elif found.stopping:
        found.run = RunState.FAILED
        names = [each.name for each in plan if each.required and seen[each.name, -1].state is StepState.FAILED]
        found.error = "took longer than it may" if found.stopping == "deadline" else f"{', '.join(names)} failed"
    else:
        found.run = RunState.COMPLETED


def _change(seen: dict[Place, Seen], found: Derived, change: Change) -> None:
    place = (change.name, change.index)
    # A change of a change within one derivation: only the last counts.
    found.changes = [each for each in found.changes if (each.name, each.index) != place]
    found.changes.append(change)
    seen[place] = replace(seen[place], state=change.to, slot=change.slot)


def backoff_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    """Seconds before the try after `attempt`, from 1: full jitter."""
    return random.uniform(0, min(cap_s, base_s * 2.0 ** min(attempt - 1, 60)))
