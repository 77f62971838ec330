"""The tokens of OAuth2 clients: asked for once, used by all threads of the process, never written anywhere."""

import os
import threading
from collections.abc import Callable

from dietintel.gateway.auth import Auth, BearerToken, OAuth2ClientCredentials
from dietintel.gateway.classify import Answer, Outcome, Verdict, default_classifier
from dietintel.gateway.clock import Clock
from dietintel.gateway.errors import UpstreamTimeout

RENEW_BEFORE_S = 60.0


def token_in(body: object, *, now: float) -> BearerToken:
    """Of the token endpoint's answer. Raises ValueError, which never quotes the token."""
    found = body if isinstance(body, dict) else {}
    value, kind = found.get("access_token"), found.get("token_type", "bearer")
    if not isinstance(value, str) or not value or str(kind).lower() != "bearer":
        raise ValueError("no bearer token")
    lasts_s = float(found.get("expires_in", 3600))
    return BearerToken(value, renew_at=now + lasts_s - min(RENEW_BEFORE_S, lasts_s / 2))


def classify_token(answer: Answer) -> Verdict:
    """A refusal of our client is for an operator to mend: trying again would not help (RFC 6749, 5.2)."""
    verdict = default_classifier(answer)
    error = answer.json.get("error") if isinstance(answer.json, dict) else None
    refused = verdict.outcome in {Outcome.AUTH, Outcome.CLIENT_ERROR}
    if refused or (verdict.outcome is Outcome.SUCCESS and error is not None):
        said = str(error or answer.status)[:60]
        return Verdict(Outcome.AUTH, f"no token for this client, its id, secret or scope is wrong ({said!a})")
    return verdict


class Tokens:
    """The tokens of this process. In memory alone: while it lasts, a token is as good as the secret."""

    def __init__(self) -> None:
        self._kept: dict[OAuth2ClientCredentials, BearerToken] = {}
        self._asking = threading.Lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def usable(
        self,
        credentials: OAuth2ClientCredentials,
        ask: Callable[[], BearerToken],
        *,
        refused: Auth | None,
        clock: Clock,
        deadline: float,
    ) -> BearerToken:
        """The kept token, unless it is old or `refused`; else what one thread `ask`s for and the others wait for.

        Raises what `ask` raises, and UpstreamTimeout where another thread is still asking at the `deadline`.
        """

        def kept() -> BearerToken | None:
            token = self._kept.get(credentials)
            return token if token and token is not refused and clock.now() < token.renew_at else None

        if (token := kept()) is not None:
            return token
        if not self._asking.acquire(timeout=max(0.0, deadline - clock.now())):
            raise UpstreamTimeout("no token in time")
        try:
            token = kept()
            if token is None:
                token = self._kept[credentials] = ask()
            return token
        finally:
            self._asking.release()

    def forget(self) -> None:
        self._kept.clear()

    def _after_fork(self) -> None:
        self._asking = threading.Lock()  # another thread may have held it, and there is none here to release it
