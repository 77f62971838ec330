"""What a person should know of the service's condition: in their words, and only what touches them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from monitoring.health.conditions import Impact, Phase, Status
from monitoring.health.snapshot import Snapshot
from monitoring.health.watched import PROVIDER

WORTH_SAYING_AFTER = dt.timedelta(seconds=30)  # a moment of trouble is nobody's business
SENTENCES = {
    "storage": _("Photos cannot be kept right now; your meals are saved."),
    "disk": _("Photos cannot be kept right now; your meals are saved."),
    "ml_model": _("Reading photos is slow right now; your meals are saved."),
    "workers": _("Work in the background waits right now; your meals are saved."),
    "queue": _("Work in the background waits right now; your meals are saved."),
}
PROVIDERS = _("We cannot reach the food databases right now. Foods you had before are here, and you can enter others.")
WHEN_DEGRADED_TOO = {"ml_model"}  # of the others a person notices nothing before they are unhealthy


def sentence(found: Snapshot, *, now: dt.datetime | None = None) -> str | Promise:
    """The one thing to say; empty where all is well, or nobody knows."""
    if found.stale:
        return ""
    for name, words in SENTENCES.items():
        check = found.checks.get(name)
        bad_enough = check and (check["status"] == Status.UNHEALTHY or name in WHEN_DEGRADED_TOO)
        if check and bad_enough and _lasts(check, now or timezone.now()):
            return words
    providers = [each for name, each in found.checks.items() if name.startswith(PROVIDER)]
    if any(each["impact"] == Impact.IMPORTANT and each["phase"] != Phase.SUSPECT for each in providers):
        return PROVIDERS
    return ""


def _lasts(check: Mapping[str, Any], now: dt.datetime) -> bool:
    if check["status"] not in {Status.UNHEALTHY, Status.DEGRADED} or not check["since"]:
        return False
    return check["phase"] == Phase.CONFIRMED or now - dt.datetime.fromisoformat(check["since"]) > WORTH_SAYING_AFTER
