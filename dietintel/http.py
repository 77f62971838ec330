"""What every app needs of HTTP: request ids, types of signed-in requests, parts of pages. Imports none of the apps."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.encoding import escape_uri_path
from django.utils.translation.trans_real import parse_accept_lang_header
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from dietintel import logs

if TYPE_CHECKING:
    from dietintel.accounts.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]
API_PREFIX = "/api/"
# What kind of error a status is, where nothing more is known.
CATEGORIES = {
    400: "validation", 401: "authentication", 403: "authorization", 404: "not_found", 405: "validation",
    406: "validation", 409: "conflict", 411: "validation", 413: "validation", 415: "validation", 422: "validation",
    429: "rate_limited", 500: "internal", 502: "ml_processing", 503: "service_unavailable", 507: "storage",
}  # fmt: skip
access_log = logging.getLogger("dietintel.access")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class PageRequest(HttpRequest):
    """A request of a browser, as the middleware leaves it."""

    htmx: HtmxDetails


class AuthenticatedRequest(PageRequest):
    """A request behind `login_required`."""

    user: "User"


class AuthenticatedApiRequest(Request):
    """An API request behind `IsAuthenticated`."""

    user: "User"


class RequestIdMiddleware:
    """Takes `X-Request-ID` where it is well formed, makes one otherwise, and returns it.

    Logs one line per request, static files left out.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
        token = logs.request_id.set(request_id)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            match = request.resolver_match
            if request.path.startswith(settings.STATIC_URL):
                return response
            access_log.info(
                "%s %s %s",
                request.method,
                escape_uri_path(_without_token(request)),  # a line break in it would be a line of its own
                response.status_code,
                extra={
                    "route": match.route if match else None,
                    "status": response.status_code,
                    "duration_ms": round((time.perf_counter() - began) * 1000, 1),
                },
            )
            return response
        finally:
            logs.request_id.reset(token)


def _without_token(request: HttpRequest) -> str:
    """The path, for logs: in links of letters there is something that lets whoever has it do something."""
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    return request.path.replace(str(token), "token") if token else request.path


class SecurityHeadersMiddleware:
    """Only this site may use the camera; private pages stay out of shared caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=()")
        if "Cache-Control" not in response:
            patch_cache_control(response, private=True, no_cache=True)
        return response


class ApiSlashMiddleware:
    """API paths answer with and without a final slash: the slash is dropped before the path is looked up."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(API_PREFIX) and request.path_info.endswith("/"):
            request.path_info = request.path_info.rstrip("/")
        return self.get_response(request)


def preferred_languages(request: HttpRequest) -> tuple[str, ...]:
    """The two-letter languages the reader asked for, best first; English where nothing was said."""
    wanted = [code.split("-")[0] for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", ""))]
    return tuple(dict.fromkeys(code for code in [*wanted, "en"] if code != "*"))


def render_part(
    request: PageRequest, shown: dict[str, Any], *, part: str, page: str, status: int = 200
) -> HttpResponse:
    """The `part` alone for htmx, the whole `page` (which includes it) for a plain browser."""
    # Going back, htmx asks for a page that it no longer has: the whole of it.
    partial = bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request
    response = render(request, part if partial else page, shown, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
