"""When something was eaten, on the person's own clock and calendar; and which meal that is, where nobody says."""

import datetime as dt

from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Refused

# From this hour on; the last one reaches over midnight to the first. Only what is chosen beforehand: the person sees it
# and can choose another.
_FROM_HOUR = ((4, "breakfast"), (11, "lunch"), (15, "snacks"), (17, "dinner"), (22, "snacks"))


def day_and_time(
    user: User,
    *,
    now: dt.datetime,
    date: dt.date | None = None,
    time: dt.time | None = None,
    eaten_at: dt.datetime | None = None,
) -> tuple[dt.date, dt.time | None]:
    """The day of the diary, and the time where one was said. Without a date it is the person's today.

    `eaten_at` is a moment; without an offset it is what the person's clock showed. Their time zone of now decides,
    and what is written stays: who travels later has eaten on the day that it was. Raises Refused.
    """
    if eaten_at is None:
        return date or user.wall_clock(now).date(), time
    if date is not None or time is not None:
        raise Refused(_("Send either eaten_at, or date and time."), field="eaten_at")
    try:
        clock = eaten_at if eaten_at.tzinfo is None else user.wall_clock(eaten_at)
    except OverflowError as error:  # in the year 1 or 9999
        raise Refused(_("Choose a day between 1900 and 2200."), field="eaten_at") from error
    return clock.date(), clock.time().replace(microsecond=0)


def meal_at(time: dt.time) -> str:
    """The key of a standard meal."""
    started = [meal for hour, meal in _FROM_HOUR if hour <= time.hour]
    return started[-1] if started else "snacks"
