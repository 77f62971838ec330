"""Photos of meals, and what a person said was on them: the examples that recognition learns from."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from products.models import Product
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT, AmountField
from tracking.models.recipes import Recipe


class PhotoQuerySet(models.QuerySet["Photo"]):
    def owned_by(self, user: User) -> "PhotoQuerySet":
        return self.filter(user_id=user.pk)


class Photo(models.Model):
    """A photo of a meal. The row comes after its files and goes before them; `tracking.photos` knows where they are."""

    class State(models.TextChoices):
        NEW = "new", _("New")
        CONFIRMED = "confirmed", _("Confirmed")  # the person said what is on it

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="photos")
    uuid = models.UUIDField(_("id"), default=uuid.uuid4, unique=True, editable=False)  # random, so not to be guessed
    day = models.DateField(_("day"), null=True, blank=True)  # on the person's clock and calendar; None: not known
    time = models.TimeField(_("time"), null=True, blank=True)
    width = models.PositiveIntegerField(_("width"))  # of the large copy, in pixels
    height = models.PositiveIntegerField(_("height"))
    bytes = models.PositiveIntegerField(_("bytes"))  # of both copies
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.NEW)
    # The latest run that looks at it, alone or with others. None: none does, or it was long ago.
    run = models.ForeignKey("workflows.Run", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now, editable=False)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        indexes = [
            models.Index(fields=["user", "created_at"], name="tracking_photo_of_user"),
            models.Index(fields=["created_at"], name="tracking_photo_age"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0, bytes__gt=0), name="tracking_photo_has_size"),
            models.CheckConstraint(condition=Q(time=None) | Q(day__isnull=False), name="tracking_photo_time_of_a_day"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class ExampleQuerySet(models.QuerySet["Example"]):
    def owned_by(self, user: User) -> "ExampleQuerySet":
        return self.filter(user_id=user.pk)


class Example(models.Model):
    """How a confirmed photo looks, in numbers. Stays when the photo grows too old; goes when the person deletes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="examples")
    photo = models.OneToOneField(Photo, models.SET_NULL, null=True, blank=True, related_name="example")
    version = models.PositiveSmallIntegerField()  # of the features: those of another one mean something else
    features = models.BinaryField()  # as `recognition.features.packed` wrote them
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ExampleQuerySet.as_manager()

    class Meta:
        verbose_name = _("example")
        verbose_name_plural = _("examples")
        indexes = [models.Index(fields=["user", "version", "created_at"], name="tracking_example_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.pk}"


class ExampleFood(models.Model):
    """One thing that is on an example: a product, a recipe, or a name alone, which it keeps when those go."""

    example = models.ForeignKey(Example, models.CASCADE, related_name="foods")
    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="+")
    recipe = models.ForeignKey(Recipe, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(_("name"), max_length=300)
    grams = AmountField(_("grams"), null=True, blank=True)  # None: not said

    class Meta:
        verbose_name = _("food of an example")
        verbose_name_plural = _("foods of examples")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="tracking_examplefood_has_a_name"),
            models.CheckConstraint(condition=Q(product=None) | Q(recipe=None), name="tracking_examplefood_one_thing"),
            models.CheckConstraint(
                condition=Q(grams=None) | Q(grams__gte=LEAST_AMOUNT, grams__lte=MOST_AMOUNT),
                name="tracking_examplefood_grams",
            ),
        ]

    def __str__(self) -> str:
        return self.name
