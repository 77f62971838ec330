"""How a provider knows who asks. Secrets go into headers, which are never logged, and never into addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Auth(Protocol):
    def headers(self) -> Mapping[str, str]:
        """What to send with a request."""


@dataclass(frozen=True)
class NoAuth:
    """Anybody may ask."""

    def headers(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class ApiKey:
    """A fixed key in a header of its own."""

    header: str
    value: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        return {self.header: self.value}
