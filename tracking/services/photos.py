"""Keeping photos, and what a person says is on them. Rows and files come and go together."""

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from dietintel.room import nearly_full
from products.models import Product
from tracking import photos
from tracking.errors import DiaryError, Refused
from tracking.models import Example, ExampleFood, Photo, Profile, Recipe
from tracking.recognition import features, vision
from tracking.services import diary
from workflows import cleaning, engine

log = logging.getLogger(__name__)
EARLIEST = dt.date(2000, 1, 1)  # cameras that lost their clock say 1970 or 1980
MOST_FOODS = 30  # on one photo: more is a mistake of a program


class NoRoom(DiaryError):
    """The photo could not be written to the disk. Retry when whoever runs the server made room."""


@dataclass(frozen=True)
class Seen:
    """One thing that a person says is on a photo. `grams` None: not said."""

    product: Product | None = None
    recipe: Recipe | None = None
    name: str = ""  # empty: the product's or the recipe's own
    grams: Decimal | None = None

    @property
    def label(self) -> str:
        return self.name or str(self.product or self.recipe or "")


def store_photo(
    *,
    user: User,
    picture: IO[bytes],
    now: dt.datetime,
    day: dt.date | None = None,
    time: dt.time | None = None,
) -> Photo:
    """Keep an upload as a photo of `user`. Without a `day`, the camera's is taken, where it is believable.

    Raises UnreadablePicture, Refused and NoRoom; nothing is left behind in either case.
    """
    if time is not None and day is None:
        raise Refused(_("A time needs a day."), field="day")
    if day is not None and not diary.EARLIEST <= day <= diary.LATEST:
        raise Refused(_("Choose a day between 1900 and 2200."), field="day")
    prepared = photos.prepare(picture)
    taken = prepared.taken
    if day is None and taken is not None and EARLIEST <= taken.date() <= user.wall_clock(now).date():
        day, time = taken.date(), taken.time()
    photo = Photo(
        user=user,
        day=day,
        time=time,
        width=prepared.width,
        height=prepared.height,
        bytes=sum(map(len, prepared.copies.values())),
        created_at=now,
    )
    try:
        if nearly_full(settings.UPLOAD_DIR):
            raise OSError("the disk is nearly full; what is left of it is for meals")
        photos.write(photo.uuid, prepared.copies)
    except OSError as error:
        log.error("a photo could not be written: %s", error)
        raise NoRoom(_("The photo could not be kept: there is no room on the server's disk.")) from error
    try:
        photo.save()
    except BaseException:
        photos.remove(photo.uuid)
        raise
    return photo


def locked(photo: Photo) -> Photo:
    """Its row, until the transaction is over, with its person. Raises Photo.DoesNotExist.

    Whoever writes something of a photo, as its draft and its example, takes this first: nobody waits in a circle.
    """
    return Photo.objects.select_for_update(of=("self",)).select_related("user").get(pk=photo.pk)


@transaction.atomic
def delete_photo(photo: Photo) -> None:
    """Delete a photo, its files, and what it taught; nobody goes on looking at it. Safe to repeat."""
    run = photo.run
    if run is not None and run.input.get("photo_id") == str(photo.uuid):  # and not at others too
        with suppress(engine.AlreadyEnded):
            engine.cancel(run, by=photo.user.get_username(), now=timezone.now())
    with suppress(Photo.DoesNotExist):
        locked(photo)
    Example.objects.filter(photo=photo).delete()
    Photo.objects.filter(pk=photo.pk).delete()


def files_go(instance: Photo, **kwargs: Any) -> None:
    """Called for every photo that is deleted, by whatever way: alone, with its account, by a rule."""
    transaction.on_commit(partial(photos.remove, instance.uuid), robust=True)


def looks_of(photo: Photo) -> bytes | None:
    """How it looks, as an example keeps it; None where its file is gone. Reads the file, so not in a transaction."""
    try:
        return features.packed(features.of_photo(photo))
    except OSError as error:
        log.warning("photo %s teaches nothing: %s", photo.uuid, error)
        return None


def teach(*, photo: Photo, looks: bytes | None, foods: Sequence[Seen], now: dt.datetime) -> Example | None:
    """What the person says is on `photo`, instead of what was said of it before: the lesson for `personal`.

    `looks` as `looks_of` gives them. Safe to repeat. Returns None where there are none, so that nothing can be learned.
    Raises Refused for no food, or one without a name.
    """
    if not 1 <= len(foods) <= MOST_FOODS:
        raise Refused(_("Name between one and %(most)d foods.") % {"most": MOST_FOODS}, field="foods")
    if not all(food.label.strip() for food in foods):
        raise Refused(_("A food needs a name."), field="foods")
    with transaction.atomic():
        Photo.objects.filter(pk=photo.pk).update(state=Photo.State.CONFIRMED)
        if looks is None:
            return None
        lesson = {"user_id": photo.user_id, "version": features.VERSION, "features": looks, "created_at": now}
        example, _new = Example.objects.update_or_create(photo=photo, defaults=lesson)
        example.foods.all().delete()
        ExampleFood.objects.bulk_create(
            ExampleFood(
                example=example, product=food.product, recipe=food.recipe, name=food.label[:300], grams=food.grams
            )
            for food in foods
        )
    return example


def agree_to_vision(*, user: User, host: str) -> None:
    """The person agrees that their photos go to `host`, which is what they read. Raises Refused where it changed."""
    if not host or host != vision.host():
        raise Refused(_("The service that photos would be sent to has changed. Read again where they would go."))
    Profile.objects.update_or_create(user=user, defaults={"vision_host": host})


def withdraw_from_vision(*, user: User) -> None:
    """No photo of the person is sent anywhere from now on."""
    Profile.objects.filter(user=user).update(vision_host="")


@cleaning.may_go("photos past their time")
def _old_photos(now: dt.datetime) -> "models.QuerySet[Any]":
    if not settings.PHOTO_RETENTION_DAYS:
        return Photo.objects.none()
    return Photo.objects.filter(created_at__lt=now - dt.timedelta(days=settings.PHOTO_RETENTION_DAYS))


@cleaning.swept_by("files of no photo")
def stray_files(now: dt.datetime) -> int:
    """Delete what a killed process left: files without a row. Returns of how many photos. Safe to repeat."""
    strays: set[uuid.UUID] = set()
    for found in photos.on_disk(before=now):
        strays |= found - set(Photo.objects.filter(uuid__in=found).values_list("uuid", flat=True))
    for photo_id in strays:
        photos.remove(photo_id)
    return len(strays)
