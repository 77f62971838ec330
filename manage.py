#!/usr/bin/env python
"""Django's command line for DietIntel."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"DietIntel cannot start. {error}")
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(f"The database that DATABASE_URL names, or the one in DATA_DIR, does not answer: {reason}")


if __name__ == "__main__":
    main()
