"""A believable person with 120 days of diary: what a visitor of a new server looks around in.

The same on every server for the same day: all chance comes from SEED. The person loses a little weight by a modest
deficit, eats much the same for breakfast, forgets an evening now and then, and weighs themselves most mornings.
"""

import datetime as dt
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac

from dietintel.accounts.models import User
from products import starter
from products.foods import Food
from products.models import Product
from products.services import create_own_food
from tracking.insights.weeks import last_whole_week
from tracking.models import Favourite, Meal, MealItem, Measurement, MeasurementKind, Recipe, WeightEntry
from tracking.services import insights
from tracking.services import recipes as recipe_service
from tracking.services.diary import NewItem, of_food, quick_add
from tracking.services.recipes import of_recipe
from tracking.services.targets import save_profile, set_target
from tracking.targets import Macro

NAME, SEED, DAYS = "demo", 20_260_101, 120
LOOKED_BACK = 4  # weeks, the last ones
FORGOTTEN = 0.04  # of the dinners
WEIGHED = 0.85  # of the mornings
START_KG, LOST_KG_A_WEEK, NOISE_KG = 78.6, 0.25, 0.45
Eaten = Sequence[tuple[str, int, int]]  # a food's key at its source, and between how many grams

# Keys of products/starter_foods.json.
BREAKFASTS: Sequence[tuple[int, Eaten]] = (
    (5, (("ndb:08121", 220, 260), ("ndb:09040", 100, 130), ("ndb:09050", 40, 80))),
    (4, (("ndb:18075", 64, 96), ("ndb:01001", 8, 14), ("ndb:01009", 28, 42))),
    (3, (("ndb:01256", 150, 200), ("ndb:09316", 80, 150), ("ndb:12155", 12, 25))),
)
LUNCHES: Sequence[tuple[int, Eaten]] = (
    (3, (("ndb:05064", 110, 160), ("ndb:20037", 150, 220), ("ndb:11090", 80, 140))),
    (3, (("ndb:06468", 300, 420), ("ndb:18060", 32, 64))),
    (2, (("ndb:15121", 90, 140), ("ndb:18075", 64, 96), ("ndb:11529", 80, 123))),
    (2, (("ndb:20421", 180, 260), ("ndb:06931", 100, 150), ("ndb:01033", 10, 20))),
)
DINNERS: Sequence[tuple[int, Eaten]] = (
    (3, (("ndb:15237", 110, 160), ("ndb:11367", 160, 240), ("ndb:11091", 90, 160))),
    (3, (("ndb:23570", 100, 150), ("ndb:20445", 150, 210), ("ndb:11821", 70, 130))),
    (2, (("ndb:01130", 122, 183), ("ndb:18075", 32, 64), ("ndb:11457", 30, 60))),
    (2, (("ndb:21299", 214, 321),)),
)
SNACKS: Sequence[tuple[int, Eaten]] = (
    (4, (("ndb:09003", 149, 200),)),
    (3, (("ndb:12061", 15, 30),)),
    (3, (("ndb:01116", 125, 170),)),
    (2, (("ndb:18192", 16, 32),)),
)
DRINKS: Eaten = (("ndb:14355", 237, 474),)
BREAD: Eaten = (("ndb:18060", 32, 64), ("ndb:01001", 5, 12))
OIL: Eaten = (("ndb:04053", 9, 16),)
CHILLI: Eaten = (
    ("ndb:23567", 500, 500), ("ndb:11282", 160, 160), ("ndb:11821", 240, 240), ("ndb:11531", 480, 480),
    ("ndb:16015", 240, 240), ("ndb:04053", 14, 14),
)  # fmt: skip
MUESLI: Eaten = (("ndb:08120", 240, 240), ("ndb:12061", 60, 60), ("ndb:09298", 60, 60), ("ndb:12036", 40, 40))
QUICK = (("Canteen: curry of the day", 680), ("Birthday cake", 410), ("Restaurant, pasta", 870))
# An own name beside the standard ones: when, and what.
OWN_MEAL, OWN_MEAL_WEEKDAYS = "After training", {1, 3}


@dataclass(frozen=True)
class Demo:
    """The account, the password it was made with, and whether it was made just now."""

    user: User
    password: str
    new: bool


@transaction.atomic
def make(*, now: dt.datetime) -> Demo:
    """The demo account, made where there is none. On a server without people it runs the server, as a first visitor."""
    password = salted_hmac("tracking.demo", NAME).hexdigest()[:12]  # another on each server; the same each time there
    user = User.objects.filter(username=NAME).first()
    if user is not None:
        return Demo(user, password, new=False)
    starter.load()
    owner = not User.objects.exists()
    user = User(username=NAME, is_owner=owner, is_staff=owner, is_superuser=owner)
    user.set_password(password)
    user.save()
    today = user.wall_clock(now).date()
    _Story(user, today).write()
    for number in range(LOOKED_BACK):
        insights.make(user, last_whole_week(today - dt.timedelta(weeks=number)), now=now)
    return Demo(user, password, new=True)


class _Story:
    """The rows of one person, up to `today`."""

    def __init__(self, user: User, today: dt.date) -> None:
        self.user = user
        self.today = today
        self.days = [today - dt.timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        self.chance = random.Random(SEED)  # noqa: S311  no secret
        self.foods = self._foods()
        self.recipes: dict[str, Recipe] = {}

    def write(self) -> None:
        self._person()
        self._cook()
        self._eat()
        self._weigh()
        self._measure()

    def _foods(self) -> Mapping[str, Food]:
        menus = [eaten for _weight, eaten in (*BREAKFASTS, *LUNCHES, *DINNERS, *SNACKS)]
        keys = {key for eaten in (*menus, DRINKS, BREAD, OIL, CHILLI, MUESLI) for key, _least, _most in eaten}
        rows = Product.objects.filter(source=starter.NAME, owner=None, source_id__in=keys)
        noon = dt.datetime.combine(self.today, dt.time(12), dt.UTC)
        return {row.source_id: Food(row, ("en",), noon) for row in rows}

    # --- Who it is ------------------------------------------------------------------------------------------------
    def _person(self) -> None:
        # Weighed once before the target is set: it is computed from that.
        first = self.days[0]
        born = dt.date(first.year - 38, 4, 12)
        changes = {"sex": "female", "birth_date": born, "height_cm": Decimal(171), "activity": "light"}
        save_profile(self.user, changes, today=first)
        WeightEntry.objects.create(user=self.user, day=first, time=dt.time(7), weight_kg=Decimal(str(START_KG)))
        set_target(
            self.user,
            starts_on=first,
            today=first,
            goal="lose",
            rate_kg_per_week=Decimal("0.25"),
            goal_weight_kg=Decimal(72),
            macros={"protein": Macro(Decimal("1.4"), "g_per_kg")},
        )

    def _cook(self) -> None:
        soup = create_own_food(
            owner=self.user,
            name="Grandmother's lentil soup",
            per_100={
                "energy_kcal": Decimal(82),
                "protein_g": Decimal("5.1"),
                "fat_g": Decimal("1.9"),
                "carbohydrates_g": Decimal("10.8"),
            },
        )
        self.foods = {**self.foods, "soup": Food(soup, ("en",), soup.fetched_at)}
        for name, servings, eaten in (("Chilli", 4, CHILLI), ("Muesli", 8, MUESLI)):
            self.recipes[name] = recipe_service.create(
                self.user, name=name, servings=Decimal(servings), ingredients=self._items(eaten)
            )
        Favourite.objects.bulk_create(
            [Favourite(user=self.user, recipe=self.recipes["Chilli"])]
            + [Favourite(user=self.user, product=self.foods[key].product) for key in ("ndb:09003", "ndb:08121", "soup")]
        )

    # --- What they eat --------------------------------------------------------------------------------------------
    def _eat(self) -> None:
        rows: list[tuple[Meal, Sequence[NewItem]]] = []
        portions = {name: of_recipe(recipe, Decimal(1)) for name, recipe in self.recipes.items()}
        for day in self.days:
            for name, items in self._day(day, portions):
                rows.append((Meal(user=self.user, day=day, name=name), items))
        Meal.objects.bulk_create([meal for meal, _items in rows])
        MealItem.objects.bulk_create(
            MealItem(
                meal=meal,
                position=position,
                created_at=dt.datetime.combine(meal.day, item.time or dt.time(12), dt.UTC),
                **item.columns(),
            )
            for meal, items in rows
            for position, item in enumerate(items)
        )

    def _day(self, day: dt.date, portions: Mapping[str, NewItem]) -> list[tuple[str, list[NewItem]]]:
        chance, last = self.chance, day == self.today
        breakfast = self._items((*self._one_of(BREAKFASTS), *DRINKS), at=self._about(7, 30))
        if chance.random() < 0.2:
            breakfast = [portions["Muesli"], *self._items((("ndb:01116", 120, 160),), at=self._about(7, 30))]
        lunch = self._items((*self._one_of(LUNCHES), *BREAD), at=self._about(12, 45))
        if day.weekday() < 5 and chance.random() < 0.12:
            lunch = [self._quick(at=self._about(12, 45))]
        elif chance.random() < 0.12:
            lunch = self._items((("soup", 300, 420), ("ndb:18060", 32, 64)), at=self._about(12, 45))
        dinner = self._items((*self._one_of(DINNERS), *OIL), at=self._about(19, 15))
        if day.weekday() in {0, 6} and chance.random() < 0.6:
            dinner = [portions["Chilli"], *self._items((("ndb:20445", 120, 170),), at=self._about(19, 15))]
        snacks = [
            item
            for _number in range(chance.choice((1, 1, 2, 2)))
            for item in self._items(self._one_of(SNACKS), at=self._about(16, 0))
        ]
        meals = [("breakfast", breakfast), ("lunch", lunch), ("snacks", snacks)]
        if day.weekday() in OWN_MEAL_WEEKDAYS:
            meals.append((OWN_MEAL, self._items((("ndb:01256", 150, 180),), at=self._about(18, 0))))
        if chance.random() > FORGOTTEN:
            meals.append(("dinner", dinner))
        # Today is not over: the ring should have something left.
        return [(name, items) for name, items in meals if items and not (last and name not in {"breakfast", "lunch"})]

    def _one_of(self, choices: Sequence[tuple[int, Eaten]]) -> Eaten:
        return self.chance.choices([eaten for _often, eaten in choices], [often for often, _eaten in choices])[0]

    def _about(self, hour: int, minute: int) -> dt.time:
        minutes = hour * 60 + minute + self.chance.randint(-4, 5) * 5
        return dt.time(minutes // 60, minutes % 60)

    def _items(self, eaten: Eaten, *, at: dt.time | None = None) -> list[NewItem]:
        return [
            of_food(self.foods[key], Decimal(self.chance.randint(least, most)), "g", time=at)
            for key, least, most in eaten
        ]

    def _quick(self, *, at: dt.time) -> NewItem:
        name, kcal = self.chance.choice(QUICK)
        return quick_add(name, {"energy_kcal": Decimal(kcal)}, time=at)

    # --- What becomes of it ---------------------------------------------------------------------------------------
    def _weigh(self) -> None:
        entries = []
        for number, day in enumerate(self.days[1:], start=1):
            water = 0.35 * math.sin(number / 4.5)  # weeks go up and down, whatever one eats
            kg = START_KG - LOST_KG_A_WEEK * number / 7 + water + self.chance.gauss(0, NOISE_KG)
            away = 50 <= number < 58  # a holiday without scales
            if self.chance.random() < WEIGHED and not away:
                time = self._about(7, 0)
                entries.append(WeightEntry(user=self.user, day=day, time=time, weight_kg=Decimal(f"{kg:.1f}")))
        WeightEntry.objects.bulk_create(entries)

    def _measure(self) -> None:
        waist = MeasurementKind.objects.create(user=self.user, name="Waist", unit="cm")
        values: list[Any] = []
        for number, day in enumerate(self.days):
            if number % 14 == 0:
                cm = 88.5 - 0.035 * number + self.chance.gauss(0, 0.4)
                values.append(Measurement(kind=waist, day=day, time=dt.time(7, 5), value=Decimal(f"{cm:.1f}")))
        Measurement.objects.bulk_create(values)
