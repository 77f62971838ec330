import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from dietintel.serve import Child, host_from_here, refusal_to_listen, supervise, web_command, web_is_up, worker_command


class Command(BaseCommand):
    help = "Run DietIntel: the web server and the worker as one service, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=["web", "worker"], help="run one part, for split containers and hosts")

    def handle(self, *, only: str | None, **options: Any) -> None:
        children = []
        if only != "worker":
            if refusal := refusal_to_listen():
                sys.exit(f"DietIntel cannot start. {refusal}")
            if not settings.DEBUG:
                call_command("collectstatic", interactive=False, verbosity=0)
            children.append(Child("web", web_command()))
        if only != "web":
            children.append(Child("worker", worker_command()))
        clean = supervise(children, drain_s=settings.SHUTDOWN_TIMEOUT, each_round=self.announcer(only))
        sys.exit(0 if clean else 1)

    def announcer(self, only: str | None) -> Callable[[], None]:
        """Says once where DietIntel is, as soon as it answers there."""
        said = False
        host = f"[{host_from_here()}]" if ":" in host_from_here() else host_from_here()
        address = f"{'https' if settings.TLS_CERT else 'http'}://{host}:{settings.PORT}"

        def announce() -> None:
            nonlocal said
            if said or (only != "worker" and not web_is_up()):
                return
            said = True
            what = "DietIntel's worker runs" if only == "worker" else f"DietIntel is at {address}"
            self.stdout.write(f"{what} (Ctrl-C stops it)")
            self.stdout.flush()

        return announce
