"""How much slower five years of diary make the day page and a month's chart than one month of diary does.

    python -m benchmarks.diary                                 SQLite in a temporary folder
    DATABASE_URL=postgres://… python -m benchmarks.diary       a database of your own; it gets two users and their diary

Two people, one with a month and one with five years of 20 items a day, ask by turns for the same pages. Machines drift,
so the figure to quote is the ratio: 1 means that an old diary costs nothing. Each line is the median of the rounds; the
last one is a year's chart of the old diary, for which the young one has nothing to compare.
"""

import argparse
import datetime as dt
import os
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

MONTH, FIVE_YEARS, ITEMS_A_DAY = 30, 5 * 365, 20
PAGES = {"day page": "/day/{day}/", "month's chart": "/charts/?span=month"}


def prepare(days: int) -> "Client":
    """The browser of a person whose diary is as old as that."""
    from django.test import Client
    from django.utils import timezone

    from dietintel.accounts.models import User
    from products.models import Product
    from tracking.models import Meal, MealItem

    user, _new = User.objects.get_or_create(username=f"benchmark-{days}")
    user.meals.all().delete()
    foods = list(Product.objects.filter(owner=None)[:50])
    today = timezone.now().date()
    meals = Meal.objects.bulk_create(
        [
            Meal(user=user, day=today - dt.timedelta(days=number), name=name)
            for number in range(days)
            for name in ("breakfast", "lunch", "dinner", "snacks")
        ]
    )
    amount = Decimal(80)
    MealItem.objects.bulk_create(
        [
            MealItem(meal=meal, product=food, name=food.name, figures=food.per_100, quantity=amount, amount=amount)
            for number, meal in enumerate(meals)
            for food in (foods[(number + place) % len(foods)] for place in range(ITEMS_A_DAY // 4))
        ],
        batch_size=2_000,
    )
    client = Client()
    client.force_login(user)
    return client


def milliseconds(client: "Client", path: str) -> float:
    began = time.perf_counter()
    response = client.get(path)
    if response.status_code != 200:
        raise SystemExit(f"{path} answered {response.status_code}")
    return (time.perf_counter() - began) * 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=15, help="of each pair (default 15)")
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings", "ACCESS_LOG": "no"}
        (Path(folder) / "static").mkdir()
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        # Pages name static files by their hash, and only `serve` collects those.
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
        settings.ALLOWED_HOSTS = ["testserver"]
        call_command("migrate", verbosity=0)
        from products import starter

        starter.load()
        young, old = prepare(MONTH), prepare(FIVE_YEARS)
        day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        for name, address in PAGES.items():
            path = address.format(day=day)
            milliseconds(young, path), milliseconds(old, path)  # warm
            pairs = [(milliseconds(young, path), milliseconds(old, path)) for _ in range(rounds)]
            month, years = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(other / one for one, other in pairs)
            say(f"{name}: a month of diary {month:.0f} ms, five years {years:.0f} ms, ratio {ratio:.2f}")
        path = "/charts/?span=year"
        say(f"year's chart: five years {statistics.median(milliseconds(old, path) for _ in range(rounds)):.0f} ms")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
