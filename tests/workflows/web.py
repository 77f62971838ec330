"""The web application on the database of the tests: what granian loads instead of dietintel.wsgi."""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")
from django.conf import settings

for _alias, _name in json.loads(os.environ.get("TEST_DATABASES", "{}")).items():
    settings.DATABASES[_alias]["NAME"] = _name
# Static files as they lie in the tree: only `manage.py serve` collects them.
settings.STORAGES = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
settings.WHITENOISE_USE_FINDERS = True

import django  # noqa: E402 (the settings come first)

django.setup()
from tests.workflows import deeds, work  # noqa: E402
from workflows import registry  # noqa: E402
from workflows.definitions import Workflow  # noqa: E402

for _workflow in [*vars(work).values(), *vars(deeds).values()]:
    if isinstance(_workflow, type) and issubclass(_workflow, Workflow) and _workflow is not Workflow:
        registry.register(_workflow)

from dietintel.wsgi import application  # noqa: E402

__all__ = ["application"]
