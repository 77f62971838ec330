"""This app's own workflow: the sweep of old data, of all apps."""

import datetime as dt
from typing import Any

from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import GivenAnswer
from dietintel.gateway.cache import sweep
from dietintel.gateway.models import Lease, Transition
from workflows import cleaning
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.registry import register
from workflows.states import Priority

TRANSITIONS_KEPT = dt.timedelta(days=180)


@register
class Cleanup(Workflow):
    """Deletes what is too old to be of use. Each rule is a step of its own: one that fails does not keep the others."""

    name = "cleanup"
    label = _("Cleaning up")
    priority = Priority.LOW
    every = dt.timedelta(hours=6)

    @step
    def what(self, ctx: Context) -> list[str]:
        return [rule.name for rule in cleaning.rules()]

    @step(map="what", max_parallel=1, min_success=0, timeout=600, retry=Retry(2))
    def clean(self, ctx: Context, item: str) -> dict[str, Any]:
        rule = next(rule for rule in cleaning.rules() if rule.name == item)
        return {"what": item, "deleted": cleaning.clean(rule, now=timezone.now())}

    @step(tx=True)
    def summary(self, ctx: Context, clean: list[dict[str, Any] | None]) -> dict[str, int]:
        return {each["what"]: each["deleted"] for each in clean if each}


@cleaning.may_go("expired logins")
def _expired_sessions(now: dt.datetime) -> "models.QuerySet[Any]":
    return Session.objects.filter(expire_date__lt=now)


@cleaning.may_go("answers for repeated requests")
def _given_answers(now: dt.datetime) -> "models.QuerySet[Any]":
    return GivenAnswer.objects.filter(at__lt=now - GivenAnswer.KEPT_FOR)


@cleaning.may_go("leases of calls")
def _leases(now: dt.datetime) -> "models.QuerySet[Any]":
    return Lease.objects.filter(until__lt=int((now - dt.timedelta(days=1)).timestamp() * 1_000_000))


@cleaning.may_go("changes of breakers")
def _transitions(now: dt.datetime) -> "models.QuerySet[Any]":
    return Transition.objects.filter(at__lt=now - TRANSITIONS_KEPT)


@cleaning.swept_by("expired answers of providers")
def _expired_cache(now: dt.datetime) -> int:
    """Some providers allow nothing of theirs to be kept longer, and Django leaves what expired on disk."""
    return sweep(now=now.timestamp())
