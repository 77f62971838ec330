"""What is looked at every two seconds, in a process of its own: neither a request nor the queue waits for it."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.utils import timezone

from monitoring.health import alerts
from monitoring.health.errands import Errand
from monitoring.health.watching import Watch
from workflows import engine, schedules
from workflows.processes import lives

log = logging.getLogger(__name__)
ROUND_S = 2.0
SCHEDULES_EVERY_S = 60.0
PING_EVERY_S = 60.0


class Chore:
    """Something that is done every so often, in a thread of its own and never twice at once; a failure is logged."""

    def __init__(self, what: str, work: Callable[[], object], every_s: float) -> None:
        self.what, self.work, self.every_s = what, work, every_s
        self._errand: Errand[object] | None = None
        self._at = -1e9

    def end(self) -> None:
        """Wait for what is under way. Only tests have the time."""
        if self._errand is not None:
            self._errand.join()

    def when_due(self) -> None:
        if self._errand is not None:
            if self._errand.under_way:
                return
            if self._errand.error is not None:
                log.error("%s did not succeed", self.what, exc_info=self._errand.error)
            self._errand = None
        if time.monotonic() - self._at >= self.every_s:
            self._at = time.monotonic()
            self._errand = Errand(self.work)


class Rounds:
    """All that the watch does. What goes wrong in one round is tried again in the next."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.chores = [
            Chore("the sweep", _sweep, ROUND_S),
            Chore("the look at the schedules", lambda: schedules.ensure(now=timezone.now()), SCHEDULES_EVERY_S),
        ]
        if settings.PING_URL:
            self.chores.append(Chore("the ping", alerts.ping, PING_EVERY_S))

    def look_around(self) -> None:
        for chore in self.chores:
            chore.when_due()
        self.watch.round()


def _sweep() -> None:
    mended = engine.sweep(now=timezone.now(), alive=lives)
    if mended:
        log.warning("%d step(s) or run(s) were taken up again", mended)
