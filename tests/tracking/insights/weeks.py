"""Weeks made by hand, in rows."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from products.nutrients import Nutrients
from tracking.insights.figures import Diary
from tracking.insights.tally import Entry, Tally
from tracking.insights.weeks import Week
from tracking.series import ONE_DAY
from tracking.targets import DayTarget
from tracking.totals import NOTHING, SUMMED, Totals, portion

MONDAY = dt.date(2026, 3, 2)
WEEK = Week(MONDAY)
COLUMNS = (
    "energy_kcal", "protein_g", "fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "fiber_g", "salt_g",
)  # fmt: skip
DAYS = dict(zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], WEEK.days, strict=True))
# Day, food, then the columns above. A week with one empty day, and its sums:
#
#           kcal   protein  fat  saturated  carbs  sugars  fibre  salt
#   Mon     2000      70     50      10      250     15      15    15
#   Tue     1800      64     42       8      230     13      14    15
#   Wed     2200     100    110      62      150      5      10     9
#   Thu     2600      60     90      42      350    125      10     3
#   Sat     1500      40     10       2      270    105      30     3
#   Sun     2000     106     40       6      250     15      31     3
#   sum    12100     440    342     130     1500    278     110    48
#   mean   2016.67  73.33    57    21.67     250    46.33   18.33   8
PLAIN = """
Mon Bread  1000 40  10  2 150   5 10  3
Mon Soup   1000 30  40  8 100  10  5 12
Tue Bread  1000 40  10  2 150   5 10  3
Tue Soup    800 24  32  6  80   8  4 12
Wed Bread  1000 40  10  2 150   5 10  3
Wed Cheese 1200 60 100 60   0   0  0  6
Thu Bread  1000 40  10  2 150   5 10  3
Thu Cake   1600 20  80 40 200 120  0  0
Sat Bread  1000 40  10  2 150   5 10  3
Sat Apple   500  0   0  0 120 100 20  0
Sun Bread  1000 40  10  2 150   5 10  3
Sun Stew   1000 66  30  4 100  10 21  0
"""
AIM = DayTarget(Decimal(2000), protein_g=Decimal(100))


def entry(day="Mon", food="Bread", *, meal="lunch", time=None, **figures):
    """Something eaten of which only `figures` are declared."""
    known = Nutrients({key: Decimal(str(value)) for key, value in figures.items()})
    day = DAYS.get(day, day)
    return Entry(day, meal, time, f"name:{food}", food, "", portion(known, (), Decimal(1)))


def entries(rows):
    """Of a table like PLAIN; "?" is not declared."""
    found = []
    for line in rows.split("\n"):
        if line.strip():
            day, food, *values = line.split()
            figures = {key: value for key, value in zip(COLUMNS, values, strict=True) if value != "?"}
            found.append(entry(day, food, **figures))
    return found


def tallied(found: Iterable[Entry]) -> Tally:
    tally = Tally()
    for each in found:
        tally.add(each)
    return tally


def diary(found, *, aim=AIM, **changes):
    """With the same target on each day of the five weeks; None: without."""
    days = [WEEK.first_before + number * ONE_DAY for number in range(35)]
    targets = {} if aim is None else dict.fromkeys(days, aim)
    return Diary(**{"week": WEEK, "tally": tallied(found), "targets": targets, **changes})


def day_of(kcal, *, at_least=False, **figures):
    """The totals of a whole day, on which only these are declared."""
    known = {"energy_kcal": kcal, **figures}
    totals = portion(Nutrients({key: Decimal(str(value)) for key, value in known.items()}), (), Decimal(1))
    return totals + (Totals(partial=frozenset(SUMMED)) if at_least else NOTHING)
