"""Making and keeping what a week showed, and who gets it by mail."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Refused
from tracking.insights.reading import diary_of, fingerprint
from tracking.insights.telling import told
from tracking.insights.weeks import WEEKS_BEFORE, Week, last_whole_week, week_of
from tracking.models import Insight, Profile
from tracking.services.diary import EARLIEST, LATEST

# The week and the four before it are within what a diary can have.
FIRST_DAY, LAST_DAY = EARLIEST + dt.timedelta(weeks=WEEKS_BEFORE + 1), LATEST - dt.timedelta(weeks=1)


def compute(user: User, week: Week) -> dict[str, Any]:
    """Figures and statements as JSON. Reads only."""
    return told(diary_of(user, week)).kept()


def keep(user: User, week: Week, computed: Mapping[str, Any], diary: str, *, now: dt.datetime) -> Insight:
    """In place of what was told of that week before. `diary`: its fingerprint from before it was computed."""
    values = {**computed, "fingerprint": diary, "created_at": now}
    insight, _made = Insight.objects.update_or_create(user=user, week=week.monday, defaults=values)
    insight.user = user
    return insight


def make(user: User, week: Week, *, now: dt.datetime) -> Insight:
    """All of it, here and now."""
    diary = fingerprint(user, week)
    return keep(user, week, compute(user, week), diary, now=now)


def is_outdated(insight: Insight) -> bool:
    """Whether something it rests on was written, changed or deleted since."""
    return fingerprint(insight.user, Week(insight.week)) != insight.fingerprint


def whole_week(day: dt.date | None, *, today: dt.date) -> Week:
    """The week of `day`, or the last one that is over. Raises Refused for one that is not over."""
    week = last_whole_week(today)
    if day is not None:
        if not FIRST_DAY <= day <= LAST_DAY:
            raise Refused(_("Choose a week between 1900 and 2200."), field="week")
        week = week_of(day)
    if week.sunday >= today:
        raise Refused(_("This week is not over yet. Its insights can be made from next Monday on."), field="week")
    return week


# --- Mail -------------------------------------------------------------------------------------------------------
def choose_mail(user: User, *, wants: bool, email: str) -> None:
    """Whether each new week's insights come by mail, and where to."""
    with transaction.atomic():
        Profile.objects.update_or_create(user=user, defaults={"mails_insights": wants})
        if email and email != user.email:
            user.email = email
            user.save(update_fields=["email"])


def wants_mail(user: User) -> bool:
    return bool(user.email) and Profile.objects.filter(user=user, mails_insights=True).exists()


def mail_off(user: User) -> None:
    Profile.objects.filter(user=user).update(mails_insights=False)
