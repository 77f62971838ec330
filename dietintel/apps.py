from django.apps import AppConfig
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_migrate


def make_cache_table(using: str, **kwargs: object) -> None:
    """The cache's table belongs to no migration; make it where the cache is a database."""
    if using == "default" and not settings.REDIS_URL:
        alias = "cache" if "cache" in settings.DATABASES else "default"
        call_command("createcachetable", database=alias, verbosity=0)


class DietIntelConfig(AppConfig):
    name = "dietintel"

    def ready(self) -> None:
        post_migrate.connect(make_cache_table, sender=self)
