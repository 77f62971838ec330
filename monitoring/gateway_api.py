"""The providers as the gateway sees them: breakers, limits and cache. For staff."""

import time
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.gateway.errors import StoreUnavailable
from dietintel.gateway.overview import (
    CacheFigures,
    Change,
    Overview,
    UnknownProvider,
    cache_by_provider,
    configured,
    overview,
    reset,
)
from dietintel.gateway.policy import to_us
from dietintel.http import AuthenticatedApiRequest

STATES = "closed, open, half_open, forced_open or disabled"


class CacheFiguresSerializer(serializers.Serializer[CacheFigures]):
    hits = serializers.IntegerField()
    misses = serializers.IntegerField()
    stale = serializers.IntegerField(help_text="Misses that an old answer made good")
    negative = serializers.IntegerField(help_text='Kept answers "no such thing"')
    joined = serializers.IntegerField(help_text="Misses that took the answer to the same question of somebody else")
    hit_ratio = serializers.FloatField(allow_null=True, help_text="0 to 1; null while nobody has asked")


class ChangeSerializer(serializers.Serializer[Change]):
    at = serializers.DateTimeField()
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    reason = serializers.CharField()
    actor = serializers.CharField(help_text="Empty where the rules did it")


class BreakerSerializer(serializers.Serializer[Overview]):
    key = serializers.CharField()
    provider = serializers.CharField()
    operation = serializers.CharField()
    state = serializers.CharField(help_text=STATES)
    reason = serializers.CharField()
    open_for_s = serializers.IntegerField(allow_null=True, help_text="null where it is not open by the rules")
    tokens = serializers.IntegerField(allow_null=True, help_text="Calls that may go out at once; null: not configured")
    burst = serializers.IntegerField(allow_null=True, help_text="The most tokens there can be")
    quota_used = serializers.IntegerField(
        allow_null=True, help_text="Calls of this day; null: the provider has no quota"
    )
    quota = serializers.IntegerField(allow_null=True, help_text="The most calls there can be in a day")
    cooldown_s = serializers.IntegerField(help_text="Left of the pause that the provider asked for")
    failed = serializers.IntegerField(help_text="Of the last `calls`")
    calls = serializers.IntegerField()
    last_error = serializers.CharField()
    last_error_at = serializers.DateTimeField(allow_null=True)
    requests = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome")
    retries = serializers.IntegerField()
    rejected = serializers.DictField(child=serializers.IntegerField(), help_text="Never sent, by reason")
    cache = CacheFiguresSerializer()
    transitions = ChangeSerializer(many=True, help_text="The newest first")


class BreakerListSerializer(serializers.Serializer[Any]):
    results = BreakerSerializer(many=True)


class ProviderCacheSerializer(CacheFiguresSerializer):
    provider = serializers.CharField()


class CacheListSerializer(serializers.Serializer[Any]):
    results = ProviderCacheSerializer(many=True)


class Busy(exceptions.APIException):
    status_code = 503
    default_detail = "The database was busy, so nothing or not all was changed. Try again."


def body(operations: list[Overview]) -> dict[str, Any]:
    """What the API says about `operations`, and the command with `--json`."""
    return dict(BreakerListSerializer({"results": operations}).data)


class CircuitBreakers(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(responses=BreakerListSerializer, operation_id="gateway_circuit_breakers")
    def get(self, request: Request) -> Response:
        """Every operation of every provider: breaker, tokens, pause, counters, last changes."""
        return Response(body(overview(configured(), now=to_us(time.time()))))


class CircuitBreakerReset(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(
        request=None,
        responses={
            200: BreakerListSerializer,
            404: OpenApiResponse(description="NOT_FOUND: there is no such provider"),
            503: OpenApiResponse(description="SERVICE_UNAVAILABLE: the database was busy; try again"),
        },
        operation_id="gateway_circuit_breaker_reset",
    )
    def post(self, request: AuthenticatedApiRequest, provider: str) -> Response:
        """Close the provider's breakers, end its pause and give its tokens back; all its operations afterwards."""
        actor, now = request.user.get_username(), to_us(time.time())
        try:
            return Response(body(reset(provider, configured(), actor=actor, now=now)))
        except UnknownProvider as error:
            raise Http404 from error
        except StoreUnavailable as error:
            raise Busy from error


class CacheStats(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(responses=CacheListSerializer, operation_id="gateway_cache_stats")
    def get(self, request: Request) -> Response:
        """How questions to each provider were met, since the beginning."""
        figures = cache_by_provider(overview(configured(), now=to_us(time.time())))
        results = [{"provider": name, **vars(each), "hit_ratio": each.hit_ratio} for name, each in figures.items()]
        return Response(CacheListSerializer({"results": results}).data)
