"""What the watch found last, in a file: every process answers from it at once, also when the database does not."""

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitoring.health.conditions import Status

STALE_AFTER = dt.timedelta(seconds=15)
NOBODY = "Nobody is measuring"


@dataclass(frozen=True)
class Snapshot:
    """`checks` by name, as they are in the file. A snapshot that has grown old is itself unhealthy, and says so."""

    status: Status
    message: str
    at: dt.datetime | None  # None: nobody has ever measured here
    stale: bool = False
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write(status: Status, message: str, checks: Mapping[str, Mapping[str, Any]], *, now: dt.datetime) -> None:
    """Whole or not at all. Raises OSError."""
    body = {"status": status, "message": message, "timestamp": now.isoformat(), "checks": checks}
    draft = settings.HEALTH_FILE.with_suffix(f".{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(body))
        draft.replace(settings.HEALTH_FILE)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read(*, now: dt.datetime | None = None) -> Snapshot:
    """Raises nothing: what cannot be read was not measured."""
    try:
        body = json.loads(settings.HEALTH_FILE.read_text())
        at = dt.datetime.fromisoformat(body["timestamp"])
        found = Snapshot(Status(body["status"]), body["message"], at, checks=body["checks"])
    except (OSError, ValueError, KeyError, TypeError):
        return Snapshot(Status.UNHEALTHY, f"{NOBODY}: there is no result yet.", None, stale=True)
    if (now or timezone.now()) - at > STALE_AFTER:
        sentence = f"{NOBODY} since {at:%Y-%m-%d %H:%M:%S} UTC."
        return Snapshot(Status.UNHEALTHY, sentence, at, stale=True, checks=found.checks)
    return found
