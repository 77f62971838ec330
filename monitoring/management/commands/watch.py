import signal
import time
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.watch import ROUND_S, Rounds


class Command(BaseCommand):
    help = "Watch over the service until SIGTERM. `serve` starts it; by hand use `serve --only watch`."
    requires_system_checks: list[str] = []  # `serve` ran them

    def handle(self, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            rounds = Rounds()
            while True:
                began = time.monotonic()
                rounds.look_around()
                time.sleep(max(0.1, ROUND_S - (time.monotonic() - began)))
        except KeyboardInterrupt:
            return
