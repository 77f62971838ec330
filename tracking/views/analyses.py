"""A photo's page: how far it is looked at, and what came of it. And the page of several that are looked at together."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.accounts.throttling import UploadThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest, render_part
from tracking.models import Draft, ExampleFood, Photo
from tracking.recognition.base import Recognition
from tracking.runs.analysis import BatchAnalysis, MealAnalysis, counted
from tracking.services import analyses, drafts
from tracking.views.answers import in_part
from tracking.views.drafts import shown_draft
from tracking.views.photos import own_photo
from workflows import engine, reading
from workflows.models import Run
from workflows.reading import RunShown, StepShown
from workflows.states import RunState


@dataclass(frozen=True)
class Stage:
    """A step of a run, as the person is told."""

    step: StepShown

    @property
    def label(self) -> str:
        return self.step.told

    @property
    def said(self) -> str:
        """Why it waits or failed. What it waits for stands above it."""
        return "" if self.step.step.state == "blocked" else self.step.said


@dataclass(frozen=True)
class Look:
    """What a photo's run did for this photo."""

    shown: RunShown
    stages: Sequence[Stage]

    @property
    def together(self) -> bool:
        """With other photos, in one run."""
        return self.shown.run.workflow == BatchAnalysis.name

    @property
    def state(self) -> RunState:
        return self.stages[0].step.state if self.together and self.stages else RunState(self.shown.run.state)

    @property
    def live(self) -> bool:
        ended = bool(self.stages[0].step.step.finished_at) if self.together and self.stages else self.shown.run.ended
        return not ended

    @property
    def why(self) -> str:
        """Why it failed, in a sentence."""
        return next((each.said for each in self.stages if each.step.state == RunState.FAILED and each.said), "")


# --- One --------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD"])
def photo(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """htmx asks for the part again every two seconds, as long as somebody looks at the photo."""
    try:
        shown = _shown(request, own_photo(photo_id, request.user))
    except Http404:
        if in_part(request) or not analyses.was_looked_at(photo_id, request.user):
            raise
        messages.info(request, _("This photo was deleted."))  # its run still leads here
        return redirect("photos")
    return render_part(request, shown, part="tracking/_photo_state.html", page="tracking/photo.html")


def _shown(request: AuthenticatedRequest, one: Photo) -> dict[str, Any]:
    """`kind` says which of its parts the page shows."""
    look = look_of(one)
    draft: Draft | None = getattr(one, "draft", None)
    shown: dict[str, Any] = {"photo": one, "look": look, "draft": draft}
    if look is not None and look.live:
        return shown | {"kind": "looking"}
    if draft is not None and draft.state == Draft.State.OPEN:
        return shown_draft(request, draft) | {"kind": "draft"}
    if one.state == Photo.State.CONFIRMED:
        said = ExampleFood.objects.filter(example__photo=one).order_by("pk")
        return shown | {"kind": "said", "said": said}
    if look is not None and look.state in {RunState.FAILED, RunState.CANCELLED}:
        return shown | {"kind": "stopped"}
    return shown | {"kind": "unseen"}


def look_of(one: Photo) -> Look | None:
    """None where nobody looks at it, or it was so long ago that it is forgotten."""
    if one.run is None:
        return None
    (shown,) = reading.shown([one.run], now=timezone.now())
    steps = list(shown.steps)
    if one.run.workflow == BatchAnalysis.name:
        place = one.run.input["photo_ids"].index(str(one.uuid))
        steps = [each for each in steps if (each.name, each.step.index) == ("analyse", place)]
    return Look(shown, [Stage(each) for each in steps])


@login_required
@require_POST
def photo_analyse(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """Have it looked at, or go on where that broke."""
    one = own_photo(photo_id, request.user)
    wait = wait_seconds(request, UploadThrottle)
    if wait is not None:
        messages.error(request, _("Too many photos at once. Try again in %(wait)d seconds.") % {"wait": wait})
        return redirect("photo", one.uuid)
    try:
        analyses.analyse_again(one, by=request.user.get_username(), now=timezone.now())
    except engine.NothingToRetry as error:
        messages.info(request, error.sentence)
    return redirect("photo", one.uuid)


@login_required
@require_POST
def photo_cancel(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    one = own_photo(photo_id, request.user)
    if one.run is not None and one.run.workflow == MealAnalysis.name:
        _cancel(request, one.run)
    return redirect("photo", one.uuid)


def _cancel(request: AuthenticatedRequest, run: Run) -> None:
    try:
        engine.cancel(run, by=request.user.get_username(), now=timezone.now())
    except engine.AlreadyEnded:
        messages.info(request, _("It had ended already."))


@login_required
@require_POST
def photo_by_hand(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """A list to begin with, without anybody having looked: what this person often eats at this hour."""
    one, now = own_photo(photo_id, request.user), timezone.now()
    if getattr(one, "draft", None) is None or one.draft.state != Draft.State.OPEN:
        drafts.keep(one, Recognition(()), asked_at=now, now=now)
    return redirect("photo", one.uuid)


# --- Several together -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Child:
    """One photo of several: how far it is, and what was recognised so far."""

    photo: Photo
    stage: Stage | None  # None: it has not come to it yet

    @property
    def draft(self) -> Draft | None:
        return getattr(self.photo, "draft", None)

    @property
    def likely(self) -> list[str]:
        return [item.name for item in self.draft.items.all() if item.likely] if self.draft else []


@login_required
@require_GET
def photo_batch(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    (shown,) = reading.shown([_own_batch(request, run_id)], now=timezone.now())
    ids = shown.run.input["photo_ids"]
    rows = Photo.objects.owned_by(request.user).filter(uuid__in=ids)
    there = {str(one.uuid): one for one in rows.select_related("draft").prefetch_related("draft__items")}
    stages = {each.step.index: Stage(each) for each in shown.steps if each.name == "analyse" and each.step.index >= 0}
    children = [Child(there[name], stages.get(place)) for place, name in enumerate(ids) if name in there]
    open_ones = sum(each.draft is not None and each.draft.state == Draft.State.OPEN for each in children)
    # Not the run's result: what was tried again since is not in it.
    counts = counted([stage.step.step.output for _place, stage in sorted(stages.items())])
    context = {"shown": shown, "children": children, "open": open_ones, "counts": counts}
    return render_part(request, context, part="tracking/_photo_batch.html", page="tracking/photo_batch.html")


@login_required
@require_POST
def photo_batch_cancel(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    _cancel(request, _own_batch(request, run_id))
    return redirect("photo_batch", run_id)


@login_required
@require_POST
def photo_batch_retry(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    """Look again at those that failed."""
    try:
        engine.retry(_own_batch(request, run_id), by=request.user.get_username(), now=timezone.now())
    except engine.NothingToRetry as error:
        messages.info(request, error.sentence)
    return redirect("photo_batch", run_id)


def _own_batch(request: AuthenticatedRequest, run_id: uuid.UUID) -> Run:
    """Raises Http404, also for somebody else's."""
    run = Run.objects.owned_by(request.user).filter(workflow=BatchAnalysis.name, uuid=run_id).first()
    if run is None:
        raise Http404
    return run
