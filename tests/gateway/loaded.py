"""Whoever imports this has the application, as a process that has just started has it."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "dietintel.settings"
django.setup()
