"""What recognition has learned from a person's photos: its versions, training, going back, forgetting."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest
from tracking.errors import DiaryError
from tracking.models import Recogniser
from tracking.models.recognisers import VERSIONS_KEPT
from tracking.recognition.personal import trusted
from tracking.services import recognisers as service


@dataclass(frozen=True)
class Food:
    """One row of the confusion matrix: of `photos` of it `right` were, and the rest was taken for something else."""

    name: str
    photos: int
    right: int
    taken_for: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Version:
    row: Recogniser
    figures: dict[str, Any]
    usable: bool

    @property
    def foods(self) -> list[Food]:
        found = []
        for name, rows in groupby(self.figures.get("foods", []), key=lambda row: row[0]):
            taken = [(other, count) for _name, other, count in rows]
            others = [(other, count) for other, count in taken if other != name]
            right = sum(count for other, count in taken if other == name)
            found.append(Food(name, right + sum(count for _other, count in others), right, others))
        return found

    @property
    def may_be_used(self) -> bool:
        return self.usable and self.row.state == Recogniser.State.RETIRED


@login_required
@require_GET
def recognisers(request: AuthenticatedRequest) -> HttpResponse:
    rows = list(Recogniser.objects.owned_by(request.user).order_by("-version")[: VERSIONS_KEPT + 1])
    versions = [Version(row, row.figures, trusted(row) is not None) for row in rows]
    in_use = next((each for each in versions if each.row.state == Recogniser.State.ACTIVE), None)
    shown = {
        "versions": versions,
        "in_use": in_use,
        "last": next((each for each in versions if each.figures), None),
        "material": service.material(request.user),
        "run": service.under_way(request.user),
    }
    return render(request, "tracking/recognisers.html", shown)


@login_required
@require_POST
def recogniser_train(request: AuthenticatedRequest) -> HttpResponse:
    try:
        run = service.start_training(user=request.user, now=timezone.now())
    except DiaryError as error:
        messages.error(request, error.sentence)
        return redirect("recognisers")
    return redirect(run)


@login_required
@require_POST
def recogniser_activate(request: AuthenticatedRequest, version: int) -> HttpResponse:
    """`version` 0: none."""
    if version:
        get_object_or_404(Recogniser.objects.owned_by(request.user).defer("weights"), version=version)
    try:
        service.activate(user=request.user, version=version, by=request.user.get_username())
    except DiaryError as error:
        messages.error(request, error.sentence)
    else:
        said = _("Version %(version)d is in use.") % {"version": version} if version else _("No version is in use.")
        messages.success(request, said)
    return redirect("recognisers")


@login_required
@require_http_methods(["GET", "POST"])
def recognisers_forget(request: AuthenticatedRequest) -> HttpResponse:
    """GET asks."""
    if request.method != "POST":
        return render(request, "tracking/recognisers_forget.html")
    service.forget(user=request.user, by=request.user.get_username(), now=timezone.now())
    messages.success(request, _("What was learned from your photos is deleted."))
    return redirect("recognisers")
