"""Who a person is, and what they aim for. Targets are kept: an old day is judged by its own."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User


class Profile(models.Model):
    """What energy needs are computed from, and the units a person reads. Everything may be left empty."""

    class Sex(models.TextChoices):
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")

    class Activity(models.TextChoices):
        SEDENTARY = "sedentary", _("Mostly sitting")
        LIGHT = "light", _("Lightly active, or exercise 1–3 days a week")
        MODERATE = "moderate", _("Exercise 3–5 days a week")
        ACTIVE = "active", _("Exercise 6–7 days a week")
        VERY_ACTIVE = "very_active", _("Hard physical work, or training twice a day")

    class WeightUnit(models.TextChoices):
        KG = "kg", _("kilograms")
        LB = "lb", _("pounds")
        ST = "st", _("stones and pounds")

    class LengthUnit(models.TextChoices):
        CM = "cm", _("centimetres")
        IN = "in", _("feet and inches")

    class EnergyUnit(models.TextChoices):
        KCAL = "kcal", _("kilocalories")
        KJ = "kJ", _("kilojoules")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    sex = models.CharField(_("sex"), max_length=6, choices=Sex, blank=True, default="")
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    height_cm = models.DecimalField(_("height"), max_digits=4, decimal_places=1, null=True, blank=True)
    activity = models.CharField(_("activity"), max_length=11, choices=Activity, blank=True, default="")
    pregnant_or_breastfeeding = models.BooleanField(_("pregnant or breastfeeding"), default=False)
    weight_unit = models.CharField(_("weight in"), max_length=2, choices=WeightUnit, default=WeightUnit.KG)
    length_unit = models.CharField(_("lengths in"), max_length=2, choices=LengthUnit, default=LengthUnit.CM)
    energy_unit = models.CharField(_("energy in"), max_length=4, choices=EnergyUnit, default=EnergyUnit.KCAL)
    # Where the person agreed that their photos may be sent to; nobody else may get them. Empty: nowhere.
    vision_host = models.CharField(_("photos may be sent to"), max_length=255, blank=True, default="")
    mails_insights = models.BooleanField(_("insights by mail"), default=False)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = [
            models.CheckConstraint(
                condition=Q(height_cm=None) | Q(height_cm__gte=Decimal(50), height_cm__lte=Decimal(280)),
                name="tracking_profile_height",
            ),
        ]

    def __str__(self) -> str:
        return f"profile of {self.user_id}"


class TargetQuerySet(models.QuerySet["Target"]):
    def owned_by(self, user: User) -> "TargetQuerySet":
        return self.filter(user_id=user.pk)


class Target(models.Model):
    """What a person aims for from `starts_on` until their next target starts. Has seven days."""

    class Goal(models.TextChoices):
        LOSE = "lose", _("Lose weight")
        KEEP = "keep", _("Keep my weight")
        GAIN = "gain", _("Gain weight")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="targets")
    starts_on = models.DateField(_("from"))
    goal = models.CharField(_("goal"), max_length=4, choices=Goal, default=Goal.KEEP)
    # How much weight a week, without sign; 0 with KEEP.
    rate_kg_per_week = models.DecimalField(_("kg a week"), max_digits=4, decimal_places=2, default=Decimal(0))
    goal_weight_kg = models.DecimalField(_("goal weight"), max_digits=6, decimal_places=3, null=True, blank=True)
    # The weight that "g per kg" meant when this was set. None where nothing is given per kg.
    weight_kg = models.DecimalField(_("weight then"), max_digits=6, decimal_places=3, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TargetQuerySet.as_manager()

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["user", "starts_on"], name="tracking_one_target_from_a_day"),
            models.CheckConstraint(
                condition=Q(rate_kg_per_week__gte=0, rate_kg_per_week__lte=5), name="tracking_target_rate"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.starts_on}"


class MacroUnit(models.TextChoices):
    GRAM = "g", _("g")
    PERCENT = "percent", _("% of energy")
    PER_KG = "g_per_kg", _("g per kg of body weight")


class TargetDay(models.Model):
    """What a target says of one weekday. A macro without a value is not aimed for."""

    target = models.ForeignKey(Target, models.CASCADE, related_name="days")
    weekday = models.PositiveSmallIntegerField(_("weekday"))  # 0 Monday … 6 Sunday, as date.weekday()
    energy_kcal = models.DecimalField(_("energy"), max_digits=7, decimal_places=1)
    protein = models.DecimalField(_("protein"), max_digits=6, decimal_places=2, null=True, blank=True)
    protein_unit = models.CharField(max_length=8, choices=MacroUnit, default=MacroUnit.GRAM)
    fat = models.DecimalField(_("fat"), max_digits=6, decimal_places=2, null=True, blank=True)
    fat_unit = models.CharField(max_length=8, choices=MacroUnit, default=MacroUnit.GRAM)
    carbohydrates = models.DecimalField(_("carbohydrate"), max_digits=6, decimal_places=2, null=True, blank=True)
    carbohydrates_unit = models.CharField(max_length=8, choices=MacroUnit, default=MacroUnit.GRAM)

    class Meta:
        ordering = ["weekday"]
        constraints = [
            models.UniqueConstraint(fields=["target", "weekday"], name="tracking_one_target_day"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="tracking_target_day_weekday"),
            models.CheckConstraint(
                condition=Q(energy_kcal__gt=0, energy_kcal__lte=20_000), name="tracking_target_day_energy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target_id} weekday {self.weekday}: {self.energy_kcal} kcal"
