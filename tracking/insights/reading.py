"""The diary of a week, as the figures need it. Reads only: as many queries for fifty thousand entries as for five."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from dietintel.accounts.models import User
from tracking import references
from tracking.insights.figures import Diary
from tracking.insights.tally import Entry, Tally
from tracking.insights.weeks import Week
from tracking.models import Basis, MealItem, Target, WeightEntry
from tracking.series import ONE_DAY
from tracking.summaries import totals_between
from tracking.targets import targets_between
from tracking.totals import portion
from tracking.trend import Trended, Weighing, trended

CHUNK = 1_000  # rows in memory at once
PRODUCT, RECIPE, NAME = "product:", "recipe:", "name:"


def diary_of(user: User, week: Week) -> Diary:
    """Seven queries."""
    tally = Tally()
    for entry in entries_of(user, week):
        tally.add(entry)
    return Diary(
        week=week,
        tally=tally,
        before=totals_between(user, week.first_before, week.last_before),
        targets=targets_between(user, week.first_before, week.sunday),
        weighings=_weighings(user, week),
        logged_in_a_row=in_a_row(week.sunday, _logged_days(user, week.sunday)),
        compares=references.are_for(user, week.sunday),
    )


def entries_of(user: User, week: Week) -> Iterator[Entry]:
    """In the order of the days. One query, of which a thousand rows are in memory at once."""
    rows = MealItem.objects.owned_by(user).filter(meal__day__range=(week.monday, week.sunday))
    columns = rows.order_by("meal__day", "pk").values_list(
        "meal__day", "meal__name", "time", "basis", "amount", "figures", "at_least",
        "product__uuid", "recipe_id", "name", "brand",
    )  # fmt: skip
    for day, meal, time, basis, amount, figures, at_least, product, recipe, name, brand in columns.iterator(CHUNK):
        eaten = portion(figures, at_least, amount / Basis(basis).size)
        yield Entry(day, meal, time, food_key(product, recipe, name), name, brand, eaten)


def food_key(product: Any, recipe: int | None, name: str) -> str:
    """The same for the same food: by its id, and by its name where it is neither a product nor a recipe."""
    if product is not None:
        return f"{PRODUCT}{product}"
    return f"{RECIPE}{recipe}" if recipe is not None else f"{NAME}{name}"


def _weighings(user: User, week: Week) -> list[Trended]:
    rows = WeightEntry.objects.owned_by(user).filter(day__lte=week.sunday).order_by("day", "time")
    return trended(
        Weighing(dt.datetime.combine(day, time), kg) for day, time, kg in rows.values_list("day", "time", "weight_kg")
    )


def _logged_days(user: User, last: dt.date) -> Iterator[dt.date]:
    """The latest first."""
    rows = MealItem.objects.owned_by(user).filter(meal__day__lte=last).order_by("-meal__day")
    return rows.values_list("meal__day", flat=True).distinct().iterator(CHUNK)


def in_a_row(last: dt.date, days: Iterable[dt.date]) -> int:
    """How many of `days`, the latest first, lie in a row that ends with `last`."""
    count = 0
    for day in days:
        if day != last - count * ONE_DAY:
            break
        count += 1
    return count


def fingerprint(user: User, week: Week) -> str:
    """Another one as soon as something that the figures rest on is written, changed or deleted.

    But for what is older than the four weeks before, of which only the length of a streak may come.
    """
    digest = hashlib.sha256()
    for row in _behind(user, week):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _behind(user: User, week: Week) -> Iterator[tuple[object, ...]]:
    """Four queries."""
    items = MealItem.objects.owned_by(user).filter(meal__day__range=(week.first_before, week.sunday)).order_by("pk")
    kept = items.annotate(said=Cast("figures", TextField()), open=Cast("at_least", TextField())).values_list(
        "pk", "meal__day", "meal__name", "time", "basis", "amount", "said", "open", "name", "product_id", "recipe_id"
    )
    for *rest, amount, said, unknown, name, product, recipe in kept.iterator(CHUNK):
        yield (*rest, _plain(amount), said, unknown, name, product, recipe)
    targets = Target.objects.owned_by(user).filter(starts_on__lte=week.sunday).order_by("pk")
    for target in targets.values_list("starts_on", "created_at", "pk"):
        yield (*target,)
    weights = WeightEntry.objects.owned_by(user).filter(day__lte=week.sunday).order_by("pk")
    for day, time, kg in weights.values_list("day", "time", "weight_kg"):
        yield day, time, _plain(kg)
    yield (references.are_for(user, week.sunday),)


def _plain(value: Decimal) -> str:
    """The same text for the same number, whatever the database gives back."""
    return f"{value.normalize():f}"
