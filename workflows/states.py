"""The words of the engine: what a run and a step can be, and how an attempt can end."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """Also what people and the API see of a step."""

    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class StepState(models.TextChoices):
    BLOCKED = "blocked", _("blocked")  # waits for other steps, or for a place among the parallel ones
    READY = "ready", _("ready")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("skipped")
    CANCELLED = "cancelled", _("cancelled")


LIVE_RUN = (RunState.PENDING, RunState.RUNNING)
ENDED_RUN = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
ENDED_STEP = (StepState.DONE, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED)
SHOWN_AS = {
    StepState.BLOCKED: RunState.PENDING,
    StepState.READY: RunState.PENDING,
    StepState.RUNNING: RunState.RUNNING,
    StepState.DONE: RunState.COMPLETED,
    StepState.FAILED: RunState.FAILED,
    StepState.SKIPPED: RunState.CANCELLED,
    StepState.CANCELLED: RunState.CANCELLED,
}


class Outcome(models.TextChoices):
    """Of one attempt. An attempt that nobody reported is open, until its lease is over and it counts as lost."""

    OPEN = "open", _("under way")
    SUCCEEDED = "succeeded", _("succeeded")
    REPLACED = "replaced", _("succeeded, and was done again")  # since something it had to do without was tried again
    ERROR = "error", _("error")
    TIMEOUT = "timeout", _("took too long")
    LOST = "lost", _("its worker died")
    INTERRUPTED = "interrupted", _("stopped with the service")
    CANCELLED = "cancelled", _("cancelled")


class Priority(models.IntegerChoices):
    """Which lane of the queue: a lower number goes first."""

    CRITICAL = 0, _("critical")
    HIGH = 1, _("high")
    NORMAL = 2, _("normal")
    LOW = 3, _("low")
