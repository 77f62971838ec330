"""DietIntel's own settings, and one address more to compare with."""

from dietintel.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
ACCESS_LOG = False
