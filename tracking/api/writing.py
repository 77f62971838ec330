"""What the writes of the API have in common: they answer a repeated request with the first answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import HEADER, LONGEST_KEY, answered_before
from dietintel.http import AuthenticatedApiRequest

Method = Callable[..., Response]
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    OpenApiParameter.HEADER,
    description="A repeated request with the same key gets the first answer, and nothing is written twice.",
)


def answered_once(method: Method) -> Method:
    """Looks for the answer given before, before anything else: what the request is about may be gone by now."""

    @wraps(method)
    def answer(view: APIView, request: AuthenticatedApiRequest, *args: Any, **kwargs: Any) -> Response:
        before = answered_before(request)
        return method(view, request, *args, **kwargs) if before is None else before

    return answer
