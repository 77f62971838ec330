"""The sentences of the insights: one for each code, in the reader's language and units."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from products.nutrients import NUTRIENTS
from tracking.models import STANDARD_MEALS
from tracking.statements import Figures, Said, Statement, Words, much, said
from tracking.units import Units, weight_change_text, weight_text

# Where the label of the nutrition table does not stand on its own.
_CALLED = {
    "saturated_fat_g": gettext_lazy("Saturated fat"),
    "sugars_g": gettext_lazy("Sugars"),
}


def called(nutrient: str) -> str:
    """Its name on its own."""
    return str(_CALLED.get(nutrient) or NUTRIENTS[nutrient].label)


def sentences(statements: Iterable[Statement], units: Units) -> list[Said]:
    return said(statements, WORDS, units)


def percent(share: Decimal) -> str:
    whole = (share * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return _("%(number)s %%") % {"number": number_format(whole, decimal_pos=0)}


def meal_label(name: str) -> str:
    return str(STANDARD_MEALS.get(name, name))


# --- What is put into them --------------------------------------------------------------------------------------
def _amounts(figures: Figures, units: Units, *names: str) -> dict[str, str]:
    """The nutrient's name, its mean, and these other amounts of it.

    Where the mean may be more than it says, so may be what is `over`; what is `short` may be less.
    """
    key, open_ended = figures.text("nutrient"), figures.is_true("at_least")
    found = {name: much(key, figures.number(name), units) for name in names}
    mean = much(key, figures.number("mean"), units, at_least=open_ended)
    if open_ended:
        for name, words in (("over", _("at least %(amount)s")), ("short", _("up to %(amount)s"))):
            if name in found:
                found[name] = words % {"amount": found[name]}
    return {"nutrient": called(key), "mean": mean, **found}


def _percent(figures: Figures, name: str) -> str:
    return percent(figures.number(name))


def _kcal(figures: Figures, units: Units, *names: str) -> dict[str, str]:
    return {name: much("energy_kcal", figures.number(name), units) for name in names}


def _day(figures: Figures, name: str) -> str:
    return date_format(figures.day(name), "l j F")


# --- Findings ---------------------------------------------------------------------------------------------------
def _logged(figures: Figures, units: Units) -> str:
    days = ngettext(
        "You wrote something down on %(count)d of 7 days", "You wrote something down on %(count)d of 7 days",
        figures.count("logged"),
    ) % {"count": figures.count("logged")}  # fmt: skip
    entries = ngettext("%(count)d entry", "%(count)d entries", figures.count("entries")) % {
        "count": figures.count("entries")
    }
    return _("%(days)s: %(entries)s.") % {"days": days, "entries": entries}


def _mean(figures: Figures, units: Units) -> str:
    text = ngettext(
        "%(nutrient)s: %(mean)s on the one day that is known.",
        "%(nutrient)s: %(mean)s a day on average, over %(count)d days.",
        figures.count("days"),
    )
    return text % {**_amounts(figures, units), "count": figures.count("days")}


def _mean_and_target(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, over %(count)d days. Your target: %(target)s.")
    return text % {**_amounts(figures, units, "target"), "count": figures.count("days")}


def _near_target(figures: Figures, units: Units) -> str:
    text = ngettext(
        "%(met)d of %(count)d day was within a tenth of your target for energy.",
        "%(met)d of %(count)d days were within a tenth of your target for energy.",
        figures.count("judged"),
    ) % {"met": figures.count("met"), "count": figures.count("judged")}
    return f"{text}{_left_open(figures)}"


def _met_target(figures: Figures, units: Units) -> str:
    text = ngettext(
        "%(nutrient)s: %(met)d of %(count)d day met your target.",
        "%(nutrient)s: %(met)d of %(count)d days met your target.",
        figures.count("judged"),
    ) % {
        "nutrient": called(figures.text("nutrient")),
        "met": figures.count("met"),
        "count": figures.count("judged"),
    }
    return f"{text}{_left_open(figures)}"


def _left_open(figures: Figures) -> str:
    """Of how many days it cannot be said; empty where there is none."""
    if not figures.count("open"):
        return ""
    text = ngettext(
        "For %(count)d more it cannot be said: something eaten does not declare it.",
        "For %(count)d more it cannot be said: something eaten does not declare it.",
        figures.count("open"),
    )
    return f" {text % {'count': figures.count('open')}}"


def _change(figures: Figures, units: Units, *, more: str, less: str, same: str) -> str:
    key = figures.text("nutrient")
    change = figures.number("mean") - figures.number("before")
    shown = much(key, abs(change), units)
    text = same if shown == much(key, Decimal(0), units) else more if change > 0 else less
    return text % {
        "nutrient": called(key),
        "change": shown,
        "mean": much(key, figures.number("mean"), units),
        "before": much(key, figures.number("before"), units),
    }


def _change_last_week(figures: Figures, units: Units) -> str:
    return _change(
        figures,
        units,
        more=_("%(nutrient)s: %(change)s a day more than the week before (%(mean)s against %(before)s)."),
        less=_("%(nutrient)s: %(change)s a day less than the week before (%(mean)s against %(before)s)."),
        same=_("%(nutrient)s: as much a day as the week before (%(mean)s)."),
    )


def _change_four_weeks(figures: Figures, units: Units) -> str:
    return _change(
        figures,
        units,
        more=_("%(nutrient)s: %(change)s a day more than in the four weeks before (%(mean)s against %(before)s)."),
        less=_("%(nutrient)s: %(change)s a day less than in the four weeks before (%(mean)s against %(before)s)."),
        same=_("%(nutrient)s: as much a day as in the four weeks before (%(mean)s)."),
    )


def _most_of(figures: Figures, units: Units) -> str:
    key = figures.text("nutrient")
    text = ngettext(
        "%(nutrient)s: most came from “%(food)s”, eaten once: %(amount)s of %(total)s (%(share)s).",
        "%(nutrient)s: most came from “%(food)s”, eaten %(count)d times: %(amount)s of %(total)s (%(share)s).",
        figures.count("times"),
    )
    return text % {
        "nutrient": called(key),
        "food": figures.text("food"),
        "count": figures.count("times"),
        "amount": much(key, figures.number("amount"), units),
        "total": much(key, figures.number("total"), units, at_least=figures.is_true("at_least")),
        "share": _percent(figures, "share"),
    }


def _weekend(figures: Figures, units: Units) -> str:
    more = figures.number("weekend") - figures.number("workdays")
    text = (
        _("Over five weeks, weekends had %(change)s a day more than other days (%(weekend)s against %(other)s).")
        if more > 0
        else _("Over five weeks, weekends had %(change)s a day less than other days (%(weekend)s against %(other)s).")
    )
    return text % {
        "change": much("energy_kcal", abs(more), units),
        "weekend": much("energy_kcal", figures.number("weekend"), units),
        "other": much("energy_kcal", figures.number("workdays"), units),
    }


def _weekend_alike(figures: Figures, units: Units) -> str:
    text = _("Over five weeks, weekends were like other days (%(weekend)s against %(workdays)s).")
    return text % _kcal(figures, units, "weekend", "workdays")


def _largest_meal(figures: Figures, units: Units) -> str:
    text = _("Most energy came with this meal: %(meal)s, %(share)s of the week's (%(energy)s).")
    said_of = {"meal": meal_label(figures.text("meal")), "share": _percent(figures, "share")}
    return text % {**said_of, **_kcal(figures, units, "energy")}


def _busiest_hours(figures: Figures, units: Units) -> str:
    text = _("Between %(since)s and %(until)s you ate %(share)s of the energy that has a time.")
    hours = {name: f"{figures.count(name)}:00" for name in ("since", "until")}
    return text % {**hours, "share": _percent(figures, "share")}


def _over_reference(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average; the reference intake of adults is at most %(reference)s.")
    return text % _amounts(figures, units, "reference")


def _below_reference(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average; the reference intake of adults is %(reference)s.")
    return text % _amounts(figures, units, "reference")


def _weight(figures: Figures, units: Units) -> str:
    return _("Weight: your trend stood at %(trend)s.") % {"trend": weight_text(figures.number("trend"), units.weight)}


def _weight_change(figures: Figures, units: Units) -> str:
    return _("Weight: your trend stood at %(trend)s, %(change)s compared with a week before.") % {
        "trend": weight_text(figures.number("trend"), units.weight),
        "change": weight_change_text(figures.number("change"), units.weight),
    }


def _logged_in_a_row(figures: Figures, units: Units) -> str:
    text = _("You have written something down on %(count)d days in a row, up to %(last)s.")
    return text % {"count": figures.count("days"), "last": _day(figures, "last")}


def _near_in_a_row(figures: Figures, units: Units) -> str:
    text = _("Energy was near your target on %(count)d days in a row, up to %(last)s.")
    return text % {"count": figures.count("days"), "last": _day(figures, "last")}


# --- Suggestions ------------------------------------------------------------------------------------------------
def _energy_above(figures: Figures, units: Units) -> str:
    text = _(
        "Energy: %(mean)s a day on average, %(off)s above your target of %(target)s. %(day)s was furthest above it, by "
        "%(day_off)s: a good day to begin with."
    )
    return _energy_off(text, figures, units)


def _energy_below(figures: Figures, units: Units) -> str:
    text = _(
        "Energy: %(mean)s a day on average, %(off)s below your target of %(target)s. %(day)s was furthest below it, by "
        "%(day_off)s: look whether something of that day is not written down, or plan a little more for such days."
    )
    return _energy_off(text, figures, units)


def _energy_off(text: str, figures: Figures, units: Units) -> str:
    mean = much("energy_kcal", figures.number("mean"), units, at_least=figures.is_true("at_least"))
    return text % {
        "mean": mean,
        "day": capfirst(_day(figures, "day")),
        **_kcal(figures, units, "off", "target", "day_off"),
    }


def _less(figures: Figures, units: Units) -> str:
    text = ngettext(
        "%(start)s “%(food)s”, eaten once, gave %(share)s of it: half as much would be %(half_a_day)s a day less.",
        "%(start)s “%(food)s”, eaten %(count)d times, gave %(share)s of it: half as much of that would be "
        "%(half_a_day)s a day less.",
        figures.count("times"),
    )
    return text % {
        "start": _over_line(figures, units),
        "food": figures.text("food"),
        "count": figures.count("times"),
        "share": _percent(figures, "share"),
        "half_a_day": much(figures.text("nutrient"), figures.number("half_a_day"), units),
    }


def _less_of_all(figures: Figures, units: Units) -> str:
    return _("%(start)s It came from many foods, none of which gave a tenth of it.") % {
        "start": _over_line(figures, units)
    }


def _over_line(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(over)s over the reference intake of %(line)s.")
    return text % _amounts(figures, units, "over", "line")


def _less_to_target(figures: Figures, units: Units) -> str:
    text = _("%(start)s “%(food)s” gave %(share)s of it: half as much of that would be %(half_a_day)s a day less.")
    return text % {
        "start": _over_target(figures, units),
        "food": figures.text("food"),
        "share": _percent(figures, "share"),
        "half_a_day": much(figures.text("nutrient"), figures.number("half_a_day"), units),
    }


def _over_target(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(over)s over your target of %(line)s.")
    return text % _amounts(figures, units, "over", "line")


def _more(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(short)s below the reference intake of %(line)s.")
    return _more_of(text, figures, units)


def _more_to_target(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(short)s below your target of %(line)s.")
    return _more_of(text, figures, units)


def _more_of(text: str, figures: Figures, units: Units) -> str:
    start = text % _amounts(figures, units, "short", "line")
    return _("%(start)s Of what you eat, “%(food)s” has most of it for its energy: %(each_time)s each time.") % {
        "start": start,
        "food": figures.text("food"),
        "each_time": much(figures.text("nutrient"), figures.number("each_time"), units),
    }


def _more_of_all(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(short)s below the reference intake of %(line)s.")
    return text % _amounts(figures, units, "short", "line")


def _more_of_all_to_target(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: %(mean)s a day on average, %(short)s below your target of %(line)s.")
    return text % _amounts(figures, units, "short", "line")


def _log_something(figures: Figures, units: Units) -> str:
    return _("Nothing is written down for this week. Write down what you eat on four days, and there is more to say.")


def _log_more(figures: Figures, units: Units) -> str:
    text = ngettext(
        "Only %(count)d day of this week has entries. With four or more there is something to say about the week.",
        "Only %(count)d days of this week have entries. With four or more there is something to say about the week.",
        figures.count("logged"),
    )
    return text % {"count": figures.count("logged")}


def _log_days(figures: Figures, units: Units) -> str:
    text = ngettext(
        "%(day)s has no entries. Written down afterwards, it makes the averages those of a whole week.",
        "%(count)d days have no entries, %(day)s the first of them. Written down afterwards, they make the averages "
        "those of a whole week.",
        figures.count("days"),
    )
    return text % {"day": capfirst(_day(figures, "day")), "count": figures.count("days")}


def _undeclared(figures: Figures, units: Units) -> str:
    text = _("%(nutrient)s: what you ate declares it for %(coverage)s of the energy only.")
    start = text % {"nutrient": called(figures.text("nutrient")), "coverage": _percent(figures, "coverage")}
    if not figures.text("food"):
        return start
    more = _("The largest part without it is “%(food)s”: add the figure to that food, or choose an entry that has it.")
    return f"{start} {more % {'food': figures.text('food')}}"


def _set_target(figures: Figures, units: Units) -> str:
    return _("You have no target. With one, each day and week shows how it stood to it.")


def _weigh(figures: Figures, units: Units) -> str:
    text = _("Your last weight is of %(last)s. One weight a week is enough for the trend to go on.")
    return text % {"last": date_format(figures.day("last"), "j F")}


WORDS: Mapping[str, Words] = {
    "LOGGED": _logged,
    "MEAN": _mean,
    "MEAN_AND_TARGET": _mean_and_target,
    "NEAR_TARGET": _near_target,
    "MET_TARGET": _met_target,
    "CHANGE_LAST_WEEK": _change_last_week,
    "CHANGE_FOUR_WEEKS": _change_four_weeks,
    "MOST_OF": _most_of,
    "WEEKEND": _weekend,
    "WEEKEND_ALIKE": _weekend_alike,
    "LARGEST_MEAL": _largest_meal,
    "BUSIEST_HOURS": _busiest_hours,
    "OVER_REFERENCE": _over_reference,
    "BELOW_REFERENCE": _below_reference,
    "WEIGHT": _weight,
    "WEIGHT_CHANGE": _weight_change,
    "LOGGED_IN_A_ROW": _logged_in_a_row,
    "NEAR_IN_A_ROW": _near_in_a_row,
    "ENERGY_ABOVE": _energy_above,
    "ENERGY_BELOW": _energy_below,
    "LESS": _less,
    "LESS_OF_ALL": _less_of_all,
    "LESS_TO_TARGET": _less_to_target,
    "LESS_TO_TARGET_OF_ALL": _over_target,
    "MORE": _more,
    "MORE_OF_ALL": _more_of_all,
    "MORE_TO_TARGET": _more_to_target,
    "MORE_TO_TARGET_OF_ALL": _more_of_all_to_target,
    "LOG_SOMETHING": _log_something,
    "LOG_MORE": _log_more,
    "LOG_DAYS": _log_days,
    "UNDECLARED": _undeclared,
    "SET_TARGET": _set_target,
    "WEIGH": _weigh,
}
