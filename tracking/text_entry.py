"""One line of text, "2 eggs, 150 g rice cooked, 1 tbsp olive oil", as things to log. Understood here, sent nowhere.

Nothing that was typed is dropped: every piece of the text is one `Line`, with or without foods that it may mean.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.foods import Food
from products.models import Product, fold
from products.nutrients import rounded
from products.providers.base import Serving
from products.search import search
from tracking import numbers
from tracking.amounts import Amount, amount_of, called, counted_in, matching_serving, singular
from tracking.errors import Refused
from tracking.models import Favourite, Recipe
from tracking.recents import recents

LONGEST_TEXT = 1000  # characters
MOST_CANDIDATES = 6
MOST_SEARCHED = 30  # lines of one text; what is typed beyond that is shown, but not looked for
_FOUND = 24  # foods that the search proposes for one line, to choose the best of
_REMEMBERED = 300  # different things that a person logged lately

_WORDS: Mapping[str, Decimal | int] = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "a dozen": 12, "dozen": 12, "a couple of": 2, "half a": Decimal("0.5"),
    "half an": Decimal("0.5"), "half": Decimal("0.5"), "a half": Decimal("0.5"), "a quarter of": Decimal("0.25"),
}  # fmt: skip
_UNITS = {
    "g": "g gr gram grams gramme grammes",
    "kg": "kg kilo kilos kilogram kilograms",
    "mg": "mg milligram milligrams",
    "oz": "oz ounce ounces",
    "lb": "lb lbs pound pounds",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "cl": "cl centilitre centilitres centiliter centiliters",
    "dl": "dl decilitre decilitres deciliter deciliters",
    "l": "l ltr litre litres liter liters",
    "tsp": "tsp tsps teaspoon teaspoons",
    "tbsp": "tbsp tbsps tbs tablespoon tablespoons",
    "cup": "cup cups",
}
_SPELLED = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_SPELLED |= {"fl oz": "fl oz", "fl. oz": "fl oz", "fluid ounce": "fl oz", "fluid ounces": "fl oz"}
# Words that count servings also without "of". What they mean in grams, the food itself has to say.
_COUNTERS = frozenset(
    {
        "bag", "ball", "bar", "bottle", "bowl", "box", "can", "carton", "clove", "cube", "fillet", "glass", "handful",
        "jar", "leaf", "leg", "loaf", "mug", "pack", "package", "packet", "pat", "patty", "piece", "plate", "portion",
        "pot", "rasher", "sachet", "scoop", "serving", "shot", "slice", "spear", "sprig", "square", "stalk", "stick",
        "tin", "tub", "wedge",
    }
)  # fmt: skip
_SIZES = ("small", "medium", "large")
_NAMELESS = {"serving", "portion"}  # of these, any serving of the food is one

_COUNTED = {f"{word}{end}": word for word in _COUNTERS for end in ("", "s", "es")}
_COUNTED |= {"leaves": "leaf", "loaves": "loaf", "patties": "patty"}
_UNIT = re.compile(
    rf"\s*(?:(?P<known>{'|'.join(sorted(map(re.escape, _SPELLED), key=len, reverse=True))})\.?"
    rf"|(?P<counter>(?:(?:{'|'.join(_SIZES)})\s+)?(?:{'|'.join(sorted(_COUNTED, key=len, reverse=True))}))"
    rf"|(?P<size>{'|'.join(_SIZES)}))(?=[\s()]|$)",
    re.IGNORECASE,
)
_ANY_UNIT_OF = re.compile(r"\s+(?P<unit>[^\W\d_]+)\s+of\s+(?=\S)", re.IGNORECASE)
_WORD_NUMBER = re.compile(
    rf"(?P<word>{'|'.join(sorted(_WORDS, key=len, reverse=True))})(?=\s+\S|$)".replace(" ", r"\s+"), re.IGNORECASE
)
_AND_A_HALF = re.compile(r"\s+and\s+(?:a\s+half|½|1/2)\b", re.IGNORECASE)
_TIMES = re.compile(r"\s*(?:[×*]|x(?=[\s\d]|$))\s*", re.IGNORECASE)
# A comma between digits is a decimal comma.
_ALWAYS_APART = re.compile(r"[;\n\r+]|(?<!\d),|,(?!\d)")
_MAYBE_APART = re.compile(r"\s(?:and|&)\s", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """What one piece of the text says, and the foods it may mean, best first."""

    text: str  # as typed
    name: str
    quantity: Decimal = Decimal(1)
    unit: str = ""
    counted: bool = False  # whether a number was typed
    candidates: list[Food] = field(default_factory=list)
    recipes: list[Recipe] = field(default_factory=list)  # the person's own of that name
    unsearched: bool = False  # too far down in too long a text

    @property
    def amount(self) -> Amount | None:
        """How much of the best candidate; None where there is none, or where the person has to be asked."""
        return self.amount_for(self.candidates[0]) if self.candidates else None

    @property
    def problem(self) -> str:
        """What the person has to say yet, as a sentence; empty where nothing."""
        if self.unsearched:
            return _("This is too much for one text. Enter it on its own.")
        if not self.name:
            return _("An amount of what? Write the food after it.")
        if self.recipes and not self.candidates:
            return _("Is this your recipe “%(name)s”? Choose it.") % {"name": self.recipes[0].name}
        if not self.candidates:
            return _("No food was found for this. Search for it, or enter it as your own food.")
        return self.problem_with(self.candidates[0])

    def amount_for(self, food: Food) -> Amount | None:
        """So much of that food; None where it cannot be counted like that."""
        try:
            return self._amount(food)
        except Refused:
            return None

    def problem_with(self, food: Food) -> str:
        """Why `amount_for` is None; empty where it is not."""
        try:
            self._amount(food)
        except Refused as refused:
            return refused.sentence
        return ""

    def _amount(self, food: Food) -> Amount:
        if self.unit and self.unit not in {*_SIZES, *_NAMELESS}:
            return self._in_unit(food)
        named = self._named_serving(food)
        if named is not None:
            number = rounded(self.quantity / counted_in(named))
            return amount_of(number, named.label, basis=food.basis, servings=food.servings)
        if food.servings:
            return amount_of(self.quantity, food.servings[0].label, basis=food.basis, servings=food.servings)
        if self.counted:
            raise Refused(_("How much is one? Say it in %(unit)s.") % {"unit": food.basis}, field="amount")
        return amount_of(Decimal(100), "", basis=food.basis, servings=())

    def _in_unit(self, food: Food) -> Amount:
        """Also where the food calls its tablespoon so, and its large slice only "slice"."""
        others = [*_UNITS.get(self.unit, "").split(), f"1 {self.unit}", self.unit.split()[-1]]
        for unit in (*others, self.unit):
            try:
                return amount_of(self.quantity, unit, basis=food.basis, servings=food.servings)
            except Refused as refused:
                reason = refused
        raise reason

    def _named_serving(self, food: Food) -> Serving | None:
        """The serving of that size, or the one called like the food: of eggs, "1 egg", and not "1 egg white"."""
        if self.unit in _SIZES:
            return matching_serving(self.unit, food.servings)
        words = {singular(word) for word in self.name.split()}
        return next((serving for serving in food.servings if singular(called(serving)) in words), None)


# --- What was typed ---------------------------------------------------------------------------------------------
def lines(text: str) -> list[Line]:
    """Every piece of the text that is not blank, in order, and what it says. "mac and cheese" is one so far."""
    return [understood(piece) for piece in _pieces(text)]


def _pieces(text: str) -> Iterator[str]:
    for part in _ALWAYS_APART.split(text):
        start = 0
        for joint in _MAYBE_APART.finditer(part):
            left, right = part[start : joint.start()], part[joint.end() :].lstrip()
            half = _AND_A_HALF.match(part, joint.start()) and _only_a_number(left.strip())
            if _number(right) and not half:
                yield from _unless_blank(left)
                start = joint.end()
        yield from _unless_blank(part[start:])


def _unless_blank(piece: str) -> Iterator[str]:
    if piece.strip():
        yield piece.strip()


def apart(line: Line) -> list[Line]:
    """The line taken apart at each "and": what it is where nothing is called by the whole of it."""
    return [understood(piece) for part in _MAYBE_APART.split(line.text) for piece in _unless_blank(part)]


def understood(piece: str) -> Line:
    """A piece of text as quantity, unit and name; the amount stands in front or at the end."""
    text = " ".join(piece.split()).lstrip("-•–* ")
    line = _amount_first(text) or _amount_last(text) or _one_unit_of(text) or Line(piece, _cleaned(text))
    return replace(line, text=piece)


def _amount_first(text: str) -> Line | None:
    said = _number(text)
    if said is None:
        return None
    number, rest = said
    times = _TIMES.match(rest)
    if times:
        again = _number(rest[times.end() :])
        rest = rest[times.end() :]
        if again is not None:
            number, rest = number * again[0], again[1]
    unit, name = _unit(rest)
    if not unit and not times and rest[:1] not in {"", " ", "("}:  # 7up, 3.5% fat, 2-minute noodles
        return None
    if unit in {"kg", "l"} and number >= 1000 and "," in text:  # nobody eats tons: it was a decimal comma
        number /= 1000
    name = _cleaned(name)
    if not name and unit.split(" ")[-1] in {*_COUNTERS, *_SIZES}:  # "2 bars": that is what it is called
        name, unit = unit, ""
    return Line(text, name, number, unit, counted=True)


def _amount_last(text: str) -> Line | None:
    for start in re.finditer(r"(?<=[\s(:×*])(?=[\d½¼¾⅓⅔⅛⅕])|(?<=\sx)(?=\d)", text, re.IGNORECASE):
        name, amount = text[: start.start()], text[start.start() :].rstrip(").")
        line = _amount_first(amount)
        if line is not None and (not line.name or _UNIT.fullmatch(line.name)) and re.search(r"[^\W\d_]", name):
            unit = line.unit or line.name
            return replace(line, name=_cleaned(re.sub(r"[\s(:]+[x×*]?\s*$", "", name, flags=re.IGNORECASE)), unit=unit)
    return None


def _one_unit_of(text: str) -> Line | None:
    """Handful of almonds, slice of bread."""
    unit, name = _unit(text)
    named = _UNIT.match(text)
    if named is None or not re.match(r"\s+of\s", text[named.end() :]):
        return None
    return Line(text, _cleaned(name), Decimal(1), unit, counted=True)


def _number(text: str) -> tuple[Decimal, str] | None:
    """The number in front, in figures or words, and what follows it."""
    said = numbers.leading(text)
    if said is None:
        word = _WORD_NUMBER.match(text)
        if word is None:
            return None
        said = Decimal(_WORDS[" ".join(word["word"].casefold().split())]), text[word.end() :]
    half = _AND_A_HALF.match(said[1])
    return (said[0] + Decimal("0.5"), said[1][half.end() :]) if half else said


def _only_a_number(text: str) -> bool:
    said = _number(text)
    return said is not None and not said[1].strip()


def _unit(rest: str) -> tuple[str, str]:
    """The unit in front, in our spelling, and the name after it; an empty unit where none is meant."""
    found = _UNIT.match(rest)
    if found is not None:
        spelled = " ".join((found["known"] or found["counter"] or found["size"]).casefold().split())
        return _SPELLED.get(spelled) or _one_of(spelled), re.sub(r"^\s*of\s+", "", rest[found.end() :], flags=re.I)
    other = _ANY_UNIT_OF.match(rest)
    return (other["unit"].casefold(), rest[other.end() :]) if other else ("", rest)


def _one_of(counter: str) -> str:
    """Slices is slice, large glasses is large glass."""
    size, _space, word = counter.rpartition(" ")
    return f"{size} {_COUNTED.get(word, word)}".strip()


def _cleaned(name: str) -> str:
    return name.strip(" .:;()-–")


# --- Which foods it may mean ------------------------------------------------------------------------------------
def read(text: str, user: User, languages: Sequence[str], *, now: dt.datetime | None = None) -> list[Line]:
    """The lines of a text with up to six foods each: what the person logged lately or likes first, then the search.

    Writes nothing. Six queries, and for every line (and every part of one that is taken apart) one search.
    """
    now = now or timezone.now()
    seen: dict[str, list[Product]] = {}
    mine, recipes = _own_foods(user, now), list(Recipe.objects.owned_by(user).order_by("name", "pk"))

    def matched(line: Line) -> Line:
        words = _stems(line.name)
        if not words:
            return line
        asked = " ".join(words)
        if asked not in seen:
            seen[asked] = search(asked, user, limit=_FOUND).products
        remembered = [food for food in mine if _named(words, food.product)]
        found = sorted(seen[asked], key=lambda product: _distance(words, product))
        foods = [Food(product, languages, now) for product in [*(each.product for each in remembered), *found]]
        cooked = [recipe for recipe in recipes if _begin(words, fold(recipe.name))]
        return replace(line, candidates=_best(line, foods), recipes=cooked[:MOST_CANDIDATES])

    def matched_or_apart(line: Line) -> list[Line]:
        whole = matched(line)
        if whole.recipes or (whole.candidates and _named(_stems(line.name), whole.candidates[0].product)):
            return [whole]
        parts = apart(line)
        return list(map(matched, parts)) if len(parts) > 1 else [whole]

    return _each(lines(text), matched_or_apart)


def _each(found: list[Line], match: Callable[[Line], list[Line]]) -> list[Line]:
    matched = [line for each in found[:MOST_SEARCHED] for line in match(each)]
    return matched + [replace(line, unsearched=True) for line in found[MOST_SEARCHED:]]


def _own_foods(user: User, now: dt.datetime) -> list[Food]:
    """What the person logged lately, likeliest first, and favourites that they never logged."""
    lately = [each.item.product_id for each in recents(user, now=now, limit=_REMEMBERED)]
    liked = Favourite.objects.owned_by(user).exclude(product=None).values_list("product_id", flat=True)
    ids = list(dict.fromkeys(pk for pk in [*lately, *liked] if pk))
    products = Product.objects.visible_to(user).corrected_for(user).in_bulk(ids)
    return [Food(products[pk], (), now) for pk in ids if pk in products]


def _best(line: Line, foods: Sequence[Food]) -> list[Food]:
    """Without repetition; where a unit was typed, foods that can be counted in it come first."""
    once = list({food.product.pk: food for food in foods}.values())
    if line.unit:
        once.sort(key=lambda food: line.amount_for(food) is None)
    return once[:MOST_CANDIDATES]


def _stems(name: str) -> list[str]:
    """The words of a name as beginnings of words, so that "eggs" finds an egg and "berries" a berry."""
    return [_stem(word) for word in re.findall(r"\w+", fold(name)) if word not in {"of", "the", "some", "and"}]


# What makes an English plural, and how many letters of it to take off; the first that fits.
_ENDINGS = {"ies": 3, "oes": 2, "ches": 2, "shes": 2, "sses": 2, "xes": 2, "ss": 0, "us": 0, "s": 1}


def _stem(word: str) -> str:
    if len(word) <= 3:
        return word
    return next((word[: len(word) - cut] for end, cut in _ENDINGS.items() if word.endswith(end)), word)


def _named(stems: Sequence[str], product: Product) -> bool:
    """Whether every word is the beginning of one of the food's, in any of its names or the person's own."""
    own = product.correction.changes.get("name", "") if product.correction else ""
    return _begin(stems, f"{product.search_text} {fold(str(own))}")


def _begin(stems: Sequence[str], folded: str) -> bool:
    there = re.findall(r"\w+", folded)
    return all(any(word.startswith(stem) for word in there) for stem in stems)


def _distance(stems: Sequence[str], product: Product) -> tuple[int, int, bool]:
    """How far the food's name is from what was typed: "grapes" means grapes before grapefruit and raisins, "milk" milk
    before chocolate, milk, and "egg" a boiled egg before egg noodles with vegetables."""
    words = re.findall(r"\w+", fold(product.name))
    there = list(map(_stem, words))
    missing = sum(stem not in there for stem in stems)
    foreign = sum(not any(word.startswith(stem) for stem in stems) for word in words)
    return missing, foreign, there[:1] != list(stems[:1])
