"""What people type about themselves and what they aim for, in their own units."""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from products.forms import FigureField
from products.nutrients import NUTRIENTS
from tracking.energy import KEEP, rate_text
from tracking.errors import Refused
from tracking.forms.diary import DayField, RefusableForm
from tracking.models import Profile, Target
from tracking.models.targets import MacroUnit
from tracking.needs import Advice
from tracking.services.targets import OtherDay
from tracking.targets import MACROS, DayPlan, Macro, kinds_of_days
from tracking.units import (
    KG,
    LB,
    Units,
    Unreadable,
    energy_in,
    height_typed,
    kcal_of,
    kg_from_lb,
    parse_length,
    parse_weight,
    weight_typed,
)

LABELS = {macro: NUTRIENTS[f"{macro}_g"].label for macro in MACROS}
UNITS_OF_MACROS = [
    (MacroUnit.GRAM.value, _("g")),
    (MacroUnit.PERCENT.value, _("% of energy")),
    (MacroUnit.PER_KG.value, _("g per kg")),
]
FORMULA, DIARY, OWN = "formula", "diary", "own"
RATE = Decimal("0.01")  # kg a week, as kept


class ProfileForm(RefusableForm):
    """Who a person is. Everything may be left empty."""

    sex = forms.ChoiceField(
        label=_("Sex"),
        required=False,
        choices=[("", _("Rather not say")), *Profile.Sex.choices],
        widget=forms.RadioSelect,
        help_text=_("The formula for energy knows only these two: what counts is how your body works."),
    )
    birth_date = forms.DateField(
        label=_("Date of birth"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"}),
        error_messages={"invalid": _("Enter a date like 1990-03-27.")},
    )
    height_cm = forms.CharField(
        label=_("Height"), required=False, max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    activity = forms.ChoiceField(
        label=_("Activity"), required=False, choices=[("", _("Not said")), *Profile.Activity.choices]
    )
    pregnant_or_breastfeeding = forms.BooleanField(label=_("I am pregnant or breastfeeding"), required=False)
    weight_unit = forms.ChoiceField(label=_("Weight in"), choices=Profile.WeightUnit.choices, widget=forms.RadioSelect)
    length_unit = forms.ChoiceField(label=_("Lengths in"), choices=Profile.LengthUnit.choices, widget=forms.RadioSelect)
    energy_unit = forms.ChoiceField(label=_("Energy in"), choices=Profile.EnergyUnit.choices, widget=forms.RadioSelect)

    def __init__(self, *args: Any, profile: Profile, **kwargs: Any) -> None:
        kept = {name: getattr(profile, name) for name in self.base_fields}
        if profile.height_cm is not None:
            kept["height_cm"] = height_typed(profile.height_cm, profile.length_unit)
        super().__init__(*args, **{"initial": kept, **kwargs})
        example = "5 ft 7" if profile.length_unit == Profile.LengthUnit.IN else "171"
        self.fields["height_cm"].help_text = _("Like %(example)s, or with a unit of your choice.") % {
            "example": example
        }
        self.kept_height = profile.height_cm
        self.remember_shown()

    def changes(self) -> dict[str, Any]:
        """What the person changed, as `services.targets.save_profile` takes it."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "height_cm" in self.changed_data and cleaned.get("height_cm"):
            try:
                cleaned["height_cm"] = parse_length(cleaned["height_cm"], cleaned.get("length_unit", ""))
            except Unreadable as error:
                self.add_error("height_cm", error.sentence)
            except KeyError:  # no unit was sent, which is an error beside that field
                pass
        elif "height_cm" not in self.changed_data:
            cleaned["height_cm"] = self.kept_height  # not what rounding for the page left of it
        else:
            cleaned["height_cm"] = None
        return cleaned


class WeightField(forms.CharField):
    """A weight in the person's unit, or in the one they type; cleans to kg, None where empty."""

    def __init__(self, unit: str, **kwargs: Any) -> None:
        super().__init__(max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}), **kwargs)
        self.unit = unit

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_weight(text, self.unit)
        except Unreadable as error:
            raise ValidationError(error.sentence) from error


class TargetForm(RefusableForm):
    """A goal, energy and macros; and how some weekdays differ."""

    goal = forms.ChoiceField(label=_("Goal"), choices=Target.Goal.choices, widget=forms.RadioSelect)
    starts_on = DayField(label=_("From"))
    energy_from = forms.ChoiceField(label=_("Energy a day"), widget=forms.RadioSelect)
    other_weekdays = forms.MultipleChoiceField(
        label=_("On these days"),
        required=False,
        choices=[(str(number), name) for number, name in WEEKDAYS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, units: Units, from_diary: bool, initial: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": dict(initial), **kwargs})
        self.units = units
        self.rate_unit = KG if units.weight == KG else LB
        self.fields["rate"] = FigureField(label=_("How fast"))
        self.fields["goal_weight"] = WeightField(units.weight, label=_("Goal weight"), required=False)
        choices = [(FORMULA, _("As computed")), (DIARY, _("As your diary shows")), (OWN, _("My own figure"))]
        offered = [choice for choice in choices if from_diary or choice[0] != DIARY]
        self.fields["energy_from"].choices = offered  # type: ignore[attr-defined]
        for where in ("", "other_"):
            self.fields[f"{where}energy"] = FigureField(label=_("Energy"))
            for macro in MACROS:
                self.fields[f"{where}{macro}"] = FigureField(label=LABELS[macro])
                self.fields[f"{where}{macro}_unit"] = forms.ChoiceField(
                    label=_("%(what)s in") % {"what": LABELS[macro]},
                    choices=UNITS_OF_MACROS,
                    initial=MacroUnit.GRAM,
                    required=False,
                )

    def refuse(self, error: Any) -> None:
        """Beside the field of this form that a service's field is."""
        called = error.field.replace("days.", "other_").replace("energy_kcal", "energy")
        called = {"rate_kg_per_week": "rate", "goal_weight_kg": "goal_weight"}.get(called, called)
        if called == "energy" and self.cleaned_data.get("energy_from") != OWN:
            called = "energy_from"
        self.add_error(called if called in self.fields else None, error.sentence)

    def macros(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        return ((self[macro], self[f"{macro}_unit"]) for macro in MACROS)

    def other_macros(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        return ((self[f"other_{macro}"], self[f"other_{macro}_unit"]) for macro in MACROS)

    def has_other(self) -> bool:
        """Whether the part about some days has anything in it to be seen."""
        names = ["other_weekdays", "other_energy", *(f"other_{macro}" for macro in MACROS)]
        return any(self[name].value() or self[name].errors for name in names)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("energy_from") == OWN and cleaned.get("energy") is None and "energy" not in self.errors:
            self.add_error("energy", _("Enter how much."))
        said = [name for name in ("energy", *MACROS) if cleaned.get(f"other_{name}") is not None]
        if said and not cleaned.get("other_weekdays"):
            self.add_error("other_weekdays", _("Choose the days that these figures are for."))
        if cleaned.get("other_weekdays") and not said:
            self.add_error("other_energy", _("Enter what is different on these days."))
        return cleaned

    def rate_kg(self) -> Decimal:
        """kg a week, as kept; 0 where nothing was typed."""
        typed: Decimal = self.cleaned_data.get("rate") or Decimal(0)
        kg = typed if self.rate_unit == KG else kg_from_lb(typed)
        return kg.quantize(RATE, ROUND_HALF_UP)

    def entered(self, advised: Advice) -> dict[str, Any]:
        """The cleaned values, as `services.targets.set_target` takes them. Raises Refused."""
        cleaned = self.cleaned_data
        energy = self._kcal("energy") if cleaned["energy_from"] == OWN else None
        if cleaned["energy_from"] == DIARY:
            energy = advised.diary_kcal
            if energy is None:
                raise advised.refused or Refused(
                    gettext("By your diary that would be less than is safe. Choose a slower rate."), field="energy_kcal"
                )
        other = OtherDay(self._kcal("other_energy"), self._macros("other_"))
        return {
            "starts_on": cleaned["starts_on"],
            "goal": cleaned["goal"],
            "rate_kg_per_week": self.rate_kg(),
            "goal_weight_kg": cleaned["goal_weight"] if cleaned["goal"] != KEEP else None,
            "energy_kcal": energy,
            "macros": self._macros(""),
            "other_days": {int(weekday): other for weekday in cleaned["other_weekdays"]},
        }

    def _kcal(self, name: str) -> Decimal | None:
        typed: Decimal | None = self.cleaned_data.get(name)
        return None if typed is None else kcal_of(typed, self.units.energy)

    def _macros(self, where: str) -> dict[str, Macro]:
        cleaned = self.cleaned_data
        return {
            macro: Macro(cleaned[f"{where}{macro}"], cleaned[f"{where}{macro}_unit"] or MacroUnit.GRAM)
            for macro in MACROS
            if cleaned[f"{where}{macro}"] is not None
        }


def initial_of(target: Target | None, *, today: dt.date, units: Units, computed_kcal: Decimal | None) -> dict[str, Any]:
    """What the form shows first: the target that is in force, from today on. Its days must be prefetched."""
    initial: dict[str, Any] = {"starts_on": today, "goal": KEEP, "energy_from": FORMULA if computed_kcal else OWN}
    if target is None:
        return initial
    usual, other, weekdays = sets_of(target)
    initial |= {"goal": target.goal, **_typed(usual, "", units)}
    if target.rate_kg_per_week:
        initial["rate"] = rate_text(target.rate_kg_per_week, units, rounding=ROUND_HALF_UP).split("\u00a0")[0]
    if target.goal_weight_kg is not None:
        initial["goal_weight"] = weight_typed(target.goal_weight_kg, units.weight)
    initial["energy_from"] = FORMULA if usual.energy_kcal == computed_kcal else OWN
    if other is not None:
        differs = _typed(other, "other_", units, unlike=usual)
        initial |= {"other_weekdays": [str(weekday) for weekday in weekdays], **differs}
    return initial


def sets_of(target: Target) -> tuple[DayPlan, DayPlan | None, list[int]]:
    """What most weekdays aim for, what the next most do, and which those are."""
    (usual, _days), *others = kinds_of_days(target)
    return (usual, *others[0]) if others else (usual, None, [])


def _typed(plan: DayPlan, where: str, units: Units, *, unlike: DayPlan | None = None) -> dict[str, Any]:
    """What the fields show of a plan; where it is one of other days, only in what it is unlike the usual one."""
    typed: dict[str, Any] = {}
    if unlike is None or plan.energy_kcal != unlike.energy_kcal:
        typed[f"{where}energy"] = energy_in(plan.energy_kcal, units.energy).quantize(Decimal(1))
    for name, macro in plan.macros.items():
        if unlike is None or macro != unlike.macros.get(name):
            typed |= {f"{where}{name}": f"{macro.value.normalize():f}", f"{where}{name}_unit": macro.unit}
    return typed
