"""What recognition made of a photo, until the person says how it was: nothing of it counts before."""

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from products.models import Product
from tracking.models.diary import Meal, Undo
from tracking.models.photos import Photo
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT, AmountField
from tracking.models.recipes import Recipe


class DraftQuerySet(models.QuerySet["Draft"]):
    def owned_by(self, user: User) -> "DraftQuerySet":
        return self.filter(photo__user_id=user.pk)

    def open(self) -> "DraftQuerySet":
        """Those that wait for their person."""
        return self.filter(state=Draft.State.OPEN)


class Draft(models.Model):
    """A meal as it may have been, by its photo. Confirmed, it is in the diary under `day` and `meal_name`."""

    class State(models.TextChoices):
        OPEN = "open", _("to be checked")
        CONFIRMED = "confirmed", _("confirmed")
        DISCARDED = "discarded", _("discarded")

    photo = models.OneToOneField(Photo, models.CASCADE, related_name="draft")
    # The meal that was asked for. None: a meal of that name, made where that day has none.
    meal = models.ForeignKey(Meal, models.SET_NULL, null=True, blank=True, related_name="+")
    day = models.DateField(_("day"))
    meal_name = models.CharField(_("meal"), max_length=60)
    time = models.TimeField(_("time"), null=True, blank=True)  # on the person's clock; None: not known
    sure_of = models.CharField(max_length=20, blank=True, default="")  # the stage whose word can be taken
    doubts = models.JSONField(default=list, blank=True)  # what is missing, in sentences
    feedback = models.JSONField(default=list, blank=True)  # each a `statements.Statement.kept()`, of that moment
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)  # confirmed or discarded
    # What takes its confirmation back. None: it was not confirmed, or so long ago that this cannot be taken back.
    undo = models.OneToOneField(Undo, models.SET_NULL, null=True, blank=True, editable=False, related_name="+")

    objects = DraftQuerySet.as_manager()

    class Meta:
        verbose_name = _("draft of a meal")
        verbose_name_plural = _("drafts of meals")
        indexes = [
            models.Index(F("day"), condition=Q(state="open"), name="tracking_draft_open"),
            models.Index(F("created_at"), name="tracking_draft_age"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(meal_name=""), name="tracking_draft_has_a_meal"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None) | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="tracking_draft_open_until_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id}: {self.state}"

    @property
    def place(self) -> tuple[dt.date, str]:
        """The day and the meal that it belongs to: those of the meal that was asked for, wherever that is by now."""
        return (self.meal.day, self.meal.name) if self.meal else (self.day, self.meal_name)


class DraftItem(models.Model):
    """One thing that may be on the photo: a food, a recipe, or (with neither) a name to search for."""

    draft = models.ForeignKey(Draft, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(_("name"), max_length=300)
    confidence = models.FloatField()  # 0 to 1
    source = models.CharField(max_length=20)  # the stage of recognition, or "recents"
    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="+")
    recipe = models.ForeignKey(Recipe, models.SET_NULL, null=True, blank=True, related_name="+")
    barcode = models.CharField(max_length=24, blank=True, default="")
    search = models.CharField(max_length=300, blank=True, default="")
    grams = AmountField(null=True, blank=True)  # None: not estimated
    doubts = models.JSONField(default=list, blank=True)  # codes, as `recognition.base.Candidate` has them
    likely = models.BooleanField()  # ticked beforehand

    class Meta:
        verbose_name = _("line of a draft")
        verbose_name_plural = _("lines of drafts")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "position"], name="tracking_draftitem_one_place"),
            models.CheckConstraint(condition=~Q(name=""), name="tracking_draftitem_has_a_name"),
            models.CheckConstraint(condition=Q(product=None) | Q(recipe=None), name="tracking_draftitem_one_thing"),
            models.CheckConstraint(
                condition=Q(grams=None) | Q(grams__gte=LEAST_AMOUNT, grams__lte=MOST_AMOUNT),
                name="tracking_draftitem_grams",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def what(self) -> str:
        """How forms name its food or recipe; empty where there is neither."""
        if self.product is not None:
            return f"product:{self.product.uuid}"
        return "" if self.recipe_id is None else f"recipe:{self.recipe_id}"
