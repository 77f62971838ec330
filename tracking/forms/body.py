"""What people type about their weight and measurements, and which time a chart is to show."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from products.forms import FigureInput
from products.nutrients import AS_PRINTED
from tracking.forms.diary import DayField, RefusableForm
from tracking.series import ONE_DAY
from tracking.services.body import MOST_VALUE
from tracking.services.diary import EARLIEST
from tracking.summaries import MOST_DAYS
from tracking.totals import SUMMED
from tracking.units import LB, ST, Unreadable, parse_weight


class WhenForm(RefusableForm):
    """Something of a day and a time; left empty, of now."""

    called = {"date": "day"}
    day = DayField(required=False)
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": gettext_lazy("Enter a time like 07:30.")},
    )

    def require_when(self) -> None:
        """Where it is said already, empty does not mean now."""
        for name in ("day", "time"):
            self.fields[name].required = True
        self.fields["time"].error_messages["required"] = _("Enter a time like 07:30.")

    def elsewhen(self) -> bool:
        """Whether the fields of another day or time are to be seen."""
        return any(self[name].errors or self[name].value() for name in ("day", "time"))

    def when(self, now: dt.datetime) -> dict[str, Any]:
        """`now` is on the person's clock."""
        return {"day": self.cleaned_data["day"] or now.date(), "time": self.cleaned_data["time"] or now.time()}


class WeightForm(WhenForm):
    """A weight in the person's own unit."""

    called = {"weight_kg": "weight", "date": "day"}
    weight = forms.CharField(
        label=gettext_lazy("Weight"),
        max_length=40,
        error_messages={"required": gettext_lazy("Enter what the scales say.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)
    field_order = ["weight", "day", "time", "note"]

    def __init__(self, *args: Any, unit: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unit = unit
        self.fields["weight"].label = {
            LB: _("Weight in pounds"),
            ST: _("Weight in stones and pounds"),
        }.get(unit, _("Weight in kilograms"))
        # Stones and pounds need a space between them, which the keys for decimals do not have.
        self.fields["weight"].widget.attrs["inputmode"] = "text" if unit == ST else "decimal"

    def clean_weight(self) -> Decimal:
        try:
            return parse_weight(self.cleaned_data["weight"], self.unit)
        except Unreadable as error:
            raise ValidationError(error.sentence) from error

    def entered(self, now: dt.datetime) -> dict[str, Any]:
        return {
            "weight_kg": self.cleaned_data["weight"],
            "note": self.cleaned_data["note"],
            **self.when(now),
        }


class MeasurementForm(WhenForm):
    """A value, in its kind's own unit."""

    value = forms.DecimalField(
        label=gettext_lazy("Value"),
        min_value=Decimal(0),
        max_value=MOST_VALUE,
        max_digits=9,
        decimal_places=3,
        widget=FigureInput,
        error_messages={
            "required": gettext_lazy("Enter a value."),
            "invalid": gettext_lazy("Enter a number like 81.5."),
        },
    )
    field_order = ["value", "day", "time"]

    def entered(self, now: dt.datetime) -> dict[str, Any]:
        return {"value": self.cleaned_data["value"], **self.when(now)}


class KindForm(RefusableForm):
    """Something that a person measures."""

    name = forms.CharField(label=gettext_lazy("What"), max_length=60)
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=20)


class ChartForm(RefusableForm):
    """Which nutrient, and which days: the last so many, or one's own. What is wrong gives way to the usual."""

    SPANS: ClassVar = {"week": 7, "month": 30, "quarter": 91, "year": 365}  # days
    USUAL = "month"
    nutrient = forms.ChoiceField(
        label=gettext_lazy("Nutrient"),
        choices=[(each.key, each.label) for each in AS_PRINTED if each.key in SUMMED],
    )
    first = DayField(label=gettext_lazy("From"), required=False)
    last = DayField(label=gettext_lazy("To"), required=False)

    def __init__(self, data: Mapping[str, Any], *, today: dt.date) -> None:
        super().__init__({"nutrient": "energy_kcal", **data})
        self.today = today

    @property
    def own_days(self) -> bool:
        return bool(self["first"].value() or self["last"].value())

    @property
    def span(self) -> str:
        """The key of a span, empty for own days."""
        chosen = str(self.data.get("span", ""))
        return "" if self.own_days else chosen if chosen in self.SPANS else self.USUAL

    @property
    def nutrient_key(self) -> str:
        return str(self.cleaned_data.get("nutrient", "energy_kcal"))

    def days(self) -> tuple[dt.date, dt.date]:
        """The first and the last. Where only one is said, the other is today or a month away."""
        usual = (self.SPANS[self.span or self.USUAL] - 1) * ONE_DAY
        first: dt.date | None = self.cleaned_data.get("first")
        last: dt.date | None = self.cleaned_data.get("last")
        if self.errors or (first is None and last is None):
            return self.today - usual, self.today
        if last is None:
            last = max(self.today, first or self.today)
        return first or max(EARLIEST, last - usual), last

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.cleaned_data = cleaned
        if not self.errors:
            first, last = self.days()
            if first > last:
                self.add_error("last", _("This day is before the first one."))
            elif (last - first).days >= MOST_DAYS:
                self.add_error("first", _("Choose at most ten years."))
        return cleaned
