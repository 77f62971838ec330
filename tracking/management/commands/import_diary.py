"""Read an exported account, or the diary of another program, into a person's account."""

import json as json_module
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dietintel.accounts.models import User
from tracking.errors import DiaryError
from tracking.services.transfer import add_entries, import_account, new_entries
from tracking.transfer.foreign import DateOrder, NotUnderstood
from tracking.transfer.incoming import Whole, understood
from tracking.transfer.shapes import Broken

Said = dict[str, Any]


class Command(BaseCommand):
    help = (
        "Imports the ZIP of export_diary into an empty account, or a CSV file of MyFitnessPal, Cronometer or Lose It! "
        "into any. All or nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("file", type=Path)
        parser.add_argument("--dates", choices=[*DateOrder], help="how a CSV file writes 03/04/2026")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be imported")
        parser.add_argument("--json", action="store_true", help="say what was imported as JSON")

    def handle(self, *, username: str, file: Path, dates: str | None, dry_run: bool, json: bool, **options: Any) -> str:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is nobody called {username}.")
        try:
            said = self._import(user, file.read_bytes(), DateOrder(dates) if dates else None, dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except (Broken, NotUnderstood, DiaryError) as error:
            raise CommandError(f"Nothing was imported. {error}") from error
        return json_module.dumps(said, ensure_ascii=False) if json else _sentences(said)

    def _import(self, user: User, data: bytes, order: DateOrder | None, *, dry_run: bool) -> Said:
        found = understood(data, order)
        if isinstance(found, Whole):
            if not dry_run:
                import_account(user, found.account)
            return {"program": "DietIntel", "written": not dry_run, **found.counts}
        if found.ambiguous and order is None:
            raise NotUnderstood("Its dates can be read in two ways: say --dates mdy or --dates dmy.")
        new = len(new_entries(user, found.entries))
        if not dry_run:
            new = len(add_entries(user, found.entries).done.items)
        return {
            "program": found.program,
            "written": not dry_run,
            "days": found.days,
            "items": new,
            "repeated": len(found.entries) - new,
            "left_out": [{"line": each.line, "why": each.why} for each in found.complaints],
        }


def _sentences(said: Said) -> str:
    done = "Imported" if said["written"] else "Would import"
    lines = [f"{done} from {said['program']}: {said['items']} entries on {said['days']} days."]
    if said.get("repeated"):
        lines.append(f"{said['repeated']} were here already.")
    lines += [f"Line {each['line']} was left out: {each['why']}" for each in said.get("left_out", [])]
    return "\n".join(lines)
