"""A week in the database, with what is on it worked out in `weeks`."""

from decimal import Decimal

from products.nutrients import Nutrients
from tests.factories import make_item
from tests.tracking.insights.weeks import COLUMNS, DAYS, PLAIN
from tracking.models import Meal


def log(user, rows=PLAIN, *, meal="lunch", days=None):
    """What a table like PLAIN says, in the diary of `user`."""
    days, meals = days or DAYS, {}
    for line in rows.split("\n"):
        if not line.strip():
            continue
        day, food, *values = line.split()
        if day not in meals:
            meals[day] = Meal.objects.get_or_create(user=user, day=days[day], name=meal)[0]
        figures = {key: Decimal(value) for key, value in zip(COLUMNS, values, strict=True) if value != "?"}
        make_item(meals[day], name=food, figures=Nutrients(figures), quantity=Decimal(100), amount=Decimal(100))
