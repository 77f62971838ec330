"""What a person is likely to log now: what they log often, lately, at this hour, in this meal."""

import datetime as dt
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import exp

from django.db.models import Exists, OuterRef, Q, QuerySet

from dietintel.accounts.models import User
from tracking.models import Favourite, MealItem

LOOK_BACK = dt.timedelta(days=90)
# Chosen by hand: what was eaten a fortnight ago counts half; two hours off count 0.6, and six hours hardly at all.
HALF_LIFE_DAYS = 14
HOURS = 2.0
ANY_HOUR = 0.2  # what a very different hour still counts
SAME_MEAL = 3  # times as much


@dataclass(frozen=True)
class Logged:
    """One entry of the diary, as far as it matters here. `hour` is of the person's clock, None where not said."""

    what: Hashable
    item_id: int
    day: dt.date
    hour: float | None
    meal: str


@dataclass(frozen=True)
class Recent:
    """Something to log again: `item` is the last one like it, as it was logged then."""

    item: MealItem
    favourite: bool

    @property
    def kcal(self) -> Decimal | None:
        """Of the same amount, with the figures of then. None where nobody declared any."""
        return self.item.totals.get("energy_kcal")


def scored(entries: Iterable[Logged], *, now: dt.datetime, meal: str | None) -> dict[Hashable, float]:
    """For each thing how likely it is wanted `now`, which is the time on the person's clock."""
    scores: dict[Hashable, float] = {}
    for entry in entries:
        age = max(0, (now.date() - entry.day).days)
        weight = 0.5 ** (age / HALF_LIFE_DAYS) * _closeness(entry.hour, now.hour + now.minute / 60)
        if meal is not None and entry.meal == meal:
            weight *= SAME_MEAL
        scores[entry.what] = scores.get(entry.what, 0) + weight
    return scores


def _closeness(hour: float | None, now: float) -> float:
    """1 at the same hour, falling to ANY_HOUR on the other side of the clock."""
    if hour is None:
        return ANY_HOUR
    apart = abs(hour - now)
    apart = min(apart, 24 - apart)
    return ANY_HOUR + (1 - ANY_HOUR) * exp(-0.5 * (apart / HOURS) ** 2)


def recents(user: User, *, now: dt.datetime, meal: str | None = None, limit: int = 12) -> list[Recent]:
    """Favourites first, then the rest, likeliest first. `meal` is the name of the meal to be added to.

    Looks at 90 days; at favourites however long ago they were eaten. Three queries; each item has its product, without
    correction, and its recipe.
    """
    clock = user.wall_clock(now)
    liked: set[tuple[int | None, int | None]] = set(
        Favourite.objects.owned_by(user).values_list("product_id", "recipe_id")
    )
    entries = _logged(user, clock, liked)
    latest = {entry.what: entry.item_id for entry in entries}  # the last one wins
    scores = scored(entries, now=clock, meal=meal)
    best = sorted(latest, key=lambda what: (what not in liked, -scores[what], -latest[what]))[:limit]
    items = MealItem.objects.select_related("meal", "product", "recipe").in_bulk([latest[what] for what in best])
    return [Recent(items[latest[what]], what in liked) for what in best if latest[what] in items]


def untried(user: User) -> QuerySet[Favourite]:
    """Favourites that were never logged, and so are none of the `recents`; the newest first."""
    logged = MealItem.objects.owned_by(user)
    of_it = Exists(logged.filter(product=OuterRef("product"))), Exists(logged.filter(recipe=OuterRef("recipe")))
    return Favourite.objects.owned_by(user).exclude(of_it[0] | of_it[1]).order_by("-created_at", "-pk")


def _logged(user: User, clock: dt.datetime, liked: set[tuple[int | None, int | None]]) -> list[Logged]:
    """Oldest first."""
    favourites = Q(product__in=[product for product, _recipe in liked if product])
    favourites |= Q(recipe__in=[recipe for _product, recipe in liked if recipe])
    rows = MealItem.objects.owned_by(user).filter(Q(meal__day__gt=clock.date() - LOOK_BACK) | favourites)
    rows = rows.order_by("meal__day", "created_at", "pk")
    columns = "pk", "product_id", "recipe_id", "name", "brand", "meal__day", "time", "created_at", "meal__name"
    found = []
    for pk, product, recipe, name, brand, day, time, made, meal in rows.values_list(*columns):
        what = (product, recipe) if product or recipe else (name.casefold(), brand.casefold())
        made = user.wall_clock(made)
        if time is None and made.date() == day:  # written down on the day itself: about when it was eaten
            time = made.time()
        hour = None if time is None else time.hour + time.minute / 60
        found.append(Logged(what, pk, day, hour, meal))
    return found
