"""Energy, weights and lengths in the reader's own units. None is "not declared" and never 0."""

from decimal import Decimal
from typing import Any

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dietintel.templatetags.show import NO_BREAK, figure, figure_text
from tracking.units import Units, energy_in, height_text, length_text, units_of_person, weight_text

register = template.Library()


def _units(context: Context) -> Units:
    """Of who reads the page; the usual ones where nobody is known."""
    request = context.get("request")
    return units_of_person(context.get("user") or getattr(request, "user", None))


@register.simple_tag(takes_context=True)
def energy(context: Context, kcal: Any, at_least: bool = False) -> SafeString:
    """Kilocalories as whole kcal or kJ. `at_least`: something in it was unknown."""
    if kcal is None or kcal == "":
        return figure(None, "")
    unit = _units(context).energy
    shown = figure_text(energy_in(Decimal(str(kcal)), unit), "kcal")  # both are shown whole
    sign = f"≥{NO_BREAK}" if at_least else ""
    return format_html('<span class="figure">{}{}<span class="unit">{}{}</span></span>', sign, shown, NO_BREAK, unit)


@register.simple_tag(takes_context=True)
def energy_unit(context: Context) -> str:
    """kcal or kJ."""
    return _units(context).energy


@register.simple_tag(takes_context=True)
def weight(context: Context, kg: Decimal | None) -> SafeString:
    """A weight with one decimal: 72.4 kg, 159.6 lb, 11 st 5.6 lb."""
    return _shown(None if kg is None else weight_text(kg, _units(context).weight))


@register.simple_tag(takes_context=True)
def weight_unit(context: Context) -> str:
    """kg, lb or st."""
    return _units(context).weight


@register.simple_tag(takes_context=True)
def length(context: Context, cm: Decimal | None) -> SafeString:
    """A length with one decimal: 81.5 cm, 32.1 in."""
    return _shown(None if cm is None else length_text(cm, _units(context).length))


@register.simple_tag(takes_context=True)
def height(context: Context, cm: Decimal | None) -> SafeString:
    """A person's height: 171.5 cm, 5 ft 7.5 in."""
    return _shown(None if cm is None else height_text(cm, _units(context).length))


def _shown(text: str | None) -> SafeString:
    return figure(None, "") if text is None else format_html('<span class="figure">{}</span>', text)
