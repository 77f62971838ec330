"""One item of the diary: looked at, changed, deleted; and what a person wants at hand."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products import lookup
from products.foods import Food
from products.models import Product
from products.nutrients import rounded
from tracking.amounts import units_of
from tracking.dates import day_name, today_of
from tracking.errors import Refused
from tracking.forms.diary import PortionForm, QuickItemForm, typed
from tracking.models import Basis, Favourite, MealItem
from tracking.services import diary
from tracking.services.diary import Done
from tracking.services.favourites import set_favourite
from tracking.summaries import changed_since
from tracking.units import energy_in, units_of_person
from tracking.views.answers import changed, in_part, not_yet, shown_again
from tracking.views.shown import meal_choices

PART, PAGE = "tracking/_item_form.html", "tracking/item.html"


@login_required
@require_http_methods(["GET", "POST"])
def item(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """GET: the form of one item. POST: change its amount, time, meal or day."""
    kept = _item(request, pk)
    form = _form(request, kept)
    shown = {
        "item": kept,
        "form": form,
        "changed": changed_since(kept),
        "favourite": _is_favourite(request, kept),
        "date": kept.meal.day,
        "today": today_of(request.user),
    }
    if not form.is_bound:
        return render_part(request, shown, part=PART, page=PAGE)
    if form.is_valid():
        try:
            done = diary.change(kept, _changes(form, kept))
        except Refused as error:
            form.refuse(error)
        except MealItem.DoesNotExist as error:
            raise Http404 from error
        else:
            return changed(request, done, _said(done, kept), date=kept.meal.day)
    return not_yet(request, shown, part=PART, page=PAGE, target=f"#item-{kept.pk}")


@login_required
@require_POST
def item_delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    kept = _item(request, pk)
    sentence = _("%(name)s is deleted.") % {"name": kept.name}
    return changed(request, diary.delete([kept]), sentence, date=kept.meal.day)


@login_required
@require_POST
def item_renew(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Take over the figures that the food has today."""
    kept = _item(request, pk)
    food = changed_since(kept)
    if food is None:
        messages.warning(request, _("The food still has the figures that this was logged with."))
        return shown_again(request, kept.meal.day)
    try:
        done = diary.use_present_figures(kept, food)
    except MealItem.DoesNotExist as error:
        raise Http404 from error
    return changed(request, done, _("%(name)s has today's figures now.") % {"name": kept.name}, date=kept.meal.day)


@login_required
@require_POST
def favourite(request: AuthenticatedRequest, food: uuid.UUID) -> HttpResponse:
    """Keep a food at hand (`on` is 1), or no longer."""
    product = lookup.here(food, request.user)
    if product is None:
        raise Http404
    on = set_favourite(request.user, product=product, on=request.POST.get("on") == "1") is not None
    if in_part(request):
        shown = {"favourite": on, "uuid": product.uuid}
        return render_part(request, shown, part="tracking/_star.html", page="tracking/_star.html")
    messages.success(request, _("It is at hand now.") if on else _("It is no favourite any more."))
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(back if safe else product.get_absolute_url())


def _item(request: AuthenticatedRequest, pk: int) -> MealItem:
    """With its meal, and its food as this person corrected it."""
    kept = get_object_or_404(MealItem.objects.owned_by(request.user).select_related("meal__user", "recipe"), pk=pk)
    foods = Product.objects.visible_to(request.user).corrected_for(request.user)
    kept.product = foods.filter(pk=kept.product_id).first() if kept.product_id else None
    return kept


def _form(request: AuthenticatedRequest, kept: MealItem) -> PortionForm:
    unit = kept.serving or kept.basis
    servings = Food(kept.product, preferred_languages(request), timezone.now()).servings if kept.product else ()
    units = dict.fromkeys([unit, *units_of(kept.basis, servings)])
    initial = {
        "quantity": typed(kept.quantity),
        "unit": unit,
        "meal": kept.meal.name,
        "day": kept.meal.day,
        "time": kept.time,
    }
    asked: dict[str, Any] = {
        "data": request.POST if request.method == "POST" else None,
        "units": [] if kept.basis == Basis.SERVING else [(each, each) for each in units],
        "meals": meal_choices(request.user, kept.meal.day, kept.meal.name),
        "initial": initial,
        "prefix": f"item-{kept.pk}",
    }
    form = _quick_form(request, kept, asked) if kept.is_quick_add else PortionForm(**asked)
    form.remember_shown()
    return form


def _quick_form(request: AuthenticatedRequest, kept: MealItem, asked: dict[str, Any]) -> QuickItemForm:
    unit = units_of_person(request.user).energy
    figures = dict(kept.figures)
    if "energy_kcal" in figures:
        figures["energy_kcal"] = rounded(energy_in(figures["energy_kcal"], unit))
    asked["initial"] |= {"name": kept.name, **figures}
    return QuickItemForm(**asked, energy_unit=unit)


def _changes(form: PortionForm, kept: MealItem) -> dict[str, object]:
    """What the person changed, as the service takes it; a unit that stays is left out, so that its size stays too."""
    said = form.cleaned_data
    changes = {name: said[name] for name in ("meal", "day", "time") if name in form.changed_data}
    if {"quantity", "unit"}.intersection(form.changed_data):  # an amount is both
        changes["quantity"] = said["quantity"]
        if said.get("unit", "") not in {"", kept.serving or kept.basis}:
            changes["unit"] = said["unit"]
    if isinstance(form, QuickItemForm):
        if "name" in form.changed_data:
            changes["name"] = said["name"].strip()
        if figures := form.changed_figures():
            changes["figures"] = figures
    return changes


def _said(done: Done, before: MealItem) -> str:
    after = done.items[0]
    if after.meal.day != before.meal.day:
        day = day_name(after.meal.day, today_of(before.meal.user))
        return _("%(name)s is moved to %(day)s.") % {"name": after.name, "day": day}
    return _("%(name)s is changed.") % {"name": after.name}


def _is_favourite(request: AuthenticatedRequest, kept: MealItem) -> bool:
    return bool(kept.product_id) and Favourite.objects.owned_by(request.user).filter(product=kept.product_id).exists()
