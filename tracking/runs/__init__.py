"""The workflows of a diary. Importing them makes them known."""

from tracking.runs import awaited

__all__ = ["awaited"]
