"""Settings that would break lookups later, found at the start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning


def contact_is_given(**kwargs: Any) -> list[CheckMessage]:
    """Open Food Facts asks every program for a contact, and may ban those without."""
    if settings.OFF_CONTACT or "openfoodfacts" not in settings.PROVIDER_ORDER:
        return []
    return [
        Warning(
            "OFF_CONTACT is not set.",
            hint="Open Food Facts asks for an e-mail address in every request, to reach you instead of blocking you.",
            id="products.W001",
        )
    ]


def providers_are_known(**kwargs: Any) -> list[CheckMessage]:
    from products.providers import PROVIDERS  # at the start it would need the models before they are there

    return [
        Error(f"PROVIDER_ORDER names {name!r}, which is no provider.", id="products.E001")
        for name in settings.PROVIDER_ORDER
        if name not in PROVIDERS
    ]


def what_may_not_be_stored_is_cached_briefly(**kwargs: Any) -> list[CheckMessage]:
    """A promise to the provider that no setting can break, but that the next one's file may forget."""
    from products.providers import in_order
    from products.providers.base import CACHED_S
    from products.sources import SOURCES

    return [
        Error(f"{config.name}:{name} keeps answers longer than its source allows.", id="products.E002")
        for provider in in_order()
        for config in provider.configs
        for name, operation in config.operations.items()
        if not SOURCES[config.name].storable and operation.cache.ttl_s + operation.cache.stale_s > CACHED_S
    ]
