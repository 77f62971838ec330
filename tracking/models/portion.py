"""An amount of something to eat, with the figures it was written down with."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from products.fields import NutrientsField
from products.models import Product
from tracking.totals import Totals, portion

LEAST_AMOUNT, MOST_AMOUNT = Decimal("0.01"), Decimal(99_999)


class Basis(models.TextChoices):
    """What the figures of a portion are of, and what its amount is counted in."""

    GRAM = "g", _("100 g")
    MILLILITRE = "ml", _("100 ml")
    SERVING = "serving", _("one serving")

    @property
    def size(self) -> int:
        """How many of its unit the figures are of."""
        return 1 if self is Basis.SERVING else 100


class AmountField(models.DecimalField):  # type: ignore[type-arg]
    """An amount: 99,999.9999 at most."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"max_digits": 9, "decimal_places": 4}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs


class Portion(models.Model):
    """Some of a food. Name and figures are the food's own at that time: they stay when the food changes or goes."""

    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="+")
    # Where `product` is empty because this server lacks a provider's food that an import named: which one it was, as
    # "openfoodfacts/barcode/3017624010701" or "fdc/id/170379". So that the next export names it again, and
    # `services.awaited` finds it when it is known here.
    origin = models.CharField(max_length=100, blank=True, default="", editable=False)
    name = models.CharField(_("name"), max_length=300)
    brand = models.CharField(_("brand"), max_length=300, blank=True, default="")
    basis = models.CharField(_("figures are of"), max_length=7, choices=Basis, default=Basis.GRAM)
    figures = NutrientsField(_("figures"))
    # Keys of those figures that are only the least it can be: sums of a recipe with something unknown in it.
    at_least = models.JSONField(default=list, blank=True)
    # As the person said it: 2 of "1 slice (30 g)"; where `serving` is empty, so many of the basis' own unit.
    quantity = AmountField(_("how many"))
    serving = models.CharField(_("of what"), max_length=120, blank=True, default="")
    amount = AmountField(_("amount"))  # in g, ml or servings, as `basis` says
    position = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="%(app_label)s_%(class)s_has_a_name"),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="%(app_label)s_%(class)s_known_basis"),
            models.CheckConstraint(
                condition=Q(amount__gte=LEAST_AMOUNT, amount__lte=MOST_AMOUNT, quantity__gt=0),
                name="%(app_label)s_%(class)s_some_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.serving or self.basis} {self.name}"

    @property
    def totals(self) -> Totals:
        """What this portion contributes: four decimals each, so that sums are exact wherever they are made."""
        return portion(self.figures, self.at_least, self.amount / Basis(self.basis).size)
