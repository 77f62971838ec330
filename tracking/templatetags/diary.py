"""How a diary is shown: portions, sums that may be more, days by name, and adding a food from its own page."""

from decimal import Decimal
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dietintel.templatetags.show import NO_BREAK, amount, figure, figure_text
from products.foods import Food
from tracking.dates import day_name, short_day, today_of, week_name
from tracking.models import Basis, Portion
from tracking.moments import meal_at
from tracking.views.entry import portion_form

register = template.Library()


@register.simple_tag
def portion(item: Portion) -> str:
    """How much of it, as the person said it: 30 g, 2 × 1 slice (30 g), 1.5 servings."""
    if item.serving:
        return how_much(item.quantity, item.serving)
    if item.basis == Basis.SERVING:
        return how_many_servings(item.quantity)
    return amount(item.quantity, item.basis)


@register.simple_tag
def how_many_servings(count: Decimal) -> str:
    """1 serving, 2.5 servings."""
    shown = amount(count, "").strip()
    return ngettext("%(count)s serving", "%(count)s servings", 1 if count == 1 else 2) % {"count": shown}


@register.simple_tag
def how_much(quantity: Decimal, unit: str) -> str:
    """2 × 1 slice (30 g), and 30 g; one of a serving is that serving."""
    if not unit[:1].isdigit():
        return amount(quantity, unit)
    return unit if quantity == 1 else f"{amount(quantity, '').strip()} × {unit}"


@register.simple_tag
def eaten(value: Any, unit: str, key: str = "", at_least: bool = False) -> SafeString:
    """A sum with its unit, "≥" in front where something in it was unknown. None is "not declared"."""
    return (
        figure(None, unit)
        if value is None
        else _perhaps_more(_with_unit(figure_text(value, unit, key=key), unit), at_least)
    )


@register.simple_tag
def whole_energy(value: Any, unit: str, at_least: bool = False) -> SafeString:
    """What is whole already and in the reader's unit, so that columns add up."""
    return (
        figure(None, unit) if value is None else _perhaps_more(_with_unit(figure_text(value, "kcal"), unit), at_least)
    )


def _perhaps_more(shown: SafeString, at_least: bool) -> SafeString:
    said = _("at least: something here was not declared")
    return (
        format_html('<span class="figure"><abbr title="{}">≥</abbr>{}{}</span>', said, NO_BREAK, shown)
        if at_least
        else shown
    )


def _with_unit(shown: str, unit: str) -> SafeString:
    """The bare figure where its unit stands elsewhere."""
    behind = format_html('<span class="unit">{}{}</span>', NO_BREAK, unit) if unit else ""
    return format_html('<span class="figure">{}{}</span>', shown, behind)


register.simple_tag(day_name)
register.simple_tag(short_day)
register.simple_tag(week_name)


@register.inclusion_tag("tracking/_add_to_diary.html", takes_context=True)
def add_to_diary(context: Context, food: Food) -> dict[str, Any]:
    """A form on the page of a food that logs some of it."""
    request = context["request"]
    meal = meal_at(request.user.wall_clock(timezone.now()).time())
    today = today_of(request.user)
    return {
        "food": food,
        "date": today,
        "form": portion_form(request, food, today, meal),
        "may_be_kept": getattr(food.product, "may_be_kept", True),
        "csrf_token": context.get("csrf_token"),
    }
