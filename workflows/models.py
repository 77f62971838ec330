"""Runs and their steps: the truth about work. The queue holds ids of steps, and may lose or double them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from workflows.states import ENDED_RUN, LIVE_RUN, Outcome, Priority, RunState, StepState


class RunQuerySet(models.QuerySet["Run"]):
    def owned_by(self, user: User) -> "RunQuerySet":
        return self.filter(user_id=user.pk)

    def beginning_with(self, text: str) -> "RunQuerySet":
        """Runs whose ids begin so, with or without hyphens; none where `text` cannot begin an id."""
        wanted = text.replace("-", "").lower()
        if not wanted or len(wanted) > 32 or not set(wanted) <= set("0123456789abcdef"):
            return self.none()
        return self.filter(uuid__gte=uuid.UUID(wanted.ljust(32, "0")), uuid__lte=uuid.UUID(wanted.ljust(32, "f")))

    def live(self) -> "RunQuerySet":
        return self.filter(state__in=LIVE_RUN)


class Run(models.Model):
    """One piece of work in steps. Its plan is what the definition said when it began, and never changes."""

    uuid = models.UUIDField(_("id"), default=uuid.uuid4, unique=True, editable=False)
    workflow = models.CharField(_("workflow"), max_length=60)
    version = models.PositiveIntegerField(default=1)
    plan = models.JSONField()  # `definitions.StepPlan.kept()` of each step, in order
    input = models.JSONField(default=dict)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="runs", verbose_name=_("for")
    )
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.NORMAL)
    state = models.CharField(_("state"), max_length=9, choices=RunState, default=RunState.PENDING)
    degraded = models.BooleanField(_("degraded"), default=False)
    doubts = models.JSONField(default=list, blank=True)  # why it is degraded, in sentences
    key = models.CharField(max_length=120, blank=True, default="")  # of live runs of a workflow, one has it
    # Why nothing new is started: "cancel", "failed" or "deadline". Empty: go on.
    stopping = models.CharField(max_length=8, blank=True, default="")
    cancelled_by = models.CharField(max_length=150, blank=True, default="")
    deadline_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("asked for"), default=timezone.now)
    started_at = models.DateTimeField(_("began"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)
    result = models.JSONField(null=True)
    error = models.CharField(_("error"), max_length=500, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("workflow run")
        verbose_name_plural = _("workflow runs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "key"], condition=Q(state__in=LIVE_RUN) & ~Q(key=""), name="workflows_one_live_run"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED_RUN, finished_at__isnull=False)
                | Q(state__in=LIVE_RUN, finished_at__isnull=True),
                name="workflows_run_ended_when_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="workflows_run_user"),
            models.Index(fields=["state", "-created_at"], name="workflows_run_state"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} {self.uuid}"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.uuid])

    @property
    def ended(self) -> bool:
        return self.state in ENDED_RUN

    @cached_property
    def unwritten(self) -> list["Event"]:
        """Events that the engine writes at the end of the transaction under way."""
        return []


class Step(models.Model):
    """One step of a run, or one item of a step that is done for many."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    name = models.CharField(_("step"), max_length=60)
    index = models.IntegerField(default=-1)  # -1: the step itself; 0 and up: one of its items
    order = models.PositiveIntegerField(default=0)  # of the step in its plan
    state = models.CharField(_("state"), max_length=9, choices=StepState, default=StepState.BLOCKED)
    not_before = models.DateTimeField(null=True)  # set while ready: when it may begin
    attempt = models.PositiveIntegerField(default=0)  # begun so far, lost and interrupted ones left out
    losses = models.PositiveIntegerField(default=0)  # workers that died over it
    message = models.BigIntegerField(null=True)  # the queue's newest message about it; it may be gone
    token = models.PositiveIntegerField(default=0)  # +1 with every claim: a report with an older one counts no more
    worker = models.CharField(max_length=80, blank=True, default="")  # host:pid:start time
    lease_until = models.DateTimeField(null=True)
    slot = models.IntegerField(null=True)  # of an item while ready or running: there are as many as may run at once
    progress = models.FloatField(default=0.0)  # 0 to 1, as the step says itself
    note = models.CharField(max_length=200, blank=True, default="")
    item = models.JSONField(null=True)
    output = models.JSONField(null=True)
    once = models.JSONField(default=dict)  # results of `ctx.once`, by name
    doubts = models.JSONField(default=list)  # what it said of itself, and what it had to do without, in sentences
    error = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["order", "index"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name", "index"], name="workflows_one_step"),
            models.UniqueConstraint(
                fields=["run", "name", "slot"],
                condition=Q(state__in=[StepState.READY, StepState.RUNNING]),
                name="workflows_one_step_per_slot",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.RUNNING) | Q(lease_until__isnull=False), name="workflows_running_has_lease"
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.READY) | Q(not_before__isnull=False), name="workflows_ready_has_time"
            ),
        ]
        indexes = [
            models.Index(F("not_before"), condition=Q(state=StepState.READY), name="workflows_step_ready"),
            models.Index(F("lease_until"), condition=Q(state=StepState.RUNNING), name="workflows_step_running"),
            # Items are counted by state, and the next one found, with every report: in this index alone.
            models.Index(fields=["run", "name", "state", "index"], name="workflows_step_items"),
        ]

    def __str__(self) -> str:
        return self.name if self.index < 0 else f"{self.name} {self.index}"


class Attempt(models.Model):
    """One try at a step. Written before the work begins, so that a worker that dies over it is counted."""

    step = models.ForeignKey(Step, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()  # the token of its claim
    worker = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(_("outcome"), max_length=11, choices=Outcome, default=Outcome.OPEN)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["step", "number"], name="workflows_one_attempt"),
            models.UniqueConstraint(
                fields=["step"], condition=Q(outcome=Outcome.OPEN), name="workflows_one_open_attempt"
            ),
            models.UniqueConstraint(
                fields=["step"], condition=Q(outcome=Outcome.SUCCEEDED), name="workflows_one_success"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_id} #{self.number}: {self.outcome}"


class Event(models.Model):
    """Something that happened to a run, in order. Only ever added to: the timeline, and who did what."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    step = models.CharField(max_length=80, blank=True, default="")
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind}"


class Host(models.Model):
    """A worker service that says every few seconds that it is there."""

    name = models.CharField(max_length=80, primary_key=True)  # host:pid of its sentinel
    workers = models.PositiveIntegerField()
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Counter(models.Model):
    """How often something happened, since the beginning: rows of runs are deleted in time, this is not.

    `key` is a workflow's name, or "workflow.step".
    """

    key = models.CharField(max_length=121)
    event = models.CharField(max_length=40)
    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "event"], name="workflows_one_counter")]

    def __str__(self) -> str:
        return f"{self.key} {self.event}: {self.value}"
