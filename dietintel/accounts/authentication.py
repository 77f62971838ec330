"""How an API request says who it is from: a bearer token, or the browser's session."""

from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from dietintel.accounts.models import User, digest


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`: one query and no write."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        user = _user_of(digest(secret.strip()))
        if user is None:
            raise exceptions.AuthenticationFailed(_("This token is not valid. Make a new one in the settings."))
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


_ANY_TOKEN = "any token"  # stands in for the digest while the SQL is made
_READ = ("username", "is_active", "is_staff", "is_owner", "time_zone")  # the rest is read where somebody asks for it


def _user_of(token_digest: str) -> User | None:
    """The active person a token belongs to."""
    sql, slots = _user_of_sql()
    return next(iter(User.objects.raw(sql, [token_digest if slot == _ANY_TOKEN else slot for slot in slots])), None)


@cache
def _user_of_sql() -> tuple[str, tuple[Any, ...]]:
    """The SQL of `_user_of` and its parameters in order, with a stand-in for the digest.

    Every API request needs it, and making it took four times as long as carrying it out (measured with
    benchmarks/known_lookup.py), so that is done once.
    """
    people = User.objects.filter(is_active=True, tokens__digest=_ANY_TOKEN).only(*_READ)
    sql, slots = people.query.sql_with_params()
    return sql, tuple(slots)


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's login. A missing login is answered 401 like a missing token, so programs see one answer."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
