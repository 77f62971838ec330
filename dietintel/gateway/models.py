"""What all processes share about a provider. Written by `store` alone, in single conditional statements."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dietintel.gateway.policy import State


class ProviderState(models.Model):
    """Breaker, limiter and cool-down of one `provider:operation`. Times are microseconds since the epoch."""

    key = models.CharField(_("operation"), max_length=80, primary_key=True)
    state = models.SmallIntegerField(
        _("state"), default=State.CLOSED, choices=[(s.value, s.name.lower()) for s in State]
    )
    reason = models.CharField(_("why"), max_length=200, blank=True, default="")
    # +1 with every change of state: a result of a call that began before it is thrown away.
    generation = models.BigIntegerField(default=0)
    history = models.BigIntegerField(default=0)
    slow = models.BigIntegerField(default=0)
    calls = models.SmallIntegerField(default=0)
    last_at = models.BigIntegerField(default=0)
    open_until = models.BigIntegerField(default=0)
    open_streak = models.SmallIntegerField(default=0)
    probe_until = models.BigIntegerField(default=0)
    tat = models.BigIntegerField(default=0)
    not_before = models.BigIntegerField(default=0)
    throttle_streak = models.SmallIntegerField(default=0)
    quota_window = models.BigIntegerField(default=0)  # the end of the day that `quota_used` is of
    quota_used = models.IntegerField(default=0)
    cache_epoch = models.IntegerField(default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True, default="")
    last_error_at = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        constraints = [
            models.CheckConstraint(condition=Q(state__gte=0, state__lte=4), name="gateway_known_state"),
        ]

    def __str__(self) -> str:
        return self.key


class Transition(models.Model):
    """One change of a breaker's state, by the rules (`actor` empty) or by an operator."""

    key = models.CharField(_("operation"), max_length=80)
    at = models.DateTimeField(_("when"))
    from_state = models.SmallIntegerField(_("from"), choices=[(s.value, s.name.lower()) for s in State])
    to_state = models.SmallIntegerField(_("to"), choices=[(s.value, s.name.lower()) for s in State])
    reason = models.CharField(_("why"), max_length=200)
    actor = models.CharField(_("who"), max_length=150, blank=True, default="")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["key", "-at"], name="gateway_transition_key_at")]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_from_state_display()} → {self.get_to_state_display()}"


class Counter(models.Model):
    """How often something happened to a `provider:operation`: exact across processes and restarts."""

    key = models.CharField(max_length=80)
    event = models.CharField(max_length=40)
    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "event"], name="gateway_one_counter")]

    def __str__(self) -> str:
        return f"{self.key} {self.event}: {self.value}"


class Lease(models.Model):
    """The right to make one particular call: whoever holds it calls, the others wait for its answer."""

    key = models.CharField(max_length=150, primary_key=True)
    holder = models.CharField(max_length=32)
    until = models.BigIntegerField()
    error = models.CharField(max_length=200, blank=True, default="")  # of the holder, as "reason:retry after:message"

    def __str__(self) -> str:
        return self.key
