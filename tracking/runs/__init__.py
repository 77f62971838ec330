"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import analysis, awaited, insights, training

__all__ = ["analysis", "awaited", "insights", "training"]
