import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from dietintel import http_metrics
from dietintel.serve import become_supervisor, command_of, refusal_to_listen

PREPARATIONS = (("migrate", "--noinput", "--skip-checks", "-v0"), ("load_starter_foods", "--skip-checks"))


class Command(BaseCommand):
    help = "Run DietIntel: web server, worker and watch as one service, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", choices=["web", "worker", "watch"], help="one part, for split containers and hosts"
        )
        parser.add_argument(
            "--prepare", action="store_true", help="first migrate the database and load the everyday foods"
        )

    def handle(self, *, only: str | None, prepare: bool, **options: Any) -> None:
        for preparation in PREPARATIONS if prepare else ():
            ended = subprocess.run([*command_of(preparation[0]), *preparation[1:]], check=False)
            if ended.returncode:
                sys.exit(ended.returncode)
        if only in {None, "web"}:
            if refusal := refusal_to_listen():
                sys.exit(f"DietIntel cannot start. {refusal}")
            if not settings.DEBUG:
                call_command("collectstatic", interactive=False, verbosity=0)
            if settings.WEB_WORKERS > 1:
                http_metrics.share()
        become_supervisor(only)
