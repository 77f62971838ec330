"""Looks for secrets and diaries in everything that is logged while the tests run, in their process and in services.

What is planted is what the tests use anyway: keys and tokens that begin with "planted-", the passwords, tokens and
addresses of their people, the foods that those made themselves.
"""

import logging
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

from dietintel.logs import RequestIdFilter

SAID = "said"  # the file into which the services of the tests write
PATTERNS = (
    r"planted-(?!secret-4711)",  # but for the text of the crash of tests/test_http.py: that is the log's business
    r"\bdi_[\w-]{30,}",  # a token
    r"Bearer \S{8}",
    r"sessionid=\w",
    r"a long sentence|correct horse battery",  # passwords
    r"Granny's soup",  # a food of one's own
)


class Leaks(logging.Handler):
    """What was logged and should not have been, as production would have written it. For the root logger."""

    def __init__(self) -> None:
        super().__init__()
        how: Any = settings.LOGGING["formatters"]["json"]  # type: ignore[index]
        self.setFormatter(JsonFormatter(how["fmt"], rename_fields=how["rename_fields"], timestamp=how["timestamp"]))
        self.addFilter(RequestIdFilter())
        self.pattern = re.compile("|".join([*PATTERNS, re.escape(settings.SECRET_KEY)]))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.look_at(self.format(record))

    def look_at(self, text: str) -> None:
        for match in self.pattern.finditer(text):
            start, end = max(0, match.start() - 150), match.end() + 50
            self.found.append(text[start:end])

    def look_into(self, folder: Path) -> None:
        """The logs of services that wrote into `folder`."""
        for file in folder.glob(SAID):
            self.look_at(file.read_text(errors="replace"))

    def taken(self) -> list[str]:
        found, self.found = self.found, []
        return found
