"""Photos of meals: upload, look through, delete, and who else may see them."""

import uuid
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Coalesce, TruncDate
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from dietintel.accounts.models import User
from dietintel.accounts.throttling import UploadThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest
from products.pictures import UnreadablePicture
from tracking.errors import DiaryError, Refused
from tracking.forms.photos import PhotosForm
from tracking.models import Photo, Profile
from tracking.recognition import vision
from tracking.services import analyses
from tracking.services.photos import agree_to_vision, delete_photo, store_photo, withdraw_from_vision
from workflows.models import Run

PAGE = 60


# --- All of them ------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "POST"])
def photos(request: AuthenticatedRequest) -> HttpResponse:
    """GET: one's own photos, the latest day first. POST: one or several new ones, which are looked at in a moment."""
    form, status = PhotosForm(), 200
    if request.method == "POST":
        form = PhotosForm(request.POST, request.FILES)
        kept, wait = _kept(request, form)
        if kept and not form.errors:
            return _looked_at(request, kept)
        if kept:
            _begin(request, kept)
            said = ngettext("%(count)d photo is kept.", "%(count)d photos are kept.", len(kept))
            messages.success(request, said % {"count": len(kept)})
        status = 422 if wait is None else 429
    start = request.GET.get("from", "")
    first = int(start) if start.isdecimal() and len(start) < 7 else 0
    of_day = Coalesce("day", TruncDate("created_at", tzinfo=request.user.zone))
    rows = (
        Photo.objects.owned_by(request.user)
        .select_related("run", "draft")
        .defer("run__plan", "run__input", "run__result")
        .annotate(shown_on=of_day)
        .order_by("-shown_on", "-created_at", "-pk")
    )
    found = list(rows[first : first + PAGE + 1])
    shown = {
        "form": form,
        "days": [(day, list(each)) for day, each in groupby(found[:PAGE], key=attrgetter("shown_on"))],
        "following": first + PAGE if len(found) > PAGE else None,
        **_who_sees(request.user),
    }
    return render(request, "tracking/photos.html", shown, status=status)


def _kept(request: AuthenticatedRequest, form: PhotosForm) -> tuple[list[Photo], int | None]:
    """The photos that could be kept; why another could not is said in the form. And the seconds to wait, if any."""
    kept: list[Photo] = []
    for file in form.cleaned_data["images"] if form.is_valid() else []:
        wait = wait_seconds(request, UploadThrottle)
        if wait is not None:
            form.refuse(file, _("Too many photos at once. Try again in %(wait)d seconds.") % {"wait": wait})
            return kept, wait
        try:
            kept.append(store_photo(user=request.user, picture=file, now=timezone.now(), day=form.cleaned_data["day"]))
        except UnreadablePicture as error:
            form.refuse(file, str(error))
        except DiaryError as error:
            form.refuse(file, error.sentence)
    return kept, None


def _begin(request: AuthenticatedRequest, kept: Sequence[Photo]) -> Run:
    now = timezone.now()
    return analyses.analyse(kept[0], now=now) if len(kept) == 1 else analyses.analyse_batch(request.user, kept, now=now)


def _looked_at(request: AuthenticatedRequest, kept: Sequence[Photo]) -> HttpResponse:
    """Have them looked at, and go where that can be watched."""
    run = _begin(request, kept)
    return redirect("photo", kept[0].uuid) if len(kept) == 1 else redirect("photo_batch", run.uuid)


# --- One --------------------------------------------------------------------------------------------------------
def own_photo(photo_id: uuid.UUID, user: User) -> Photo:
    """Raises Http404, also for somebody else's."""
    one = Photo.objects.owned_by(user).select_related("run", "draft", "user").filter(uuid=photo_id).first()
    if one is None:
        raise Http404
    return one


@login_required
@require_http_methods(["GET", "POST"])
def photo_delete(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """GET asks."""
    one = own_photo(photo_id, request.user)
    if request.method != "POST":
        return render(request, "tracking/photo_delete.html", {"photo": one})
    delete_photo(one)
    messages.success(request, _("The photo is deleted."))
    return redirect("photos")


# --- Who else sees them -----------------------------------------------------------------------------------------
def _who_sees(user: User) -> dict[str, object]:
    """The service that photos could be sent to, empty where none is set up; and whether this person agreed to it."""
    host = vision.host()
    before = Profile.objects.filter(user=user).values_list("vision_host", flat=True).first() if host else ""
    return {"vision_host": host, "agreed": bool(host) and before == host, "agreed_before": before or ""}


@login_required
@require_http_methods(["GET", "POST"])
def photo_service(request: AuthenticatedRequest) -> HttpResponse:
    """Whether photos may be sent to the recognition service. POST `host`: agree to that one; or `withdraw`."""
    shown = _who_sees(request.user)
    if not shown["vision_host"]:
        raise Http404
    if request.method == "POST":
        if "withdraw" in request.POST:
            withdraw_from_vision(user=request.user)
            messages.success(request, _("From now on your photos are sent nowhere."))
            return redirect("photo_service")
        try:
            agree_to_vision(user=request.user, host=request.POST.get("host", ""))
        except Refused as error:
            return render(request, "tracking/photo_service.html", shown | {"sentence": error.sentence}, status=422)
        messages.success(request, _("New photos are sent to %(host)s.") % {"host": shown["vision_host"]})
        return redirect("photos")
    return render(request, "tracking/photo_service.html", shown)
