"""The providers' breakers, limits and cache, in words."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.renderers import JSONRenderer

from dietintel.gateway.errors import StoreUnavailable
from dietintel.gateway.overview import Overview, UnknownProvider, configured, overview, reset
from dietintel.gateway.policy import to_us
from monitoring.gateway_api import body

HEADINGS = ("operation", "state", "tokens", "today", "pause", "failed lately", "cache", "last error")


class Command(BaseCommand):
    help = "Shows every provider's breaker, tokens, pause and cache."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset", metavar="NAME", help="close this provider's breakers, end its pause, give its tokens back"
        )
        parser.add_argument("--json", action="store_true", help="as the API shows it")

    def handle(self, *, reset: str | None, json: bool, **options: Any) -> str:
        operations = _reset(reset) if reset else overview(configured(), now=to_us(time.time()))
        if json:
            rendered: bytes = JSONRenderer().render(body(operations))
            return rendered.decode()
        return _table([HEADINGS, *map(_words, operations)]) if operations else "No provider is configured."


def _reset(provider: str) -> list[Overview]:
    try:
        return reset(provider, configured(), actor="command", now=to_us(time.time()))
    except UnknownProvider as error:
        raise CommandError(str(error)) from error
    except StoreUnavailable as error:
        raise CommandError("The database was busy, so nothing or not all was reset. Try again.") from error


def _words(each: Overview) -> tuple[str, ...]:
    state = each.state if each.open_for_s is None else f"{each.state} for {each.open_for_s} s"
    ratio = each.cache.hit_ratio
    return (
        each.key,
        f"{state} ({each.reason})" if each.reason else state,
        "not configured" if each.tokens is None else f"{each.tokens} of {each.burst}",
        "–" if each.quota is None else f"{each.quota_used} of {each.quota}",
        f"{each.cooldown_s} s" if each.cooldown_s else "–",
        f"{each.failed} of {each.calls}",
        "–" if ratio is None else f"{ratio:.0%} hit, {each.cache.stale} stale",
        f"{each.last_error} ({each.last_error_at:%Y-%m-%d %H:%M} UTC)" if each.last_error_at else "–",
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
