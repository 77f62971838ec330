"""Weight and measurements. Kept in kg and in the kind's own unit; shown in the units a person chose."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User

LEAST_WEIGHT_KG, MOST_WEIGHT_KG = Decimal(2), Decimal(650)  # a newborn; a little over the heaviest person on record


class WeightQuerySet(models.QuerySet["WeightEntry"]):
    def owned_by(self, user: User) -> "WeightQuerySet":
        return self.filter(user_id=user.pk)


class WeightEntry(models.Model):
    """What the scales said. `day` and `time` are the person's own clock's."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="weights")
    day = models.DateField(_("day"))
    time = models.TimeField(_("time"))
    weight_kg = models.DecimalField(_("weight in kg"), max_digits=6, decimal_places=3)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WeightQuerySet.as_manager()

    class Meta:
        verbose_name = _("weight")
        verbose_name_plural = _("weights")
        ordering = ["day", "time"]
        constraints = [
            models.UniqueConstraint(fields=["user", "day", "time"], name="tracking_one_weight_at_a_time"),
            models.CheckConstraint(
                condition=Q(weight_kg__gte=LEAST_WEIGHT_KG, weight_kg__lte=MOST_WEIGHT_KG),
                name="tracking_weight_possible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.weight_kg} kg"


class MeasurementKindQuerySet(models.QuerySet["MeasurementKind"]):
    def owned_by(self, user: User) -> "MeasurementKindQuerySet":
        return self.filter(user_id=user.pk)


class MeasurementKind(models.Model):
    """Something a person measures: waist in cm, blood pressure in mmHg, …"""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="measurement_kinds")
    name = models.CharField(_("what"), max_length=60)
    unit = models.CharField(_("unit"), max_length=20)

    objects = MeasurementKindQuerySet.as_manager()

    class Meta:
        verbose_name = _("kind of measurement")
        verbose_name_plural = _("kinds of measurement")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="tracking_one_kind_of_a_name"),
            models.CheckConstraint(condition=~Q(name=""), name="tracking_kind_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})"


class MeasurementQuerySet(models.QuerySet["Measurement"]):
    def owned_by(self, user: User) -> "MeasurementQuerySet":
        return self.filter(kind__user_id=user.pk)


class Measurement(models.Model):
    """One value of a kind, on a day by the person's own clock."""

    kind = models.ForeignKey(MeasurementKind, models.CASCADE, related_name="measurements")
    day = models.DateField(_("day"))
    time = models.TimeField(_("time"))
    value = models.DecimalField(_("value"), max_digits=9, decimal_places=3)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MeasurementQuerySet.as_manager()

    class Meta:
        verbose_name = _("measurement")
        verbose_name_plural = _("measurements")
        ordering = ["day", "time"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "day", "time"], name="tracking_one_measurement_at_a_time"),
            models.CheckConstraint(condition=Q(value__gte=0), name="tracking_measurement_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.value}"
