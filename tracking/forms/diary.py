"""What people type into their diary."""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from products.forms import FigureField
from products.nutrients import FURTHER, MAIN, NUTRIENTS, Nutrient
from tracking.errors import DiaryError
from tracking.models.portion import MOST_AMOUNT
from tracking.numbers import leading
from tracking.services.diary import EARLIEST, LATEST
from tracking.units import kcal_of

Choices = Sequence[tuple[str, str]]
WRONG_AMOUNT = gettext_lazy("Enter an amount between 0.01 and 99,999.")


class AmountField(forms.DecimalField):
    """How much: 150, 12,5, 1/2 or ½. The bounds are those of g, ml and servings."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", gettext_lazy("Amount"))
        super().__init__(min_value=Decimal("0.0001"), max_value=MOST_AMOUNT, **kwargs)
        for code in ("required", "invalid", "min_value", "max_value"):
            self.error_messages[code] = WRONG_AMOUNT
        # A message of a validator is the field's own where both have one code.
        for validator in self.validators:
            validator.message = WRONG_AMOUNT  # type: ignore[attr-defined]

    def to_python(self, value: Any) -> Any:
        if isinstance(value, Decimal) or value in self.empty_values:
            return super().to_python(value)
        read = leading(str(value).strip())
        if read is None or read[1].strip():
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return read[0]


class DayField(forms.DateField):
    """A day that a diary can have."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", gettext_lazy("Day"))
        wrong = gettext_lazy("Choose a day between 1900 and 2200.")
        super().__init__(error_messages={"required": wrong, "invalid": wrong}, input_formats=["%Y-%m-%d"], **kwargs)

    def validate(self, value: dt.date | None) -> None:
        super().validate(value)
        if value is not None and not EARLIEST <= value <= LATEST:
            raise ValidationError(self.error_messages["invalid"])


class MealField(forms.CharField):
    """The name of a meal, chosen from those at hand."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", gettext_lazy("Meal"))
        super().__init__(max_length=60, widget=forms.Select(), **kwargs)

    def offer(self, meals: Choices) -> None:
        self.widget.choices = meals


class RefusableForm(forms.Form):
    """Shows what a service refuses beside the field that it is about, and knows what it showed before."""

    # What the services call a field -> what the form does.
    called = {"amount": "quantity", "date": "day", "figures": "energy_kcal"}

    def refuse(self, error: DiaryError) -> None:
        name = self.called.get(error.field, error.field)
        self.add_error(name if name in self.fields else None, error.sentence)

    def remember_shown(self) -> None:
        """Have the page send back what its fields showed, so that `changed_data` is what the person changed.

        Another tab may change the row meanwhile. Where it was not sent, the row as it is now counts as shown.
        """
        for name, field in self.fields.items():
            field.show_hidden_initial = not self.is_bound or self[name].html_initial_name in self.data


class PortionForm(RefusableForm):
    """How much of something, and which meal of which day it belongs to."""

    quantity = AmountField()
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=120, required=False, widget=forms.Select())
    meal = MealField()
    day = DayField()
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": gettext_lazy("Enter a time like 07:30.")},
    )

    def __init__(self, *args: Any, units: Choices, meals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].widget.choices = units
        self.fields["meal"].offer(meals)  # type: ignore[attr-defined]
        if not units:
            del self.fields["unit"]

    def quantity_shown(self) -> str:
        """What the amount showed, hidden: _stepper.html draws the field itself."""
        return self["quantity"].as_hidden(only_initial=True)


class FiguresForm(RefusableForm):
    """A name and figures without a food."""

    name = forms.CharField(label=gettext_lazy("What was it?"), max_length=300, required=False)

    def __init__(self, *args: Any, energy_unit: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.energy_unit = energy_unit  # that energy is typed in
        for nutrient in NUTRIENTS.values():
            if nutrient.scales:
                self.fields[nutrient.key] = FigureField(label=nutrient.label, max_value=MOST_AMOUNT)

    def main(self) -> Iterator[tuple[Nutrient, forms.BoundField]]:
        return ((nutrient, self[nutrient.key]) for nutrient in MAIN)

    def further(self) -> Iterator[tuple[Nutrient, forms.BoundField]]:
        return ((nutrient, self[nutrient.key]) for nutrient in FURTHER if nutrient.scales)

    def has_further(self) -> bool:
        return any(field.value() not in (None, "") or field.errors for _nutrient, field in self.further())

    def figures(self) -> dict[str, Decimal | None]:
        figures = {key: self.cleaned_data[key] for key in NUTRIENTS if key in self.cleaned_data}
        if (energy := figures.get("energy_kcal")) is not None:
            figures["energy_kcal"] = kcal_of(energy, self.energy_unit)
        return figures


class QuickAddForm(FiguresForm):
    """Figures of all that was eaten, not of 100 g."""

    meal = MealField()
    day = DayField()

    def __init__(self, *args: Any, meals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meal"].offer(meals)  # type: ignore[attr-defined]


class QuickItemForm(PortionForm, FiguresForm):
    """A quick add that is in the diary: so many times the figures."""

    def changed_figures(self) -> dict[str, Decimal | None]:
        return {key: figure for key, figure in self.figures().items() if key in self.changed_data}


class CopyForm(RefusableForm):
    """Where to a meal or a day is copied."""

    called = {"date": "to_day", "meal": "to_meal"}
    to_day = DayField(label=gettext_lazy("To which day?"))
    to_meal = MealField(label=gettext_lazy("As"), required=False)

    def __init__(self, *args: Any, meals: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to_meal"].offer(meals)  # type: ignore[attr-defined]


class LineForm(RefusableForm):
    """One line of a text: which food was meant, and how much of it. No food: the line is left out."""

    food = forms.UUIDField(required=False)
    quantity = AmountField(required=False)
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=120, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("food") and cleaned.get("quantity") is None and "quantity" not in self.errors:
            self.add_error("quantity", WRONG_AMOUNT)
        return cleaned


def typed(value: Decimal) -> str:
    """An amount as it stands in a field: without zeros behind."""
    return f"{value.normalize():f}"
