"""Weeks of a diary: Monday to Sunday (ISO 8601), on the person's own calendar."""

import datetime as dt
from dataclasses import dataclass

from tracking.series import ONE_DAY

DAYS = 7
WEEKS_BEFORE = 4  # what a week is compared with
READY_AT = dt.timedelta(hours=5)  # on Monday: whoever wrote down their Sunday has done so


@dataclass(frozen=True)
class Week:
    """Named by its Monday."""

    monday: dt.date

    @property
    def sunday(self) -> dt.date:
        return self.monday + (DAYS - 1) * ONE_DAY

    @property
    def days(self) -> tuple[dt.date, ...]:
        return tuple(self.monday + number * ONE_DAY for number in range(DAYS))

    @property
    def first_before(self) -> dt.date:
        """Where the four weeks before it begin."""
        return self.monday - WEEKS_BEFORE * DAYS * ONE_DAY

    @property
    def last_before(self) -> dt.date:
        return self.monday - ONE_DAY


def week_of(day: dt.date) -> Week:
    return Week(day - day.weekday() * ONE_DAY)


def last_whole_week(today: dt.date) -> Week:
    """The newest one that is over."""
    return Week(week_of(today).monday - DAYS * ONE_DAY)


def due_week(clock: dt.datetime) -> Week:
    """The week that somebody is to have been told about when their clock shows this: a new one on Monday at 05:00."""
    return last_whole_week((clock.replace(tzinfo=None) - READY_AT).date())
