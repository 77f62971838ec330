"""Meals of days. A diary is written in wall-clock time, as on paper: a day is the day it was where the person was."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from products.models import Product
from tracking.models.portion import Basis, Portion
from tracking.models.recipes import Recipe

# Kept by these names in every language; any other name is a person's own.
STANDARD_MEALS: dict[str, str | Promise] = {
    "breakfast": _("Breakfast"),
    "lunch": _("Lunch"),
    "dinner": _("Dinner"),
    "snacks": _("Snacks"),
}


class MealQuerySet(models.QuerySet["Meal"]):
    def owned_by(self, user: User) -> "MealQuerySet":
        return self.filter(user_id=user.pk)


class Meal(models.Model):
    """One meal of one day. `day` is the person's own day, however late and wherever it was."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="meals")
    day = models.DateField(_("day"))
    name = models.CharField(_("meal"), max_length=60)

    objects = MealQuerySet.as_manager()

    class Meta:
        verbose_name = _("meal")
        verbose_name_plural = _("meals")
        constraints = [
            models.UniqueConstraint(fields=["user", "day", "name"], name="tracking_one_meal_of_a_name"),
            models.CheckConstraint(condition=~Q(name=""), name="tracking_meal_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.label}"

    @property
    def label(self) -> str:
        """Its name in the reader's language."""
        return str(STANDARD_MEALS.get(self.name, self.name))


class MealItemQuerySet(models.QuerySet["MealItem"]):
    def owned_by(self, user: User) -> "MealItemQuerySet":
        return self.filter(meal__user_id=user.pk)


class MealItem(Portion):
    """Something eaten: of a product, of a recipe, or (with neither) figures alone."""

    meal = models.ForeignKey(Meal, models.CASCADE, related_name="items")
    recipe = models.ForeignKey(Recipe, models.SET_NULL, null=True, blank=True, related_name="+")
    time = models.TimeField(_("time"), null=True, blank=True)  # on the person's clock; None: not said
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MealItemQuerySet.as_manager()

    @property
    def is_quick_add(self) -> bool:
        """Figures alone: of no food or recipe, known here or awaited."""
        return self.basis == Basis.SERVING and not (self.product_id or self.recipe_id or self.origin)

    class Meta(Portion.Meta):
        verbose_name = _("item")
        verbose_name_plural = _("items")
        constraints = [
            *Portion.Meta.constraints,
            models.CheckConstraint(condition=Q(product=None) | Q(recipe=None), name="tracking_mealitem_of_one_thing"),
        ]


class FavouriteQuerySet(models.QuerySet["Favourite"]):
    def owned_by(self, user: User) -> "FavouriteQuerySet":
        return self.filter(user_id=user.pk)


class Favourite(models.Model):
    """A food or recipe that a person wants at hand."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="favourites")
    product = models.ForeignKey(Product, models.CASCADE, null=True, blank=True, related_name="+")
    recipe = models.ForeignKey(Recipe, models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FavouriteQuerySet.as_manager()

    class Meta:
        verbose_name = _("favourite")
        verbose_name_plural = _("favourites")
        constraints = [
            models.CheckConstraint(
                condition=Q(product=None, recipe__isnull=False) | Q(product__isnull=False, recipe=None),
                name="tracking_favourite_of_one_thing",
            ),
            models.UniqueConstraint(
                fields=["user", "product"], condition=Q(recipe=None), name="tracking_favourite_food_once"
            ),
            models.UniqueConstraint(
                fields=["user", "recipe"], condition=Q(product=None), name="tracking_favourite_recipe_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.product_id or self.recipe_id}"


class UndoQuerySet(models.QuerySet["Undo"]):
    def owned_by(self, user: User) -> "UndoQuerySet":
        return self.filter(user_id=user.pk)


class Undo(models.Model):
    """How to take back one action on the diary: for each item it touched, its id and its columns before.

    [{"id": 7, "before": {…}}, {"id": 8, "before": null}], where null means that the action made it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    items = models.JSONField()

    objects = UndoQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(F("made_at"), name="tracking_undo_made_at")]

    def __str__(self) -> str:
        return f"{self.user_id}: {len(self.items)} item(s)"
