"""Somebody is told: one word when something is bad for certain, one when it is well again. By mail and by webhook.

An alert that cannot be sent stays in the outbox, and is tried again after pauses that grow. Nothing is given up.
"""

import datetime as dt
import logging
from collections.abc import Callable

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dietintel.gateway.session import NoAnswer, fetch
from monitoring.health.conditions import Condition, Happened, Result, Status
from monitoring.models import Alert

log = logging.getLogger(__name__)
EXHAUSTED = "exhausted"
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=15), dt.timedelta(minutes=15)
CONNECT_S, TOTAL_S, MOST_BYTES = 3.0, 10.0, 100_000  # of a webhook's answer nothing but the status is wanted
SENT = range(200, 300)
RECOVERED = {False: gettext_noop("%(check)s is well again"), True: gettext_noop("%(check)s is better, and degraded")}


def about(happened: str, name: str, condition: Condition, result: Result, *, now: dt.datetime) -> Alert | None:
    """The alert that something which happened is worth, not saved; None where it is worth none."""
    words = {
        Happened.CONFIRMED: ("incident", _("%(check)s is unhealthy")),
        Happened.RECOVERED: ("recovery", _(RECOVERED[condition.status is Status.DEGRADED])),
        Happened.FLAPPING: ("flapping", _("%(check)s goes to and fro")),
        EXHAUSTED: ("exhausted", _("%(check)s could not be mended; somebody has to look")),
    }.get(happened)
    if words is None:
        return None
    kind, subject = words
    since = condition.bad_since or condition.since or now
    text = _("%(message)s\nSince %(since)s UTC. The admin's page Health shows what was tried.") % {
        "message": result.message,
        "since": f"{since:%Y-%m-%d %H:%M:%S}",
    }
    return Alert(
        kind=kind,
        check_name=name,
        subject=f"DietIntel: {subject % {'check': name}}",
        text=text,
        made_at=now,
        mailed_at=None if settings.ALERT_EMAIL else now,
        hooked_at=None if settings.ALERT_WEBHOOK_URL else now,
        next_try_at=now,
    )


def done(alert: Alert) -> bool:
    return alert.mailed_at is not None and alert.hooked_at is not None


def is_due(alert: Alert, *, now: dt.datetime) -> bool:
    return not done(alert) and (alert.next_try_at is None or alert.next_try_at <= now)


def unsent() -> list[Alert]:
    return list(Alert.objects.filter(Q(mailed_at=None) | Q(hooked_at=None)).order_by("made_at"))


def pause_after(tries: int) -> dt.timedelta:
    """After the `tries`-th try that failed, from 1."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(tries - 1, 20)))


def send(alerts: list[Alert]) -> list[Alert]:
    """Try to send each over every channel that it has not gone out on. Returns them, changed and not saved.

    In their order: a channel that fails is left alone for the rest, so that no recovery comes before its incident.
    """
    mail_works = hook_works = True
    for alert in alerts:
        if alert.mailed_at is None and mail_works:
            mail_works = _went_out("mail", alert, _mail)
            alert.mailed_at = timezone.now() if mail_works else None
        if alert.hooked_at is None and hook_works:
            hook_works = _went_out("webhook", alert, _post)
            alert.hooked_at = timezone.now() if hook_works else None
        if not done(alert):
            alert.tries += 1
            alert.next_try_at = timezone.now() + pause_after(alert.tries)
    return alerts


def _went_out(channel: str, alert: Alert, out: Callable[[Alert], None]) -> bool:
    try:
        out(alert)
    except Exception as error:  # noqa: BLE001 (a letter that cannot be written must not keep the others)
        # Nothing more is said of it: the address may hold a secret.
        log.warning("an alert could not be sent by %s: %s", channel, type(error).__name__)
        return False
    return True


def _mail(alert: Alert) -> None:
    if settings.ALERT_EMAIL:
        EmailMessage(alert.subject, alert.text, None, settings.ALERT_EMAIL).send()


def _post(alert: Alert) -> None:
    if not settings.ALERT_WEBHOOK_URL:
        return
    body = {
        "kind": alert.kind,
        "check": alert.check_name,
        "subject": alert.subject,
        "text": alert.text,
        "at": alert.made_at.isoformat(),
        "id": str(alert.pk),  # the same where an alert comes twice
    }
    _ask(settings.ALERT_WEBHOOK_URL, json=body)


def ping() -> None:
    """Say that the watch lives."""
    try:
        _ask(settings.PING_URL)
    except (OSError, NoAnswer) as error:  # the address may hold a secret
        log.error("the ping did not succeed: %s", type(error).__name__)


def _ask(url: str, *, json: object | None = None) -> None:
    answer = fetch(url, {}, {}, connect_s=CONNECT_S, read_s=TOTAL_S, total_s=TOTAL_S, max_bytes=MOST_BYTES, json=json)
    if answer.status not in SENT:
        raise OSError(f"status {answer.status}")
