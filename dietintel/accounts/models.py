"""People and the tokens their programs use."""

import datetime as dt
import hashlib
import secrets
import zoneinfo

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("%(name)s is not a time zone; it looks like Europe/Berlin."), params={"name": name})


class User(AbstractUser):
    """A person with a diary. One of them is the owner, who runs the server."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the device says")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    is_owner = models.BooleanField(_("owner"), default=False)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    theme = models.CharField(_("appearance"), max_length=6, choices=Theme, default=Theme.SYSTEM)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            # The first visitor becomes the owner: of two first visitors at the same moment, one.
            models.UniqueConstraint(fields=["is_owner"], condition=Q(is_owner=True), name="accounts_one_owner"),
        ]

    @property
    def zone(self) -> dt.tzinfo:
        """Their time zone; UTC where the list of zones has lost it since it was chosen."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder of zones
            return dt.UTC

    def wall_clock(self, moment: dt.datetime) -> dt.datetime:
        """`moment` as their clock and calendar show it; its date is the day of their diary."""
        return moment.astimezone(self.zone)


class TokenQuerySet(models.QuerySet["Token"]):
    def owned_by(self, user: User) -> "TokenQuerySet":
        return self.filter(user=user)

    def issue(self, *, user: User, name: str) -> tuple["Token", str]:
        """A new token and its secret, which is kept nowhere and cannot be shown again."""
        secret = f"di_{secrets.token_urlsafe(32)}"
        return self.create(user=user, name=name, hint=secret[-4:], digest=digest(secret)), secret


def digest(secret: str) -> str:
    """What is stored of a token. SHA-256 without salt is enough for 256 random bits, and can be looked up."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Token(models.Model):
    """Lets a program act as its user: `Authorization: Bearer <secret>`."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends in"), max_length=4, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


class GivenAnswer(models.Model):
    """What a request with an Idempotency-Key was answered, so that its repetition gets the same."""

    KEPT_FOR = dt.timedelta(days=7)  # by then a phone has been in a network again

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)  # of the request: another one with the same key is a mistake
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="accounts_one_answer_per_key")]
        indexes = [models.Index(fields=["at"], name="accounts_answer_at")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.key}: {self.status}"
