"""What a meal does to its day, in sentences with the figures behind them: against the targets, and what is missing.

Pure: a day and a meal in, statements out. Reference values are those of `products.nutrients`, with their sources.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _

from dietintel.templatetags.show import NO_BREAK, figure_text
from products.nutrients import NUTRIENTS
from tracking.statements import Figures, Statement, Words, much, statement
from tracking.summaries import Day
from tracking.targets import MACROS
from tracking.totals import Totals, whole
from tracking.units import Units, energy_in

ENERGY = "energy_kcal"
MISSING = ("fiber_g",)  # what most diets have too little of, and every label may declare
TOO_MUCH = ("salt_g", "sugars_g", "saturated_fat_g")  # what labels give a reference value for as a limit


def feedback(meal: Totals | None, day: Day, *, meal_link: str, compares: bool = True) -> list[Statement]:
    """`meal` is not in `day` yet; None where nobody could say what it is. `meal_link`: the page that shows it.

    `compares`: whether reference intakes are for this person.
    """
    together = day.totals if meal is None else day.totals + meal
    found = []
    kcal = meal.get(ENERGY) if meal is not None else None
    if meal is not None and kcal is not None:
        found.append(statement("meal_energy", meal_link, kcal=kcal, at_least=meal.at_least(ENERGY)))
    if day.target is None:
        found.append(statement("no_target", reverse("targets")))
    link = reverse("day_nutrients", args=[day.date])
    for key in (ENERGY, *(f"{macro}_g" for macro in MACROS)):
        aim = day.target.get(key) if day.target else None
        if aim is not None:
            found += _against(key, together, aim, link)
    for key in (*MISSING, *TOO_MUCH) if compares else ():
        found += _against_reference(key, together, link)
    return found


def _against(key: str, together: Totals, aim: Decimal, link: str) -> list[Statement]:
    eaten = together.get(key)
    if eaten is None:
        return []
    code = "target_left" if eaten <= aim else "target_over"
    figures = {"nutrient": key, "eaten": eaten, "target": aim, "at_least": together.at_least(key)}
    return [statement(code, link, **figures)]


def _against_reference(key: str, together: Totals, link: str) -> list[Statement]:
    eaten, reference = together.get(key), NUTRIENTS[key].reference
    if eaten is None or reference is None or (eaten < reference) != (key in MISSING):
        return []
    if key in MISSING and together.at_least(key):
        return []  # there may be enough of it in what declares none
    code = "reference_missing" if key in MISSING else "reference_over"
    return [
        statement(code, link, nutrient=key, eaten=eaten, reference=reference, at_least=together.at_least(key)),
    ]


# --- In words ---------------------------------------------------------------------------------------------------
def _named(figures: Figures) -> str:
    """ "of which sugars" stands under another line only in a table."""
    key = figures.text("nutrient")
    own = {"sugars_g": _("Sugars"), "saturated_fat_g": _("Saturated fat"), "carbohydrates_g": _("Carbohydrate")}
    return own.get(key) or str(NUTRIENTS[key].label)


def _amounts(figures: Figures, units: Units, *names: str) -> dict[str, str]:
    key = figures.text("nutrient")
    said = {name: much(key, figures.number(name), units) for name in names}
    return {**said, "eaten": much(key, figures.number("eaten"), units, at_least=figures.is_true("at_least"))}


def _apart(figures: Figures, units: Units) -> str:
    """The difference of what is shown, in whole units, so that it can be checked in one's head."""
    unit = NUTRIENTS[figures.text("nutrient")].unit
    shown = [figures.number(name) for name in ("eaten", "target")]
    if unit == "kcal":
        shown, unit = [energy_in(value, units.energy) for value in shown], units.energy
    difference = abs(whole(shown[0]) - whole(shown[1]))
    return f"{figure_text(difference, 'kcal')}{NO_BREAK}{unit}"  # whole in either unit


def _meal_energy(figures: Figures, units: Units) -> str:
    energy = much(ENERGY, figures.number("kcal"), units, at_least=figures.is_true("at_least"))
    return _("This meal has about %(energy)s.") % {"energy": energy}


def _target_left(figures: Figures, units: Units) -> str:
    said = {**_amounts(figures, units, "target"), "difference": _apart(figures, units)}
    if figures.is_true("at_least"):
        sentence = _("%(name)s: %(eaten)s of %(target)s with it; at most %(difference)s left for the day.")
    else:
        sentence = _("%(name)s: %(eaten)s of %(target)s with it; %(difference)s left for the day.")
    return sentence % {"name": _named(figures), **said}


def _target_over(figures: Figures, units: Units) -> str:
    said = {**_amounts(figures, units, "target"), "difference": _apart(figures, units)}
    sentence = _("%(name)s: %(eaten)s of %(target)s with it; %(difference)s more than you aim for.")
    return sentence % {"name": _named(figures), **said}


def _reference_missing(figures: Figures, units: Units) -> str:
    said = _amounts(figures, units, "reference")
    return _("%(name)s: %(eaten)s with it; %(reference)s a day are advised.") % {"name": _named(figures), **said}


def _reference_over(figures: Figures, units: Units) -> str:
    said = _amounts(figures, units, "reference")
    sentence = _("%(name)s: %(eaten)s with it; the reference for a day is %(reference)s.")
    return sentence % {"name": _named(figures), **said}


WORDS: Mapping[str, Words] = {
    "meal_energy": _meal_energy,
    "no_target": lambda _figures, _units: _("There is no target for this day to compare it with."),
    "target_left": _target_left,
    "target_over": _target_over,
    "reference_missing": _reference_missing,
    "reference_over": _reference_over,
}
