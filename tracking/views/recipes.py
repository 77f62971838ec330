"""Pages of recipes: the list, one recipe, and what is done with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products.nutrients import AS_PRINTED, MAIN, Nutrient
from tracking.dates import today_of
from tracking.errors import Conflict, Refused
from tracking.forms.diary import PortionForm
from tracking.forms.recipes import RecipeForm, ScaleForm, choices_of, factor_in
from tracking.models import Favourite, Recipe
from tracking.moments import meal_at
from tracking.recipes import Line, RecipeBook, RecipeFigures, units_of_recipe
from tracking.services import diary, recipes
from tracking.services.favourites import set_favourite
from tracking.services.recipes import of_recipe
from tracking.totals import SUMMED, apportioned, whole
from tracking.units import energy_in, units_of_person
from tracking.views.answers import changed
from tracking.views.shown import meal_choices

PAGE = 50


@dataclass(frozen=True)
class Row:
    """One nutrient of the facts. None: no ingredient declares it."""

    nutrient: Nutrient
    per_serving: Decimal | None
    per_100: Decimal | None
    all_of_it: Decimal | None
    at_least: bool


@dataclass(frozen=True)
class ShownLine:
    """`energy` is whole and in the reader's unit, so that the column adds up; None where nobody declared any."""

    line: Line
    energy: Decimal | None
    at_least: bool


# --- All of them ------------------------------------------------------------------------------------------------
@login_required
@require_GET
def recipe_list(request: AuthenticatedRequest) -> HttpResponse:
    """By name. Searched while typing."""
    book = RecipeBook.of(request.user, preferred_languages(request))
    text, start = request.GET.get("q", "")[:200], request.GET.get("from", "")
    found = book.search(text)
    first = int(start) if start.isdecimal() and len(start) < 7 else 0
    shown = {
        "q": text,
        "recipes": [{"recipe": each, "figures": book.figures(each)} for each in found[first : first + PAGE]],
        "following": first + PAGE if len(found) > first + PAGE else None,
        "anything_here": bool(text or found),
    }
    return render_part(request, shown, part="tracking/_recipes.html", page="tracking/recipes.html")


@login_required
@require_http_methods(["GET", "POST"])
def recipe_new(request: AuthenticatedRequest) -> HttpResponse:
    form = RecipeForm(request.POST or None, initial={"servings": "1", "name": request.GET.get("name", "")})
    if form.is_valid():
        try:
            made = recipes.create(request.user, **form.cleaned_data)
        except Refused as error:
            form.refuse(error)
        else:
            return redirect("recipe_change", made.pk)
    return render(request, "tracking/recipe_new.html", {"form": form}, status=422 if form.errors else 200)


# --- One of them ------------------------------------------------------------------------------------------------
@login_required
@require_GET
def recipe(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    return render(request, "tracking/recipe.html", shown_recipe(request, pk))


def shown_recipe(request: AuthenticatedRequest, pk: int, **forms: Any) -> dict[str, Any]:
    """What tracking/recipe.html needs; `forms` that were sent stand in for the empty ones. Raises Http404."""
    book, one = book_and_recipe(request, pk)
    figures, unit = book.figures(one), units_of_person(request.user).energy
    total, energies = energies_of(figures, unit)
    return {
        "recipe": one,
        "figures": figures,
        "lines": [
            ShownLine(line, energy, line.totals.at_least("energy_kcal"))
            for line, energy in zip(figures.lines, energies, strict=True)
        ],
        "total": total,
        "unit": unit,
        "table": table_of(figures),
        "kept": [line for line in figures.lines if line.kept],
        "favourite": Favourite.objects.owned_by(request.user).filter(recipe=one).exists(),
        "form": forms.get("form") or _portion_form(request, one),
        "scale_form": forms.get("scale_form") or ScaleForm(),
    }


def book_and_recipe(request: AuthenticatedRequest, pk: int) -> tuple[RecipeBook, Recipe]:
    """Raises Http404 where this person has no such recipe."""
    book = RecipeBook.of(request.user, preferred_languages(request))
    one = book.get(pk)
    if one is None:
        raise Http404
    return book, one


def energies_of(figures: RecipeFigures, unit: str) -> tuple[Decimal | None, Sequence[Decimal | None]]:
    """Whole energies of the recipe and of its ingredients, in `unit`: those of the ingredients add up to the first."""
    parts = [line.totals.get("energy_kcal") for line in figures.lines]
    exact = [None if part is None else energy_in(part, unit) for part in parts]
    total = whole(sum((each for each in exact if each is not None), Decimal(0)))
    return (total if any(each is not None for each in exact) else None), apportioned(exact, total)


def table_of(figures: RecipeFigures) -> list[Row]:
    """The nutrition facts: the main eight always, the others where an ingredient declares them."""
    known, per_100 = figures.totals.known, figures.per_100
    return [
        Row(
            nutrient,
            figures.per_serving.get(nutrient.key),
            None if per_100 is None else per_100.get(nutrient.key),
            known.get(nutrient.key),
            nutrient.key in figures.at_least,
        )
        for nutrient in AS_PRINTED
        if nutrient.key in SUMMED and (nutrient in MAIN or nutrient.key in known)
    ]


def _portion_form(request: AuthenticatedRequest, one: Recipe, *, sent: bool = False) -> PortionForm:
    today, now = today_of(request.user), request.user.wall_clock(timezone.now()).time()
    meal = meal_at(now)
    return PortionForm(
        request.POST if sent else None,
        units=choices_of(units_of_recipe(one)),
        meals=meal_choices(request.user, today, meal),
        initial={"quantity": "1", "unit": "serving", "meal": meal, "day": today},
    )


@login_required
@require_POST
def recipe_log(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Some of it was eaten."""
    book, one = book_and_recipe(request, pk)
    form = _portion_form(request, one, sent=True)
    if form.is_valid():
        said = form.cleaned_data
        try:
            item = of_recipe(one, said["quantity"], said["unit"], book=book, time=said["time"])
            done = diary.log(request.user, said["day"], said["meal"], [item])
        except Refused as error:
            form.refuse(error)
        else:
            return changed(request, done, _("%(name)s is in your diary.") % {"name": one.name}, date=said["day"])
    return render(request, "tracking/recipe.html", shown_recipe(request, pk, form=form), status=422)


@login_required
@require_POST
def recipe_scale(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Another number of `servings`; or `factor`: half, double, triple."""
    _book, one = book_and_recipe(request, pk)
    factor = factor_in(request.POST.get("factor", ""))
    form = ScaleForm(request.POST)
    if factor is not None or form.is_valid():
        wanted = {"factor": factor} if factor is not None else {"servings": form.cleaned_data["servings"]}
        try:
            recipes.scale(one, **wanted)
        except (Refused, Conflict) as error:
            form.add_error("servings", error.sentence)
        else:
            messages.success(request, _("All amounts are changed. A serving stays what it was."))
            return redirect("recipe", pk)
    return render(request, "tracking/recipe.html", shown_recipe(request, pk, scale_form=form), status=422)


@login_required
@require_POST
def recipe_duplicate(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    _book, one = book_and_recipe(request, pk)
    copy = recipes.duplicate(one)
    messages.success(request, _("This is your copy. Change it as you like."))
    return redirect("recipe_change", copy.pk)


@login_required
@require_POST
def recipe_favourite(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Keep it at hand (`on` is 1), or no longer."""
    _book, one = book_and_recipe(request, pk)
    set_favourite(request.user, recipe=one, on=request.POST.get("on") == "1")
    return redirect("recipe", pk)


@login_required
@require_http_methods(["GET", "POST"])
def recipe_delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """GET asks, and says where else it is used."""
    _book, one = book_and_recipe(request, pk)
    if request.method == "GET":
        used_in = Recipe.objects.owned_by(request.user).filter(ingredients__part=one).distinct().order_by("name")
        return render(request, "tracking/recipe_delete.html", {"recipe": one, "used_in": used_in})
    recipes.delete(one)
    messages.success(request, _("%(name)s is deleted.") % {"name": one.name})
    return redirect(reverse("recipes"))
