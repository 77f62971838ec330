"""What an import says about foods that this server does not have."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User


class AwaitedQuerySet(models.QuerySet["Awaited"]):
    def owned_by(self, user: User) -> "AwaitedQuerySet":
        return self.filter(user_id=user.pk)


class Awaited(models.Model):
    """A provider's food that a person made a favourite or corrected elsewhere, and that the catalogue here lacks.

    Kept until somebody looks the food up here (`services.awaited`), and so that their next export says it too. An
    import never writes into the catalogue that all share.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    origin = models.CharField(max_length=100)  # as Portion.origin
    favourite_at = models.DateTimeField(null=True)  # None: no favourite
    changes = models.JSONField(null=True)  # as Correction.changes; None: not corrected
    corrected_at = models.DateTimeField(null=True)

    objects = AwaitedQuerySet.as_manager()

    class Meta:
        verbose_name = _("awaited food")
        verbose_name_plural = _("awaited foods")
        constraints = [
            models.UniqueConstraint(fields=["user", "origin"], name="tracking_one_awaited_food"),
            models.CheckConstraint(condition=~Q(origin=""), name="tracking_awaited_has_an_origin"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.origin}"
