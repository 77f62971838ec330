"""Look barcodes up as a scan does."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dietintel.accounts.models import User
from products.barcodes import InvalidBarcode, normalise
from products.foods import Food
from products.lookup import ProductError, lookup
from products.serializers import as_json


class Command(BaseCommand):
    help = "Looks barcodes up: in what is known here, then at the providers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("barcode", nargs="+")
        parser.add_argument("--user", help="whose corrections and own foods count; by default nobody's")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *, barcode: list[str], user: str | None, json: bool, **options: Any) -> None:
        person = User.objects.filter(username=user).first() if user else User()
        if person is None:
            raise CommandError(f"There is nobody called {user}.")
        answers = [self._answer(text, person) for text in barcode]
        for answer in answers:
            self.stdout.write(_as_json(answer) if json else _as_sentence(answer))
        if any("error" in answer for answer in answers):
            raise SystemExit(1)

    def _answer(self, text: str, person: User) -> dict[str, Any]:
        try:
            product = lookup(normalise(text), person)
        except (InvalidBarcode, ProductError) as error:
            sentence = error.sentence if isinstance(error, ProductError) else str(error)
            return {"barcode": text, "error": type(error).__name__, "message": sentence}
        return as_json(Food(product, ["en"], timezone.now()))


def _as_json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, default=str, ensure_ascii=False)


def _as_sentence(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"{answer['barcode']}: {answer['message']}"
    energy = answer["per_100"]["energy_kcal"]
    figures = "no energy declared" if energy is None else f"{energy:.0f} kcal per 100 {answer['basis']}"
    doubts = "".join(f"\n  ! {flag['message']}" for flag in answer["quality"])
    named = f"{answer['name']}, {answer['brand'] or 'no brand'}"
    return f"{answer['barcode']}: {named}, {figures} ({answer['source']}){doubts}"
