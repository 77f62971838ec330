"""One shape for every error of the API, and the sentence a person can do something with."""

import logging
import math
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from dietintel.http import API_PREFIX, CATEGORIES, GetResponse
from dietintel.logs import current_request_id
from products.lookup import ProductNotFound, ProvidersUnavailable
from products.models import FiguresNotKept
from products.services import BarcodeTaken
from tracking.errors import Conflict, DiaryError
from tracking.services.analyses import LookFailed, StillLooking
from tracking.services.photos import NoRoom
from workflows.engine import AlreadyEnded, NothingToRetry

log = logging.getLogger("dietintel.errors")
CODES = {
    400: "BAD_REQUEST", 401: "NOT_AUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE", 409: "CONFLICT", 411: "LENGTH_REQUIRED", 413: "TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_FAILED", 429: "RATE_LIMITED", 500: "INTERNAL_ERROR", 503: "SERVICE_UNAVAILABLE",
}  # fmt: skip


def envelope(
    status: int,
    user_message: str,
    *,
    code: str = "",
    category: str = "",
    message: str = "",
    details: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The body of an error. `message` is for the programmer, `user_message` for the person."""
    return {
        "error": {
            "category": category or CATEGORIES.get(status, "internal"),
            "code": code or CODES.get(status, "ERROR"),
            "message": message or user_message,
            "timestamp": round(time.time(), 3),
            "details": details or [],
            "request_id": current_request_id(),
            "user_message": user_message,
        }
    }


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Every exception of an API view as its answer. What nobody expected is logged, and answered without details."""
    set_rollback()
    request = context.get("request")
    if request is not None and not isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer):
        # A view may speak another format, as the schema does; errors are JSON there too.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"
    return _answer(error)


def _answer(error: Exception) -> Response:
    known = _domain_error(error)
    if known is not None:
        return known
    if isinstance(error, Http404):
        return _respond(404, _("There is nothing here."))
    if isinstance(error, PermissionDenied):
        return _respond(403, _("You may not do this."))
    if isinstance(error, exceptions.ValidationError):
        found = list(_flatten(error.detail))
        code = "INVALID_BARCODE" if all(code == "INVALID_BARCODE" for _field, _message, code in found) else ""
        details = [{"field": field, "message": message} for field, message, _code in found]
        message = found[0][1] if len(found) == 1 else _("Some values are not right; see the details.")
        return _respond(422, message, code=code, details=details)
    if isinstance(error, exceptions.APIException):
        return _api_exception(error)
    if isinstance(error, RequestDataTooBig):
        return _respond(413, _("This is too large."))
    if isinstance(error, RecursionError):  # JSON in thousands of brackets
        return _respond(400, _("The request could not be read."))
    if isinstance(error, SuspiciousOperation):  # too many fields or files, a forged host
        return _respond(400, _("The request could not be read."), message=str(error))
    if isinstance(error, OperationalError):
        log.error("the database does not answer", exc_info=error)
        return _respond(503, _("The database does not answer. Try again in a moment."), retry_after_s=5)
    log.error("unexpected error", exc_info=error)
    return _respond(500, _("Something went wrong here. It has been noted."))


def _domain_error(error: Exception) -> Response | None:
    if isinstance(error, ProductNotFound):
        return _respond(
            404,
            error.sentence,
            code="PRODUCT_NOT_FOUND",
            details=[{"field": "barcode", "message": str(error.barcode)}],
            links={"own_food_url": error.own_food_url},
        )
    if isinstance(error, ProvidersUnavailable):
        return _respond(
            503,
            error.sentence,
            code="PROVIDERS_UNAVAILABLE",
            details=[{"field": each.label, "message": each.reason} for each in error.unasked],
            links={"own_food_url": error.own_food_url},
            retry_after_s=error.retry_after_s,
        )
    if isinstance(error, FiguresNotKept):
        return _respond(
            409,
            error.sentence,
            code="FIGURES_NOT_KEPT",
            details=[{"field": "barcode", "message": error.product.barcode}],
            links={"own_food_url": error.product.own_food_url},
        )
    if isinstance(error, AlreadyEnded | NothingToRetry):
        code = "WORKFLOW_ENDED" if isinstance(error, AlreadyEnded) else "NOTHING_TO_RETRY"
        return _respond(409, error.sentence, code=code, category="workflow")
    if isinstance(error, StillLooking):
        return _respond(409, error.sentence, code="ANALYSIS_RUNNING", category="workflow", retry_after_s=2)
    if isinstance(error, LookFailed):
        return _respond(502, error.sentence, code="ANALYSIS_FAILED")
    if isinstance(error, NoRoom):
        return _respond(507, error.sentence, code="NO_ROOM")
    if isinstance(error, BarcodeTaken):
        return _respond(
            409,
            _("You have a food with this barcode already: %(name)s. Change that one.") % {"name": error.product.name},
            code="BARCODE_TAKEN",
            details=[{"field": "barcode", "message": str(error.product.uuid)}],
        )
    if isinstance(error, DiaryError):
        return _respond(
            409 if isinstance(error, Conflict) else 422,
            error.sentence,
            details=[{"field": error.field, "message": error.sentence}],
        )
    return None


def _api_exception(error: exceptions.APIException) -> Response:
    status = error.status_code
    sentences = {
        400: _("The request could not be read."),
        401: _("Sign in, or send a valid token."),
        403: _("You may not do this."),
        405: _("This address does not take that kind of request."),
        406: _("None of the formats you accept can be given."),
        413: _("This is too large."),
        415: _("This kind of content is not understood here."),
    }
    wait: float | None = getattr(error, "wait", None)
    if isinstance(error, exceptions.Throttled):
        sentence = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": math.ceil(wait or 60)}
    else:
        sentence = sentences.get(status, str(error.detail))
    # Codes in capitals are our own and part of the contract; the framework's are in small letters.
    code = error.default_code if error.default_code.isupper() else ""
    response = _respond(status, sentence, code=code, message=str(error.detail), retry_after_s=wait)
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    return response


def _respond(
    status: int,
    user_message: str,
    *,
    links: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
    **parts: Any,
) -> Response:
    body = envelope(status, user_message, **parts)
    body["error"].update(links or {})
    response = Response(body, status=status)
    if retry_after_s is not None:
        response["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    return response


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Nested validation messages as (dotted field, message, code)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(filter(None, (path, own))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield _sayable(path), _sayable(str(detail)), getattr(detail, "code", "invalid")


def _sayable(text: str) -> str:
    """Without half characters, which a caller's JSON may hold and no answer can."""
    return text.encode("utf-8", "replace").decode()


# --- What Django answers itself, outside of API views -----------------------------------------------------------
class BodyLimitMiddleware:
    """Refuses a body by its declared length, before anything reads it: Django would store it first and judge later."""

    FORM_BYTES = 1_000_000  # what a form may add to the file in it

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if request.content_type == "multipart/form-data":
            most = settings.MAX_UPLOAD_BYTES + self.FORM_BYTES
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and int(length) > most:
            return _plain(request, 413, _("This is too large."))
        if not length and "Transfer-Encoding" in request.headers:  # WSGI has no word for it; the body would seem empty
            return _plain(request, 411, _("The request does not say how long it is."))
        return self.get_response(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _plain(request, 413, _("This is too large."))
    if isinstance(exception, DisallowedHost):
        return _plain(
            request, 400, _("This server does not answer to this name. Whoever runs it can add it to ALLOWED_HOSTS.")
        )
    return _plain(request, 400, _("The request could not be read."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _plain(request, 403, _("You may not do this."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _plain(request, 403, _("This form has grown old. Go back, reload the page and send it again."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, 404, _("There is nothing here."))


def server_error(request: HttpRequest) -> HttpResponse:
    if isinstance(sys.exception(), OperationalError):
        response = _plain(request, 503, _("The database does not answer. Try again in a moment."))
        response["Retry-After"] = "5"
        return response
    return _plain(request, 500, _("Something went wrong here. It has been noted."))


def _plain(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(envelope(status, sentence), status=status)
    shown = {"status": status, "sentence": sentence, "request_id": current_request_id()}
    return render(request, "error.html", shown, status=status)
