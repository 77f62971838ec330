"""Reads the diaries that other programs export as CSV. Pure: bytes in, entries and complaints out.

The columns are those of real exports as public programs that read them keep them (looked up in November 2026):

- MyFitnessPal, "Nutrition-Summary-….csv" of its File Export (Premium): one line for each meal of a day.
      Date,Meal,Calories,Fat (g),Saturated Fat,Polyunsaturated Fat,Monounsaturated Fat,Trans Fat,Cholesterol,
      Sodium (mg),Potassium,Carbohydrates (g),Fiber,Sugar,Protein (g),Vitamin A,Vitamin C,Calcium,Iron,Note
  Cholesterol and potassium are in mg and the fats in g, as in its food diary. Vitamins, calcium and iron are per cent
  of a daily value that the file does not name: they are left out.
- Cronometer, "servings.csv" (Food & Recipe Entries) and "dailysummary.csv" (Daily Nutrition) of Account › Export Data,
  as in github.com/jrmycanady/gocronometer and github.com/jonh-a/cronometer-analysis.
      Day,Time,Group,Food Name,Amount,Energy (kcal),Alcohol (g),…,Category        (older ones have no Time)
      Date,Energy (kcal),Alcohol (g),…,Completed
- Lose It!, the weekly log and "food-logs.csv" of the whole export, as in github.com/demoive/gas-loseit-export.
      Date,Name,Icon,Type,Quantity,Units,Calories,Deleted,Fat (g),Protein (g),Carbohydrates (g),Saturated Fat (g),
      Sugars (g),Fiber (g),Cholesterol (mg),Sodium (mg)       (older ones lack Icon and Deleted; Type may be Meal)
  Months come first in its dates; "n/a" is unknown.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from products.nutrients import NUTRIENTS, SALT_PER_SODIUM, Nutrients, kcal_from_kj, rounded
from tracking.models import STANDARD_MEALS, Basis, Meal, MealItem
from tracking.services.diary import EARLIEST, LATEST

MOST_LINES = 100_000
MOST_FIELD = 10_000  # characters of one cell
# Of one entry; a line beyond is a mistake. A whole day of a summary stays well below.
MOST_KCAL, MOST_GRAMS = Decimal(50_000), Decimal(10_000)
IU_PER_UG_VITAMIN_D = Decimal(40)  # NIH Office of Dietary Supplements, Vitamin D fact sheet
_UNKNOWN = {"", "n/a", "na", "-", "–", "--", "null", "none"}


class NotUnderstood(Exception):
    """The file as a whole is not one of those that can be read; its text is a sentence."""


class DateOrder(StrEnum):
    """How to read 03/04/2026."""

    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"


@dataclass(frozen=True)
class Entry:
    """One line that was understood: so much energy and so on, under a name."""

    line: int
    day: dt.date
    meal: str
    name: str
    figures: Nutrients
    time: dt.time | None = None

    @property
    def meal_label(self) -> str:
        """Its name in the reader's language."""
        return str(STANDARD_MEALS.get(self.meal, self.meal))

    def item(self, meal: Meal, *, position: int, now: dt.datetime) -> MealItem:
        """As a quick add, not saved."""
        return MealItem(
            meal=meal, name=self.name, basis=Basis.SERVING, figures=self.figures, quantity=Decimal(1),
            amount=Decimal(1), time=self.time, position=position, created_at=now,
        )  # fmt: skip


@dataclass(frozen=True)
class Complaint:
    """One line that was left out, and why."""

    line: int
    why: str


@dataclass(frozen=True)
class Reading:
    """What a file says. `ambiguous`: its dates could be read either way, and `order` is the way they were."""

    program: str
    entries: tuple[Entry, ...]
    complaints: tuple[Complaint, ...]
    ignored: tuple[str, ...]  # columns that have no place here
    order: DateOrder
    ambiguous: bool

    @property
    def days(self) -> int:
        return len({entry.day for entry in self.entries})


class _Skip(Exception):
    """This line is left out; the text says why."""


# --- What the columns are -----------------------------------------------------------------------------------------
_GRAMS: Mapping[str, str] = {
    "fat": "fat_g", "total fat": "fat_g",
    "saturated": "saturated_fat_g", "saturated fat": "saturated_fat_g",
    "monounsaturated": "monounsaturated_fat_g", "monounsaturated fat": "monounsaturated_fat_g",
    "polyunsaturated": "polyunsaturated_fat_g", "polyunsaturated fat": "polyunsaturated_fat_g",
    "trans fat": "trans_fat_g", "trans-fats": "trans_fat_g",
    "carbs": "carbohydrates_g", "carbohydrates": "carbohydrates_g", "total carbohydrates": "carbohydrates_g",
    "sugar": "sugars_g", "sugars": "sugars_g", "added sugars": "added_sugars_g",
    "sugar alcohol": "polyols_g", "starch": "starch_g",
    "fiber": "fiber_g", "fibre": "fiber_g", "dietary fiber": "fiber_g",
    "protein": "protein_g", "salt": "salt_g",
}  # fmt: skip
_OTHERS: Mapping[str, str] = {
    "cholesterol": "cholesterol_mg", "caffeine": "caffeine_mg", "potassium": "potassium_mg",
    "vitamin a": "vitamin_a_ug", "b1 (thiamine)": "vitamin_b1_mg", "b2 (riboflavin)": "vitamin_b2_mg",
    "b3 (niacin)": "vitamin_b3_mg", "b5 (pantothenic acid)": "vitamin_b5_mg", "b6 (pyridoxine)": "vitamin_b6_mg",
    "biotin": "vitamin_b7_ug", "folate": "vitamin_b9_ug", "b12 (cobalamin)": "vitamin_b12_ug",
    "vitamin c": "vitamin_c_mg", "vitamin d": "vitamin_d_ug", "vitamin e": "vitamin_e_mg", "vitamin k": "vitamin_k_ug",
    "calcium": "calcium_mg", "copper": "copper_mg", "fluoride": "fluoride_mg", "iodine": "iodine_ug",
    "iron": "iron_mg", "magnesium": "magnesium_mg", "manganese": "manganese_mg", "phosphorus": "phosphorus_mg",
    "selenium": "selenium_ug", "zinc": "zinc_mg", "chloride": "chloride_mg",
}  # fmt: skip
_PER_GRAM = {"g": 1, "mg": 1_000, "µg": 1_000_000, "ug": 1_000_000, "mcg": 1_000_000}
# Columns of MyFitnessPal that name no unit, and what they are in.
_UNSAID: Mapping[str, str] = {
    **dict.fromkeys(_GRAMS, "g"),
    **dict.fromkeys(("cholesterol", "potassium", "sodium"), "mg"),
    **dict.fromkeys(("calories", "energy"), "kcal"),
    "kilojoules": "kj",
}


@dataclass(frozen=True)
class _Figure:
    """Which nutrient a column is of, and how many of the nutrient's unit one of the column's is."""

    key: str
    factor: Decimal


def _figure_of(heading: str) -> _Figure | None:
    """None for a column that is no nutrient, or in a unit that says too little."""
    match = re.fullmatch(r"(.*)\s\(([^()]+)\)", heading)  # of "b1 (thiamine) (mg)" the last
    name, unit = (match[1], match[2]) if match else (heading, "")
    unit = unit or _UNSAID.get(name, "")
    if name in {"energy", "calories", "kilojoules"}:
        factors = {"kcal": Decimal(1), "cal": Decimal(1), "kj": kcal_from_kj(Decimal(1))}
        return _Figure("energy_kcal", factors[unit]) if unit in factors else None
    if name == "sodium" and unit in _PER_GRAM:
        return _Figure("salt_g", SALT_PER_SODIUM / _PER_GRAM[unit])
    if name == "vitamin d" and unit == "iu":
        return _Figure("vitamin_d_ug", 1 / IU_PER_UG_VITAMIN_D)
    key = _GRAMS.get(name) or _OTHERS.get(name)
    if key is None or unit not in _PER_GRAM:
        return None
    return _Figure(key, Decimal(NUTRIENTS[key].per_gram or 1) / _PER_GRAM[unit])


# --- The programs -------------------------------------------------------------------------------------------------
Cells = Mapping[str, str]


@dataclass(frozen=True)
class _Program:
    """`needs`: headings by which it is recognised. `place` says which meal and what name a line has."""

    label: str
    needs: tuple[frozenset[str], ...]
    day: str
    place: Callable[[Cells], tuple[str, str]]
    order: DateOrder = DateOrder.MONTH_FIRST

    def recognises(self, headings: frozenset[str]) -> bool:
        return any(needs <= headings for needs in self.needs)


def _myfitnesspal(cells: Cells) -> tuple[str, str]:
    meal = cells.get("meal", "")
    if re.match(r"(daily |weekly )?totals?\b", meal, re.IGNORECASE):
        raise _Skip(_("a sum of other lines"))
    return _meal(meal), cells.get("food") or cells.get("food name") or meal or "MyFitnessPal"


def _cronometer(cells: Cells) -> tuple[str, str]:
    amount = cells.get("amount", "")
    name = cells["food name"]
    return _meal(cells.get("group", "")), f"{name} ({amount})" if name and amount else name


def _cronometer_days(cells: Cells) -> tuple[str, str]:
    return "Cronometer", str(_("Whole day"))


def _lose_it(cells: Cells) -> tuple[str, str]:
    kind = cells.get("type") or cells.get("meal") or ""
    if kind.casefold() == "exercise":
        raise _Skip(_("exercise"))
    if cells.get("deleted", "").casefold() in {"1", "true", "yes"}:
        raise _Skip(_("deleted in Lose It!"))
    amount = " ".join(filter(None, [cells.get("quantity", ""), cells.get("units", "")]))
    name = cells["name"]
    return _meal(kind), f"{name} ({amount})" if name and amount else name


def _meal(said: str) -> str:
    """The standard meal that is meant, else the name as it is."""
    word = said.strip().casefold()
    if word in STANDARD_MEALS:
        return word
    return {"snack": "snacks", "uncategorized": "snacks", "": "snacks"}.get(word, " ".join(said.split()))[:60]


def _any_of(*headings: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split(",")) for each in headings)


_PROGRAMS: tuple[_Program, ...] = (
    _Program("Cronometer", _any_of("day,food name,amount"), "day", _cronometer),
    _Program(
        "Cronometer", _any_of("date,energy (kcal),completed", "date,energy (kj),completed"), "date", _cronometer_days
    ),
    _Program("Lose It!", _any_of("date,name,quantity,units,calories"), "date", _lose_it),
    _Program(
        "MyFitnessPal",
        _any_of("date,meal,calories", "date,meal,kilojoules", "date,meal,energy (kj)"),
        "date",
        _myfitnesspal,
    ),
)
_NO_FIGURES = {
    "date", "day", "time", "meal", "type", "group", "name", "food", "food name", "amount", "quantity", "units", "icon",
    "deleted", "note", "category", "completed",
}  # fmt: skip
READABLE: tuple[str | Promise, ...] = (
    gettext_lazy("MyFitnessPal (nutrition summary)"),
    gettext_lazy("Cronometer (servings or daily summary)"),
    gettext_lazy("Lose It! (food log)"),
)


# --- Reading ------------------------------------------------------------------------------------------------------
def read_foreign(data: bytes, order: DateOrder | None = None) -> Reading:
    """What a CSV file says; `order` decides where its dates could be read either way. Raises NotUnderstood."""
    text = _decoded(data)
    delimiter = _delimiter(text)
    rows = _rows(text, delimiter)
    headings = [_heading(cell) for cell in rows[0][1]] if rows else []
    program = next((each for each in _PROGRAMS if each.recognises(frozenset(headings))), None)
    if program is None:
        raise NotUnderstood(_("The first line of this file does not fit any of the formats that can be read."))
    figures = {at: _figure_of(heading) for at, heading in enumerate(headings) if heading not in _NO_FIGURES}
    lines = rows[1:]
    day_at = headings.index(program.day)
    chosen, ambiguous = _order([_cell(cells, day_at) for _number, cells in lines], order or program.order)
    numbers = [_cell(cells, at) for _number, cells in lines for at, figure in figures.items() if figure]
    reader = _Reader(program, headings, figures, day_at, chosen, _comma_decimal(numbers, delimiter))
    entries, complaints = reader.read(lines)
    ignored = tuple(
        rows[0][1][at].strip() for at, figure in figures.items() if figure is None and rows[0][1][at].strip()
    )
    return Reading(program.label, entries, complaints, ignored, chosen, ambiguous)


@dataclass(frozen=True)
class _Reader:
    program: _Program
    headings: Sequence[str]
    figures: Mapping[int, _Figure | None]
    day_at: int
    order: DateOrder
    comma: bool

    def read(self, lines: Sequence[tuple[int, list[str]]]) -> tuple[tuple[Entry, ...], tuple[Complaint, ...]]:
        entries, complaints = [], []
        for number, cells in lines:
            try:
                entries.append(self._entry(number, cells))
            except _Skip as skip:
                complaints.append(Complaint(number, str(skip)))
        return tuple(entries), tuple(complaints)

    def _entry(self, number: int, cells: list[str]) -> Entry:
        if len(cells) > len(self.headings) and any(cell.strip() for cell in cells[len(self.headings) :]):
            raise _Skip(_("more cells than the first line has"))
        by_name = {name: _cell(cells, at) for at, name in enumerate(self.headings)}
        meal, name = self.program.place(by_name)
        day = read_day(_cell(cells, self.day_at), self.order)
        if day is None:
            raise _Skip(_("not a date: “%(text)s”") % {"text": _cell(cells, self.day_at)[:40]})
        name = " ".join(name.split())[:300]
        if not name:
            raise _Skip(_("no name"))
        return Entry(number, day, meal or "snacks", name, self._figures(cells), _time(by_name.get("time", "")))

    def _figures(self, cells: list[str]) -> Nutrients:
        found: dict[str, Decimal] = {}
        for at, figure in self.figures.items():
            said = _cell(cells, at)
            if figure is None or said.casefold() in _UNKNOWN:
                continue
            value = read_number(said, comma=self.comma)
            if value is None:
                raise _Skip(_("not a number: “%(text)s”") % {"text": said[:40]})
            found.setdefault(figure.key, self._possible(figure, value))
        if not found:
            raise _Skip(_("no figures"))
        return Nutrients(found)

    def _possible(self, figure: _Figure, value: Decimal) -> Decimal:
        exact = value * figure.factor
        per_gram = NUTRIENTS[figure.key].per_gram
        most = MOST_KCAL if figure.key == "energy_kcal" else MOST_GRAMS * (per_gram or 1)
        if not 0 <= exact <= most:
            label = {"nutrient": NUTRIENTS[figure.key].label, "value": f"{value:f}"}
            raise _Skip(_("%(nutrient)s of %(value)s is impossible") % label)
        return rounded(exact)


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _heading(text: str) -> str:
    return " ".join(text.split()).casefold().replace("μ", "µ")


def _decoded(data: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with one, else Windows' Western European."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise NotUnderstood(_("This is not a text file."))


def _delimiter(text: str) -> str:
    """The one of comma, semicolon and tab that the first line has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Each with the number of the line it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
            if len(rows) > MOST_LINES + 1:
                raise NotUnderstood(_("This file has more than %(most)d lines.") % {"most": MOST_LINES})
            if any(len(cell) > MOST_FIELD for cell in cells):
                raise NotUnderstood(_("Line %(line)d is far too long.") % {"line": reader.line_num})
    except csv.Error as error:
        raise NotUnderstood(_("Line %(line)d cannot be read.") % {"line": reader.line_num}) from error
    return rows


# --- Numbers, days and times --------------------------------------------------------------------------------------
_SPACES = re.compile(r"[\s']")  # between thousands, in some languages


def _comma_decimal(numbers: Sequence[str], delimiter: str) -> bool:
    """Whether "1,5" is one and a half in this file: one number that can only be read so decides for all."""
    numbers = [_SPACES.sub("", number) for number in numbers]
    if any(re.fullmatch(r"-?[\d,]*\d\.\d+", number) for number in numbers):
        return False
    if any(re.fullmatch(r"-?(\d+,(\d{1,2}|\d{4,})|\d{1,3}(\.\d{3})+,\d+)", number) for number in numbers):
        return True
    return delimiter == ";"


def read_number(text: str, *, comma: bool) -> Decimal | None:
    """Without its thousands separators; None where it is no number."""
    plain = _SPACES.sub("", text)
    plain = plain.replace(".", "").replace(",", ".") if comma else re.sub(r",(?=\d{3}(\D|$))", "", plain)
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", plain, re.ASCII):
        return None
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?", re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d{2})", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})", re.ASCII)


def _order(days: Sequence[str], preferred: DateOrder) -> tuple[DateOrder, bool]:
    """Which of two numbers is the month, by what the file says itself; and whether it says nothing."""
    slashed = [match for match in map(_SLASHED.fullmatch, days) if match]
    if any(int(match[1]) > 12 for match in slashed):
        return DateOrder.DAY_FIRST, False
    if any(int(match[2]) > 12 for match in slashed):
        return DateOrder.MONTH_FIRST, False
    return preferred, any(match[1] != match[2] for match in slashed)


def read_day(text: str, order: DateOrder) -> dt.date | None:
    if match := _ISO.fullmatch(text):
        year, month, day = match[1], match[2], match[3]
    elif match := _DOTTED.fullmatch(text):  # nobody writes 11.24.2026
        day, month, year = match[1], match[2], match[3]
    elif match := _SLASHED.fullmatch(text):
        month, day, year = (match[1], match[2], match[3]) if order == DateOrder.MONTH_FIRST else (
            match[2], match[1], match[3]
        )  # fmt: skip
    else:
        return _named_day(text)
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    try:
        found = dt.date(full_year, int(month), int(day))
    except ValueError:
        return None
    return found if EARLIEST <= found <= LATEST else None


def _named_day(text: str) -> dt.date | None:
    """January 15, 2026."""
    for form in ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y"):
        try:
            found = dt.datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
        return found if EARLIEST <= found <= LATEST else None
    return None


def _time(text: str) -> dt.time | None:
    """7:30, 07:30:00 or 1:00 PM; None for anything else: a time is not needed."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?\s*([ap])?\.?m?\.?", text.strip(), re.IGNORECASE | re.ASCII)
    if not match:
        return None
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").casefold()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return dt.time(hour, minute) if hour < 24 and minute < 60 else None
