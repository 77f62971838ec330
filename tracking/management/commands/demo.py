"""An account to look around in."""

import json as json_module
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from tracking import demo, demo_photos


class Command(BaseCommand):
    help = "Makes an account with 120 days of believable diary and some photos, and prints its login. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the login as JSON")
        parser.add_argument("--without-photos", action="store_true", help="drawing them takes some ten seconds")

    def handle(self, *, json: bool, without_photos: bool, **options: Any) -> str:
        made = demo.make(now=timezone.now())
        if made.new and not without_photos:
            demo_photos.take(made.user, now=timezone.now())
        login = {"username": made.user.username, "password": made.password, "made": made.new}
        if json:
            return json_module.dumps(login)
        if made.new:
            return f"The demo account is ready: sign in as {made.user.username} with the password {made.password}"
        return f"The demo account is there already: {made.user.username} with the password {made.password}"
