import django_stubs_ext
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_migrate

# Generic classes take their parameters in brackets. Here, before any model is loaded, and not in the settings, with
# which the supervisor would load all of the ORM.
django_stubs_ext.monkeypatch()


def make_cache_table(using: str, **kwargs: object) -> None:
    """The cache's table belongs to no migration; make it where the cache is a database."""
    if using == "default" and not settings.REDIS_URL:
        alias = "cache" if "cache" in settings.DATABASES else "default"
        call_command("createcachetable", database=alias, verbosity=0)


class DietIntelConfig(AppConfig):
    name = "dietintel"

    def ready(self) -> None:
        # The signal comes for every app that has models; one of them is enough, and sessions need the cache first.
        post_migrate.connect(make_cache_table, sender=apps.get_app_config("sessions"))
