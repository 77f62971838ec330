import json as json_module
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from workflows import cleaning


class Command(BaseCommand):
    help = "Delete old data now: ended runs, expired logins and the like. The worker does the same every six hours."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, dry_run: bool, json: bool, **options: Any) -> str:
        now = timezone.now()
        counts = {
            rule.name: (rule.count(now) or 0) if dry_run else cleaning.clean(rule, now=now) for rule in cleaning.rules()
        }
        if json:
            return json_module.dumps(counts)
        found = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
        return f"{'Would delete' if dry_run else 'Deleted'}: {found}."
