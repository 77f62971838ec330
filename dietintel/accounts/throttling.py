"""How often an address or a person may try what costs something. The counts live in the cache."""

import hashlib
import math
import unicodedata

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle
from rest_framework.views import APIView


class LoginThrottle(AnonRateThrottle):
    scope = "login"


class LoginNameThrottle(SimpleRateThrottle):
    """Tries for one name, from wherever. More than one address may make, so that no single one locks a person out."""

    scope = "login_name"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        # Folded at least as far as the login form does it: " ADA" is the same door as "ada".
        name = unicodedata.normalize("NFKC", request._request.POST.get("username", "")).strip().casefold()
        return self.cache_format % {"scope": self.scope, "ident": hashlib.sha256(name.encode()).hexdigest()}


class SignUpThrottle(AnonRateThrottle):
    scope = "signup"


class UploadThrottle(UserRateThrottle):
    """Pictures to decode."""

    scope = "upload"


class UpstreamThrottle(UserRateThrottle):
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
