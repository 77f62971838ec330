"""This app's workflows: importing them registers them."""

from tracking.runs import insights

__all__ = ["insights"]
