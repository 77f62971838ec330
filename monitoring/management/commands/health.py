"""How the service is, in a sentence for each check."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.renderers import JSONRenderer

from monitoring.api import check_body, health_body
from monitoring.health import snapshot
from monitoring.health.conditions import Status

CODES = {Status.HEALTHY: 0, Status.DISABLED: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}


class Command(BaseCommand):
    help = "Shows how the service is. Exit code 0: healthy, 1: degraded, 2: unhealthy or nobody is measuring."
    requires_system_checks: list[str] = []  # it answers when little else does

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="of one check")
        parser.add_argument("--json", action="store_true", help="as the API shows it")

    def handle(self, *, name: str | None, json: bool, **options: Any) -> None:
        found = snapshot.read()
        status = found.status
        if name is not None:
            if name not in found.checks:
                raise CommandError(_unknown(name, found), returncode=CODES[Status.UNHEALTHY])
            status = Status.UNHEALTHY if found.stale else Status(found.checks[name]["status"])
        if json:
            body = check_body(found.checks[name], words=True) if name else health_body(found, words=True)
            self.stdout.write(JSONRenderer().render({**body, "status": status}).decode())
        else:
            lines = [found.message] if found.stale or name is None else []
            names = [name] if name else list(found.checks)
            self.stdout.write("\n".join([*lines, *(_line(each, found.checks[each]) for each in names)]))
        if CODES[status]:
            sys.exit(CODES[status])


def _unknown(name: str, found: snapshot.Snapshot) -> str:
    if not found.checks:
        return found.message
    return f"There is no check called {name}. There are: {', '.join(found.checks)}."


def _line(name: str, check: Any) -> str:
    return f"{name:<24}  {check['status']:<9}  {check['message']}"
