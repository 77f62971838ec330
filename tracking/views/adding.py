"""Logging what the entry box found: a food, the lines of a text, what was eaten before, figures alone."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products import lookup
from products.foods import Food
from products.models import Product
from tracking.errors import Refused
from tracking.forms.diary import LineForm, QuickAddForm
from tracking.habits import Usual, energy_of
from tracking.models import STANDARD_MEALS, MealItem
from tracking.services import diary
from tracking.services.again import log_again
from tracking.text_entry import LONGEST_TEXT, MOST_SEARCHED, read
from tracking.units import units_of_person
from tracking.views.answers import changed, in_part, not_yet, shown_again
from tracking.views.entry import Asked, asked_for, meal_asked_for, portion_form
from tracking.views.shown import meal_choices, shown_day


@login_required
@require_http_methods(["GET", "POST"])
def log_food(request: AuthenticatedRequest, date: dt.date, food: uuid.UUID) -> HttpResponse:
    """GET: how much of it? POST: log it."""
    seen, meal = _food(request, food), meal_asked_for(request)
    form = portion_form(request, seen, date, meal, request.POST if request.method == "POST" else None)
    shown = {"food": seen, "form": form, "date": date, "meal": meal, "embedded": in_part(request)}
    if form.is_valid():
        said = form.cleaned_data
        try:
            new = diary.of_food(seen, said["quantity"], said["unit"], time=said["time"])
            done = diary.log(request.user, said["day"], said["meal"], [new])
        except Refused as error:
            form.refuse(error)
        else:
            sentence = _("%(name)s is in your diary.") % {"name": seen.name}
            return changed(request, done, sentence, date=date if in_part(request) else said["day"])
    part, page = "tracking/_amount.html", "tracking/amount.html"
    if request.method == "POST":
        return not_yet(request, shown, part=part, page=page, target="#found", swap="innerHTML")
    return render_part(request, shown, part=part, page=page)


def _food(request: AuthenticatedRequest, reference: uuid.UUID) -> Food:
    product = lookup.here(reference, request.user)
    if product is None:
        raise Http404
    return Food(product, preferred_languages(request), timezone.now())


# --- Several at once, again, and without a food -----------------------------------------------------------------
@login_required
@require_POST
def log_lines(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Log every line of a text that a food was chosen for: all of them or none."""
    text = request.POST.get("q", "").strip()[:LONGEST_TEXT]
    meal = meal_asked_for(request)
    understood = read(text, request.user, preferred_languages(request))
    asked = [asked_for(number, line, request.POST) for number, line in enumerate(understood)]
    shown = {"q": text, "meal": meal, "date": date, "kind": "lines", "asked": asked}
    new = _new_items(request, asked)
    if new:
        try:
            done = diary.log(request.user, date, meal, new)
        except Refused as error:
            shown["sentence"] = error.sentence
        else:
            said = ngettext("%(count)d item is in your diary.", "%(count)d items are in your diary.", len(new))
            return changed(request, done, said % {"count": len(new)}, date=date)
    elif new is not None:
        shown["sentence"] = _("Choose a food for at least one line.")
    if not in_part(request):
        shown |= shown_day(request.user, date) | {"meals_to_choose": meal_choices(request.user, date, meal)}
    return not_yet(request, shown, part="tracking/_found.html", page="tracking/day.html", target="#found")


def _new_items(request: AuthenticatedRequest, asked: Sequence[Asked]) -> list[diary.NewItem] | None:
    """What the lines mean. None where one cannot be logged as it is said; its form says why then."""
    valid = [each.form.is_valid() for each in asked]  # every form, so that each can say what is wrong
    foods = _foods_of(request, [each.form for each in asked])
    new = []
    for at, each in enumerate(asked):
        said = each.form.cleaned_data
        if not valid[at] or not said["food"]:
            continue
        try:
            if said["food"] not in foods:
                raise Refused(_("This food is not here any more. Choose another."), field="food")
            new.append(diary.of_food(foods[said["food"]], said["quantity"], said["unit"]))
        except Refused as error:
            each.form.refuse(error)
            valid[at] = False
    return new if all(valid) else None


def _foods_of(request: AuthenticatedRequest, forms: Sequence[LineForm]) -> dict[uuid.UUID, Food]:
    """The foods that lines were chosen for, in one query. The forms are clean, as far as they can be."""
    wanted = {form.cleaned_data["food"] for form in forms if form.cleaned_data.get("food")}
    products = Product.objects.visible_to(request.user).corrected_for(request.user).filter(uuid__in=wanted)
    return {product.uuid: Food(product, preferred_languages(request), timezone.now()) for product in products}


@login_required
@require_POST
def weigh_lines(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """The energy of each line as it is filled in now, for htmx while somebody changes it. Writes nothing."""
    forms = [LineForm(request.POST, prefix=f"line-{number}") for number in range(MOST_SEARCHED)]
    filled = [form for form in forms if form.add_prefix("food") in request.POST]
    valid = {form.prefix: form.is_valid() for form in filled}
    foods = _foods_of(request, filled)
    energies = []
    for form in filled:
        said = form.cleaned_data
        food = foods.get(said["food"]) if valid[form.prefix] else None
        energies.append((form.prefix, energy_of(food, Usual(said["quantity"], said["unit"])) if food else None))
    return render(request, "tracking/weighed.html", {"energies": energies, "date": date})


@login_required
@require_POST
def again(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Log as much of the same as before, in one tap. `item` is what was logged before."""
    text = request.POST.get("item", "")
    wanted = int(text) if text.isdecimal() and len(text) < 19 else None
    item = get_object_or_404(MealItem.objects.owned_by(request.user), pk=wanted)
    meal = meal_asked_for(request)
    try:
        done = log_again(request.user, item, day=date, meal=meal)
    except Refused as error:
        messages.error(request, error.sentence)
        return shown_again(request, date)
    label = STANDARD_MEALS.get(meal, meal)
    return changed(request, done, _("%(name)s is logged: %(meal)s.") % {"name": item.name, "meal": label}, date=date)


@login_required
@require_http_methods(["GET", "POST"])
def quick(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """Figures alone: GET the form, POST to log them."""
    meal = meal_asked_for(request)
    form = QuickAddForm(
        request.POST if request.method == "POST" else None,
        meals=meal_choices(request.user, date, meal),
        energy_unit=units_of_person(request.user).energy,
        initial={"meal": meal, "day": date},
    )
    if form.is_valid():
        said = form.cleaned_data
        try:
            done = diary.log(
                request.user, said["day"], said["meal"], [diary.quick_add(said["name"].strip(), form.figures())]
            )
        except Refused as error:
            form.refuse(error)
        else:
            shown_on = date if in_part(request) else said["day"]
            return changed(request, done, _("%(name)s is in your diary.") % {"name": done.items[0].name}, date=shown_on)
    shown = {"form": form, "date": date, "meal": meal, "embedded": in_part(request)}
    part, page = "tracking/_quick.html", "tracking/quick.html"
    if request.method == "POST":
        return not_yet(request, shown, part=part, page=page, target="#found", swap="innerHTML")
    return render_part(request, shown, part=part, page=page)
