"""Old data: every app says what of its own may go, and after how long. Deleted in slices, so that nobody waits."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models

from workflows.models import Host, Run
from workflows.states import ENDED_RUN

SLICE = 500  # rows of one transaction: on SQLite every other writer waits for it
RUNS_KEPT = dt.timedelta(days=90)
HOSTS_KEPT = dt.timedelta(days=7)


@dataclass(frozen=True)
class Rule:
    """`old(now)` is a queryset of the rows that may go; or `sweep(now)` deletes what is no row, and says how much."""

    name: str
    old: Callable[[dt.datetime], "models.QuerySet[Any]"] | None = None
    sweep: Callable[[dt.datetime], int] | None = None

    def count(self, now: dt.datetime) -> int | None:
        """How much would go now; None where that is not known before."""
        return self.old(now).count() if self.old else None


_RULES: dict[str, Rule] = {}


def may_go(name: str) -> Callable[[Callable[[dt.datetime], "models.QuerySet[Any]"]], Callable[..., Any]]:
    """Register a rule: a function of the time that returns the rows that may go."""

    def register(old: Callable[[dt.datetime], "models.QuerySet[Any]"]) -> Callable[..., Any]:
        _RULES[name] = Rule(name, old)
        return old

    return register


def swept_by(name: str) -> Callable[[Callable[[dt.datetime], int]], Callable[[dt.datetime], int]]:
    """Register a rule for what is no row: a function of the time that deletes it, and returns how much went."""

    def register(sweep: Callable[[dt.datetime], int]) -> Callable[[dt.datetime], int]:
        _RULES[name] = Rule(name, sweep=sweep)
        return sweep

    return register


def rules() -> list[Rule]:
    return [_RULES[name] for name in sorted(_RULES)]


def clean(rule: Rule, *, now: dt.datetime) -> int:
    """Delete what the rule says. Returns how many of its rows went. Safe to repeat, and to stop in the middle."""
    if rule.sweep:
        return rule.sweep(now)
    assert rule.old
    gone = 0
    while True:
        ids = list(rule.old(now).order_by("pk").values_list("pk", flat=True)[:SLICE])
        if not ids:
            return gone
        rule.old(now).model._base_manager.filter(pk__in=ids).delete()
        gone += len(ids)


@may_go("ended runs")
def _ended_runs(now: dt.datetime) -> "models.QuerySet[Any]":
    return Run.objects.filter(state__in=ENDED_RUN, finished_at__lt=now - RUNS_KEPT)


@may_go("hosts that are gone")
def _gone_hosts(now: dt.datetime) -> "models.QuerySet[Any]":
    return Host.objects.filter(beat_at__lt=now - HOSTS_KEPT)
