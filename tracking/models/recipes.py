"""Recipes: what goes in, and how much comes out."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from tracking.models.portion import LEAST_AMOUNT, MOST_AMOUNT, AmountField, Portion


class RecipeQuerySet(models.QuerySet["Recipe"]):
    def owned_by(self, user: User) -> "RecipeQuerySet":
        return self.filter(user_id=user.pk)


class Recipe(models.Model):
    """Something cooked from ingredients. Its figures are computed from them when asked for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recipes")
    name = models.CharField(_("name"), max_length=300)
    servings = AmountField(_("servings"), default=1)
    cooked_weight_g = AmountField(_("cooked weight in g"), null=True, blank=True)  # None: not weighed
    note = models.TextField(_("how it is made"), blank=True, default="", max_length=20_000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = RecipeQuerySet.as_manager()

    class Meta:
        verbose_name = _("recipe")
        verbose_name_plural = _("recipes")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="tracking_recipe_has_a_name"),
            models.CheckConstraint(
                condition=Q(servings__gte=LEAST_AMOUNT, servings__lte=MOST_AMOUNT), name="tracking_recipe_servings"
            ),
            models.CheckConstraint(
                condition=Q(cooked_weight_g=None)
                | Q(cooked_weight_g__gte=LEAST_AMOUNT, cooked_weight_g__lte=MOST_AMOUNT),
                name="tracking_recipe_cooked_weight",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Ingredient(Portion):
    """Some of a food, or of another recipe, in a recipe.

    While the food or recipe is there its present figures count; the kept ones when it is gone.
    """

    recipe = models.ForeignKey(Recipe, models.CASCADE, related_name="ingredients")
    part = models.ForeignKey(Recipe, models.SET_NULL, null=True, blank=True, related_name="used_in")

    class Meta(Portion.Meta):
        verbose_name = _("ingredient")
        verbose_name_plural = _("ingredients")
        constraints = [
            *Portion.Meta.constraints,
            models.CheckConstraint(condition=Q(product=None) | Q(part=None), name="tracking_ingredient_of_one_thing"),
        ]
