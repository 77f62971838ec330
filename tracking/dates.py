"""Days and months in addresses, and where a day stands among others. A day is the person's own."""

import datetime as dt

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.services.diary import EARLIEST, LATEST


class IsoDate:
    """2026-11-24 in an address; a day that a diary cannot have is no address."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> dt.date:
        date = dt.date.fromisoformat(value)  # a ValueError says that the address is none of ours
        if not EARLIEST <= date <= LATEST:
            raise ValueError(value)
        return date

    def to_url(self, value: dt.date | str) -> str:
        return str(value)


class IsoMonth(IsoDate):
    """2026-11 in an address; its first day in the code."""

    regex = r"\d{4}-\d{2}"

    def to_python(self, value: str) -> dt.date:
        return super().to_python(f"{value}-01")

    def to_url(self, value: dt.date | str) -> str:
        return str(value)[:7]


def today_of(user: User) -> dt.date:
    """The day that their calendar shows now."""
    return user.wall_clock(timezone.now()).date()


def clock_of(user: User) -> dt.datetime:
    """Now on their clock, as a diary has it: without a zone."""
    return user.wall_clock(timezone.now()).replace(tzinfo=None)


def neighbour(date: dt.date, days: int) -> dt.date | None:
    """So many days later; None where a diary has no such day."""
    found = date + dt.timedelta(days=days)
    return found if EARLIEST <= found <= LATEST else None


def month_after(first: dt.date, months: int = 1) -> dt.date | None:
    """The first day of the month so many months later; None where a diary has no such month."""
    count = first.year * 12 + first.month - 1 + months
    found = dt.date(count // 12, count % 12 + 1, 1)
    return found if EARLIEST <= found <= LATEST else None


def weeks_of(first: dt.date) -> list[list[dt.date]]:
    """The weeks, from Monday, that the month beginning on `first` lies in."""
    start = first - dt.timedelta(days=first.weekday())
    after = (first + dt.timedelta(days=31)).replace(day=1)
    weeks = []
    while start < after:
        weeks.append([start + dt.timedelta(days=number) for number in range(7)])
        start += dt.timedelta(days=7)
    return weeks


def day_name(date: dt.date, today: dt.date) -> str:
    """Today, yesterday, tomorrow, else the weekday with its date."""
    near = {0: _("Today"), -1: _("Yesterday"), 1: _("Tomorrow")}
    return near.get((date - today).days) or short_day(date, today)


def short_day(date: dt.date, today: dt.date) -> str:
    """Tue 24 Nov, with the year where it is another."""
    return date_format(date, "D j M" if date.year == today.year else "D j M Y")


def week_name(monday: dt.date) -> str:
    """9–15 November 2026, 26 October – 1 November 2026."""
    sunday = monday + dt.timedelta(days=6)
    if (monday.year, monday.month) == (sunday.year, sunday.month):
        return f"{monday.day}–{date_format(sunday, 'j F Y')}"
    return f"{date_format(monday, 'j F' if monday.year == sunday.year else 'j F Y')} – {date_format(sunday, 'j F Y')}"
