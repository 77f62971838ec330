"""What an answer means for the breaker, the limiter and the caller."""

import enum
from dataclasses import dataclass

from dietintel.gateway.errors import (
    AuthFailed,
    GatewayError,
    NoSuchEndpoint,
    RequestRefused,
    Throttled,
    UpstreamError,
    UpstreamMalformed,
    UpstreamTimeout,
)
from dietintel.gateway.policy import DEFAULT_COOLDOWN_S


class Outcome(enum.Enum):
    """Of one attempt. The value names its counter."""

    SUCCESS = "success"
    NOT_FOUND = "not_found"
    CLIENT_ERROR = "client_error"
    THROTTLED = "throttled"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    AUTH = "auth"
    NO_ENDPOINT = "no_endpoint"

    @property
    def answered(self) -> bool:
        """The provider works: a success for the breaker."""
        return self in {Outcome.SUCCESS, Outcome.NOT_FOUND}

    @property
    def counts_against(self) -> bool:
        return self in {Outcome.FAILURE, Outcome.TIMEOUT, Outcome.MALFORMED}

    @property
    def worth_retrying(self) -> bool:
        """Another try a moment later may well succeed. An answer in the wrong form will come again."""
        return self in {Outcome.FAILURE, Outcome.TIMEOUT}


ERRORS: dict[Outcome, type[GatewayError]] = {
    Outcome.CLIENT_ERROR: RequestRefused,
    Outcome.THROTTLED: Throttled,
    Outcome.FAILURE: UpstreamError,
    Outcome.TIMEOUT: UpstreamTimeout,
    Outcome.MALFORMED: UpstreamMalformed,
    Outcome.AUTH: AuthFailed,
    Outcome.NO_ENDPOINT: NoSuchEndpoint,
}


@dataclass(frozen=True)
class Verdict:
    """An outcome, and the pause it asks for: seconds, or `stepwise` where the pause grows with each throttle.

    `remaining`: how many more calls the provider says it takes, of all operations together; None where it says nothing.
    """

    outcome: Outcome
    why: str = ""
    cooldown_s: float | None = None
    stepwise: bool = False
    remaining: int | None = None


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole. `json` is None where the body is not JSON; `retry_after_s` where none was named.

    `remaining` is what X-RateLimit-Remaining says; None where it says no number.
    """

    status: int
    json: object | None
    is_json: bool
    retry_after_s: float | None
    remaining: int | None = None


def default_classifier(answer: Answer) -> Verdict:
    """By status and form alone. Providers wrap it where they mean something else by a status."""
    status = answer.status
    if 200 <= status < 300:
        if answer.is_json:
            return Verdict(Outcome.SUCCESS)
        return Verdict(Outcome.MALFORMED, "a page instead of JSON")
    if status in {404, 410}:
        if answer.is_json:
            return Verdict(Outcome.NOT_FOUND)
        return Verdict(Outcome.MALFORMED, f"{status} with a page instead of JSON")
    if status == 429:
        return Verdict(Outcome.THROTTLED, "429", cooldown_s=answer.retry_after_s or DEFAULT_COOLDOWN_S)
    if status in {401, 403}:
        return Verdict(Outcome.AUTH, str(status))
    if 300 <= status < 400:
        return Verdict(Outcome.FAILURE, f"{status} sends us elsewhere, and only configured hosts are called")
    if 400 <= status < 500:
        return Verdict(Outcome.CLIENT_ERROR, str(status))
    return Verdict(Outcome.FAILURE, str(status), cooldown_s=answer.retry_after_s if status == 503 else None)
