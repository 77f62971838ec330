"""Pages: any nutrient over any days."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from dietintel.http import AuthenticatedRequest
from dietintel.templatetags.show import NO_BREAK, figure_text
from products.nutrients import NUTRIENTS, Nutrient
from tracking.charts import HUES, MOST_BARS, Chart, Key, Table, day_chart
from tracking.dates import today_of
from tracking.forms.body import ChartForm
from tracking.series import DayFigure, Series
from tracking.summaries import History, history_of
from tracking.units import KJ, energy_in, units_of_person


@login_required
@require_GET
def charts(request: AuthenticatedRequest) -> HttpResponse:
    """`nutrient`, and `span` (week, month, quarter, year) or own days `first` and `last`."""
    today = today_of(request.user)
    form = ChartForm(request.GET.dict(), today=today)
    valid = form.is_valid()
    nutrient, (first, last) = NUTRIENTS[form.nutrient_key], form.days()
    history, unit = history_of(request.user, nutrient.key, first, last), _Unit.of(nutrient, request)
    shown = {
        "form": form,
        "spans": _spans(form.span),
        "nutrient": nutrient,
        "name": _called(nutrient),
        "first": first,
        "last": last,
        "chart": _chart(history, nutrient, today, unit) if history.series.inside() else None,
    }
    return render(request, "tracking/charts.html", shown, status=200 if valid else 422)


def _called(nutrient: Nutrient) -> str:
    """Its name on its own: fat, of which saturated."""
    return f"{NUTRIENTS[nutrient.part_of].label}, {nutrient.label}" if nutrient.part_of else str(nutrient.label)


def _spans(chosen: str) -> list[dict[str, Any]]:
    names = {"week": _("Week"), "month": _("Month"), "quarter": _("3 months"), "year": _("Year")}
    return [{"key": key, "text": text, "chosen": key == chosen} for key, text in names.items()]


class _Unit:
    """What the figures of a nutrient are shown in."""

    def __init__(self, nutrient: Nutrient, name: str) -> None:
        self.nutrient, self.name = nutrient, name

    @classmethod
    def of(cls, nutrient: Nutrient, request: AuthenticatedRequest) -> "_Unit":
        is_energy = nutrient.unit == "kcal"
        return cls(nutrient, units_of_person(request.user).energy if is_energy else nutrient.unit)

    def value(self, value: Decimal) -> Decimal:
        return energy_in(value, self.name) if self.name == KJ else value

    def text(self, value: Decimal | None, *, at_least: bool = False) -> str:
        if value is None:
            return "–"
        sign = f"≥{NO_BREAK}" if at_least else ""
        shown = figure_text(self.value(value), self.nutrient.unit, key=self.nutrient.key)
        return f"{sign}{shown}{NO_BREAK}{self.name}"


def _chart(history: History, nutrient: Nutrient, today: dt.date, unit: _Unit) -> Chart:
    series, targets = history.series, history.targets
    means = series.weekly_means(before=today)
    inside = series.inside()
    rows = tuple(
        (
            date_format(day, "D j M Y"),
            unit.text(each.value, at_least=each.at_least and each.value is not None),
            unit.text(means[day].value, at_least=means[day].at_least) if day in means else "–",
            *([unit.text(targets.get(day))] if targets else []),
        )
        for day, each in reversed(inside.items())
    )
    columns = (_("Day"), str(nutrient.label), _("Average of 7 days"), *([_("Target")] if targets else []))
    keys = [
        Key("bar" if series.count <= MOST_BARS else "dot", _("day")),
        *([Key("at-least", _("at least"))] if any(each.at_least for each in inside.values()) else []),
        *([Key("mean", _("average of 7 days"))] if means else []),
        *([Key("target", _("target"))] if targets else []),
    ]
    return day_chart(
        name="nutrient",
        title=_called(nutrient),
        summary=_summary(series, today, unit),
        unit=unit.name,
        table=Table(columns, rows),
        first=series.first,
        last=series.last,
        figures={day: _converted(each, unit) for day, each in inside.items()},
        means={day: unit.value(each.value) for day, each in means.items()},
        targets={day: unit.value(aim) for day, aim in targets.items()},
        hue=HUES.get(nutrient.key, "plain"),
        keys=keys,
    )


def _converted(figure: DayFigure, unit: _Unit) -> DayFigure:
    return figure if figure.value is None else DayFigure(unit.value(figure.value), figure.at_least)


def _summary(series: Series, today: dt.date, unit: _Unit) -> str:
    days, written = series.count, len(series.inside())
    of_days = ngettext(
        "%(written)d of %(days)d days has entries.", "%(written)d of %(days)d days have entries.", written
    )
    parts = [of_days % {"written": written, "days": days}]
    mean = series.mean(before=today)
    if mean is not None:
        text = ngettext(
            "On average %(mean)s a day, over %(count)d day.",
            "On average %(mean)s a day, over %(count)d days.",
            mean.days,
        )
        parts.insert(0, text % {"count": mean.days, "mean": unit.text(mean.value, at_least=mean.at_least)})
    if today in series.inside():
        parts.append(_("Today is not over and does not count."))
    return " ".join(parts)
