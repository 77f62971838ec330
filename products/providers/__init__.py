"""The providers of food data. A new one is a new file here and a line in `PROVIDERS`."""

from collections.abc import Callable

from django.conf import settings

from products.providers.base import Provider
from products.providers.fatsecret import fat_secret
from products.providers.fdc import food_data_central
from products.providers.openfoodfacts import open_food_facts

# Makes the provider from the settings; None where it is switched off.
PROVIDERS: dict[str, Callable[[], Provider | None]] = {
    "openfoodfacts": open_food_facts,
    "fdc": food_data_central,
    "fatsecret": fat_secret,
}


def in_order() -> list[Provider]:
    """Those that are switched on, the first to be asked first."""
    made = (PROVIDERS[name]() for name in settings.PROVIDER_ORDER if name in PROVIDERS)
    return [provider for provider in made if provider is not None]


def called(name: str) -> Provider | None:
    """The provider of that name, None where it is unknown or switched off."""
    return PROVIDERS[name]() if name in PROVIDERS else None
