"""Every place that foods of the shared catalogue come from, by the name their rows carry."""

from products import starter
from products.providers import fatsecret, fdc, openfoodfacts
from products.providers.base import Source

SOURCES: dict[str, Source] = {
    "openfoodfacts": openfoodfacts.SOURCE,
    "fdc": fdc.SOURCE,
    "fatsecret": fatsecret.SOURCE,
    starter.NAME: starter.SOURCE,
}
