"""A photo becomes a draft of a meal: alone, or many of them together."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from PIL import Image

from tracking import photos
from tracking.drafts import feedback_on, items_of, offered, place_of, ticked
from tracking.models import Meal, Photo
from tracking.recognition.base import Recognition
from tracking.recognition.chain import recognise
from tracking.services import drafts
from tracking.statements import Statement
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.models import Run
from workflows.registry import register
from workflows.states import Priority

TRIES = 3
AGAIN = Retry(TRIES, base=1, cap=20)
# How long a recognition service may make us wait for the next try: somebody looks at the page of one photo, and nobody
# at that of many, which together are more than a service allows in a minute.
PATIENCE_S, PATIENCE_WITH_MANY_S = 15, 300


class CannotLook(Exception):
    """The photo cannot be looked at, now or for good. The message is a sentence for the person."""

    def __init__(self, sentence: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Looked:
    """What is on a photo, and what went wrong on the way, in sentences."""

    found: Recognition
    doubts: tuple[str, ...]


@register
class MealAnalysis(Workflow):
    """image → inference → feedback → history"""

    name = "meal_analysis"
    label = gettext_lazy("Looking at a photo")
    private = True
    steps_told = {
        "image": gettext_lazy("Opening the photo"),
        "inference": gettext_lazy("Looking what is on it"),
        "feedback": gettext_lazy("Comparing it with your day"),
        "history": gettext_lazy("Writing the list"),
    }
    priority = Priority.HIGH
    deadline = dt.timedelta(minutes=5)

    @classmethod
    def page_of(cls, run: Run) -> str:
        return reverse("photo", args=[run.input["photo_id"]])

    @step(timeout=10)
    def image(self, ctx: Context, photo_id: str) -> dict[str, Any]:
        return _opened(photo_id)

    @step(timeout=60, retry=AGAIN)
    def inference(self, ctx: Context, image: dict[str, Any]) -> dict[str, Any]:
        looked = _looked(ctx, _photo(image["photo_id"]), patience_s=PATIENCE_S)
        for doubt in looked.doubts:
            ctx.degrade(doubt)
        return {**looked.found.kept(), "doubts": looked.doubts}

    @step(optional=True)
    def feedback(self, ctx: Context, photo_id: str, inference: dict[str, Any], meal_id: int | None = None) -> list[Any]:
        said = _feedback(_photo(photo_id), _found(inference), meal_id)
        return [each.kept() for each in said]

    @step(tx=True)
    def history(
        self,
        ctx: Context,
        photo_id: str,
        inference: dict[str, Any],
        feedback: list[Any] | None = None,
        meal_id: int | None = None,
    ) -> dict[str, Any]:
        doubts = [*inference["doubts"], *([_no_feedback()] if feedback is None else [])]
        said = [Statement.of(each) for each in feedback or []]
        return _kept(ctx, _photo(photo_id), _found(inference), doubts, said, meal_id)


@register
class BatchAnalysis(Workflow):
    """plan → analyse, for each photo → summary"""

    name = "batch_analysis"
    label = gettext_lazy("Looking at several photos")
    private = True
    steps_told = {
        "plan": gettext_lazy("Taking the photos"),
        "analyse": gettext_lazy("Looking at photo"),
        "summary": gettext_lazy("Counting them"),
    }
    priority = Priority.LOW
    deadline = dt.timedelta(hours=6)

    @classmethod
    def page_of(cls, run: Run) -> str:
        return reverse("photo_batch", args=[run.uuid])

    @step
    def plan(self, ctx: Context, photo_ids: list[str]) -> list[str]:
        return photo_ids

    @step(map="plan", max_parallel=4, min_success=0, timeout=60, retry=AGAIN)
    def analyse(self, ctx: Context, item: str) -> dict[str, Any]:
        _opened(item)
        photo = _photo(item)
        looked = _looked(ctx, photo, patience_s=PATIENCE_WITH_MANY_S)
        said, doubts = [], list(looked.doubts)
        try:
            said = _feedback(photo, looked.found, None)
        except (ArithmeticError, LookupError, TypeError, ValueError):  # figures that cannot be read; the rest can
            doubts.append(_no_feedback())
        return {**_kept(ctx, photo, looked.found, doubts, said, None), "doubts": doubts}

    @step
    def summary(self, ctx: Context, analyse: list[dict[str, Any] | None]) -> dict[str, Any]:
        counts = counted(analyse)
        if unknown := counts["unknown"]:
            said = ngettext(
                "Nobody could say what is on %(n)d photo.", "Nobody could say what is on %(n)d photos.", unknown
            )
            ctx.degrade(said % {"n": unknown})
        return counts


def counted(analyse: Sequence[dict[str, Any] | None]) -> dict[str, int]:
    """How many photos of a batch were recognised, were looked at without anybody knowing them, failed."""
    seen = [each for each in analyse if each is not None]
    unknown, failed = sum(not each["candidates"] for each in seen), len(analyse) - len(seen)
    return {"photos": len(analyse), "recognised": len(seen) - unknown, "unknown": unknown, "failed": failed}


# --- What both do -----------------------------------------------------------------------------------------------
def _photo(photo_id: str) -> Photo:
    photo = Photo.objects.select_related("user").filter(uuid=uuid.UUID(photo_id)).first()
    if photo is None:
        raise CannotLook(_("The photo was deleted."))
    return photo


def _opened(photo_id: str) -> dict[str, Any]:
    """Its size, once its file was read to the end. Raises CannotLook."""
    photo = _photo(photo_id)
    try:
        with Image.open(photos.path_of(photo.uuid, "large")) as image:
            image.load()
            return {"photo_id": str(photo.uuid), "width": image.width, "height": image.height}
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all of these for damaged files
        raise CannotLook(_("The file of this photo is gone or damaged.")) from error


def _looked(ctx: Context, photo: Photo, *, patience_s: float) -> Looked:
    """What recognition says.

    Raises CannotLook where the file is gone; and, but for the last try, where nobody knew anything and it might be
    better within `patience_s`.
    """
    if not photos.path_of(photo.uuid, "large").exists():
        raise CannotLook(_("The file of this photo is gone or damaged."))
    found = recognise(photo, photo.user, timezone.now())
    trouble = tuple(each.sentence for each in found.trouble)
    if found.candidates:
        return Looked(found, trouble)
    wait_s = max((each.retry_after_s for each in found.trouble), default=0.0)
    if trouble and ctx.attempt < TRIES and wait_s <= patience_s:
        raise CannotLook(trouble[0], retry_after_s=wait_s)
    nobody = _("Nobody could say what is on the photo. Choose from what you often eat at this hour, or search.")
    return Looked(found, (*trouble, nobody))


def _feedback(photo: Photo, found: Recognition, meal_id: int | None) -> list[Statement]:
    lines = offered(photo.user, items_of(found, photo.user, timezone.now()))
    return feedback_on(photo, ticked(lines), place_of(photo, _meal(photo, meal_id)).day)


def _kept(
    ctx: Context, photo: Photo, found: Recognition, doubts: Sequence[str], said: Sequence[Statement],
    meal_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    asked_at = Run.objects.values_list("created_at", flat=True).get(pk=ctx.run_id)
    try:
        draft = drafts.keep(
            photo,
            found,
            meal=_meal(photo, meal_id),
            doubts=doubts,
            feedback=said,
            asked_at=asked_at,
            now=timezone.now(),
        )
    except Photo.DoesNotExist as error:
        raise CannotLook(_("The photo was deleted.")) from error
    likely = [item.name for item in draft.items.all() if item.likely]
    told = {"draft": draft.state, "candidates": len(found.candidates), "likely": likely, "sure_of": draft.sure_of}
    return {"photo_id": str(photo.uuid), **told}


def _meal(photo: Photo, meal_id: int | None) -> Meal | None:
    """None also where it was deleted meanwhile."""
    return None if meal_id is None else Meal.objects.owned_by(photo.user).filter(pk=meal_id).first()


def _found(inference: dict[str, Any]) -> Recognition:
    return Recognition.of(inference)


def _no_feedback() -> str:
    return _("What this meal means for your day is missing: it could not be computed.")
