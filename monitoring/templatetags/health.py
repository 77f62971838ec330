"""The service's condition on people's pages."""

from django import template
from django.utils.functional import Promise

from monitoring.health import concerns, snapshot

register = template.Library()


@register.simple_tag
def concern() -> str | Promise:
    """What the person should know, in a sentence; mostly empty. Reads one small file."""
    return concerns.sentence(snapshot.read())
