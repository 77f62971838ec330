"""Everyday foods that are here from the first minute, so that the first search finds something without a network."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from products.models import Product, fold
from products.nutrients import Nutrients
from products.providers.base import Source

NAME = "starter"
FILE = Path(__file__).with_name("starter_foods.json")


class StarterSource(Source):
    """Some of the foods name the entry of FoodData Central where their figures can be checked."""

    def page_url(self, *, barcode: str, source_id: str) -> str | None:
        fdc_id = _fdc_ids().get(source_id)
        return f"https://fdc.nal.usda.gov/food-details/{fdc_id}/nutrients" if fdc_id else None


SOURCE = StarterSource(
    label="USDA Standard Reference",
    attribution="USDA National Nutrient Database for Standard Reference, public domain",
)


def load() -> tuple[int, int]:
    """Bring the rows up to the file: how many were added, and how many changed. Safe to repeat.

    Rows are never taken away: they may be in somebody's diary.
    """
    wanted = {entry["key"]: _columns(entry) for entry in _entries()}
    with transaction.atomic():
        here = {food.source_id: food for food in Product.objects.filter(source=NAME, owner=None)}
        new = [Product(source=NAME, source_id=key, **columns) for key, columns in wanted.items() if key not in here]
        changed = [_changed(here[key], columns) for key, columns in wanted.items() if key in here]
        outdated = [food for food in changed if food is not None]
        Product.objects.bulk_create(new)
        if outdated:
            Product.objects.bulk_update(outdated, [*_columns(_entries()[0]), "fetched_at"])
    return len(new), len(outdated)


def _changed(food: Product, columns: dict[str, Any]) -> Product | None:
    """The food with new values, None where they are what it has."""
    if all(getattr(food, name) == value for name, value in columns.items()):
        return None
    for name, value in columns.items():
        setattr(food, name, value)
    food.fetched_at = timezone.now()
    return food


def _columns(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "basis": entry["basis"],
        "per_100": Nutrients(entry["per_100"]),
        "servings": [{"label": each["label"], "amount": str(each["amount"])} for each in entry["servings"]],
        # The words under which people look for it, which its name does not have.
        "search_text": fold(f"{entry['name']} {entry['also']}"),
    }


@cache
def _entries() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(FILE.read_text(), parse_float=Decimal, parse_int=Decimal)
    return loaded


@cache
def _fdc_ids() -> dict[str, str]:
    return {entry["key"]: str(entry["fdc_id"]) for entry in _entries() if entry["fdc_id"]}
