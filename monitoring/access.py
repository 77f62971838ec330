"""Who may look at the service's condition: staff, a monitor with its token, and the machine itself."""

import ipaddress
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

FORWARDING = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


class MonitorAuthentication(BaseAuthentication):
    """`Authorization: Bearer <MONITORING_TOKEN>`: no database lookup, so that it works when the database does not."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, str] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        token = settings.MONITORING_TOKEN
        if scheme.lower() != "bearer" or not token or not secrets.compare_digest(secret.encode(), token.encode()):
            return None
        return AnonymousUser(), "monitor"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MonitorScheme(OpenApiAuthenticationExtension):
    target_class = MonitorAuthentication
    name = "monitor"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class IsMonitor(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return (
            request.auth == "monitor" or _same_machine(request._request) or bool(request.user and request.user.is_staff)
        )


def _same_machine(request: HttpRequest) -> bool:
    """A direct peer on loopback. Behind a proxy everybody is one, so a forwarded request is not."""
    if any(header in request.headers for header in FORWARDING):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
