"""Foods, what people correct about them, and which provider did not know a barcode."""

import datetime as dt
import json
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from products.barcodes import Barcode
from products.fields import NutrientsField
from products.nutrients import MAIN

OWN = "own"  # the `source` of foods that people enter themselves
# A label changes rarely; after this a scan asks again, and the old figures are shown with their age meanwhile.
FRESH_FOR = dt.timedelta(days=30)
# How long a provider's "I do not know it" is believed: products are added to Open Food Facts every day.
MISS_BELIEVED_FOR = (dt.timedelta(days=1), dt.timedelta(days=7), dt.timedelta(days=30))


class FiguresNotKept(Exception):
    """The food's source lets nobody keep its figures, so there is nothing here that could be changed: `product`.

    Save them as an own food instead. `sentence` is for the person.
    """

    def __init__(self, product: "Product") -> None:
        super().__init__(str(product.uuid))
        self.product = product

    @property
    def sentence(self) -> str:
        return gettext(
            "The source does not allow these figures to be kept, so they cannot be changed here. "
            "Save them as your own food, and change that."
        )


def fold(text: str) -> str:
    """As searched: without accents, case and repeated white space."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", plain).strip().casefold()


class Basis(models.TextChoices):
    """What the figures are of 100 of. Never converted: a drink's density is not known."""

    GRAM = "g", _("g")
    MILLILITRE = "ml", _("ml")


class ProductQuerySet(models.QuerySet["Product"]):
    def visible_to(self, user: User) -> "ProductQuerySet":
        """The shared catalogue and the person's own foods; a user who was never saved is nobody, and has none.

        Of what may not be kept there is nothing to see here.
        """
        return self.filter(Q(owner=None) | Q(owner_id=user.pk), may_be_kept=True)

    def ids_alone(self) -> "ProductQuerySet":
        """Rows that only remember under which id their source has a food: they have neither name nor figures."""
        return self.filter(may_be_kept=False)

    def owned_by(self, user: User) -> "ProductQuerySet":
        return self.filter(owner_id=user.pk)

    def corrected_for(self, user: User) -> "ProductQuerySet":
        """Brings the person's own correction along, in the same query: `product.correction` has it then."""
        mine = Correction.objects.owned_by(user).filter(product=OuterRef("pk")).values("changes")
        return self.annotate(own_changes=Subquery(mine))

    def stale(self, *, now: dt.datetime) -> "ProductQuerySet":
        """Rows whose providers should be asked again, as `Product.stale` says of one; not those who lately said no."""
        said_no = Miss.objects.filter(provider=OuterRef("source"), barcode=OuterRef("barcode"), ask_again_at__gt=now)
        old = self.filter(owner=None, may_be_kept=True, fetched_at__lt=now - FRESH_FOR).exclude(barcode="")
        return old.exclude(Exists(said_no))

    def known_as(self, barcode: Barcode, user: User) -> Iterable["Product"]:
        """Everything this person may see under a barcode, corrections included.

        The query of every scan: making its SQL took longer than all the rest of an answer (measured with
        benchmarks/known_lookup.py), so that is done once and the two values are put in each time.
        """
        sql, slots = _known_as_sql()
        values = {_ANY_BARCODE: barcode.digits, _ANY_USER: user.pk}
        return self.raw(sql, [values.get(slot, slot) for slot in slots])


_ANY_BARCODE, _ANY_USER = "any barcode", -1  # stand in for the values while the SQL is made


@cache
def _known_as_sql() -> tuple[str, tuple[Any, ...]]:
    """The SQL of `known_as` and its parameters in order, with stand-ins for the values."""
    anybody = User(pk=_ANY_USER)
    foods = Product.objects.visible_to(anybody).corrected_for(anybody).filter(barcode=_ANY_BARCODE)
    sql, slots = foods.order_by("pk").query.sql_with_params()
    return sql, tuple(slots)


def _possible_figures(name: str) -> list[models.CheckConstraint]:
    """One constraint for each main nutrient of the column `per_100`: declared figures are possible figures."""
    return [
        models.CheckConstraint(
            condition=Q(**{f"per_100__{nutrient.key}__isnull": True})
            | Q(**{f"per_100__{nutrient.key}__gte": 0, f"per_100__{nutrient.key}__lte": int(nutrient.most)}),
            name=f"{name}_{nutrient.key}_possible",
        )
        for nutrient in MAIN
    ]


# A row that says nothing about its food; all the other columns identify it.
_SAYS_NOTHING = Q(
    name="", names={}, brand="", quantity="", basis=Basis.GRAM, per_100={}, servings=[], nutriscore="",
    nova_group__isnull=True, allergens__isnull=True, traces__isnull=True, image_url="", quality=[], search_text="",
)  # fmt: skip


class Product(models.Model):
    """A food: one row per provider and barcode, shared by all, or a food that one person entered.

    Where a provider lets nobody keep more than its ids, the row holds the id alone. What is shown of such a food comes
    from the gateway's cache and is on the object only (`showing`); neither `save` nor the database takes it.
    """

    uuid = models.UUIDField(_("id"), default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="foods", verbose_name=_("owner")
    )
    source = models.CharField(_("source"), max_length=30)
    source_id = models.CharField(_("id at the source"), max_length=40, blank=True, default="")
    barcode = models.CharField(_("barcode"), max_length=24, blank=True, default="")
    name = models.CharField(_("name"), max_length=300)
    names = models.JSONField(_("names by language"), default=dict, blank=True)
    brand = models.CharField(_("brand"), max_length=300, blank=True, default="")
    quantity = models.CharField(_("pack"), max_length=120, blank=True, default="")
    basis = models.CharField(_("per 100"), max_length=2, choices=Basis, default=Basis.GRAM)
    per_100 = NutrientsField(_("nutrients per 100"))
    # [{"label": "1 slice (30 g)", "amount": "30"}]: amounts in the basis, as text because JSON numbers are not exact
    servings = models.JSONField(_("servings"), default=list, blank=True)
    nutriscore = models.CharField(_("Nutri-Score"), max_length=1, blank=True, default="")
    nova_group = models.PositiveSmallIntegerField(
        _("NOVA group"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(4)]
    )
    allergens = models.JSONField(_("allergens"), null=True, blank=True)  # None: unknown, never "free of"
    traces = models.JSONField(_("may contain"), null=True, blank=True)  # None: unknown
    image_url = models.URLField(_("picture"), max_length=500, blank=True, default="")
    quality = models.JSONField(_("doubts"), default=list, blank=True)  # [{"code": …, "about": […]}]
    fetched_at = models.DateTimeField(_("as of"), default=timezone.now)
    # False: the row is an id alone, and nobody may log, copy or correct what is shown of the food.
    may_be_kept = models.BooleanField(_("may be kept"), default=True, editable=False)
    search_text = models.TextField(editable=False, default="")

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("food")
        verbose_name_plural = _("foods")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "barcode"],
                condition=Q(owner=None) & ~Q(barcode=""),
                name="products_one_row_per_source",
            ),
            models.UniqueConstraint(
                fields=["source", "source_id"],
                condition=Q(owner=None, barcode="") & ~Q(source_id=""),
                name="products_one_row_per_source_id",
            ),
            models.UniqueConstraint(
                fields=["owner", "barcode"], condition=~Q(barcode=""), name="products_one_own_food_per_barcode"
            ),
            models.CheckConstraint(
                condition=Q(owner=None) & ~Q(source=OWN) | Q(owner__isnull=False) & Q(source=OWN),
                name="products_own_foods_have_an_owner",
            ),
            models.CheckConstraint(
                condition=Q(may_be_kept=True) & ~Q(name="") | Q(may_be_kept=False, owner=None) & _SAYS_NOTHING,
                name="products_have_a_name_or_are_an_id_alone",
            ),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="products_known_basis"),
            *_possible_figures("products"),
        ]
        indexes = [models.Index(fields=["barcode"], name="products_barcode", condition=~Q(barcode=""))]

    def __str__(self) -> str:
        return self.name or self.source_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises FiguresNotKept where that would keep what may not be kept."""
        if not self.may_be_kept and self.name:
            raise FiguresNotKept(self)
        self.search_text = self.searchable()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "search_text"}
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        if not self.may_be_kept and self.barcode:
            return reverse("food", args=[self.barcode])  # it has to be looked up
        return reverse("food", args=[self.uuid])  # under one barcode there may be several

    @property
    def own_food_url(self) -> str:
        """The form for an own food, filled in with this one."""
        return f"{reverse('food_new')}?copy={self.barcode or self.uuid}"

    def showing(self, said: Mapping[str, Any]) -> "Product":
        """This row's id with columns that may not be kept: a food to show, and never to save."""
        for name, value in said.items():
            setattr(self, name, value)
        return self

    def searchable(self) -> str:
        """What a search looks through; bulk writers fill `search_text` with it, `save` does so itself."""
        if not self.may_be_kept:
            return ""
        codes = [self.barcode, self.barcode.lstrip("0")]  # people type them with and without leading zeros
        return fold(" ".join([self.name, *map(str, self.names.values()), self.brand, *codes]))

    def stale(self, *, now: dt.datetime) -> bool:
        """Whether a provider should be asked again. Only what has a barcode can be; own foods do not age."""
        return self.owner_id is None and self.barcode != "" and now - self.fetched_at > FRESH_FOR

    @property
    def correction(self) -> "Correction | None":
        """The correction that `corrected_for` brought along, None where there is none."""
        changes: str | dict[str, Any] | None = getattr(self, "own_changes", None)
        if isinstance(changes, str):  # as `known_as` has it, from the database without conversion
            changes = json.loads(changes)
        return Correction(product=self, changes=changes) if changes else None


class CorrectionQuerySet(models.QuerySet["Correction"]):
    def owned_by(self, user: User) -> "CorrectionQuerySet":
        return self.filter(user_id=user.pk)


class Correction(models.Model):
    """What one person says instead of a provider. The provider's row is never edited, so a re-scan keeps this."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="corrections")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="corrections")
    # Only what differs: name, brand, basis, servings, and {"per_100": {"salt_g": "0.3", "fat_g": null}}, where
    # null means "not declared after all".
    changes = models.JSONField(_("changes"), default=dict)
    updated_at = models.DateTimeField(_("corrected"), auto_now=True)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        constraints = [models.UniqueConstraint(fields=["product", "user"], name="products_one_correction_each")]

    def __str__(self) -> str:
        return f"{self.product_id} · {self.user_id}"

    @property
    def per_100(self) -> dict[str, Decimal | None]:
        """The changed nutrients; None takes a declared value away."""
        changed = self.changes.get("per_100", {})
        return {key: None if value is None else Decimal(value) for key, value in changed.items()}


class MissQuerySet(models.QuerySet["Miss"]):
    def believed(self, barcode: Barcode, *, now: dt.datetime) -> "MissQuerySet":
        """Providers that said no, recently enough."""
        return self.filter(barcode=barcode.digits, ask_again_at__gt=now)

    def remember(self, barcode: Barcode, provider: str, *, now: dt.datetime) -> None:
        """`provider` does not know `barcode`: believe it for a day, then a week, then a month each time."""
        first, growing = now + MISS_BELIEVED_FOR[0], len(MISS_BELIEVED_FOR)
        miss, new = self.get_or_create(provider=provider, barcode=barcode.digits, defaults={"ask_again_at": first})
        if new or miss.ask_again_at > now:
            return  # several people who were told the same "no" at the same time heard it once
        times = miss.times + 1
        until = now + MISS_BELIEVED_FOR[min(times, growing) - 1]
        self.filter(pk=miss.pk, times=miss.times).update(times=times, ask_again_at=until)


class Miss(models.Model):
    """A provider was asked for a barcode and does not know it."""

    provider = models.CharField(max_length=30)
    barcode = models.CharField(max_length=24)
    times = models.PositiveIntegerField(default=1)
    ask_again_at = models.DateTimeField()

    objects = MissQuerySet.as_manager()

    class Meta:
        verbose_name = _("unknown barcode")
        verbose_name_plural = _("unknown barcodes")
        constraints = [models.UniqueConstraint(fields=["provider", "barcode"], name="products_one_miss_each")]

    def __str__(self) -> str:
        return f"{self.provider} {self.barcode}"
