from typing import Any

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate

from products import checks


def _index_for_search(using: str, **kwargs: Any) -> None:
    from products.search import make_index

    make_index(using)


class ProductsConfig(AppConfig):
    name = "products"
    verbose_name = "Foods"

    def ready(self) -> None:
        register(checks.contact_is_given)
        register(checks.providers_are_known)
        register(checks.what_may_not_be_stored_is_cached_briefly)
        post_migrate.connect(_index_for_search, sender=self)
