"""Pages: scan, foods, one food, own foods and corrections."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.accounts.models import User
from dietintel.accounts.throttling import UploadThrottle, UpstreamThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products import lookup, online, scanning, services
from products.barcodes import Barcode, InvalidBarcode, barcode_in
from products.foods import Food
from products.forms import EMPTY, FoodForm, PhotoForm, ScanForm, initial_from, initial_of, snapshot
from products.models import FiguresNotKept, Product
from products.pictures import UnreadablePicture
from products.providers.base import LONGEST_SEARCH, SEARCH_HITS, Searching, plain_words
from products.search import InvalidCursor, Page, search


@login_required
@require_http_methods(["GET", "POST"])
def scan(request: AuthenticatedRequest) -> HttpResponse:
    """GET with `barcode`: on to the food. POST with `image`: the numbers in it, to be looked at before going on."""
    form, photo_form = ScanForm(), PhotoForm()
    codes: list[tuple[Barcode, Food | None]] | None = None
    status = 200
    if request.method == "POST":
        photo_form = PhotoForm(request.POST, request.FILES)
        wait = wait_seconds(request, UploadThrottle)
        if wait is not None:
            photo_form.add_error(None, _("Too many photos at once. Try again in %(wait)d seconds.") % {"wait": wait})
        elif photo_form.is_valid():
            try:
                found = scanning.barcodes_in(photo_form.cleaned_data["image"])
            except UnreadablePicture as error:
                photo_form.add_error("image", str(error))
            else:
                codes = [(code, _known(request, code)) for code in found]
        if photo_form.errors:
            status = 422 if wait is None else 429
    elif "barcode" in request.GET:
        form = ScanForm(request.GET)
        if form.is_valid():
            return redirect("food", form.cleaned_data["barcode"])
        status = 422
    shown = {"form": form, "photo_form": photo_form, "codes": codes}
    return render_part(request, shown, part="products/_scanned.html", page="products/scan.html", status=status)


@login_required
@require_GET
def foods(request: AuthenticatedRequest) -> HttpResponse:
    text, own_only = request.GET.get("q", "")[:LONGEST_SEARCH], request.GET.get("own") == "1"
    shown = _listed(request, text, own_only=own_only)
    return render_part(request, shown, part="products/_foods.html", page="products/foods.html")


@login_required
@require_GET
def foods_online(request: AuthenticatedRequest) -> HttpResponse:
    """What one provider finds. htmx gets that alone; a plain browser gets it below what is here."""
    provider, text = _searchable(request.GET.get("provider", "")), request.GET.get("q", "")[:LONGEST_SEARCH]
    if not plain_words(text):
        return redirect("foods")
    at: dict[str, object] = {"name": provider.config.name, "label": provider.config.label}
    status, wait_s = 200, wait_seconds(request, UpstreamThrottle)
    if wait_s is not None:
        at["error"] = _("Many searches in a short time. Try again in %(wait)d seconds.") % {"wait": wait_s}
        status = 429
    else:
        try:
            found = online.search(provider, text, request.user, limit=SEARCH_HITS)
        except online.SearchUnavailable as error:
            at["error"], status, wait_s = error.sentence, 503, error.retry_after_s
        else:
            at["foods"] = [_shown(product, request) for product in found.products]
            at["fetched_at"] = found.fetched_at
    shown = {"q": text, "online": at, "searchable": online.searchable(), "new_food_url": online.new_food_url(text)}
    if request.htmx:
        # The sentence is what is to be shown: htmx keeps the old part where the status says 503.
        response = render(request, "products/_online.html", shown, status=200 if status == 503 else status)
    else:
        response = render(request, "products/foods.html", _listed(request, text, own_only=False) | shown, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return _come_back(response, wait_s)


@login_required
@require_POST
def keep_online(request: AuthenticatedRequest) -> HttpResponse:
    """Open a hit of an online search: it is kept here from now on. `food` is its barcode and its id at the source."""
    provider, text = _searchable(request.POST.get("provider", "")), request.POST.get("q", "")[:LONGEST_SEARCH]
    barcode, _colon, source_id = request.POST.get("food", "").partition(":")
    if not plain_words(text):
        raise Http404
    try:
        _may_ask(request)
        return redirect(online.keep(provider, text, barcode, source_id, request.user))
    except TooManyLookups as error:
        sentence = _("Many searches in a short time. Try again in %(wait)d seconds.") % {"wait": error.wait_s}
    except online.NoSuchHit as error:
        raise Http404 from error
    except lookup.ProductError as error:
        sentence = error.sentence
    messages.error(request, sentence)
    return redirect(f"{reverse('foods')}?{urlencode({'q': text})}")


def _searchable(name: str) -> Searching:
    provider = online.called(name)
    if provider is None:
        raise Http404
    return provider


def _listed(request: AuthenticatedRequest, text: str, *, own_only: bool) -> dict[str, object]:
    """What foods.html needs of what is here."""
    try:
        page = search(text, request.user, cursor=request.GET.get("cursor", ""), own_only=own_only)
    except InvalidCursor:
        page = Page([], None)
    code = barcode_in(text)
    return {
        "q": text,
        "own_only": own_only,
        "foods": [_shown(product, request) for product in page.products],
        "next_cursor": page.next_cursor,
        "code": code,
        "anything_here": bool(text or page.products) or Product.objects.visible_to(request.user).exists(),
        # A barcode is looked up; words can be searched for elsewhere.
        "searchable": online.searchable() if plain_words(text) and not (own_only or code) else [],
    }


@login_required
@require_GET
def food(request: AuthenticatedRequest, reference: str) -> HttpResponse:
    """A barcode that is not known here is asked for now: that takes up to 8 seconds and is limited per person."""
    wanted = _reference(reference)
    try:
        product = lookup.find(wanted, request.user, before_asking=lambda: _may_ask(request))
    except TooManyLookups as error:
        shown: dict[str, object] = {"barcode": wanted, "wait": error.wait_s}
        return _come_back(render(request, "products/too_many.html", shown, status=429), error.wait_s)
    except lookup.ProductNotFound as error:
        return render(request, "products/not_found.html", {"error": error, "form": ScanForm()}, status=404)
    except lookup.ProvidersUnavailable as error:
        shown = {"error": error}
        return _come_back(render(request, "products/unavailable.html", shown, status=503), error.retry_after_s)
    if product is None:
        raise Http404
    seen = _shown(product, request)
    return render(request, "products/food.html", {"food": seen, "table": seen.table()})


@login_required
@require_http_methods(["GET", "POST"])
def food_new(request: AuthenticatedRequest) -> HttpResponse:
    """With `copy`, a barcode or an id: filled in with that food, which may have to be looked up."""
    initial = {**EMPTY, "barcode": request.GET.get("barcode", ""), "name": request.GET.get("name", "")}
    copied = None
    if "copy" in request.GET and request.method == "GET":
        wanted = _reference(request.GET["copy"])
        copied = _to_copy(request, wanted)
        initial |= initial_of(copied) if copied else {"barcode": str(wanted) if isinstance(wanted, Barcode) else ""}
    form = FoodForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            made = services.create_own_food(owner=request.user, **form.entered())
        except services.BarcodeTaken as error:
            form.add_error("barcode", _("You have a food with this barcode already: %s.") % error.product.name)
        else:
            messages.success(request, _("Saved."))
            return redirect(made)
    shown = {"form": form, "title": _("New food"), "back": reverse("foods"), "copied": copied}
    return render(request, "products/food_form.html", shown, status=422 if form.errors else 200)


def _to_copy(request: AuthenticatedRequest, wanted: Barcode | uuid.UUID) -> Food | None:
    """The food that somebody wants as their own; None, and a message why, where it cannot be had just now."""
    try:
        product = lookup.find(wanted, request.user, before_asking=lambda: _may_ask(request))
    except TooManyLookups as error:
        sentence = _("Many lookups in a short time. Try again in %(wait)d seconds.") % {"wait": error.wait_s}
    except lookup.ProductError as error:
        sentence = error.sentence
    else:
        if product is None:
            raise Http404
        return _shown(product, request)
    messages.error(request, sentence)
    return None


@login_required
@require_http_methods(["GET", "POST"])
def food_change(request: AuthenticatedRequest, reference: str) -> HttpResponse:
    """An own food is changed; over a provider's food goes the person's correction."""
    try:
        product = _here(reference, request.user)
    except FiguresNotKept as error:
        return _nothing_to_change(request, error)
    seen = _shown(product, request)
    own = product.owner_id is not None
    shown_before = request.POST.get("shown", "")
    initial = initial_from(shown_before) or initial_of(seen)
    form = FoodForm(request.POST or None, initial=initial, with_barcode=False)
    if form.is_valid():
        if own:
            services.change_own_food(product, form.changes())
        else:
            services.correct(product, request.user, form.changes())
        messages.success(request, _("Saved.") if own else _("Saved. The next scan shows your figures."))
        return redirect(product)
    title = _("Change this food") if own else _("Correct this food")
    back = product.get_absolute_url()
    shown = {"form": form, "food": seen, "title": title, "back": back, "shown": shown_before or snapshot(seen)}
    return render(request, "products/food_form.html", shown, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def food_delete(request: AuthenticatedRequest, reference: str) -> HttpResponse:
    """An own food is deleted; a provider's food loses the person's correction."""
    try:
        product = _here(reference, request.user)
    except FiguresNotKept as error:
        return _nothing_to_change(request, error)
    if product.owner_id is None and product.correction is None:
        raise Http404
    if request.method == "GET":
        return render(request, "products/food_delete.html", {"food": _shown(product, request)})
    if product.owner_id is not None:
        product.delete()
        messages.success(request, _("%(name)s is deleted.") % {"name": product.name})
        return redirect("foods")
    services.withdraw_correction(product, request.user)
    messages.success(request, _("Your correction is gone; these are the source's own figures again."))
    return redirect(product)


def _nothing_to_change(request: AuthenticatedRequest, error: FiguresNotKept) -> HttpResponse:
    messages.error(request, error.sentence)
    return redirect(error.product)


def _shown(product: Product, request: AuthenticatedRequest) -> Food:
    return Food(product, preferred_languages(request), timezone.now())


def _known(request: AuthenticatedRequest, code: Barcode) -> Food | None:
    product = lookup.known(code, request.user)
    return _shown(product, request) if product else None


def _reference(text: str) -> Barcode | uuid.UUID:
    try:
        return lookup.parse_reference(text)
    except InvalidBarcode as error:
        raise Http404 from error


def _here(text: str, user: User) -> Product:
    product = lookup.here(_reference(text), user)
    if product is None:
        raise Http404
    return product


class TooManyLookups(Exception):
    """This person asks too fast. Try again in `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


def _may_ask(request: AuthenticatedRequest) -> None:
    wait = wait_seconds(request, UpstreamThrottle)
    if wait is not None:
        raise TooManyLookups(wait)


def _come_back(response: HttpResponse, wait_s: int | None) -> HttpResponse:
    if wait_s is not None:
        response["Retry-After"] = str(wait_s)
    return response
