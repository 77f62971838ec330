"""What is known of the service's condition. Written by the watch alone, but for what an operator asks of it."""

import datetime as dt
import uuid
from dataclasses import fields
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from monitoring.health.conditions import Condition, Impact, Phase, Result, Status

STATUSES = [(each.value, each.value) for each in Status]
# What is kept of a condition under the same name; times of remedies are kept as text.
SAME = [each.name for each in fields(Condition) if each.name not in {"heals", "last"}]


class Check(models.Model):
    """One check: what it found last, and what follows from it."""

    name = models.CharField(_("check"), max_length=60, primary_key=True)
    impact = models.CharField(_("impact"), max_length=9, choices=[(each.value, each.value) for each in Impact])
    status = models.CharField(_("status"), max_length=9, choices=STATUSES)
    since = models.DateTimeField(_("since"), null=True)
    phase = models.CharField(_("phase"), max_length=10, choices=[(each.value, each.value) for each in Phase])
    message = models.CharField(_("message"), max_length=300, blank=True, default="")
    kind = models.CharField(max_length=20, blank=True, default="")  # where the check itself is what failed
    details = models.JSONField(default=dict)
    response_ms = models.FloatField(default=0.0)
    checked_at = models.DateTimeField(_("checked"))
    bad_since = models.DateTimeField(null=True)
    fails = models.PositiveIntegerField(default=0)
    oks = models.PositiveIntegerField(default=0)
    changes = models.PositiveIntegerField(default=0)
    seen = models.PositiveSmallIntegerField(default=0)
    last = models.CharField(max_length=9, choices=STATUSES, blank=True, default="")
    heals = models.JSONField(default=list)
    heals_in_row = models.PositiveIntegerField(default=0)
    exhausted = models.BooleanField(_("exhausted"), default=False)
    told = models.BooleanField(default=False)
    asked_by = models.CharField(max_length=150, blank=True, default="")  # who wants it mended now

    class Meta:
        verbose_name = _("check")
        verbose_name_plural = _("health")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, name: str, impact: Impact, condition: Condition, result: Result, *, at: dt.datetime) -> "Check":
        """Not saved."""
        return cls(
            name=name,
            impact=impact,
            message=result.message[:300],
            kind=result.kind,
            details=dict(result.details),
            response_ms=result.response_ms,
            checked_at=at,
            last=condition.last or "",
            heals=[each.isoformat() for each in condition.heals],
            **{field: getattr(condition, field) for field in SAME},
        )

    @property
    def condition(self) -> Condition:
        kept: dict[str, Any] = {field: getattr(self, field) for field in SAME}
        return Condition(
            **{**kept, "status": Status(self.status), "phase": Phase(self.phase)},
            last=Status(self.last) if self.last else None,
            heals=tuple(map(dt.datetime.fromisoformat, self.heals)),
        )


WRITTEN = [each.name for each in Check._meta.fields if each.name not in {"name", "asked_by"}]


class Flip(models.Model):
    """A check whose status changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    check_name = models.CharField(_("check"), max_length=60)
    at = models.DateTimeField(_("when"))
    from_status = models.CharField(_("from"), max_length=9, choices=STATUSES, blank=True, default="")
    to_status = models.CharField(_("to"), max_length=9, choices=STATUSES)
    message = models.CharField(_("message"), max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("change")
        ordering = ["-at"]
        indexes = [models.Index(fields=["-at"], name="monitoring_flip_at")]

    def __str__(self) -> str:
        return f"{self.check_name}: {self.from_status or '?'} → {self.to_status}"


class HealAttempt(models.Model):
    """One try to mend something, by the rules (`by` empty) or because an operator asked."""

    class Outcome(models.TextChoices):
        HEALED = "healed", _("healed")
        NO_EFFECT = "no_effect", _("no effect")
        ERROR = "error", _("error")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    check_name = models.CharField(_("check"), max_length=60)
    heal = models.CharField(_("remedy"), max_length=60)
    at = models.DateTimeField(_("when"))
    took_s = models.FloatField(_("seconds"), default=0.0)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome)
    note = models.CharField(_("what was done"), max_length=300, blank=True, default="")
    by = models.CharField(_("who"), max_length=150, blank=True, default="")

    class Meta:
        verbose_name = _("remedy")
        verbose_name_plural = _("remedies")
        ordering = ["-at"]
        indexes = [models.Index(fields=["-at"], name="monitoring_heal_at")]

    def __str__(self) -> str:
        return f"{self.check_name}, {self.heal}: {self.outcome}"


class Alert(models.Model):
    """Something to tell somebody, by mail and by webhook: an outbox. A channel that is not set up counts as done."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10)  # incident, recovery, exhausted, flapping
    check_name = models.CharField(_("check"), max_length=60)
    subject = models.CharField(_("subject"), max_length=150)
    text = models.TextField(_("text"))
    made_at = models.DateTimeField(_("made"))
    mailed_at = models.DateTimeField(_("mailed"), null=True)
    hooked_at = models.DateTimeField(_("posted"), null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("alert")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return self.subject


class Probe(models.Model):
    """The one row that the database check writes and reads."""

    written = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.written
