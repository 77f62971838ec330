"""A program that repeats a request after a lost answer gets the first answer again, and nothing is written twice.

After the Idempotency-Key header of the IETF httpapi draft (draft-ietf-httpapi-idempotency-key-header).
"""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.models import GivenAnswer
from dietintel.http import AuthenticatedApiRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"  # of an answer that was given before
LONGEST_KEY = 128
Method = Callable[..., Response]
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    OpenApiParameter.HEADER,
    description="A repeated request with the same key gets the first answer, and nothing is written twice.",
)


class KeyUsedOtherwise(APIException):
    """The key came with another request before. Send a new one."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "IDEMPOTENCY_KEY_REUSED"


def answered_once(method: Method) -> Method:
    """Looks for the answer given before, before anything else: what the request is about may be gone by now."""

    @wraps(method)
    def answer(view: APIView, request: AuthenticatedApiRequest, *args: Any, **kwargs: Any) -> Response:
        before = answered_before(request)
        return method(view, request, *args, **kwargs) if before is None else before

    return answer


def answered_before(request: AuthenticatedApiRequest) -> Response | None:
    """The answer this request was given before, None where there is none. Look here first: it saves asking providers.

    Raises KeyUsedOtherwise, or ValidationError for a key that is none.
    """
    key = _key(request)
    if key is None:
        return None
    given = GivenAnswer.objects.filter(user=request.user, key=key).first()
    if given is None:
        return None
    if given.fingerprint != _fingerprint(request):
        raise KeyUsedOtherwise(_("This Idempotency-Key was sent with another request before. Use a new one."))
    return Response(given.body, status=given.status, headers={REPLAYED: "true"})


def answer_once(request: AuthenticatedApiRequest, write: Callable[[], Any], *, status: int) -> Response:
    """Call `write` in one transaction with the note that it was done, and answer with what it returns.

    Of two equal requests at the same moment one writes, and both get its answer. Raises as `answered_before` does.
    """
    key = _key(request)
    if key is None:
        with transaction.atomic():
            body = write()
        return Response(body, status=status)
    before = answered_before(request)
    if before is not None:
        return before
    try:
        with transaction.atomic():
            # First, so that the other one waits here until this one is through.
            given = GivenAnswer.objects.create(
                user=request.user, key=key, fingerprint=_fingerprint(request), status=status, body=None
            )
            body = write()
            given.body = _as_sent(body)
            given.save(update_fields=["body"])
            GivenAnswer.objects.filter(user=request.user, at__lt=timezone.now() - GivenAnswer.KEPT_FOR).delete()
    except IntegrityError:
        before = answered_before(request)
        if before is None:
            raise
        return before
    return Response(body, status=status)


def _key(request: AuthenticatedApiRequest) -> str | None:
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise serializers.ValidationError({HEADER: [_("Send 1 to 128 printable characters.")]})
    return key


def _fingerprint(request: AuthenticatedApiRequest) -> str:
    """Of everything that makes it the same request."""
    said = json.dumps([request.method, request.path.rstrip("/"), request.data], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def _as_sent(body: Any) -> Any:
    return json.loads(JSONRenderer().render(body)) if body is not None else None
