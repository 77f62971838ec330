"""How a column stands in the exchanged file: written so that it reads back the same, read as if it were hostile."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from products.nutrients import NUTRIENTS, Nutrients
from products.providers.base import Serving
from tracking.recipes import MOST_FIGURE
from tracking.services.diary import EARLIEST, LATEST

DIGITS = 15  # of a figure: what the database's JSON numbers keep exactly
MOST_SERVINGS = 100  # of one food: more is no food
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


class Broken(Exception):
    """The file has something in it that cannot be right. `sentence` says what; `where` grows on the way up."""

    def __init__(self, sentence: str, *where: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where = where

    def within(self, *where: str) -> "Broken":
        return Broken(self.sentence, *where, *self.where)

    def __str__(self) -> str:
        return f"{' › '.join(self.where)}: {self.sentence}" if self.where else self.sentence


@dataclass(frozen=True)
class Shape:
    """`write` makes JSON of a column, `read` makes the column again and raises Broken."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


Shapes = Mapping[str, Shape]


def written(row: Any, shapes: Shapes) -> dict[str, Any]:
    """The columns of a row that `shapes` names."""
    return {name: shape.write(getattr(row, name)) for name, shape in shapes.items()}


def read_row(said: Any, shapes: Shapes, *, also: Iterable[str] = ()) -> dict[str, Any]:
    """The columns again; keys in `also` are there for others to read. Raises Broken."""
    keys = {*shapes, *also}
    if not isinstance(said, dict) or said.keys() != keys:
        raise Broken(_("this needs exactly: %(keys)s.") % {"keys": ", ".join(sorted(keys))})
    columns = {}
    for name, shape in shapes.items():
        try:
            columns[name] = shape.read(said[name])
        except Broken as broken:
            raise broken.within(name) from broken
    return columns


def rows_of(said: Any, *, most: int) -> list[Any]:
    """A list. Raises Broken."""
    if not isinstance(said, list):
        raise Broken(_("this is not a list."))
    if len(said) > most:
        raise Broken(_("this has more than %(most)d entries.") % {"most": most})
    return said


def optional(shape: Shape) -> Shape:
    """None is None on both sides."""
    return Shape(
        lambda value: None if value is None else shape.write(value),
        lambda said: None if said is None else shape.read(said),
    )


# --- Text ---------------------------------------------------------------------------------------------------------
def text(most: int, *, blank: bool = False) -> Shape:
    def read(said: Any) -> str:
        checked = _text(said)
        if len(checked) > most or not (checked or blank):
            raise Broken(_("this has to be a text of 1 to %(most)d characters.") % {"most": most})
        return checked

    return Shape(str, read)


def _text(said: Any) -> str:
    """Text that every database takes: no NUL (PostgreSQL), no half of a pair of surrogates."""
    if not isinstance(said, str):
        raise Broken(_("this is not a text."))
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise Broken(_("this has characters that are none.")) from error
    if "\x00" in said:
        raise Broken(_("this has characters that are none."))
    return said


def choice(allowed: Iterable[str], *, blank: bool = False) -> Shape:
    words = {*allowed, *([""] if blank else [])}

    def read(said: Any) -> str:
        if not isinstance(said, str) or said not in words:
            raise Broken(_("this has to be one of: %(words)s.") % {"words": ", ".join(sorted(filter(None, words)))})
        return said

    return Shape(str, read)


def _flag(said: Any) -> bool:
    if not isinstance(said, bool):
        raise Broken(_("this is neither true nor false."))
    return said


FLAG = Shape(bool, _flag)


# --- Numbers ------------------------------------------------------------------------------------------------------
def plain(value: Decimal) -> str:
    """Exact, without trailing zeros and exponents: 30, 0.107."""
    return f"{value.normalize():f}"


def number(least: Decimal | int, most: Decimal | int, *, places: int) -> Shape:
    """A decimal number, as text."""

    def read(said: Any) -> Decimal:
        value = _decimal(said)
        if not least <= value <= most or value != value.quantize(Decimal(1).scaleb(-places)):
            raise Broken(
                _("this has to be between %(least)s and %(most)s, with at most %(places)d decimals.")
                % {"least": least, "most": most, "places": places}
            )
        return value

    return Shape(plain, read)


def _decimal(said: Any) -> Decimal:
    if not isinstance(said, str) or not _NUMBER.fullmatch(said):
        raise Broken(_("this is not a number written as text, like “12.5”."))
    try:
        return Decimal(said)
    except InvalidOperation as error:
        raise Broken(_("this is not a number written as text, like “12.5”.")) from error


def whole_number(least: int, most: int) -> Shape:
    def read(said: Any) -> int:
        if type(said) is not int or not least <= said <= most:
            raise Broken(
                _("this has to be a whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
            )
        return said

    return Shape(int, read)


def _figures(said: Any) -> Nutrients:
    return Nutrients({key: _figure(value) for key, value in _by_nutrient(said).items()})


def _by_nutrient(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise Broken(_("these are no figures."))
    unknown = said.keys() - NUTRIENTS.keys()
    if unknown:
        raise Broken(_("nothing is known of a nutrient called “%(key)s”.") % {"key": min(unknown)[:40]})
    return said


def _figure(said: Any) -> Decimal:
    value = _decimal(said)
    if value > MOST_FIGURE or len(value.normalize().as_tuple().digits) > DIGITS:
        raise Broken(_("this figure is impossible."))
    return value


def _figures_written(figures: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: plain(value) for key, value in figures.items()}


FIGURES = Shape(_figures_written, _figures)


def _at_least(said: Any) -> list[str]:
    keys = rows_of(said, most=len(NUTRIENTS))
    if any(key not in NUTRIENTS for key in keys if isinstance(key, str)) or len(set(map(str, keys))) != len(keys):
        raise Broken(_("these are not nutrients, each once."))
    return [_text(key) for key in keys]


AT_LEAST = Shape(list, _at_least)


# --- Foods --------------------------------------------------------------------------------------------------------
def _servings(said: Any) -> list[dict[str, str]]:
    return [_serving(each) for each in rows_of(said, most=MOST_SERVINGS)]


def _serving(said: Any) -> dict[str, str]:
    label = text(120)
    serving = read_row(said, {"label": label, "amount": number(Decimal(0), Decimal(100_000), places=8)})
    if serving["amount"] <= 0:
        raise Broken(_("a serving of nothing is none."), "amount")
    return Serving(serving["label"], Decimal(said["amount"])).kept()


SERVINGS = Shape(list, _servings)


def _names(said: Any) -> dict[str, str]:
    if not isinstance(said, dict) or len(said) > MOST_SERVINGS:
        raise Broken(_("these are no names by language."))
    return {text(20).read(language): text(300).read(name) for language, name in said.items()}


NAMES = Shape(dict, _names)


def changes_shape(*, name: Shape, brand: Shape, basis: Shape) -> Shape:
    """What a correction says: only what differs."""
    readers = {"name": name, "brand": brand, "basis": basis, "servings": SERVINGS}

    def read(said: Any) -> dict[str, Any]:
        if not isinstance(said, dict) or not said or said.keys() - {*readers, "per_100"}:
            raise Broken(_("this is no correction of a food."))
        changes = {key: readers[key].read(value) for key, value in said.items() if key != "per_100"}
        if "per_100" in said:
            given = _by_nutrient(said["per_100"])
            changes["per_100"] = {key: None if value is None else str(_figure(value)) for key, value in given.items()}
        return changes

    return Shape(dict, read)


# --- Time ---------------------------------------------------------------------------------------------------------
def _day(said: Any) -> dt.date:
    try:
        day = dt.date.fromisoformat(_text(said))
    except ValueError as error:
        raise Broken(_("this is not a day like 2026-03-02.")) from error
    if not EARLIEST <= day <= LATEST or day.isoformat() != said:
        raise Broken(_("this is not a day between 1900 and 2200."))
    return day


def _clock(said: Any) -> dt.time:
    try:
        time = dt.time.fromisoformat(_text(said))
    except ValueError as error:
        raise Broken(_("this is not a time of day like 08:30:00.")) from error
    if time.tzinfo is not None:
        raise Broken(_("this is not a time of day like 08:30:00."))
    return time


def _moment(said: Any) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(_text(said))
    except ValueError as error:
        raise Broken(_("this is not a time like 2026-03-02T08:30:00+00:00.")) from error
    if moment.tzinfo is None or not EARLIEST <= moment.date() <= LATEST:
        raise Broken(_("this is not a time like 2026-03-02T08:30:00+00:00."))
    return moment.astimezone(dt.UTC)


DAY = Shape(dt.date.isoformat, _day)
CLOCK = Shape(dt.time.isoformat, _clock)
MOMENT = Shape(lambda moment: moment.astimezone(dt.UTC).isoformat(), _moment)
