"""How pages show figures, times, barcodes and icons. Rounding happens here and nowhere else."""

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

NO_BREAK = "\u00a0"
SECONDS, MINUTES, HOURS = 60, 60 * 60, 24 * 60 * 60  # below these many seconds an age is given in the unit before
DAYS, MONTHS = 60, 24 * 30  # below these many days in days, in months


def figure_text(value: Decimal | float, unit: str, *, key: str = "") -> str:
    """The figure without its unit, in the locale's way.

    Energy whole; salt two decimals; other masses one decimal under 10, else whole, and two under 1 where the unit is
    smaller than a gram. What is there but rounds to nothing is "< 0.1": a shown 0 is a declared 0.
    """
    exact = Decimal(str(value))
    if exact == 0:
        return "0"
    places = _places(exact, unit, key)
    shown = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if places == 1 and shown >= 10 and unit != "% vol" and key != "weight":
        places, shown = 0, shown.quantize(Decimal(1), ROUND_HALF_UP)
    if shown == 0:
        return f"<{NO_BREAK}{_local(Decimal(1).scaleb(-places), places)}"
    return _local(shown, places)


def _places(exact: Decimal, unit: str, key: str) -> int:
    if unit == "kcal":
        return 0
    if key == "salt_g":
        return 2
    if key == "weight" or unit == "% vol":
        return 1
    if unit in {"mg", "µg"} and exact < 1:
        return 2
    return 1 if exact < 10 else 0


def _local(value: Decimal, places: int) -> str:
    return number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True)


@register.simple_tag
def figure(value: Any, unit: str, key: str = "") -> SafeString:
    """A figure with its unit. None is "not declared" and never 0."""
    if value is None or value == "":
        return format_html('<abbr class="figure unknown" title="{}">–</abbr>', _("not declared"))
    return format_html(
        '<span class="figure">{}<span class="unit">{}{}</span></span>',
        figure_text(value, unit, key=key),
        NO_BREAK,
        unit,
    )


@register.simple_tag
def amount(value: Any, unit: str) -> str:
    """How much of something there is, as it was said: 30 g, 12.5 ml."""
    exact = Decimal(str(value)).normalize()
    places = max(0, -int(exact.as_tuple().exponent))
    return f"{_local(exact, min(places, 2))}{NO_BREAK}{unit}"


@register.simple_tag
def serving_name(serving: Any, basis: str) -> str:
    """Its label, and how much it is where the label does not say so."""
    size = amount(serving.amount, basis)
    said = "".join(serving.label.split()).casefold()
    return serving.label if "".join(size.split()).casefold() in said else f"{serving.label} ({size})"


@register.simple_tag
def ago(when: dt.datetime) -> SafeString:
    """How long ago, with the exact time in the person's zone as title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        when.isoformat(timespec="seconds"),
        date_format(timezone.localtime(when), "DATETIME_FORMAT"),
        age(timezone.now() - when),
    )


def age(past: dt.timedelta) -> str:
    """12 min ago. Nothing is more exact than its reader needs."""
    seconds, days = past.total_seconds(), past.days
    if seconds < SECONDS:
        return _("just now")
    if seconds < MINUTES:
        return _("%(count)d min ago") % {"count": seconds // 60}
    if seconds < HOURS:
        return _("%(count)d h ago") % {"count": seconds // (60 * 60)}
    if days < DAYS:
        return ngettext("%(count)d day ago", "%(count)d days ago", days) % {"count": days}
    if days < MONTHS:
        return _("%(count)d months ago") % {"count": days // 30}
    return _("%(count)d years ago") % {"count": days // 365}


@register.filter
def grouped(barcode: object) -> str:
    """The digits in groups, as printed under the bars. A 13-digit code that begins with 0 is printed as a UPC."""
    digits = str(barcode)
    cuts = {8: (4, 4), 12: (1, 5, 5, 1), 13: (1, 6, 6), 14: (1, 2, 5, 5, 1)}
    if len(digits) == 13 and digits.startswith("0"):
        digits = digits[1:]
    sizes = cuts.get(len(digits)) or (4,) * (len(digits) // 4 + 1)
    parts, start = [], 0
    for size in sizes:
        parts.append(digits[start : start + size])
        start += size
    return NO_BREAK.join(filter(None, parts))


@register.filter
def plain_name(tag: str) -> str:
    """A provider's tag as words: "en:sulphur-dioxide" becomes "Sulphur dioxide"."""
    words = re.sub(r"^[a-z]{2}:", "", str(tag)).replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


@register.filter
def code_name(code: str) -> str:
    """A code of ours as words: "ENERGY_MISMATCH" becomes "Energy mismatch"."""
    return plain_name(code.lower())


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon beside words that say the same: it is hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def current(context: Context, *names: str) -> SafeString:
    """`aria-current` where the page shown is one of these addresses."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    return SafeString(' aria-current="page"' if match and match.url_name in names else "")
