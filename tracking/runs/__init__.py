"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import analysis

__all__ = ["analysis"]
