"""Versions of what training learned of a person's photos: tried out, taken into use, taken back, forgotten."""

import datetime as dt
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Conflict, Refused, gone
from tracking.models import Example, Photo, Recogniser
from tracking.models.recognisers import checksum
from tracking.recognition import features
from tracking.recognition.evaluation import Figures, better, divided
from tracking.recognition.personal import MOST_EXAMPLES, SURE_FROM_DISHES, Sample, dish_of, latest_examples, trusted
from tracking.recognition.weights import Weights
from workflows import cleaning, engine, registry
from workflows.models import Run

log = logging.getLogger(__name__)
TRAINING = "train_recogniser"  # the workflow; `tracking.runs.training` has it
UNTRAINED = 0  # the version before the first: recognition as it is without training
LEAST_PHOTOS = 12  # with fewer there is nothing to hold out that would say anything
LEAST_HELD_OUT = 4
ENOUGH_NEW = 10  # confirmed photos since the last training, for another one that nobody asked for


@dataclass(frozen=True)
class Material:
    """What there is to learn from. `held_out` of the photos would be kept apart, to see what the rest taught."""

    photos: int
    dishes: int
    held_out: int

    @property
    def enough(self) -> bool:
        return self.photos >= LEAST_PHOTOS and self.dishes >= SURE_FROM_DISHES and self.held_out >= LEAST_HELD_OUT

    @property
    def said(self) -> str:
        """What is missing."""
        if self.photos < LEAST_PHOTOS or self.dishes < SURE_FROM_DISHES:
            needed = _(
                "It takes %(photos)d confirmed photos of %(foods)d different meals; there are %(have)d of %(of)d."
            )
            return needed % {
                "photos": LEAST_PHOTOS, "foods": SURE_FROM_DISHES, "have": self.photos, "of": self.dishes,
            }  # fmt: skip
        return _("It takes three photos each of %(foods)d of your meals: one of them is for the test.") % {
            "foods": LEAST_HELD_OUT
        }


def material(user: User) -> Material:
    """Reads every example of the person, without its features."""
    nothing = features.unpacked(b"")
    found = [dish_of(each) for each in latest_examples(user).defer("features")[:MOST_EXAMPLES]]
    samples = [Sample(nothing, dish) for dish in found if dish]
    return Material(len(samples), len({each.dish for each in samples}), len(divided(samples)[1]))


# --- Training -------------------------------------------------------------------------------------------------------
def key_of(user_id: int) -> str:
    """One training of a person at a time."""
    return f"person {user_id}"


def start_training(*, user: User, now: dt.datetime) -> Run:
    """Learn from the person's confirmed photos. The run that is under way, where one is. Raises Refused."""
    there_is = material(user)
    if not there_is.enough:
        raise Refused(there_is.said)
    workflow = registry.workflow_called(TRAINING)
    return engine.start(workflow, input={"user_id": user.pk}, user=user, key=key_of(user.pk), now=now)


def under_way(user: User) -> Run | None:
    return Run.objects.owned_by(user).live().filter(workflow=TRAINING).first()


def to_be_trained(*people: int) -> list[int]:
    """Ids of people with enough new confirmed photos since their last training; of these `people`, or of all.

    Whether there is enough to learn from is said when their training begins.
    """
    last = Recogniser.objects.filter(user=models.OuterRef("user")).order_by("-version").values("created_at")[:1]
    since = Example.objects.annotate(last=models.Subquery(last)).filter(
        models.Q(last=None) | models.Q(created_at__gt=models.F("last"))
    )
    if people:
        since = since.filter(user__in=people)
    counted = since.values("user").annotate(n=models.Count("pk")).filter(n__gte=ENOUGH_NEW)
    return sorted(counted.values_list("user", flat=True))


@transaction.atomic
def keep_candidate(*, user: User, run_id: int, weights: Weights, now: dt.datetime) -> int:
    """The version that a run has trained. Safe to repeat: a run has one.

    Raises Conflict for a run that was cancelled: its step may not have heard yet that all is to be forgotten.
    """
    _locked(user)
    if Run.objects.filter(pk=run_id).exclude(stopping="").exists():
        raise Conflict(_("The training was cancelled."))
    packed = weights.packed()
    row = Recogniser.objects.filter(run_id=run_id).first() or Recogniser(user=user, run_id=run_id)
    newest: int | None = Recogniser.objects.owned_by(user).aggregate(newest=Max("version"))["newest"]
    row.version = row.version or (newest or 0) + 1
    row.state, row.figures, row.created_at = Recogniser.State.CANDIDATE, {}, now
    row.weights, row.sha256, row.features = packed, checksum(packed), features.VERSION
    row.save()
    return row.version


@transaction.atomic
def decide(*, user: User, version: int, against: int, figures: Figures, others: Figures) -> bool:
    """Take a candidate into use if it did better on the same photos. Says whether; repeated, it says so again.

    `against`: the version it was compared with. Another one that came into use since stays: nobody compared those.
    """
    _locked(user)
    row = Recogniser.objects.owned_by(user).filter(version=version).first()
    if row is None:
        raise Conflict(_("What was learned was deleted meanwhile."))
    if row.state == Recogniser.State.CANDIDATE:
        wins = better(figures, others) and version_in_use(user) == against
        if wins:
            _replace(user, row)
        else:
            Recogniser.objects.filter(pk=row.pk).update(state=Recogniser.State.REJECTED)
        log.info("recogniser %s is %s: %s against %s", row, "in use" if wins else "no better", figures, others)
        return wins
    return row.state == Recogniser.State.ACTIVE


def version_in_use(user: User) -> int:
    """UNTRAINED where none is, or where its weights cannot be trusted."""
    row = Recogniser.objects.owned_by(user).active().first()
    return row.version if row is not None and trusted(row) is not None else UNTRAINED


# --- Back, and away -------------------------------------------------------------------------------------------------
@transaction.atomic
def activate(*, user: User, version: int, by: str) -> None:
    """Take a version that was in use before into use again, or none (UNTRAINED). Repeated, it changes nothing.

    Raises Conflict for one that is gone, was never in use, or cannot be trusted.
    """
    _locked(user)
    if version == UNTRAINED:
        _retire(user)
    else:
        row = Recogniser.objects.owned_by(user).filter(version=version).first()
        if row is None:
            raise gone()
        if row.state not in {Recogniser.State.ACTIVE, Recogniser.State.RETIRED}:
            raise Conflict(_("This version was never in use: it did no better than the one before."))
        if trusted(row) is None:
            raise Conflict(_("This version cannot be used any more. Train again."))
        _replace(user, row)
    log.warning("recogniser %s of person %s is in use again: asked for by %s", version, user.pk, by)


def fall_back(row: Recogniser, *, by: str) -> int:
    """Instead of a version in use that is damaged: the newest earlier one that is not, or none. Returns which.

    One that came into use since `row` was looked at stays.
    """
    with transaction.atomic():
        _locked(row.user)
        if not Recogniser.objects.active().filter(pk=row.pk).exists():
            return version_in_use(row.user)
        earlier = Recogniser.objects.owned_by(row.user).filter(state=Recogniser.State.RETIRED, version__lt=row.version)
        good = next((each for each in earlier.order_by("-version") if trusted(each) is not None), None)
        Recogniser.objects.filter(pk=row.pk).update(state=Recogniser.State.REJECTED)
        if good is not None:
            _replace(row.user, good)
    version = good.version if good else UNTRAINED
    log.warning("recogniser %s is damaged: version %s is in use instead, by %s", row, version, by)
    return version


def forget(*, user: User, by: str, now: dt.datetime) -> None:
    """Delete everything that was learned: versions, and what the person said of their photos, which stay."""
    with transaction.atomic():
        run = under_way(user)
        if run is not None:
            with suppress(engine.AlreadyEnded):
                engine.cancel(run, by=by, now=now)
        _locked(user)
        Photo.objects.owned_by(user).filter(state=Photo.State.CONFIRMED).update(state=Photo.State.NEW)
        Recogniser.objects.owned_by(user).delete()
        Example.objects.owned_by(user).delete()
    log.warning("what was learned from the photos of person %s is forgotten: asked for by %s", user.pk, by)


def _locked(user: User) -> None:
    """One at a time changes which version of a person is in use."""
    User.objects.select_for_update(of=("self",), no_key=True).filter(pk=user.pk).first()


def _retire(user: User) -> None:
    Recogniser.objects.owned_by(user).active().update(state=Recogniser.State.RETIRED)


def _replace(user: User, row: Recogniser) -> None:
    """The old one first: two in use cannot be, not even for a moment."""
    if row.state != Recogniser.State.ACTIVE:
        _retire(user)
        Recogniser.objects.filter(pk=row.pk).update(state=Recogniser.State.ACTIVE)


@cleaning.may_go("recognisers beyond the last ten")
def _old_versions(now: dt.datetime) -> "models.QuerySet[Any]":
    return Recogniser.objects.all().superfluous()
