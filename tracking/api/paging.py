"""Lists in pages. A page begins after the last row of the one before, so that rows in between shift nothing."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from dietintel.http import AuthenticatedApiRequest
from products.search import MOST, PAGE

Row = TypeVar("Row", bound=Model)
PARAMETERS = [
    OpenApiParameter("limit", int, description=f"1 to {MOST}, otherwise {PAGE}"),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before"),
]


def page_of(
    rows: QuerySet[Row], request: AuthenticatedApiRequest, *, by: Sequence[str], descending: bool = False
) -> tuple[list[Row], str | None]:
    """One page of `rows` in the order of the columns `by`, which name a row uniquely; and where the next one starts.

    Raises ValidationError for a `limit` or `cursor` that is none.
    """
    limit = _limit(request)
    after = request.query_params.get("cursor", "")
    if after:
        rows = rows.filter(_behind(_values(rows.model, by, after), by, "lt" if descending else "gt"))
    found = list(rows.order_by(*(f"-{column}" if descending else column for column in by))[: limit + 1])
    more = len(found) > limit
    return found[:limit], _cursor(found[limit - 1], by) if more else None


def _limit(request: AuthenticatedApiRequest) -> int:
    field = serializers.IntegerField(min_value=1, max_value=MOST)
    try:
        limit: int = field.run_validation(request.query_params.get("limit", PAGE))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"limit": error.detail}) from error
    return limit


def _behind(values: Sequence[Any], by: Sequence[str], beyond: str) -> Q:
    """Rows beyond the values in the first column, or equal in it and beyond in the second, …"""
    found = Q()
    for place, column in enumerate(by):
        equal = Q(**dict(zip(by[:place], values[:place], strict=True)))
        found |= equal & Q(**{f"{column}__{beyond}": values[place]})
    return found


def _cursor(row: Model, by: Sequence[str]) -> str:
    return signing.dumps([str(getattr(row, column)) for column in by], salt=_salt(type(row), by))


def _values(model: type[Model], by: Sequence[str], cursor: str) -> list[Any]:
    try:
        # Signed, so that no query meets a value that was never in a row.
        texts = signing.loads(cursor, salt=_salt(model, by))
    except signing.BadSignature as error:
        sentence = _("This page of results does not exist. Start from the first one.")
        raise serializers.ValidationError({"cursor": [sentence]}) from error
    columns = {field.name: field for field in model._meta.concrete_fields} | {"pk": model._meta.pk}
    return [columns[name].to_python(text) for name, text in zip(by, texts, strict=True)]


def _salt(model: type[Model], by: Sequence[str]) -> str:
    """A cursor belongs to one list."""
    return f"{__name__} {model._meta.label} {' '.join(by)}"
