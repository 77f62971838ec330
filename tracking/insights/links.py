"""Statements about a week, and where their figures can be looked up: addresses of pages."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from products.nutrients import rounded
from tracking import statements
from tracking.insights.weeks import Week
from tracking.statements import Statement


def statement(code: str, link: str, **figures: Any) -> Statement:
    """Its numbers to four decimals, as figures are kept everywhere."""
    kept = {name: rounded(value) if isinstance(value, Decimal) else value for name, value in figures.items()}
    return statements.statement(code, link, **kept)


def chart(nutrient: str, first: dt.date, last: dt.date) -> str:
    """A nutrient day by day, with its mean."""
    return f"{reverse('charts')}?{urlencode({'nutrient': nutrient, 'first': str(first), 'last': str(last)})}"


def entries(week: Week, nutrient: str, **only: str | int) -> str:
    """What was eaten, with its part of the nutrient. `only`: a `food`, a `meal`, hours `since` and `until`."""
    return f"{reverse('insight_entries', args=[week.monday])}?{urlencode({'nutrient': nutrient, **only})}"


def month(day: dt.date) -> str:
    return reverse("month", args=[f"{day:%Y-%m}"])


def weights() -> str:
    return f"{reverse('weight')}?span=quarter"


def targets() -> str:
    return reverse("targets")


def day_of(day: dt.date) -> str:
    return reverse("day", args=[day])
