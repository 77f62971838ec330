import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from dietintel import http_metrics
from dietintel.serve import (
    STOPPING_S,
    Child,
    command_of,
    host_from_here,
    refusal_to_listen,
    supervise,
    web_command,
    web_is_up,
)


class Command(BaseCommand):
    help = "Run DietIntel: web server, worker and watch as one service, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", choices=["web", "worker", "watch"], help="one part, for split containers and hosts"
        )

    def handle(self, *, only: str | None, **options: Any) -> None:
        children = []
        if only in {None, "web"}:
            if refusal := refusal_to_listen():
                sys.exit(f"DietIntel cannot start. {refusal}")
            if not settings.DEBUG:
                call_command("collectstatic", interactive=False, verbosity=0)
            if settings.WEB_WORKERS > 1:
                http_metrics.share()
            children.append(Child("web", web_command()))
        if only in {None, "worker"}:
            children.append(Child("worker", command_of("worker"), request=settings.RESTART_WORKER_FILE))
        if only in {None, "watch"}:
            children.append(Child("watch", command_of("watch")))
        clean = supervise(children, drain_s=settings.SHUTDOWN_TIMEOUT + STOPPING_S, each_round=self.announcer(only))
        sys.exit(0 if clean else 1)

    def announcer(self, only: str | None) -> Callable[[], None]:
        """Says once where DietIntel is, as soon as it answers there."""
        said = False
        host = f"[{host_from_here()}]" if ":" in host_from_here() else host_from_here()
        address = f"{'https' if settings.TLS_CERT else 'http'}://{host}:{settings.PORT}"

        def announce() -> None:
            nonlocal said
            if said or (only in {None, "web"} and not web_is_up()):
                return
            said = True
            what = f"DietIntel's {only} runs" if only in {"worker", "watch"} else f"DietIntel is at {address}"
            self.stdout.write(f"{what} (Ctrl-C stops it)")
            self.stdout.flush()

        return announce
