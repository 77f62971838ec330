"""Photos for the demo account: drawn, of meals that its diary has, and confirmed as what was logged.

The last days' photos are left for the visitor to say what is on them.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from dietintel.accounts.models import User
from products.models import OWN
from tracking.demo_pictures import DISHES, Dish, photo_file
from tracking.errors import Refused
from tracking.models import MealItem
from tracking.services.photos import Seen, looks_of, store_photo, teach
from tracking.services.recognisers import start_training

OF_EACH = 5  # photos: recognition is sure from the third on, and one is for the test of what was learned
DAYS = 60
ASKED_DAYS = 3  # whose photos are not confirmed yet
# What a meal with this food in it looks like: keys of products/starter_foods.json, and of the person's own food.
LOOKS = {
    "ndb:08121": "Porridge with blueberries",
    "ndb:09316": "Muesli with strawberries",
    "ndb:06468": "Pumpkin soup",
    "ndb:20421": "Spaghetti bolognese",
    "ndb:15237": "Salmon with broccoli",
    "ndb:01130": "Fried eggs",
    "ndb:21299": "Pizza",
    OWN: "Lentils",
}
BESIDE = {"ndb:14355", "ndb:04053", "ndb:01001"}  # in the cup, in the pan, under the rest


def take(user: User, *, now: dt.datetime) -> None:
    """Some seconds of drawing: not inside a transaction. Then training begins, where a worker is there."""
    today = user.wall_clock(now).date()
    taken: Counter[str] = Counter()
    for dish, items in _meals(user, today):
        if taken[dish.name] == OF_EACH:
            continue
        taken[dish.name] += 1
        day, time = items[0].meal.day, items[0].time or dt.time(12)
        at = min(now, dt.datetime.combine(day, time, user.zone))
        photo = store_photo(user=user, picture=photo_file(dish, taken[dish.name]), now=at, day=day, time=time)
        if (today - day).days >= ASKED_DAYS:
            teach(
                photo=photo,
                looks=looks_of(photo),
                foods=[Seen(each.product, grams=each.amount) for each in items],
                now=at,
            )
    with suppress(Refused):
        start_training(user=user, now=now)


def _meals(user: User, today: dt.date) -> Iterator[tuple[Dish, list[MealItem]]]:
    """What a photo shows of each meal that can be drawn, the latest first."""
    dishes = {dish.name: dish for dish in DISHES}
    found = MealItem.objects.filter(meal__user=user, meal__day__gt=today - dt.timedelta(days=DAYS))
    by_meal: dict[int, list[MealItem]] = {}
    for item in found.select_related("meal", "product").order_by("-meal__day", "-meal__pk", "position"):
        if item.product is not None and item.product.source_id not in BESIDE:
            by_meal.setdefault(item.meal_id, []).append(item)
    for items in by_meal.values():
        for item in items:
            key = item.product.source_id or item.product.source if item.product else ""
            if key in LOOKS:
                yield dishes[LOOKS[key]], items
                break
