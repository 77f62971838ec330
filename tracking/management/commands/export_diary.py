"""Write a person's whole account into a ZIP."""

import json as json_module
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dietintel.accounts.models import User
from tracking.transfer.export import counted, write_archive


class Command(BaseCommand):
    help = "Writes everything that is a person's into one ZIP, which import_diary and the settings page read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("-o", "--output", type=Path, help="the file to write; by default dietintel-<username>.zip")
        parser.add_argument("--json", action="store_true", help="say what was written as JSON")

    def handle(self, *, username: str, output: Path | None, json: bool, **options: Any) -> str:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is nobody called {username}.")
        path = output or Path(f"dietintel-{username}.zip")
        draft = path.with_name(f".{path.name}.part")
        try:
            draft.touch(mode=0o600)  # a diary is its owner's alone
            with draft.open("wb") as file:
                counts = counted(write_archive(user, file))
            draft.replace(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            draft.unlink(missing_ok=True)
        if json:
            return json_module.dumps({"file": str(path), **counts})
        return f"{path}: {counts['days']} days with {counts['items']} entries, {counts['recipes']} recipes."
