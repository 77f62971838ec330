"""Each week of a diary is looked back on: by itself on Monday morning of the person's own clock, and when asked for."""

import datetime as dt
import smtplib
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from dietintel.accounts.models import User
from tracking.insights.letters import letter
from tracking.insights.reading import fingerprint
from tracking.insights.weeks import Week, due_week
from tracking.models import Insight, MealItem
from tracking.services import insights as services
from workflows import engine
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.models import Run
from workflows.registry import register
from workflows.states import Priority


@register
class WeeklyInsights(Workflow):
    """One person's week. Made from the diary alone: made twice, it says the same."""

    name = "weekly_insights"
    label = gettext_lazy("Looking back on a week")
    private = True
    steps_told = {
        "collect": gettext_lazy("Finding the entries"),
        "compute": gettext_lazy("Adding them up"),
        "mail": gettext_lazy("Sending the letter"),
        "summary": gettext_lazy("Finishing"),
    }

    @classmethod
    def page_of(cls, run: Run) -> str:
        return reverse("insight", args=[run.input["week"]])

    @step(timeout=120, retry=Retry(3))
    def collect(self, ctx: Context, user_id: int, week: str) -> dict[str, Any]:
        """What the diary is now, before it is read: who changes it meanwhile is told that it has changed."""
        user, of = _person(user_id), _week(week)
        entries = MealItem.objects.owned_by(user).filter(meal__day__range=(of.monday, of.sunday)).count()
        return {"diary": fingerprint(user, of), "entries": entries}

    @step(timeout=300, retry=Retry(3))
    def compute(self, ctx: Context, user_id: int, week: str, collect: dict[str, Any]) -> dict[str, Any]:
        """Kept in a table of its own at once: long names make it larger than what a step may hand on."""
        entries = collect["entries"]
        ctx.progress(0.1, ngettext("%(n)d entry", "%(n)d entries", entries) % {"n": entries})
        user, of = _person(user_id), _week(week)
        services.keep(user, of, services.compute(user, of), collect["diary"], now=timezone.now())
        return {"week": week, "address": reverse("v1:insight", args=[week])}

    @step(optional=True, timeout=60, retry=Retry(4, base=60, cap=900, on=(smtplib.SMTPException, OSError)))
    def mail(
        self, ctx: Context, user_id: int, week: str, compute: dict[str, Any], by_mail: bool | None = None
    ) -> dict[str, str]:
        """To who wants it. Who asked for the insights looks at them, and gets no letter about it."""
        insight = Insight.objects.select_related("user").get(user=user_id, week=_week(week).monday)
        if not (by_mail and settings.SENDS_MAIL and services.wants_mail(insight.user)):
            return {"mail": "not wanted"}
        if insight.mailed_at is not None:
            return {"mail": "sent before"}
        ctx.once("letter", lambda key: letter(insight, key=key).send())
        Insight.objects.filter(pk=insight.pk).update(mailed_at=timezone.now())
        return {"mail": "sent"}

    @step
    def summary(self, ctx: Context, compute: dict[str, Any], mail: dict[str, str] | None = None) -> dict[str, Any]:
        """Where it can be read."""
        return compute | (mail or {"mail": "could not be sent"})


@register
class InsightsDue(Workflow):
    """Begins the week of everybody whose Monday morning has come. Hourly: somewhere it is always five o'clock."""

    name = "insights_due"
    label = gettext_lazy("Beginning to look back on weeks")
    priority = Priority.LOW
    every = dt.timedelta(hours=1)

    @step(timeout=600, retry=Retry(3))
    def begin_all(self, ctx: Context) -> dict[str, int]:
        found = due(now=timezone.now())
        for user, week in found:
            begin(user, week, now=timezone.now(), by_itself=True)
        return {"begun": len(found)}


def begin(user: User, week: Week, *, now: dt.datetime, by_itself: bool = False) -> Run:
    """The run that is making this week's insights for them; a new one where there is none."""
    return engine.start(
        WeeklyInsights,
        input={"user_id": user.pk, "week": week.monday.isoformat(), "by_mail": by_itself},
        user=user,
        key=key_of(user, week),
        priority=Priority.LOW if by_itself else None,
        now=now,
    )


def key_of(user: User, week: Week) -> str:
    return f"{user.pk} {week.monday}"


def latest_run(user: User, week: Week) -> Run | None:
    return Run.objects.owned_by(user).filter(workflow=WeeklyInsights.name, key=key_of(user, week)).first()


def due(*, now: dt.datetime) -> list[tuple[User, Week]]:
    """Who logged something in the last week of their own clock, and has not been told of it, nor is being.

    Three queries for each week that is the last one somewhere, of which there are two at most, and one for the zones.
    """
    found: list[tuple[User, Week]] = []
    for monday, zones in _zones_by_week(now).items():
        week = Week(monday)
        people = User.objects.filter(is_active=True, time_zone__in=zones, pk__in=_loggers(week))
        people = people.exclude(insights__week=monday)
        found += [(user, week) for user in _not_begun(people, week)]
    return found


def _zones_by_week(now: dt.datetime) -> dict[dt.date, list[str]]:
    """The time zones that people have, by the Monday of the week that they are to be told of."""
    zones: dict[dt.date, list[str]] = {}
    for name in User.objects.order_by().values_list("time_zone", flat=True).distinct():
        zones.setdefault(due_week(User(time_zone=name).wall_clock(now)).monday, []).append(name)
    return zones


def _loggers(week: Week) -> Any:
    """A subquery of the people with entries in it."""
    return MealItem.objects.filter(meal__day__range=(week.monday, week.sunday)).values("meal__user_id")


def _not_begun(people: Iterable[User], week: Week) -> list[User]:
    """Those for whom no run has begun: one that failed is theirs to look at, and is not begun again each hour."""
    keys = {key_of(user, week): user for user in people}
    known = set(Run.objects.filter(workflow=WeeklyInsights.name, key__in=keys).values_list("key", flat=True))
    return [user for key, user in keys.items() if key not in known]


def _person(user_id: int) -> User:
    return User.objects.get(pk=user_id)


def _week(monday: str) -> Week:
    return Week(dt.date.fromisoformat(monday))
