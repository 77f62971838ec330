"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import analysis, awaited, training

__all__ = ["analysis", "awaited", "training"]
