"""What training made of a person's confirmed photos, version by version."""

import hashlib

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from workflows.models import Run

VERSIONS_KEPT = 10  # of each person, beside the one in use


class RecogniserQuerySet(models.QuerySet["Recogniser"]):
    def owned_by(self, user: User) -> "RecogniserQuerySet":
        return self.filter(user_id=user.pk)

    def active(self) -> "RecogniserQuerySet":
        return self.filter(state=Recogniser.State.ACTIVE)

    def superfluous(self) -> "RecogniserQuerySet":
        """Not in use, and older than the last ten of its person."""
        newer = Recogniser.objects.filter(user=OuterRef("user")).order_by("-version").values("version")
        first_to_go = newer[VERSIONS_KEPT : VERSIONS_KEPT + 1]
        return self.exclude(state=Recogniser.State.ACTIVE).filter(version__lte=Subquery(first_to_go))


class Recogniser(models.Model):
    """One version of what recognition learned about one person's photos. Of each person at most one is in use.

    Without one in use, or where its weights cannot be trusted, recognition does what it does untrained.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("being evaluated")
        ACTIVE = "active", _("in use")
        REJECTED = "rejected", _("no better")  # than what was in use at that time, on the same photos
        RETIRED = "retired", _("was in use")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recognisers")
    version = models.PositiveIntegerField(_("version"))  # from 1 on, each person's own
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.CANDIDATE)
    weights = models.BinaryField()  # as `recognition.weights.Weights.packed` wrote them
    sha256 = models.CharField(_("checksum"), max_length=64, editable=False)  # of the weights, in hexadecimal
    features = models.PositiveSmallIntegerField(_("version of the features"))
    # How it did on photos it was not trained with: `recognition.evaluation.Figures.kept()`; empty before. The foods in
    # it are the person's own business: nobody else is shown them.
    figures = models.JSONField(default=dict, blank=True)
    run = models.OneToOneField(Run, models.SET_NULL, null=True, blank=True, related_name="recogniser")
    created_at = models.DateTimeField(_("trained"), default=timezone.now, editable=False)

    objects = RecogniserQuerySet.as_manager()

    class Meta:
        verbose_name = _("recogniser")
        verbose_name_plural = _("recognisers")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "version"], name="tracking_recogniser_version"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(state="active"), name="tracking_recogniser_one_in_use"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.version}"

    @property
    def whole(self) -> bool:
        """Whether the weights are those that were written."""
        return checksum(bytes(self.weights)) == self.sha256


def checksum(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()
