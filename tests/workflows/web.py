"""The web application on the database of the tests: what granian loads instead of dietintel.wsgi."""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")
from django.conf import settings

for _alias, _name in json.loads(os.environ.get("TEST_DATABASES", "{}")).items():
    settings.DATABASES[_alias]["NAME"] = _name

from dietintel.wsgi import application  # noqa: E402 (the settings come first)

__all__ = ["application"]
