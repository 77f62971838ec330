"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import analysis, awaited

__all__ = ["analysis", "awaited"]
