"""Having photos looked at: the run is begun here, and its photos know it."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Conflict, DiaryError, Refused
from tracking.models import Draft, Meal, Photo
from tracking.runs.analysis import BatchAnalysis, MealAnalysis
from workflows import engine
from workflows.models import Run
from workflows.states import RunState

MOST_PHOTOS = 100  # of one batch


class StillLooking(Conflict):
    """The photo is being looked at. Ask again in a moment."""


class LookFailed(DiaryError):
    """Nobody could look at the photo. Retry its run, or log the meal by hand."""


def analyse(photo: Photo, *, meal: Meal | None = None, now: dt.datetime) -> Run:
    """The run that looks at `photo`: the one under way, if any. Its draft joins `meal`, else one by the hour."""
    given = {"photo_id": str(photo.uuid)} | ({} if meal is None else {"meal_id": meal.pk})
    with transaction.atomic():
        run = engine.start(MealAnalysis, input=given, user=photo.user, key=_key(photo.uuid), now=now)
        Photo.objects.filter(pk=photo.pk).update(run=run)
    return run


def _key(photo_id: uuid.UUID) -> str:
    return f"photo:{photo_id}"


def was_looked_at(photo_id: uuid.UUID, user: User) -> bool:
    """Whether a photo of this person, which may be deleted, had a run of its own that is remembered."""
    return Run.objects.owned_by(user).filter(workflow=MealAnalysis.name, key=_key(photo_id)).exists()


def analyse_again(photo: Photo, *, by: str, now: dt.datetime) -> Run:
    """Go on where the last run of this photo alone broke; a new one where there is nothing to go on with."""
    run = photo.run
    if run is not None and run.workflow == MealAnalysis.name and run.state in {RunState.FAILED, RunState.CANCELLED}:
        return engine.retry(run, by=by, now=now)
    return analyse(photo, now=now)


def analyse_batch(user: User, photos: Sequence[Photo], *, now: dt.datetime) -> Run:
    """One run over all of `photos`, each once. The same ones again: the run under way. Raises Refused."""
    ids = list(dict.fromkeys(str(photo.uuid) for photo in photos))
    if not 1 <= len(ids) <= MOST_PHOTOS:
        raise Refused(_("Name between one and %(most)d photos.") % {"most": MOST_PHOTOS}, field="photo_ids")
    key = f"photos:{hashlib.sha256(''.join(sorted(ids)).encode()).hexdigest()}"
    with transaction.atomic():
        run = engine.start(BatchAnalysis, input={"photo_ids": ids}, user=user, key=key, now=now)
        Photo.objects.owned_by(user).filter(uuid__in=ids).update(run=run)
    return run


def draft_of(photo: Photo) -> Draft | None:
    """What came of it; None where nobody looked, or its person wants none of it.

    Raises StillLooking and LookFailed where that is why there is nothing yet.
    """
    draft = Draft.objects.select_related("photo__user", "meal").filter(photo=photo).first()
    if draft is not None:
        return None if draft.state == Draft.State.DISCARDED else draft
    if photo.run is None:
        return None
    if not photo.run.ended:
        raise StillLooking(_("This photo is being looked at. Ask again in a moment."))
    if photo.run.state == RunState.CANCELLED:
        return None
    raise LookFailed(_("Nobody could look at this photo. Try its run again, or log the meal by hand."))
