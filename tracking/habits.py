"""How much of a food a person takes when nobody says: as much as last time, else one serving."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Max

from dietintel.accounts.models import User
from products.foods import Food
from tracking.amounts import amount_of, units_of
from tracking.errors import Refused
from tracking.models import MealItem
from tracking.totals import portion


@dataclass(frozen=True)
class Usual:
    """`quantity` of `unit`: a unit that the food can be counted in, as a form offers it."""

    quantity: Decimal
    unit: str


def last_items(user: User, product_ids: Collection[int]) -> dict[int, MealItem]:
    """What this person logged last of each of these foods. Two queries."""
    items = MealItem.objects.owned_by(user)
    last = items.filter(product_id__in=product_ids).order_by().values("product_id").annotate(last=Max("pk"))
    found = items.in_bulk([row["last"] for row in last])
    return {item.product_id: item for item in found.values() if item.product_id}


def usual(food: Food, last: MealItem | None) -> Usual:
    """As much as last time where the food can still be counted so, else its first serving, else 100 g or ml."""
    if last is not None and last.basis == food.basis:
        said = Usual(last.quantity, last.serving or food.basis)
        if said.unit in units_of(food.basis, food.servings) or _countable(food, said):
            return said
        return Usual(last.amount, food.basis)
    if food.servings:
        return Usual(Decimal(1), food.servings[0].label)
    return Usual(Decimal(100), food.basis)


def energy_of(food: Food, much: Usual) -> Decimal | None:
    """Kilocalories of that much; None where the food does not say, or cannot be counted so."""
    try:
        amount = amount_of(much.quantity, much.unit, basis=food.basis, servings=food.servings)
    except Refused:
        return None
    return portion(food.per_100, (), amount.amount / 100).get("energy_kcal")


def _countable(food: Food, much: Usual) -> bool:
    try:
        amount_of(much.quantity, much.unit, basis=food.basis, servings=food.servings)
    except Refused:
        return False
    return True
