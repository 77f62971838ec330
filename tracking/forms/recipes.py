"""What people type about recipes."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tracking.errors import Refused
from tracking.forms.diary import AmountField, RefusableForm, typed
from tracking.models import Basis, Recipe
from tracking.recipes import Line, RecipeBook
from tracking.services.recipes import LONGEST_NAME, recounted


class RecipeForm(RefusableForm):
    """The recipe itself; what goes into it has forms of its own."""

    name = forms.CharField(
        label=_("Name"), max_length=LONGEST_NAME, error_messages={"required": _("Give the recipe a name.")}
    )
    servings = AmountField(label=_("Servings"), help_text=_("How many it makes."))
    cooked_weight_g = AmountField(
        label=_("Cooked weight"), required=False, help_text=_("In g. Optional: with it you can log by weight as well.")
    )
    note = forms.CharField(
        label=_("How it is made"), max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )

    @staticmethod
    def initial_of(recipe: Recipe) -> dict[str, Any]:
        weight = recipe.cooked_weight_g
        return {
            "name": recipe.name,
            "servings": typed(recipe.servings),
            "cooked_weight_g": "" if weight is None else typed(weight),
            "note": recipe.note,
        }

    def shown(self) -> SafeString:
        """What the fields showed, hidden. It stands with the ingredients, which alone are drawn again by htmx."""
        for field in self.fields.values():
            field.show_hidden_initial = False  # once is enough
        return format_html_join("", "{}", ((field.as_hidden(only_initial=True),) for field in self))


class HowMuchForm(RefusableForm):
    """So much of something."""

    quantity = AmountField()
    unit = forms.CharField(label=_("Unit"), max_length=120, widget=forms.Select())

    def __init__(self, *args: Any, units: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].widget.choices = choices_of(units)


class IngredientForm(HowMuchForm):
    """How much of an ingredient there is."""

    def __init__(self, *args: Any, line: Line, book: RecipeBook, **kwargs: Any) -> None:
        initial = {"quantity": typed(line.ingredient.quantity), "unit": line.unit}
        prefix = f"ingredient-{line.ingredient.pk}"
        super().__init__(*args, units=line.units, initial=initial, prefix=prefix, **kwargs)
        self.line, self.book = line, book
        self.remember_shown()

    def changes(self) -> dict[str, Any]:
        """Empty where the person changed nothing; else both, because a number means something with its unit alone."""
        return dict(self.cleaned_data) if self.has_changed() else {}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and self.has_changed():
            try:
                recounted(self.line, cleaned["quantity"], cleaned["unit"], book=self.book)
            except Refused as error:
                self.refuse(error)
        return cleaned


class ScaleForm(RefusableForm):
    """Cook it for another number of servings."""

    servings = AmountField(label=_("Cook it for how many servings?"))


def choices_of(units: list[str]) -> list[tuple[str, str]]:
    """As a person reads them."""
    return [(unit, str(_("servings")) if unit == Basis.SERVING else unit) for unit in units]


def factor_in(text: str) -> Decimal | None:
    """One of the factors that the page offers; None for anything else."""
    return {"half": Decimal("0.5"), "double": Decimal(2), "triple": Decimal(3)}.get(text)
