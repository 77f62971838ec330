"""Why a call gave no answer. Each error says whether and when to try again."""

from typing import ClassVar


class GatewayMisuse(Exception):
    """Called inside a transaction, where a slow provider would hold the database's lock. Move the call out of it."""


class UpstreamNotFound(Exception):
    """The provider answered, and the answer is that it has no such thing. Do not retry."""


class GatewayError(Exception):
    """The provider could not be asked, or did not answer. Retry after `retry_after_s`, where it is known."""

    reason: ClassVar[str] = "failure"

    def __init__(self, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message or type(self).__name__)
        self.retry_after_s = retry_after_s


class CircuitOpen(GatewayError):
    """The provider failed too often, or an operator closed it; nothing was sent."""

    reason = "open"


class ProbeBusy(CircuitOpen):
    """One call is finding out whether the provider works again; nothing was sent."""

    reason = "half_open_busy"


class ForcedOpen(CircuitOpen):
    """An operator switched the provider off; nothing was sent."""

    reason = "forced_open"


class CoolingDown(GatewayError):
    """The provider asked for a pause; nothing was sent."""

    reason = "cooldown"


class RateLimited(GatewayError):
    """Our own limit, which keeps below the provider's; nothing was sent."""

    reason = "rate"


class QuotaExhausted(GatewayError):
    """All calls that the provider allows in a day are used up; nothing was sent."""

    reason = "quota"


class BulkheadFull(GatewayError):
    """Enough threads of this process wait for providers already; nothing was sent."""

    reason = "bulkhead"


class StoreUnavailable(GatewayError):
    """The shared state could not be read within 2 s, so no call was risked; nothing was sent."""

    reason = "store"


class Throttled(GatewayError):
    """The provider said "too much"."""

    reason = "throttled"


class UpstreamTimeout(GatewayError):
    """No whole answer in time."""

    reason = "timeout"


class UpstreamError(GatewayError):
    """No connection, or an answer that says the provider is in trouble."""

    reason = "failure"


class UpstreamMalformed(GatewayError):
    """An answer that is not what the provider's interface promises."""

    reason = "malformed"


class AuthFailed(GatewayError):
    """The provider refused us. A setting is wrong, or we are blocked: an operator must look."""

    reason = "auth"


class RequestRefused(GatewayError):
    """The provider called the request itself wrong. Do not retry it as it is."""

    reason = "client_error"


class NoSuchEndpoint(RequestRefused):
    """The provider's address does not have this part of its interface. Ask in another way."""

    reason = "no_endpoint"


BY_REASON: dict[str, type[GatewayError]] = {
    error.reason: error
    for error in (
        CircuitOpen, ProbeBusy, ForcedOpen, CoolingDown, RateLimited, QuotaExhausted, BulkheadFull, StoreUnavailable,
        Throttled, UpstreamTimeout, UpstreamError, UpstreamMalformed, AuthFailed, RequestRefused, NoSuchEndpoint,
    )
}  # fmt: skip
