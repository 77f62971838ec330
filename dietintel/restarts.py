"""How often each part of the service was started again, and why: a small file, because the supervisor has no database.

One file for each part, so that parts that run in containers of their own and share the folder do not meet.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)
FOLDER = settings.DATA_DIR / "restarts"
REASONS = {"ended", "error", "killed"}


def reason(exit_code: int) -> str:
    """One of REASONS: as a process tells it, a negative code being a signal."""
    return "ended" if exit_code == 0 else "error" if exit_code > 0 else "killed"


def count(role: str, exit_code: int) -> None:
    """One more. A full disk must not keep the supervisor from its work."""
    file = FOLDER / f"{role}.json"
    counted = _read(file)
    counted[reason(exit_code)] = counted.get(reason(exit_code), 0) + 1
    draft = file.with_suffix(".new")
    try:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        draft.write_text(json.dumps(counted))
        draft.replace(file)
    except OSError as error:
        log.warning("a restart of %s was not counted: %s", role, error)


def counted() -> Iterator[tuple[str, str, int]]:
    """(part, reason, how often), since the beginning."""
    for file in sorted(FOLDER.glob("*.json")):
        for why, times in sorted(_read(file).items()):
            yield file.stem, why, times


def _read(file: Path) -> dict[str, int]:
    """Empty where it cannot be read, or is not what was written."""
    with suppress(OSError, ValueError, AttributeError, TypeError):
        return {why: int(times) for why, times in json.loads(file.read_text()).items() if why in REASONS}
    return {}
