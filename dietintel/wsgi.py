"""What the web server loads."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from dietintel.lost_connections import noticing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")

application = noticing(get_wsgi_application(), settings.PORT)
