"""The entry box of a day: what is found for a text, a word or a barcode. What is logged of it is in `adding`."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dietintel.accounts.throttling import UpstreamThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products import lookup, online
from products.barcodes import Barcode, barcode_in
from products.foods import Food
from products.models import Product
from products.providers.base import plain_words
from products.search import search
from tracking.amounts import units_of
from tracking.errors import Refused
from tracking.forms.diary import LineForm, PortionForm, typed
from tracking.habits import Usual, energy_of, last_items, usual
from tracking.models import MealItem, Recipe
from tracking.moments import meal_at
from tracking.recents import recents, untried
from tracking.recipes import RecipeBook
from tracking.services.diary import meal_name
from tracking.text_entry import LONGEST_TEXT, Line, lines, read
from tracking.views.answers import in_part
from tracking.views.shown import meal_choices, shown_day

HITS, RECIPES, RECENTS = 12, 4, 12


@dataclass(frozen=True)
class Hit:
    """A food that was found, with as much of it as one tap logs."""

    food: Food
    much: Usual
    energy_kcal: Decimal | None

    @property
    def quantity(self) -> str:
        """As a form sends it."""
        return typed(self.much.quantity)


@dataclass(frozen=True)
class RecipeHit:
    """A recipe of the person's own that was found; one tap logs a serving."""

    recipe: Recipe
    energy_kcal: Decimal | None
    at_least: bool


@dataclass(frozen=True)
class Asked:
    """One line of a text with its form; `line.candidates` is empty where nothing is known by that name."""

    line: Line
    form: LineForm
    chosen: str
    energy_kcal: Decimal | None = None  # of what the form says

    @property
    def units(self) -> list[str]:
        """What the likeliest food can be counted in."""
        best = next(iter(self.line.candidates), None)
        return units_of(best.basis, best.servings) if best else []


# --- What the box shows -----------------------------------------------------------------------------------------
def entry_box(request: AuthenticatedRequest, date: dt.date) -> dict[str, Any]:
    """What tracking/_entry.html and _found.html need: the text, the meal, and what was found for them."""
    text = request.GET.get("q", "").strip()[:LONGEST_TEXT]
    meal = meal_asked_for(request)
    shown = {"q": text, "meal": meal, "meals_to_choose": meal_choices(request.user, date, meal), "date": date}
    return shown | _found(request, date, text, meal)


@login_required
@require_GET
def find(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """What was found, below the box. With `ask`, a barcode that is not known here is looked up, which takes seconds."""
    shown = shown_day(request.user, date) if not in_part(request) else {}
    shown |= entry_box(request, date)
    return render_part(request, shown, part="tracking/_found.html", page="tracking/day.html")


def meal_asked_for(request: AuthenticatedRequest) -> str:
    """The meal that was chosen, else the one that the hour suggests."""
    try:
        return meal_name((request.POST if request.method == "POST" else request.GET).get("meal", ""))
    except Refused:
        return meal_at(request.user.wall_clock(timezone.now()).time())


def _found(request: AuthenticatedRequest, date: dt.date, text: str, meal: str) -> dict[str, Any]:
    if not text:
        now = timezone.now()
        found = _untried(request) | {"recents": recents(request.user, now=now, meal=meal, limit=RECENTS)}
        return found | {"kind": "recents"}
    code = barcode_in(text)
    if code is not None:
        return _of_barcode(request, date, code, meal)
    # A bare name is a search; with a number or a comma it is something to be logged.
    said = lines(text)
    if len(said) == 1 and not said[0].counted:
        found = {
            "hits": _hits(request, text),
            "recipes": _recipe_hits(request, lambda book: book.search(text)[:RECIPES]),
        }
        return found | {"kind": "foods", "elsewhere": _elsewhere(text)}
    understood = read(text, request.user, preferred_languages(request))
    return {"kind": "lines", "asked": [asked_for(number, line) for number, line in enumerate(understood)]}


def _hits(request: AuthenticatedRequest, text: str) -> list[Hit]:
    products = search(text, request.user, limit=HITS).products
    last = last_items(request.user, [product.pk for product in products])
    return [_hit(request, product, last.get(product.pk)) for product in products]


def _hit(request: AuthenticatedRequest, product: Product, last: MealItem | None) -> Hit:
    food = Food(product, preferred_languages(request), timezone.now())
    much = usual(food, last)
    return Hit(food, much, energy_of(food, much))


def _untried(request: AuthenticatedRequest) -> dict[str, Any]:
    """Favourites that were never logged, as if they had been searched for."""
    liked = list(untried(request.user)[:RECENTS])
    foods = Product.objects.visible_to(request.user).corrected_for(request.user)
    products = foods.in_bulk([each.product_id for each in liked if each.product_id])
    recipes = [each.recipe_id for each in liked if each.recipe_id]
    return {
        "liked_foods": [
            _hit(request, products[each.product_id], None) for each in liked if each.product_id in products
        ],
        "liked_recipes": _recipe_hits(request, lambda book: [one for pk in recipes if (one := book.get(pk))])
        if recipes
        else [],
    }


def _recipe_hits(request: AuthenticatedRequest, chosen: Callable[[RecipeBook], Sequence[Recipe]]) -> list[RecipeHit]:
    """Those with something in them. Three queries."""
    book = RecipeBook.of(request.user, preferred_languages(request))
    found = []
    for recipe in chosen(book):
        figures = book.figures(recipe)
        if figures.lines:
            found.append(RecipeHit(recipe, figures.per_serving.get("energy_kcal"), figures.energy_at_least))
    return found


def _elsewhere(text: str) -> bool:
    """Whether a provider can be asked for these words."""
    return bool(plain_words(text) and online.searchable())


def asked_for(number: int, line: Line, data: QueryDict | None = None) -> Asked:
    best, amount = next(iter(line.candidates), None), line.amount
    initial = {
        "food": best.product.uuid if best else None,
        "quantity": typed(amount.quantity if amount else line.quantity),
        "unit": (amount.serving or (best.basis if best else "")) if amount else line.unit,
    }
    form = LineForm(data, prefix=f"line-{number}", initial=initial)
    usual_now = Usual(amount.quantity, amount.serving or best.basis) if best and amount and data is None else None
    energy = energy_of(best, usual_now) if best and usual_now else None
    return Asked(line, form, str(form["food"].value() or ""), energy)


def _of_barcode(request: AuthenticatedRequest, date: dt.date, code: Barcode, meal: str) -> dict[str, Any]:
    """The food with its amount form. Somebody else is asked for it only where the person pressed Enter."""
    shown: dict[str, Any] = {"kind": "barcode", "code": code}
    product = lookup.known(code, request.user)
    if product is None and "ask" in request.GET:
        wait_s = wait_seconds(request, UpstreamThrottle)
        if wait_s is not None:
            sentence = _("Many searches in a short time. Try again in %(wait)d seconds.") % {"wait": wait_s}
            return shown | {"sentence": sentence}
        try:
            product = lookup.lookup(code, request.user)
        except lookup.ProductError as error:
            return shown | {"sentence": error.sentence, "own_food_url": getattr(error, "own_food_url", "")}
    if product is None:
        return shown
    food = Food(product, preferred_languages(request), timezone.now())
    return shown | {"food": food, "form": portion_form(request, food, date, meal)}


# --- How much of a food -----------------------------------------------------------------------------------------
def portion_form(
    request: AuthenticatedRequest, food: Food, date: dt.date, meal: str, data: QueryDict | None = None
) -> PortionForm:
    """Filled in with what this person usually takes."""
    last = last_items(request.user, [food.product.pk]).get(food.product.pk) if data is None else None
    much = usual(food, last)
    initial = {"quantity": typed(much.quantity), "unit": much.unit, "meal": meal, "day": date}
    units = dict.fromkeys([*units_of(food.basis, food.servings), data.get("unit", "") if data else much.unit])
    meals = meal_choices(request.user, date, meal)
    return PortionForm(data, units=[(unit, unit) for unit in units if unit], meals=meals, initial=initial)
