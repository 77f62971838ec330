"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import training

__all__ = ["training"]
