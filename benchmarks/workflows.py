"""Workflows to measure with."""

import time

from workflows.definitions import Workflow, step
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
class Wait(Workflow):
    name = "benchmark_wait"
    priority = Priority.HIGH

    @step(timeout=60)
    def wait(self, ctx: Context, seconds: float) -> None:
        time.sleep(seconds)
