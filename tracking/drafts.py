"""What a draft offers: the foods that may be on a photo, how much of each, and which of them are likely. Reads only."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse

from dietintel.accounts.models import User
from products.models import Product
from tracking import references
from tracking.feedback import feedback
from tracking.habits import Usual
from tracking.loggable import Loggable, loggables
from tracking.models import Draft, DraftItem, Meal, Photo, Recipe
from tracking.models.portion import LEAST_AMOUNT
from tracking.moments import meal_at
from tracking.recents import recents
from tracking.recognition.base import Candidate, Recognition
from tracking.statements import Statement
from tracking.summaries import day_of
from tracking.totals import Totals, add_up

LIKELY = 0.5  # confidence from which a food is ticked beforehand
# Stages that name several things that are on the photo together; the others name one meal, and what else it may be.
OF_SEVERAL = frozenset({"barcode", "vision"})
RECENTS = "recents"  # the source of foods that nobody saw, but that this person often eats at this hour
MOST_RECENTS = 6


@dataclass(frozen=True)
class Place:
    """Where a meal belongs in the diary. `time` is on the person's clock."""

    day: dt.date
    meal: str
    time: dt.time | None


@dataclass(frozen=True)
class Offered:
    """One line of a draft as it is now. `eaten` None: a name to search for, or its food is gone."""

    item: DraftItem
    eaten: Loggable | None

    @property
    def much(self) -> Usual | None:
        return self.eaten.much(self.item.grams) if self.eaten else None

    @property
    def totals(self) -> Totals | None:
        """None where it cannot be logged."""
        return self.eaten.totals(self.much) if self.eaten and self.much else None

    @property
    def ticked(self) -> bool:
        return self.item.likely and self.totals is not None


def place_of(photo: Photo, meal: Meal | None) -> Place:
    """The meal that was asked for; else by when the photo was taken, else by when it came in."""
    uploaded = photo.user.wall_clock(photo.created_at)
    time = photo.time if photo.day else uploaded.time().replace(second=0, microsecond=0)
    if meal is not None:
        return Place(meal.day, meal.name, time if photo.day in {None, meal.day} else None)
    return Place(photo.day or uploaded.date(), meal_at(time or uploaded.time()), time)


def likely(candidates: Sequence[Candidate]) -> list[bool]:
    """Which of them are ticked beforehand: what the most confident stage says, of guesses at one meal the best alone.

    A meal may have several foods, which are equally likely then.
    """
    best = max(candidates, key=lambda each: each.confidence, default=None)
    if best is None or best.confidence < LIKELY:
        return [False] * len(candidates)
    least = LIKELY if best.source in OF_SEVERAL else best.confidence
    return [each.source == best.source and each.confidence >= least for each in candidates]


def items_of(found: Recognition, user: User, now: dt.datetime) -> list[DraftItem]:
    """The lines of a draft, not saved. Where nothing is likely, with what this person often eats at this hour."""
    products = Product.objects.visible_to(user).in_bulk(
        [each.product for each in found.candidates if each.product], field_name="uuid"
    )
    by_id = {str(key): product for key, product in products.items()}
    recipes = Recipe.objects.owned_by(user).in_bulk([each.recipe for each in found.candidates if each.recipe])
    ticks = likely(found.candidates)  # of these, what is not known here cannot be logged
    items = [
        DraftItem(
            name=each.name[:300],
            confidence=round(each.confidence, 3),
            source=each.source,
            product=by_id.get(each.product),
            recipe=None if each.product in by_id else recipes.get(each.recipe or 0),
            barcode=each.barcode[:24],
            search=each.search[:300],
            grams=each.grams if each.grams is not None and each.grams >= LEAST_AMOUNT else None,
            doubts=list(each.doubts),
            likely=tick and (each.product in by_id or each.recipe in recipes),
        )
        for each, tick in zip(found.candidates, ticks, strict=True)
    ]
    if not any(item.likely for item in items):
        items += _often(user, now, {item.what for item in items})
    for position, item in enumerate(items):
        item.position = position
    return items


def _often(user: User, now: dt.datetime, shown: set[str]) -> list[DraftItem]:
    meal = meal_at(user.wall_clock(now).time())
    found = [
        DraftItem(
            name=each.item.name,
            confidence=0.0,
            source=RECENTS,
            product=each.item.product,
            recipe=each.item.recipe,
            likely=False,
        )
        for each in recents(user, now=now, meal=meal, limit=MOST_RECENTS)
        if each.item.product or each.item.recipe
    ]
    return [item for item in found if item.what not in shown]


def feedback_on(photo: Photo, eaten: Totals | None, day: dt.date) -> list[Statement]:
    """What `eaten` does to that day as its diary is now."""
    compares = references.are_for(photo.user, day)
    link = reverse("photo", args=[photo.uuid])
    return feedback(eaten, day_of(photo.user, day), meal_link=link, compares=compares)


def feedback_now(draft: Draft, eaten: Totals | None) -> list[Statement]:
    """While the draft waits: what was logged since it was made, from other photos too, counts. Then, as it was kept."""
    kept = [Statement.of(each) for each in draft.feedback]
    return feedback_on(draft.photo, eaten, draft.place[0]) if kept and draft.state == Draft.State.OPEN else kept


def ticked(lines: Iterable[Offered]) -> Totals | None:
    """All that is ticked together; None where nothing is."""
    parts = [totals for line in lines if line.ticked and (totals := line.totals) is not None]
    return add_up(parts) if parts else None


def offered(user: User, items: Sequence[DraftItem], languages: Sequence[str] = ()) -> list[Offered]:
    """The lines with the foods as this person sees them now. The items' products are loaded."""
    there = loggables(user, (item.what for item in items), languages)
    return [Offered(item, there.get(item.what)) for item in items]
