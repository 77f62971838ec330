"""What a week showed, as a letter: the same sentences as on its page, in plain text and in HTML.

And the letter before the first one, which asks whether the address is the right one.
"""

import datetime as dt

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.insights.words import sentences
from tracking.models import Insight
from tracking.statements import Statement
from tracking.units import units_of_person

_MAIL_OFF, _MAIL_ON = "tracking.insights.letters", "tracking.insights.letters.question"
ANSWERED_WITHIN = dt.timedelta(days=3)


def letter(insight: Insight, *, key: str) -> EmailMultiAlternatives:
    """To the person it is about. `key`: the same for the same letter, so that a mailbox may tell that it comes twice.

    With the headers by which a mail program offers to switch it off (RFC 2369, RFC 8058).
    """
    user, site = insight.user, site_address()
    units = units_of_person(user)
    off = f"{site}{reverse('insights_mail_off', args=[off_token(user)])}"
    shown = {
        "name": user.get_short_name() or user.get_username(),
        "week": insight.week,
        "suggestions": sentences(map(Statement.of, insight.suggestions), units),
        "findings": sentences(map(Statement.of, insight.findings), units),
        "site": site,
        "page": f"{site}{insight.get_absolute_url()}",
        "off": off,
    }
    subject = _("Your week from %(day)s") % {"day": date_format(insight.week, "j F Y")}
    headers = {
        "Message-ID": f"<{key.replace(':', '.')}@{_host(site)}>",
        "List-Unsubscribe": f"<{off}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    text = render_to_string("tracking/insight_letter.txt", shown)
    message = EmailMultiAlternatives(f"DietIntel: {subject}", text, None, [user.email], headers=headers)
    message.attach_alternative(render_to_string("tracking/insight_letter.html", shown), "text/html")
    return message


def question(user: User, email: str) -> EmailMessage:
    """To an address that somebody typed. It says nothing of their diary."""
    site = site_address()
    shown = {
        "name": user.get_username(),
        "on": f"{site}{reverse('insights_mail_on', args=[on_token(user, email)])}",
        "days": ANSWERED_WITHIN.days,
    }
    text = render_to_string("tracking/insights_mail_question.txt", shown)
    return EmailMessage(f"DietIntel: {_('Is this your address?')}", text, None, [email])


def on_token(user: User, email: str) -> str:
    """Lets whoever has it, which is the reader of a letter to `email`, have the person's insights sent there."""
    return signing.dumps([user.pk, email], salt=_MAIL_ON)


def asked_of(token: str) -> tuple[User, str] | None:
    """Whose insights a token has sent, and where to. None for one that is none, or is too old."""
    try:
        pk, email = signing.loads(token, salt=_MAIL_ON, max_age=ANSWERED_WITHIN)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return None if user is None else (user, email)


def off_token(user: User) -> str:
    """Lets whoever has it, which is the reader of a letter, switch these letters off, and nothing else."""
    return signing.dumps(user.pk, salt=_MAIL_OFF)


def reader_of(token: str) -> User | None:
    """Whose letters a token switches off. None for one that is none."""
    try:
        pk = signing.loads(token, salt=_MAIL_OFF)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=pk).first()


def site_address() -> str:
    """Where people reach this server: the first of TRUSTED_ORIGINS that is one address, else where `serve` listens."""
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if "*" not in origin:
            return str(origin)
    return f"{'https' if settings.TLS_CERT else 'http'}://{settings.HOST}:{settings.PORT}"


def _host(site: str) -> str:
    return site.partition("://")[2].partition(":")[0]
