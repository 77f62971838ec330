"""Put the starter foods into the catalogue."""

from typing import Any

from django.core.management.base import BaseCommand

from products import starter


class Command(BaseCommand):
    help = "Adds the everyday foods that come with DietIntel, or brings them up to date. Safe to repeat."

    def handle(self, **options: Any) -> None:
        added, changed = starter.load()
        if options["verbosity"] and (added or changed):
            self.stdout.write(f"Starter foods: {added} added, {changed} brought up to date.")
