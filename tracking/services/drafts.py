"""Drafts: kept by an analysis, confirmed or discarded by their person. Nothing of one counts before it is confirmed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from tracking.drafts import items_of, place_of
from tracking.errors import Conflict, Refused
from tracking.models import Basis, Draft, DraftItem, Meal, MealItem, Photo
from tracking.recognition.base import Recognition
from tracking.services import diary
from tracking.services.diary import Done, NewItem
from tracking.services.photos import MOST_FOODS, Seen, locked, looks_of, teach
from tracking.statements import Statement
from workflows import cleaning

KEPT_FOR = dt.timedelta(days=30)


def keep(
    photo: Photo,
    found: Recognition,
    *,
    meal: Meal | None = None,
    doubts: Sequence[str] = (),
    feedback: Sequence[Statement] = (),
    asked_at: dt.datetime,
    now: dt.datetime,
) -> Draft:
    """What recognition made of `photo`, instead of what was made of it before. Safe to repeat.

    A draft that the person decided about after `asked_at` stays as it is: they were quicker. Raises Photo.DoesNotExist
    where the photo is deleted.
    """
    with transaction.atomic():
        photo = locked(photo)  # two analyses of one photo come one after the other
        draft = Draft.objects.filter(photo=photo).first()
        if draft is not None and draft.decided_at is not None and draft.decided_at >= asked_at:
            return draft
        place = place_of(photo, meal)
        draft, _new = Draft.objects.update_or_create(
            photo=photo,
            defaults={
                "meal": meal,
                "day": place.day,
                "meal_name": place.meal,
                "time": place.time,
                "sure_of": found.sure_of,
                "doubts": list(doubts),
                "feedback": [each.kept() for each in feedback],
                "state": Draft.State.OPEN,
                "created_at": now,
                "decided_at": None,
            },
        )
        draft.items.all().delete()
        items = items_of(found, photo.user, now)
        for item in items:
            item.draft = draft
        DraftItem.objects.bulk_create(items)
        return draft


def confirm(
    draft: Draft, items: Sequence[NewItem], *, day: dt.date, meal: str, time: dt.time | None = None, now: dt.datetime
) -> Done:
    """Write into the diary what the person says it was, and teach it to `personal`: all of it or nothing.

    Taking that back in the diary opens the draft again, and forgets what it taught.

    `time` is of the items that have none. Raises Refused; Conflict where it was decided already, so nothing is logged
    twice, or where the photo is deleted.
    """
    if not items:
        raise Refused(_("Tick or add what you ate."), field="items")
    if len(items) > MOST_FOODS:
        raise Refused(_("Name between one and %(most)d foods.") % {"most": MOST_FOODS}, field="items")
    looks = looks_of(draft.photo)  # reads and computes, so it stands before the transaction
    with transaction.atomic():
        try:
            locked(draft.photo)
        except Photo.DoesNotExist as error:
            raise Conflict(_("The photo was deleted.")) from error
        _decided(draft, Draft.State.CONFIRMED, now=now)
        done = diary.log(draft.photo.user, day, meal, [replace(item, time=item.time or time) for item in items])
        place = {"meal": done.items[0].meal, "day": day, "meal_name": done.items[0].meal.name, "time": time}
        Draft.objects.filter(pk=draft.pk).update(**place, undo=done.undo)
        teach(photo=draft.photo, looks=looks, foods=[_seen(item) for item in done.items], now=now)
        return done


def discard(draft: Draft, *, now: dt.datetime) -> None:
    """The person wants none of it; the photo stays. Raises Conflict where it was decided already."""
    with transaction.atomic():
        _decided(draft, Draft.State.DISCARDED, now=now)


def _decided(draft: Draft, state: str, *, now: dt.datetime) -> None:
    """Of two at once, one is first: the other waits here for the row, and finds it closed."""
    if not Draft.objects.open().filter(pk=draft.pk).update(state=state, decided_at=now):
        raise Conflict(_("This was decided already, perhaps in another tab. Look at the day."))


def _seen(item: MealItem) -> Seen:
    """As it was logged: without a food that was deleted in this moment. What is in ml weighs about as much as water."""
    grams = None if item.basis == Basis.SERVING else item.amount
    return Seen(product=item.product, recipe=item.recipe, name=item.name, grams=grams)


@cleaning.may_go("drafts past their time")
def _old_drafts(now: dt.datetime) -> "models.QuerySet[Any]":
    """Confirmed ones are in the diary; nobody remembers what was on a plate a month ago."""
    return Draft.objects.filter(created_at__lt=now - KEPT_FOR)
