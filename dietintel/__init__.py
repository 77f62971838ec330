"""DietIntel: a self-hosted nutrition tracker."""

__version__ = "0.1.0"
