"""What follows from what is recorded: pure, so that deriving twice gives the same as deriving once."""

import math
import random
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from workflows.definitions import StepPlan
from workflows.states import ENDED_STEP, RunState, StepState

MOST_LOSSES = 3  # workers that may die over a step before it is called poison

Place = tuple[str, int]  # name and index of a step
Tallies = Mapping[str, Mapping[StepState, int]]  # of the items of each step that is done for many: how many are what


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

    by_place: dict[Place, Change] = field(default_factory=dict)
    expand: list[str] = field(default_factory=list)  # steps whose items have to be made
    stopping: str = ""
    run: RunState | None = None
    error: str = ""
    doubts: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Change]:
        return list(self.by_place.values())


@dataclass
class _View:
    """The run as it would be with what was found so far."""

    seen: dict[Place, Seen]
    tallies: dict[str, Counter[StepState]]
    found: Derived

    def items(self, name: str) -> list[Seen]:
        """Those that were shown, in order."""
        return [each for (of, index), each in sorted(self.seen.items()) if of == name and index >= 0]

    def expand(self, name: str, length: int) -> None:
        self.found.expand.append(name)
        self.seen |= {(name, index): Seen(name, index, StepState.BLOCKED) for index in range(length)}
        self.tallies[name] = Counter({StepState.BLOCKED: length})

    def change(self, change: Change) -> None:
        place = (change.name, change.index)
        if change.index >= 0:
            self.tallies[change.name] += Counter({change.to: 1})
            self.tallies[change.name][self.seen[place].state] -= 1
        # A change of a change within one derivation: only the last counts.
        self.found.by_place.pop(place, None)
        self.found.by_place[place] = change
        self.seen[place] = replace(self.seen[place], state=change.to, slot=change.slot)

    @property
    def over(self) -> bool:
        return all(each.ended for each in self.seen.values()) and not any(map(still_open, self.tallies.values()))


def tallied(steps: Iterable[Seen]) -> dict[str, Counter[StepState]]:
    """The tallies of items that are all shown."""
    tallies: dict[str, Counter[StepState]] = {}
    for each in steps:
        if each.index >= 0:
            tallies.setdefault(each.name, Counter())[each.state] += 1
    return tallies


def still_open(tally: Mapping[StepState, int]) -> int:
    return sum(number for state, number in tally.items() if state not in ENDED_STEP)


def derive(
    plan: Sequence[StepPlan],
    steps: Iterable[Seen],
    *,
    tallies: Tallies,
    stopping: str,
    lengths: Mapping[str, int | None],
) -> Derived:
    """Everything that follows now.

    `steps`: of the steps themselves all. Of their many items those may be left out that nothing can follow for: the
    ended ones; where none waits for a place, the ones on their way; of those that wait, all but the first
    `max_parallel`. A run that stops needs all that are not yet running. `tallies` counts those left out too.
    `stopping`: why nothing new may begin, empty to go on. `lengths`: of the lists that done steps returned, None for
    what is no list.
    """
    seen = {(each.name, each.index): each for each in steps}
    view = _View(seen, {name: Counter(tally) for name, tally in tallies.items()}, Derived(stopping=stopping))
    for each in plan:
        _settle(each, view, lengths)
    if view.found.stopping:
        _stop(view)
    _end(plan, view)
    return view.found


def _settle(plan: StepPlan, view: _View, lengths: Mapping[str, int | None]) -> None:
    """What follows for one step of the plan, given all above it."""
    found, me = view.found, view.seen[plan.name, -1]
    if me.state is StepState.BLOCKED and not found.stopping:
        needed = [view.seen[name, -1] for name in plan.needs]
        if not all(each.ended for each in needed):
            return
        missing = [e.name for e in needed if e.state is not StepState.DONE and e.name not in plan.may_miss]
        if missing:
            to = StepState.FAILED if plan.required else StepState.SKIPPED
            view.change(Change(me.name, -1, to, why=f"needs {', '.join(missing)}"))
        elif plan.over:
            _map(plan, view, lengths)
        else:
            view.change(Change(me.name, -1, StepState.READY))
    elif me.state is StepState.BLOCKED and plan.over:
        _gather(plan, view)
    now = view.seen[plan.name, -1]
    if now.state is StepState.FAILED and plan.required and not found.stopping:
        found.stopping = "failed"
    if now.state is StepState.FAILED and not plan.required:
        found.doubts.append(f"{plan.name} failed")
    tally = view.tallies.get(plan.name, Counter())
    if now.state is StepState.DONE and tally[StepState.FAILED]:
        found.doubts.append(f"{tally[StepState.FAILED]} of {tally.total()} failed in {plan.name}")


def _map(plan: StepPlan, view: _View, lengths: Mapping[str, int | None]) -> None:
    length = lengths.get(plan.over)
    if length is None:
        view.change(Change(plan.name, -1, StepState.FAILED, why=f"{plan.over} returned no list"))
        return
    if length and not view.tallies.get(plan.name):
        view.expand(plan.name, length)
    items = view.items(plan.name)
    taken = {each.slot for each in items}  # one that ended has none any more
    free = [slot for slot in range(plan.max_parallel or length) if slot not in taken]
    waiting = [each for each in items if each.state is StepState.BLOCKED]
    for each, slot in zip(waiting, free, strict=False):
        view.change(Change(each.name, each.index, StepState.READY, slot=slot))
    _gather(plan, view)


def _gather(plan: StepPlan, view: _View) -> None:
    """The step itself, once all its items have ended."""
    tally = view.tallies.get(plan.name, Counter())
    items, done = tally.total(), tally[StepState.DONE]
    if still_open(tally) or (not items and view.found.stopping):
        return
    # Rounded first: 0.7 of 10 items are 7, also where the machine says 7.000000000000001.
    enough = math.ceil(round(plan.min_success * items, 6))
    if done >= enough:
        view.change(Change(plan.name, -1, StepState.DONE))
    elif not view.found.stopping:
        view.change(Change(plan.name, -1, StepState.FAILED, why=f"{items - done} of {items} failed"))


def _stop(view: _View) -> None:
    """Nothing new begins. What runs is told by its worker's watch, and reported by it."""
    for each in list(view.seen.values()):
        if each.state in {StepState.BLOCKED, StepState.READY}:
            view.change(Change(each.name, each.index, StepState.CANCELLED, why="stopped"))


def _end(plan: Sequence[StepPlan], view: _View) -> None:
    if not view.over:
        return
    found = view.found
    if found.stopping == "cancel":
        found.run = RunState.CANCELLED
    elif found.stopping:
        found.run = RunState.FAILED
        names = [each.name for each in plan if each.required and view.seen[each.name, -1].state is StepState.FAILED]
        found.error = "took longer than it may" if found.stopping == "deadline" else f"{', '.join(names)} failed"
    else:
        found.run = RunState.COMPLETED


def made_anew(plan: Sequence[StepPlan], steps: Sequence[Seen], again: Set[str], for_good: Container[str]) -> set[str]:
    """Done steps that are done again, because something is tried `again` that they had to do without.

    None whose effects stay: a transaction, a step with items, those in `for_good`. And none whose output one of these
    was made from, so that what stays is never at odds with what it was made from.
    """
    state = {each.name: each.state for each in steps if each.index < 0}
    with_items = {each.name for each in steps if each.index >= 0}
    stays: set[str] = set()
    for each in reversed(plan):
        used = any(each.name in other.needs for other in plan if other.name in stays)
        final = each.tx or each.over or each.name in for_good or used
        if each.name in with_items or (state[each.name] is StepState.DONE and final):
            stays.add(each.name)
    anew: set[str] = set()
    for each in plan:
        if state[each.name] is StepState.DONE and each.name not in stays and not (again | anew).isdisjoint(each.needs):
            anew.add(each.name)
    return anew


def done_without(plan: Sequence[StepPlan], steps: Iterable[Seen], again: Container[str]) -> list[tuple[str, str]]:
    """Done steps that had to do without some of what is tried `again`, and what to say of each."""
    state = {each.name: each.state for each in steps if each.index < 0}
    return [
        (each.name, f"{each.name} was done without {'all of ' if state[need] is StepState.DONE else ''}{need}")
        for each in plan
        if state[each.name] is StepState.DONE and each.name not in again
        for need in each.needs
        if need in again
    ]


def backoff_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    """Seconds before the try after `attempt`, from 1: full jitter."""
    return random.uniform(0, min(cap_s, base_s * 2.0 ** min(attempt - 1, 60)))
