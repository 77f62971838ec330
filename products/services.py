"""Writing foods: what people enter and correct themselves. Pages, API and admin all go through here."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from dietintel.accounts.models import User
from products.barcodes import Barcode
from products.models import OWN, Correction, FiguresNotKept, Product
from products.nutrients import Nutrients
from products.providers.base import Serving
from products.quality import doubts


class BarcodeTaken(Exception):
    """The person has an own food with that barcode already: `product`. Change that one instead."""

    def __init__(self, product: Product) -> None:
        super().__init__(str(product))
        self.product = product


def create_own_food(
    *,
    owner: User,
    name: str,
    per_100: Mapping[str, Decimal | None],
    brand: str = "",
    basis: str = "g",
    servings: Sequence[Serving] = (),
    barcode: Barcode | None = None,
) -> Product:
    """A food that only `owner` sees. Raises BarcodeTaken."""
    food = Product(
        owner=owner,
        source=OWN,
        barcode=barcode.digits if barcode else "",
        name=name,
        brand=brand,
        basis=basis,
        per_100=Nutrients({}).overlaid(per_100),
        servings=_plain(servings),
        fetched_at=timezone.now(),
    )
    food.quality = _doubts(food.per_100)
    try:
        with transaction.atomic():
            food.save()
    except IntegrityError as error:
        if not barcode:
            raise
        raise BarcodeTaken(Product.objects.owned_by(owner).get(barcode=barcode.digits)) from error
    return food


def change_own_food(food: Product, changes: Mapping[str, Any]) -> bool:
    """Change what `changes` names of an own food: name, brand, basis, servings, and single nutrients in `per_100`.

    False where the food was deleted meanwhile.
    """
    with transaction.atomic():
        here = Product.objects.select_for_update().filter(pk=food.pk).first()
        if here is None:
            return False
        food = here
        for name in ("name", "brand", "basis"):
            if name in changes:
                setattr(food, name, changes[name])
        if "servings" in changes:
            food.servings = _plain(changes["servings"])
        if "per_100" in changes:
            food.per_100 = food.per_100.overlaid(changes["per_100"])
        food.quality = _doubts(food.per_100)
        food.fetched_at = timezone.now()
        food.save()
    return True


def correct(product: Product, user: User, changes: Mapping[str, Any]) -> Correction | None:
    """Put `changes` over a provider's food, for this user alone. Repeating it changes nothing more.

    What equals the provider's own words is no correction; where nothing else is left, there is none: None. Raises
    FiguresNotKept: what differs would tell what it differs from.
    """
    if not product.may_be_kept:
        raise FiguresNotKept(product)
    with transaction.atomic():
        # The user's row is the lock: two corrections at once come one after the other, the first one included.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        correction = Correction.objects.owned_by(user).filter(product=product).first() or Correction(
            product=product, user=user
        )
        merged = {
            **correction.changes,
            **{name: changes[name] for name in ("name", "brand", "basis") if name in changes},
        }
        if "servings" in changes:
            merged["servings"] = _plain(changes["servings"])
        if "per_100" in changes:
            given = {key: None if value is None else str(value) for key, value in changes["per_100"].items()}
            merged["per_100"] = {**merged.get("per_100", {}), **given}
        correction.changes = _differing(merged, product)
        if correction.changes:
            correction.save()
            return correction
        if correction.pk:
            correction.delete()
        return None


def withdraw_correction(product: Product, user: User) -> bool:
    """Back to what the provider says. False where there was no correction."""
    deleted, _by_model = Correction.objects.owned_by(user).filter(product=product).delete()
    return deleted > 0


def _differing(changes: Mapping[str, Any], product: Product) -> dict[str, Any]:
    kept = {name: value for name, value in changes.items() if name != "per_100" and value != getattr(product, name)}
    if any(name != changes.get("name") for name in product.names.values()) and "name" in changes:
        kept["name"] = changes["name"]  # readers of some language see another name
    declared = product.per_100
    figures = {
        key: value
        for key, value in changes.get("per_100", {}).items()
        if (None if value is None else Decimal(value)) != declared.get(key)
    }
    return kept | ({"per_100": figures} if figures else {})


def _doubts(per_100: Nutrients) -> list[dict[str, Any]]:
    return [flag.kept() for flag in doubts(per_100, impossible=())]


def _plain(servings: Sequence[Serving]) -> list[dict[str, str]]:
    return [serving.kept() for serving in servings]
