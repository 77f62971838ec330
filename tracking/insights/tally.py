"""The entries of a week, added up as they come: how many there are does not matter. Numbers in, numbers out."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from tracking.series import NO_FIGURE, DayFigure
from tracking.totals import NOTHING, Totals

ENERGY = "energy_kcal"
MOST_FOODS = 2_000  # in a week; what comes after them counts in every sum, and is not named
ZERO = Decimal(0)


@dataclass(frozen=True)
class Entry:
    """Something eaten. `food` is the same for the same food; `time` is on the person's clock, None: not said."""

    day: dt.date
    meal: str
    time: dt.time | None
    food: str
    name: str
    brand: str
    eaten: Totals


@dataclass
class FoodSum:
    """What one food gave in the week."""

    name: str
    brand: str
    known: dict[str, Decimal] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)  # what some entry of it does not declare
    times: int = 0
    days: set[dt.date] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.name, self.brand = entry.name, entry.brand
        self.times += 1
        self.days.add(entry.day)
        self.partial |= entry.eaten.partial
        for key, value in entry.eaten.known.items():
            self.known[key] = self.known.get(key, ZERO) + value


@dataclass
class Tally:
    """Sums of a week. A day without entries is in none of them."""

    days: dict[dt.date, Totals] = field(default_factory=dict)
    entries: Counter[dt.date] = field(default_factory=Counter)
    foods: dict[str, FoodSum] = field(default_factory=dict)
    meals: dict[str, DayFigure] = field(default_factory=dict)  # energy
    hours: dict[int, Decimal] = field(default_factory=dict)  # energy of the entries that say when
    declared_for: dict[str, Decimal] = field(default_factory=dict)  # energy of the entries that declare a nutrient

    def add(self, entry: Entry) -> None:
        eaten, energy = entry.eaten, entry.eaten.known.get(ENERGY)
        self.days[entry.day] = self.days.get(entry.day, NOTHING) + eaten
        self.entries[entry.day] += 1
        if entry.food in self.foods or len(self.foods) < MOST_FOODS:
            self.foods.setdefault(entry.food, FoodSum(entry.name, entry.brand)).add(entry)
        figure = DayFigure(energy, eaten.at_least(ENERGY))
        self.meals[entry.meal] = self.meals.get(entry.meal, NO_FIGURE) + figure
        if energy is None:
            return
        if entry.time is not None:
            self.hours[entry.time.hour] = self.hours.get(entry.time.hour, ZERO) + energy
        for key in eaten.known.keys() - eaten.partial:
            self.declared_for[key] = self.declared_for.get(key, ZERO) + energy

    @property
    def energy(self) -> Decimal:
        """All that is known of."""
        return sum((day.known.get(ENERGY, ZERO) for day in self.days.values()), ZERO)

    def coverage(self, key: str) -> Decimal:
        """The share of the energy that came from entries which declare `key`; 0 where no energy is known."""
        energy = self.energy
        return self.declared_for.get(key, ZERO) / energy if energy else ZERO

    def total(self, key: str) -> DayFigure:
        """Of the whole week; its value is None where nobody declares any."""
        found = NO_FIGURE
        for each in self.days.values():
            found = found + figure_of(each, key)
        return found


def figure_of(totals: Totals, key: str) -> DayFigure:
    return DayFigure(totals.get(key), totals.at_least(key))
