"""Making and keeping what a week showed, and who gets it by mail."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Refused
from tracking.insights import letters
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
def ask_for_mail(user: User, *, email: str) -> bool:
    """Have each new week's insights come by mail, to `email`. Says whether they do already.

    Otherwise a letter is sent there, and they come once its link is followed: a mistyped address is a stranger's. Waits
    for the mail server; raises OSError or smtplib.SMTPException.
    """
    if email == user.email and wants_mail(user):
        return True
    letters.question(user, email).send()
    return False


def confirm_mail(user: User, *, email: str) -> None:
    """Whoever reads letters to `email` says that it is this person's."""
    with transaction.atomic():
        Profile.objects.update_or_create(user=user, defaults={"mails_insights": True})
        User.objects.filter(pk=user.pk).update(email=email)


def wants_mail(user: User) -> bool:
    """Only of an address that was confirmed."""
    return bool(user.email) and Profile.objects.filter(user=user, mails_insights=True).exists()


def mail_off(user: User) -> None:
    Profile.objects.filter(user=user).update(mails_insights=False)
