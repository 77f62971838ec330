"""From the diary of a week to what is kept of it: figures and statements, as JSON."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from products.nutrients import rounded
from tracking.insights.figures import Diary, WeekFigures, figures_of
from tracking.insights.findings import findings_of
from tracking.insights.suggestions import suggestions_of
from tracking.statements import Statement

VERSION = 1  # of the figures: pages draw those of this one only


@dataclass(frozen=True)
class Told:
    """All that is said of a week."""

    figures: WeekFigures
    suggestions: Sequence[Statement]
    findings: Sequence[Statement]

    def kept(self) -> dict[str, Any]:
        """As JSON: `figures`, and `statements` in two lists."""
        return {
            "figures": {"version": VERSION, **_plain(asdict(self.figures))},
            "statements": {
                "suggestions": [each.kept() for each in self.suggestions],
                "findings": [each.kept() for each in self.findings],
            },
        }


def told(diary: Diary) -> Told:
    """Pure: the same diary is told in the same way each time."""
    figures = figures_of(diary)
    suggestions = suggestions_of(diary, figures)
    return Told(figures, suggestions, findings_of(figures, suggestions))


def _plain(value: Any) -> Any:
    """Numbers to four decimals, days and times as text."""
    if isinstance(value, Decimal):
        exact = rounded(value)
        return int(exact) if exact == exact.to_integral_value() else float(exact)
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
