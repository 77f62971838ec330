"""What people type about foods."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from products.barcodes import Barcode, InvalidBarcode, normalise
from products.foods import Food
from products.models import Basis
from products.nutrients import FURTHER, MAIN, NUTRIENTS, Nutrient
from products.providers.base import Serving

LEAST_SERVINGS, MOST_SERVINGS = 3, 20  # rows of the form


class BarcodeField(forms.CharField):
    """A barcode in any form that people and scanners produce; cleans to a `Barcode`, None where empty."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": None})

    def clean(self, value: Any) -> Barcode | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return normalise(text)
        except InvalidBarcode as error:
            raise ValidationError(str(error)) from error


class FigureInput(forms.TextInput):
    """Takes a decimal comma as well as a point, as packs print both."""

    def __init__(self) -> None:
        super().__init__(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = super().value_from_datadict(data, files, name)
        return value.replace(",", ".").strip() if isinstance(value, str) else value


class FigureField(forms.DecimalField):
    """A figure as printed on a pack; empty means "not declared"."""

    widget = FigureInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, min_value=Decimal(0), max_digits=10, decimal_places=4, **kwargs)


class ScanForm(forms.Form):
    barcode = BarcodeField(
        label=_("Barcode"), max_length=200, required=True, error_messages={"required": _("Enter the digits.")}
    )


class PhotoForm(forms.Form):
    image = forms.FileField(
        label=_("Photo of a barcode"),
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        error_messages={"required": _("Choose a photo first.")},
    )


class FoodForm(forms.Form):
    """An own food, or a correction of a provider's. Figures are per 100 g or ml."""

    name = forms.CharField(label=_("Name"), max_length=300)
    brand = forms.CharField(label=_("Brand"), max_length=300, required=False)
    barcode = BarcodeField(label=_("Barcode"), max_length=200, required=False)
    basis = forms.ChoiceField(
        label=_("The figures are for"), choices=[("g", _("100 g")), ("ml", _("100 ml"))], widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, with_barcode: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_barcode:
            del self.fields["barcode"]
        for nutrient in NUTRIENTS.values():
            self.fields[nutrient.key] = FigureField(label=nutrient.label, max_value=nutrient.most)
        self.rows = range(1, self._rows_wanted() + 1)
        for number in self.rows:
            self.fields[f"serving_{number}_label"] = forms.CharField(
                label=_("Serving"),
                max_length=120,
                required=False,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
            self.fields[f"serving_{number}_amount"] = FigureField(label=_("g or ml"), max_value=Decimal("99999"))

    def _rows_wanted(self) -> int:
        """As many rows of servings as were sent or are there already, and an empty one."""
        names = set(self.data) | set(self.initial)
        filled = [n for n in range(1, MOST_SERVINGS + 1) if f"serving_{n}_label" in names]
        return min(MOST_SERVINGS, max(LEAST_SERVINGS, max(filled, default=0) + (0 if self.is_bound else 1)))

    def main(self) -> Iterator[tuple[Nutrient, forms.BoundField]]:
        """The rows of the label that every pack has."""
        return ((nutrient, self[nutrient.key]) for nutrient in MAIN)

    def further(self) -> Iterator[tuple[Nutrient, forms.BoundField]]:
        return ((nutrient, self[nutrient.key]) for nutrient in FURTHER)

    def has_further(self) -> bool:
        return any(field.value() not in (None, "") or field.errors for _nutrient, field in self.further())

    def servings(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        return ((self[f"serving_{n}_label"], self[f"serving_{n}_amount"]) for n in self.rows)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for number in self.rows:
            label, amount = cleaned.get(f"serving_{number}_label"), cleaned.get(f"serving_{number}_amount")
            if label and not amount and f"serving_{number}_amount" not in self.errors:
                self.add_error(f"serving_{number}_amount", _("How much is that?"))
            if amount and not label:
                self.add_error(f"serving_{number}_label", _("What is it called? “1 slice”, for example."))
        return cleaned

    def entered(self) -> dict[str, Any]:
        """All the cleaned values, as `services` take them."""
        cleaned = self.cleaned_data
        rows = [(cleaned[f"serving_{n}_label"], cleaned[f"serving_{n}_amount"]) for n in self.rows]
        entered = {
            "name": cleaned["name"],
            "brand": cleaned["brand"],
            "basis": cleaned["basis"],
            "per_100": {key: cleaned[key] for key in NUTRIENTS},
            "servings": [Serving(label, amount) for label, amount in rows if label],
        }
        return entered | ({"barcode": cleaned["barcode"]} if "barcode" in cleaned else {})

    def changes(self) -> dict[str, Any]:
        """Of the cleaned values those that differ from what the form showed: the rest is not the person's word."""
        entered, changed = self.entered(), set(self.changed_data)
        changes = {name: entered[name] for name in ("name", "brand", "basis") if name in changed}
        figures = {key: value for key, value in entered["per_100"].items() if key in changed}
        if figures:
            changes["per_100"] = figures
        if any(name.startswith("serving_") for name in changed):
            changes["servings"] = entered["servings"]
        return changes


def snapshot(food: Food) -> str:
    """What a form shows of a food, signed, to come back with it: a refresh or another tab may change it meanwhile."""
    return signing.dumps({name: str(value) for name, value in initial_of(food).items()}, salt=_SNAPSHOT, compress=True)


def initial_from(text: str) -> Mapping[str, Any] | None:
    """What the form showed; None where it did not come back whole."""
    try:
        shown: dict[str, str] = signing.loads(text, salt=_SNAPSHOT)
    except signing.BadSignature:
        return None
    figures = {name for name in shown if name in NUTRIENTS or name.endswith("_amount")}
    return {name: Decimal(value) if name in figures else value for name, value in shown.items()}


_SNAPSHOT = "products.forms.snapshot"


def initial_of(food: Food) -> Mapping[str, Any]:
    """What a form shows of a food that is there."""
    initial: dict[str, Any] = {"name": food.name, "brand": food.brand, "basis": food.basis, "barcode": food.barcode}
    initial |= dict(food.per_100)
    for number, serving in enumerate(food.servings[:MOST_SERVINGS], start=1):
        initial |= {f"serving_{number}_label": serving.label, f"serving_{number}_amount": serving.amount}
    return initial


EMPTY = {"basis": Basis.GRAM}
