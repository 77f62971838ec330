"""How a provider knows who asks. Secrets go into headers, which are never logged, and never into addresses."""

import base64
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


@dataclass(frozen=True)
class BasicAuth:
    name: str
    password: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        pair = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


@dataclass(frozen=True)
class BearerToken:
    """A token, to be used until `renew_at`, in seconds since the epoch."""

    value: str = field(repr=False)
    renew_at: float

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.value}"}


@dataclass(frozen=True)
class OAuth2ClientCredentials:
    """A token for every request, which `client` gets at `token_url` (RFC 6749, 4.4). Kept in `tokens`."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""

    @property
    def client(self) -> BasicAuth:
        """Who we are to the token endpoint."""
        return BasicAuth(self.client_id, self.client_secret)

    @property
    def form(self) -> Mapping[str, str]:
        return {"grant_type": "client_credentials", **({"scope": self.scope} if self.scope else {})}
