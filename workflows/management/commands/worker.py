from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from workflows import schedules
from workflows.sentinel import run_cluster


class Command(BaseCommand):
    help = "Work on the queue until SIGTERM. `serve` starts it; by hand use `serve --only worker`."
    requires_system_checks: list[str] = []  # `serve` ran them

    def handle(self, **options: Any) -> None:
        schedules.ensure(now=timezone.now())
        run_cluster()
