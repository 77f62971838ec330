"""How often an address or a person may try what costs something. The counts live in the cache."""

import hashlib
import math
import unicodedata

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle
from rest_framework.views import APIView


class _Forgiving(SimpleRateThrottle):
    """Starts to count anew where the cache holds something else than a list of times."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except (TypeError, LookupError, AttributeError):
            if self.key is None:
                raise
            self.cache.delete(self.key)
            return super().allow_request(request, view)


class LoginThrottle(_Forgiving, AnonRateThrottle):
    scope = "login"


class LoginNameThrottle(_Forgiving):
    """Tries for one name, from wherever. More than one address may make, so that no single one locks a person out."""

    scope = "login_name"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        # Folded at least as far as the login form does it: " ADA" is the same door as "ada".
        name = unicodedata.normalize("NFKC", request._request.POST.get("username", "")).strip().casefold()
        return self.cache_format % {"scope": self.scope, "ident": hashlib.sha256(name.encode()).hexdigest()}


class PasswordThrottle(_Forgiving, UserRateThrottle):
    """Guesses of one's own password, at a device that was left open."""

    scope = "login"


class SignUpThrottle(_Forgiving, AnonRateThrottle):
    scope = "signup"


class UploadThrottle(_Forgiving, UserRateThrottle):
    """Pictures to decode."""

    scope = "upload"


class MailThrottle(_Forgiving, UserRateThrottle):
    """Letters to an address that was only typed."""

    scope = "mail"


class UpstreamThrottle(_Forgiving, UserRateThrottle):
    """Lookups that may ask a provider."""

    scope = "upstream"


def wait_seconds(request: HttpRequest, throttle: type[SimpleRateThrottle]) -> int | None:
    """Counts one try. None: go on; otherwise the whole seconds to wait. For pages; API views name the class itself."""
    limit = throttle()
    asked = Request(request)
    asked.user = request.user
    if limit.allow_request(asked, APIView()):
        return None
    return math.ceil(limit.wait() or 60)
