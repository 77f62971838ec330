"""The operator's pages of people, and of what recognition learned of them."""

from tracking.admin import people, recognisers

__all__ = ["people", "recognisers"]
