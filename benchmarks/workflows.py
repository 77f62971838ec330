"""Workflows to measure with."""

import time

from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.registry import register
from workflows.states import Priority


@register
class Five(Workflow):
    """Five steps in a row that do nothing."""

    name = "benchmark_five"
    priority = Priority.HIGH

    @step
    def one(self, ctx: Context) -> int:
        return 1

    @step
    def two(self, ctx: Context, one: int) -> int:
        return 2

    @step
    def three(self, ctx: Context, two: int) -> int:
        return 3

    @step
    def four(self, ctx: Context, three: int) -> int:
        return 4

    @step(tx=True)
    def five(self, ctx: Context, four: int) -> int:
        return 5


@register
class Burn(Workflow):
    """Keeps a core busy, as recognition and training do."""

    name = "benchmark_burn"
    priority = Priority.HIGH

    @step(timeout=600)
    def burn(self, ctx: Context, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            sum(range(1000))


@register
class Items(Workflow):
    """Something that does nothing, for each of many."""

    name = "benchmark_items"

    @step
    def plan(self, ctx: Context, items: int) -> list[int]:
        return list(range(items))

    @step(map="plan", max_parallel=4)
    def each(self, ctx: Context, item: int) -> int:
        return item

    @step
    def summary(self, ctx: Context, each: list[int]) -> int:
        return len(each)


@register
class Shaky(Workflow):
    """Succeeds at the second try, and without its optional step."""

    name = "benchmark_shaky"

    @step(retry=Retry(3, base=0.5, on=(OSError,)))
    def ask(self, ctx: Context) -> int:
        if ctx.attempt < 2:
            raise OSError("not now")
        return ctx.attempt

    @step(optional=True)
    def advice(self, ctx: Context, ask: int) -> str:
        raise OSError("never")

    @step(tx=True)
    def keep(self, ctx: Context, ask: int, advice: str | None = None) -> int:
        return ask


@register
class Wait(Workflow):
    name = "benchmark_wait"
    priority = Priority.HIGH

    @step(timeout=60)
    def wait(self, ctx: Context, seconds: float) -> None:
        time.sleep(seconds)
