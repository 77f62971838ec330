"""Photos of meals: upload, look through, say what is on one, delete."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Coalesce, TruncDate
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.accounts.models import User
from dietintel.accounts.throttling import UploadThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest, preferred_languages
from products.foods import Food
from products.models import Product
from products.pictures import UnreadablePicture
from tracking.dates import today_of
from tracking.errors import DiaryError, Refused
from tracking.forms.photos import PhotosForm
from tracking.models import ExampleFood, Photo, Recipe
from tracking.moments import meal_at
from tracking.recents import recents
from tracking.recognition.base import Candidate
from tracking.recognition.chain import recognise_here
from tracking.services.photos import Seen, confirm, delete_photo, store_photo

PAGE = 60
LIKELY = 8  # foods of this hour, where nothing on the photo is sure


@dataclass(frozen=True)
class Choice:
    """One thing that may be on the photo. `value` is what choosing it sends; without one there is a `link` instead."""

    name: str
    of: str = ""
    value: str = ""
    link: str = ""
    percent: int | None = None


# --- All of them ------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "POST"])
def photos(request: AuthenticatedRequest) -> HttpResponse:
    """GET: one's own photos, the latest day first. POST: one or several new ones."""
    form, status = PhotosForm(), 200
    if request.method == "POST":
        form = PhotosForm(request.POST, request.FILES)
        kept, wait = _kept(request, form)
        if kept:
            said = ngettext("%(count)d photo is kept.", "%(count)d photos are kept.", len(kept))
            messages.success(request, said % {"count": len(kept)})
        if not form.errors:
            return redirect("photo", kept[0].uuid) if len(kept) == 1 else redirect("photos")
        status = 422 if wait is None else 429
    start = request.GET.get("from", "")
    first = int(start) if start.isdecimal() and len(start) < 7 else 0
    of_day = Coalesce("day", TruncDate("created_at", tzinfo=request.user.zone))
    rows = Photo.objects.owned_by(request.user).annotate(shown_on=of_day).order_by("-shown_on", "-created_at", "-pk")
    found = list(rows[first : first + PAGE + 1])
    shown = {
        "form": form,
        "days": [(day, list(each)) for day, each in groupby(found[:PAGE], key=attrgetter("shown_on"))],
        "following": first + PAGE if len(found) > PAGE else None,
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
            kept.append(store_photo(user=request.user, picture=file, now=timezone.now()))
        except UnreadablePicture as error:
            form.refuse(file, str(error))
        except DiaryError as error:
            form.refuse(file, error.sentence)
    return kept, None


# --- One --------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD"])
def photo(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """The picture, and what may be on it. Looks at it until the person has said what it is, and when asked to again."""
    one = _own(photo_id, request.user)
    shown: dict[str, object] = {"photo": one}
    if one.state == Photo.State.CONFIRMED and "again" not in request.GET:
        shown["said"] = ExampleFood.objects.filter(example__photo=one).order_by("pk")
    else:
        now = timezone.now()
        found = recognise_here(one, request.user, now)
        shown["found"] = found
        shown["choices"] = choices = _choices(request, found.candidates)
        if not found.sure_of:
            shown["likely"] = _likely(request.user, {each.value for each in choices})
    return render(request, "tracking/photo.html", shown)


def _own(photo_id: uuid.UUID, user: User) -> Photo:
    """Raises Http404, also for somebody else's."""
    one = Photo.objects.owned_by(user).filter(uuid=photo_id).first()
    if one is None:
        raise Http404
    return one


def _choices(request: AuthenticatedRequest, candidates: Sequence[Candidate]) -> list[Choice]:
    products = Product.objects.visible_to(request.user).corrected_for(request.user)
    wanted = [each.product for each in candidates if each.product]
    languages, now = preferred_languages(request), timezone.now()
    foods = {str(row.uuid): Food(row, languages, now) for row in products.filter(uuid__in=wanted)} if wanted else {}
    return [_choice(each, foods, today=str(today_of(request.user))) for each in candidates]


def _choice(said: Candidate, foods: dict[str, Food], *, today: str) -> Choice:
    percent = round(100 * said.confidence)
    if said.product in foods:
        food = foods[said.product]
        return Choice(food.name, food.brand, f"product:{said.product}", percent=percent)
    if said.recipe is not None:
        return Choice(said.name, _("Recipe"), f"recipe:{said.recipe}", percent=percent)
    if said.barcode:
        return Choice(said.name, _("Barcode"), link=reverse("food", args=[said.barcode]), percent=percent)
    link = f"{reverse('day', args=[today])}?{urlencode({'q': said.search or said.name})}"
    return Choice(said.name, _("Search"), link=link, percent=percent)


def _likely(user: User, shown: set[str]) -> list[Choice]:
    """What this person often has at this hour, without what is shown already."""
    now = timezone.now()
    meal = meal_at(user.wall_clock(now).time())
    found: Iterable[Choice] = (
        Choice(
            each.item.name,
            each.item.brand,
            f"product:{each.item.product.uuid}" if each.item.product else f"recipe:{each.item.recipe_id}",
        )
        for each in recents(user, now=now, meal=meal, limit=LIKELY)
        if each.item.product or each.item.recipe_id
    )
    return [choice for choice in found if choice.value not in shown]


@login_required
@require_POST
def photo_confirm(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """The person says what it is, which recognition learns from. Goes on to the page that logs it."""
    one = _own(photo_id, request.user)
    seen = _seen(request.POST.get("what", ""), request.user)
    try:
        confirm(photo=one, foods=[seen], now=timezone.now())
    except Refused as error:
        messages.error(request, error.sentence)
        return redirect("photo", one.uuid)
    if seen.recipe is not None:
        return redirect("recipe", seen.recipe.pk)
    assert seen.product is not None
    return redirect("log_food", one.day or today_of(request.user), seen.product.uuid)


def _seen(text: str, user: User) -> Seen:
    """What a choice means. Raises Http404 where it is not here, or not this person's."""
    kind, _colon, name = text.partition(":")
    if kind == "recipe" and name.isdecimal() and len(name) < 19:
        recipe = Recipe.objects.owned_by(user).filter(pk=int(name)).first()
        if recipe is not None:
            return Seen(recipe=recipe)
    if kind == "product":
        try:
            product = Product.objects.visible_to(user).filter(uuid=uuid.UUID(name)).first()
        except ValueError:
            product = None
        if product is not None:
            return Seen(product=product)
    raise Http404


@login_required
@require_http_methods(["GET", "POST"])
def photo_delete(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """GET asks."""
    one = _own(photo_id, request.user)
    if request.method != "POST":
        return render(request, "tracking/photo_delete.html", {"photo": one})
    delete_photo(one)
    messages.success(request, _("The photo is deleted."))
    return redirect("photos")
