"""Old data: every app says what of its own may go, and after how long. Deleted in slices, so that nobody waits."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.db import models

from workflows.models import Host, Run
from workflows.states import ENDED_RUN

SLICE = 500  # rows of one transaction: on SQLite every other writer waits for it
RUNS_KEPT = dt.timedelta(days=90)
HOSTS_KEPT = dt.timedelta(days=7)


Old = Callable[[dt.datetime], "models.QuerySet[Any]"]


class Sweep(Protocol):
    """Deletes what is too old or nobody's, and says how many went; with `dry_run`, how many would go."""

    def __call__(self, now: dt.datetime, *, dry_run: bool = False) -> int: ...


@dataclass(frozen=True)
class Rule:
    name: str
    sweep: Sweep


_RULES: dict[str, Rule] = {}


def may_go(name: str) -> Callable[[Old], Old]:
    """Register a rule: a function of the time that returns a queryset of the rows that may go."""

    def register(old: Old) -> Old:
        _RULES[name] = Rule(name, partial(_delete_rows, old))
        return old

    return register


def sweeps(name: str) -> Callable[[Sweep], Sweep]:
    """Register a rule for what is no row: a function that deletes it. Safe to repeat, and to stop in the middle."""

    def register(sweep: Sweep) -> Sweep:
        _RULES[name] = Rule(name, sweep)
        return sweep

    return register


def rules() -> list[Rule]:
    return [_RULES[name] for name in sorted(_RULES)]


def clean(rule: Rule, *, now: dt.datetime) -> int:
    """Delete what the rule says. Returns how much went. Safe to repeat, and to stop in the middle."""
    return rule.sweep(now)


def _delete_rows(old: Old, now: dt.datetime, *, dry_run: bool = False) -> int:
    if dry_run:
        return old(now).count()
    gone = 0
    while True:
        ids = list(old(now).order_by("pk").values_list("pk", flat=True)[:SLICE])
        if not ids:
            return gone
        old(now).model._base_manager.filter(pk__in=ids).delete()
        gone += len(ids)


@may_go("ended runs")
def _ended_runs(now: dt.datetime) -> "models.QuerySet[Any]":
    return Run.objects.filter(state__in=ENDED_RUN, finished_at__lt=now - RUNS_KEPT)


@may_go("hosts that are gone")
def _gone_hosts(now: dt.datetime) -> "models.QuerySet[Any]":
    return Host.objects.filter(beat_at__lt=now - HOSTS_KEPT)
