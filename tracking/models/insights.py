"""What a person's weeks showed."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User


class InsightQuerySet(models.QuerySet["Insight"]):
    def owned_by(self, user: User) -> "InsightQuerySet":
        return self.filter(user_id=user.pk)


class Insight(models.Model):
    """What was told of one week. Made from the diary alone, so it can be made again at any time."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="insights")
    week = models.DateField(_("week"))  # its Monday
    figures = models.JSONField(_("figures"))  # as `insights.telling.Told.kept` gives them
    statements = models.JSONField(_("statements"))
    fingerprint = models.CharField(max_length=64, editable=False)  # of the diary when this was computed
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    mailed_at = models.DateTimeField(_("mailed"), null=True, blank=True)

    objects = InsightQuerySet.as_manager()

    class Meta:
        verbose_name = _("insight")
        verbose_name_plural = _("insights")
        ordering = ["-week"]
        constraints = [models.UniqueConstraint(fields=["user", "week"], name="tracking_one_insight_a_week")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.week}"

    def get_absolute_url(self) -> str:
        return reverse("insight", args=[self.week])

    @property
    def logged(self) -> int:
        """Days with entries; 0 in the figures of a version that did not count them."""
        return int(self.figures.get("logged", 0))

    @property
    def suggestions(self) -> list[Mapping[str, Any]]:
        """As `Statement.kept` gives them."""
        return list(self.statements["suggestions"])

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        return list(self.statements["findings"])
