"""What a person says of a photo: what was on it, how much, and which meal of which day it was."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from tracking.forms.diary import WRONG_AMOUNT, AmountField, Choices, DayField, MealField, RefusableForm


class PlaceForm(RefusableForm):
    """Which meal of which day."""

    meal = MealField()
    day = DayField()
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": gettext_lazy("Enter a time like 07:30.")},
    )

    def __init__(self, *args: Any, meals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meal"].offer(meals)  # type: ignore[attr-defined]


class FoodForm(RefusableForm):
    """One thing that may be on the photo, and was: it is bound where it is ticked. `what` names its food or recipe."""

    tick = forms.BooleanField(required=False)
    what = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    quantity = AmountField(required=False)
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=120, required=False, widget=forms.Select())

    def __init__(self, *args: Any, units: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = str(self["unit"].value() or "")
        self.fields["unit"].widget.choices = [(unit, unit) for unit in dict.fromkeys([*units, said]) if unit]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("what"):
            self.add_error("tick", gettext_lazy("Find the food that this is, or untick it."))
        elif cleaned.get("quantity") is None and "quantity" not in self.errors:
            self.add_error("quantity", WRONG_AMOUNT)
        return cleaned
