"""Writing a recipe: its details, its ingredients, and the box that adds some.

All of it is one form. Whatever is pressed, what was typed anywhere in it is saved or shown again, never lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from dietintel.http import AuthenticatedRequest, preferred_languages, render_part
from products.foods import Food
from tracking.amounts import units_of
from tracking.errors import Conflict, DiaryError, Refused
from tracking.forms.diary import typed
from tracking.forms.recipes import HowMuchForm, IngredientForm, RecipeForm
from tracking.models import Recipe
from tracking.recipes import Line, RecipeBook, units_of_recipe
from tracking.services import recipes
from tracking.services.diary import NewItem, of_food
from tracking.services.recipes import of_recipe
from tracking.text_entry import LONGEST_TEXT, read
from tracking.text_entry import Line as Said
from tracking.units import units_of_person
from tracking.views.answers import in_part
from tracking.views.recipes import book_and_recipe, energies_of

MOST_RECIPES = 3  # that are offered beside the foods of one line
PART, PAGE = "tracking/_recipe_edit.html", "tracking/recipe_change.html"


@dataclass(frozen=True)
class Option:
    """A food or another recipe that can be added, and how much of it."""

    name: str
    brand: str
    own: bool
    food: Food | None
    recipe: Recipe | None
    form: HowMuchForm

    @property
    def reference(self) -> str:
        return str(self.form.prefix)

    def new(self, book: RecipeBook) -> NewItem:
        """What it adds. Raises Refused."""
        said = self.form.cleaned_data
        if self.recipe is not None:
            return of_recipe(self.recipe, said["quantity"], said["unit"], book=book)
        assert self.food is not None
        return of_food(self.food, said["quantity"], said["unit"])


@dataclass(frozen=True)
class Found:
    """What one line of the text may mean, best first; nothing where it means nothing here."""

    said: Said
    options: Sequence[Option]
    alone: bool  # nothing else was asked for: all of them are to be chosen from

    @property
    def first(self) -> Sequence[Option]:
        """What is shown at once; of several lines the best one each."""
        return self.options if self.alone else self.options[:1]

    @property
    def others(self) -> Sequence[Option]:
        return () if self.alone else self.options[1:]


class Editor:
    """One recipe with all its forms, bound to `data` where they were sent; `text` is what stands in the box."""

    def __init__(self, request: AuthenticatedRequest, pk: int, *, text: str, data: QueryDict | None = None) -> None:
        self.request, self.data = request, data
        self.book, self.recipe = book_and_recipe(request, pk)
        self.figures = self.book.figures(self.recipe)
        self.details = RecipeForm(self.data, initial=RecipeForm.initial_of(self.recipe))
        if self.details.is_bound:
            self.details.remember_shown()
        self.rows = [IngredientForm(self._sent(line), line=line, book=self.book) for line in self.figures.lines]
        self.text = text.strip()[:LONGEST_TEXT]
        self.found = _found(self) if self.text else []
        self.refused = ""

    def _sent(self, line: Line) -> QueryDict | None:
        """Another tab may have added the ingredient since this form was shown: then nothing was typed about it."""
        name = f"ingredient-{line.ingredient.pk}-quantity"
        return self.data if self.data is not None and name in self.data else None

    def is_valid(self) -> bool:
        valid = [form.is_valid() for form in [self.details, *(row for row in self.rows if row.is_bound)]]
        return all(valid)

    def save(self) -> None:
        """What was changed. Raises Refused or Conflict."""
        details = {name: self.details.cleaned_data[name] for name in self.details.changed_data}
        if details:
            recipes.change(self.recipe, details)
        amounts = {row.line.ingredient.pk: row.changes() for row in self.rows if row.is_bound}
        touched = {pk: changes for pk, changes in amounts.items() if changes}
        if touched:
            recipes.change_ingredients(self.recipe, touched)

    def shown(self) -> dict[str, Any]:
        """What _recipe_edit.html and its parts need."""
        unit = units_of_person(self.request.user).energy
        total, energies = energies_of(self.figures, unit)
        return {
            "recipe": self.recipe,
            "details": self.details,
            "details_shown": self.details.shown(),
            "rows": [
                {"form": row, "line": row.line, "energy": energy, "at_least": row.line.totals.at_least("energy_kcal")}
                for row, energy in zip(self.rows, energies, strict=True)
            ],
            "total": total,
            "at_least": self.figures.totals.at_least("energy_kcal"),
            "unit": unit,
            "q": self.text,
            "found": self.found,
            "refused": self.refused,
            "unsaved": bool(self.details.errors or any(row.errors for row in self.rows)),
        }


@login_required
@require_http_methods(["GET", "POST"])
def recipe_change(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """GET with `q`: what can be added. POST: save, and do what was pressed: find, add, take out, move."""
    if request.method == "GET":
        editor = Editor(request, pk, text=request.GET.get("q", ""))
        return render_part(request, editor.shown(), part="tracking/_recipe_found.html", page=PAGE)
    editor = Editor(request, pk, text=request.POST.get("q", ""), data=request.POST)
    if editor.is_valid():
        try:
            with transaction.atomic():
                editor.save()
                left = _act(editor)
        except Conflict as error:
            editor.refused = error.sentence
        except Refused as error:
            _refuse(editor, error)
        else:
            return _done(request, pk, left)
    response = render_part(request, editor.shown(), part=PART, page=PAGE, status=422)
    return reswap(retarget(response, "#recipe-edit"), "outerHTML") if in_part(request) else response


def _done(request: AuthenticatedRequest, pk: int, left: str | None) -> HttpResponse:
    """Go on with the text that is `left` in the box; None: the person is through."""
    if left is None:
        address = reverse("recipe", args=[pk])
        return HttpResponseClientRedirect(address) if in_part(request) else redirect(address)
    if not in_part(request):
        query = f"?{urlencode({'q': left})}" if left else ""
        return redirect(f"{reverse('recipe_change', args=[pk])}{query}#add")
    editor = Editor(request, pk, text=left)
    # The fields of the details stay on the page as they are: what they show now is what was sent.
    editor.details.initial = {name: request.POST.get(name, "") for name in editor.details.fields}
    return render(request, "tracking/_recipe_ingredients.html", editor.shown())


def _act(editor: Editor) -> str | None:
    """Do what was pressed; the text that is to stay in the box, None where the person is through. Raises Refused."""
    pressed = editor.request.POST
    if "add" in pressed:
        return _add(editor, [pressed["add"]])
    if "add_all" in pressed:
        return _add(
            editor, [f"{at}:{found.options[0].reference}" for at, found in enumerate(editor.found) if found.options]
        )
    by_id = {str(line.ingredient.pk): (at, line.ingredient) for at, line in enumerate(editor.figures.lines)}
    for name, step in (("up", -1), ("down", 1)):
        if pressed.get(name) in by_id:
            at, ingredient = by_id[pressed[name]]
            recipes.move_ingredient(ingredient, max(0, at + step))
            return editor.text
    if "take_out" in pressed:
        if pressed["take_out"] in by_id:
            recipes.remove_ingredient(by_id[pressed["take_out"]][1])
        return editor.text
    if "save" in pressed or not editor.text:
        if editor.text:
            messages.warning(editor.request, _("Saved, but not added: %(text)s") % {"text": editor.text})
        return None
    return editor.text


def _add(editor: Editor, pressed: Sequence[str]) -> str:
    """Add what was pressed: "<line>:<option>" each. What remains of the text stays."""
    chosen: dict[int, Option] = {}
    for each in pressed:
        place, _colon, reference = each.partition(":")
        at = int(place) if place.isdecimal() and len(place) < 4 else -1
        options = editor.found[at].options if 0 <= at < len(editor.found) else ()
        option = next((option for option in options if option.reference == reference), None)
        if option is None:
            raise Refused(_("It is not here any more. Search again."), field="q")
        chosen[at] = option
    new = []
    for option in chosen.values():
        _bind(option, editor)
        if not option.form.is_valid():
            raise Refused("", field=option.reference)
        try:
            new.append(option.new(editor.book))
        except Refused as error:
            option.form.refuse(error)
            raise Refused("", field=option.reference) from error
    try:
        recipes.add_ingredients(editor.recipe, new)
    except Refused as error:
        raise Refused(error.sentence, field="q") from error
    return ", ".join(found.said.text for at, found in enumerate(editor.found) if at not in chosen)


def _bind(option: Option, editor: Editor) -> None:
    """Amounts of what was not pressed are not judged, only shown again."""
    option.form.data = editor.request.POST
    option.form.is_bound = True


def _refuse(editor: Editor, error: DiaryError) -> None:
    if error.field in editor.details.fields:
        editor.details.refuse(error)
    else:
        editor.refused = error.sentence


# --- What can be added ------------------------------------------------------------------------------------------
def _found(editor: Editor) -> list[Found]:
    """For each line of the text the recipes of that name, and the foods."""
    said = read(editor.text, editor.request.user, preferred_languages(editor.request))
    used: set[str] = set()
    found = []
    for line in said:
        options = [*_recipes(editor, line), *(_of_food(editor, line, food) for food in line.candidates)]
        # The same food under two lines would be one form twice.
        found.append(Found(line, [each for each in options if each.reference not in used], len(said) == 1))
        used |= {each.reference for each in options}
    return found


def _recipes(editor: Editor, line: Said) -> list[Option]:
    mine = [each for each in editor.book.search(line.name) if editor.book.fits(each, into=editor.recipe)]
    options = []
    for each in mine[:MOST_RECIPES]:
        units = units_of_recipe(each)
        initial = {"quantity": typed(line.quantity), "unit": line.unit if line.unit in units else units[0]}
        form = HowMuchForm(
            initial=_typed(editor, f"recipe-{each.pk}") or initial, units=units, prefix=f"recipe-{each.pk}"
        )
        options.append(Option(each.name, "", True, None, each, form))
    return options


def _of_food(editor: Editor, line: Said, food: Food) -> Option:
    amount, units = line.amount_for(food), units_of(food.basis, food.servings)
    initial = {
        "quantity": typed(amount.quantity if amount else Decimal(100)),
        "unit": (amount.serving if amount else "") or food.basis,
    }
    if initial["unit"] not in units:
        units = [*units, initial["unit"]]
    prefix = f"food-{food.product.uuid}"
    form = HowMuchForm(initial=_typed(editor, prefix) or initial, units=units, prefix=prefix)
    return Option(food.name, food.brand, food.own, food, None, form)


def _typed(editor: Editor, prefix: str) -> Mapping[str, str]:
    """What was typed into an amount that was on the page already."""
    if editor.data is None:
        return {}
    names = [name for name in ("quantity", "unit") if f"{prefix}-{name}" in editor.data]
    return {name: editor.data.get(f"{prefix}-{name}", "") for name in names}
