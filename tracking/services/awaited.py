"""Giving a diary the foods that its import named, once the catalogue has them."""

from collections import defaultdict

from django.db import transaction

from products.models import Correction
from tracking.models import Awaited, Favourite, Ingredient, MealItem
from tracking.services.transfer import catalogue

SLICE = 500  # rows of one statement: on SQLite every other writer waits for it


def attach() -> int:
    """Attach what is known by now; how many rows found their food. Safe to repeat, and to stop in the middle.

    What was eaten keeps the figures it was logged with.
    """
    return sum(_portions(model) for model in (MealItem, Ingredient)) + _wishes()


def _portions(model: type[MealItem] | type[Ingredient]) -> int:
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for pk, origin in model._default_manager.filter(product=None).exclude(origin="").values_list("pk", "origin"):
        waiting[origin].append(pk)
    attached = 0
    for origin, product_id in catalogue(waiting).items():
        for start in range(0, len(waiting[origin]), SLICE):
            # Some may have been changed meanwhile: those that still wait.
            rows = model._default_manager.filter(pk__in=waiting[origin][start : start + SLICE], origin=origin)
            attached += rows.filter(product=None).update(product_id=product_id, origin="")
    return attached


def _wishes() -> int:
    """Favourites and corrections. What the person said of the food here meanwhile is newer, and stays."""
    waiting = {each.pk: each for each in Awaited.objects.all()}
    known = catalogue({each.origin for each in waiting.values()})
    found = [each for each in waiting.values() if each.origin in known]
    for each in found:
        _grant(each, known[each.origin])
    return len(found)


def _grant(awaited: Awaited, product_id: int) -> None:
    of_it = {"user_id": awaited.user_id, "product_id": product_id}
    with transaction.atomic():
        if awaited.favourite_at is not None:
            Favourite.objects.get_or_create(**of_it, recipe=None, defaults={"created_at": awaited.favourite_at})
        if awaited.changes is not None:
            correction, new = Correction.objects.get_or_create(**of_it, defaults={"changes": awaited.changes})
            if new and awaited.corrected_at is not None:
                # Creating has put the present there.
                Correction.objects.filter(pk=correction.pk).update(updated_at=awaited.corrected_at)
        awaited.delete()
