"""Pages: what weeks showed, one of them, and the entries behind a figure."""

import datetime as dt
import heapq
import logging
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.accounts.models import User
from dietintel.accounts.throttling import MailThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest, PageRequest, render_part
from products.nutrients import NUTRIENTS
from tracking.dates import today_of
from tracking.errors import Refused
from tracking.forms.insights import EntriesForm, MailForm
from tracking.insights import drawing
from tracking.insights.letters import asked_of, reader_of
from tracking.insights.reading import entries_of
from tracking.insights.tally import Entry
from tracking.insights.telling import VERSION
from tracking.insights.weeks import Week, last_whole_week, week_of
from tracking.insights.words import called, meal_label, sentences
from tracking.models import Insight, Profile
from tracking.runs.insights import begin, latest_run
from tracking.series import ONE_DAY, DayFigure
from tracking.services import insights as services
from tracking.statements import Statement, much
from tracking.summaries import history_of
from tracking.units import Units, units_of_person
from workflows import reading
from workflows.models import Run
from workflows.states import RunState

log = logging.getLogger(__name__)
PAGE = 26  # weeks in the archive at once
MOST_ENTRIES = 100  # behind one figure, the largest; all count in the sum


@login_required
@require_GET
def insights(request: AuthenticatedRequest) -> HttpResponse:
    """The last week that is over, the one under way, and the archive. `before`: where its page before ended."""
    week = last_whole_week(today_of(request.user))
    return _page(request, week, {"overview": True, "so_far": _so_far(request.user), **_archive(request)})


@login_required
@require_GET
def insight(request: AuthenticatedRequest, monday: dt.date) -> HttpResponse:
    """One week. Any of its days names it. htmx asks for the part again each second, as long as it is being made."""
    week = _over(request.user, monday)
    if week.monday != monday:
        return redirect("insight", week.monday)
    return _page(request, week, {"overview": False})


@login_required
@require_POST
def insight_make(request: AuthenticatedRequest, monday: dt.date) -> HttpResponse:
    """Make it, or make it again."""
    week = _over(request.user, monday)
    begin(request.user, week, now=timezone.now())
    return redirect("insight", week.monday)


def _over(user: User, day: dt.date) -> Week:
    """Raises Http404 for a week that is not over: there is no such page yet."""
    try:
        return services.whole_week(day, today=today_of(user))
    except Refused as error:
        raise Http404 from error


def _page(request: AuthenticatedRequest, week: Week, more: dict[str, Any]) -> HttpResponse:
    found = Insight.objects.owned_by(request.user).filter(week=week.monday).first()
    run = latest_run(request.user, week)
    under_way = _under_way(run)
    shown = {
        "week": week,
        "address": reverse("insight", args=[week.monday]),
        "before": Week(week.monday - 7 * ONE_DAY),
        "after": _after(request.user, week),
        "run": under_way,
        "failed": _failed(run, found),
        # Asked for again each second while it is being made: then nobody wants to know.
        "outdated": found is not None and under_way is None and services.is_outdated(found),
        **(_told(request.user, found) if found else {"insight": None}),
        **more,
    }
    return render_part(request, shown, part="tracking/_insight.html", page="tracking/insight.html")


def _after(user: User, week: Week) -> Week | None:
    following = Week(week.monday + 7 * ONE_DAY)
    return following if following.sunday < today_of(user) else None


def _under_way(run: Run | None) -> reading.RunShown | None:
    if run is None or run.ended:
        return None
    (shown,) = reading.shown([run], now=timezone.now())
    return shown


def _failed(run: Run | None, found: Insight | None) -> Run | None:
    """The last try, where it failed and nothing newer is there."""
    if run is None or run.state != RunState.FAILED:
        return None
    return run if found is None or found.created_at < run.created_at else None


def _told(user: User, insight: Insight) -> dict[str, Any]:
    """Everything of a week in words, tables and drawings. Figures of another version are not shown: make it again."""
    insight.user = user
    units, figures = units_of_person(user), insight.figures
    shown = {
        "insight": insight,
        "suggestions": sentences(map(Statement.of, insight.suggestions), units),
        "findings": sentences(map(Statement.of, insight.findings), units),
    }
    if figures.get("version") != VERSION:
        return shown | {"outdated": True}
    return shown | {
        "averages": drawing.averages(figures, units),
        "sources": drawing.sources(figures, units),
        "meals": drawing.meals(figures, units),
        "references": drawing.references(figures, units),
        "charts": drawing.charts(figures, units),
    }


# --- This week, and those before --------------------------------------------------------------------------------
def _so_far(user: User) -> dict[str, Any] | None:
    """The days of this week that are over. None on a Monday."""
    today, units = today_of(user), units_of_person(user)
    week = week_of(today)
    if today == week.monday:
        return None
    history = history_of(user, "energy_kcal", week.monday, today - ONE_DAY)
    mean = history.series.mean(before=today)
    aims = [history.targets[day] for day in history.series.inside() if day in history.targets]
    return {
        "days": (today - week.monday).days,
        "logged": len(history.series.inside()),
        "mean": much("energy_kcal", mean.value, units, at_least=mean.at_least) if mean else "",
        "target": much("energy_kcal", sum(aims, Decimal(0)) / len(aims), units) if aims else "",
    }


def _archive(request: AuthenticatedRequest) -> dict[str, Any]:
    rows = Insight.objects.owned_by(request.user)
    with suppress(ValueError):
        rows = rows.filter(week__lt=dt.date.fromisoformat(request.GET.get("before", "")))
    found = list(rows[: PAGE + 1])
    units = units_of_person(request.user)
    wants = Profile.objects.filter(user=request.user, mails_insights=True).exists()
    return {
        "archive": [(each, _in_short(each, units)) for each in found[:PAGE]],
        "older": found[PAGE - 1].week if len(found) > PAGE else None,
        "mail": MailForm.of(request.user, wants=wants),
        "sends_mail": settings.SENDS_MAIL,
    }


def _in_short(insight: Insight, units: Units) -> str:
    """A week's mean energy; empty where it has none, or has figures of another version."""
    if insight.figures.get("version") != VERSION:
        return ""
    energy = next((each for each in insight.figures["averages"] if each["nutrient"] == "energy_kcal"), None)
    if energy is None:
        return ""
    return much("energy_kcal", Decimal(str(energy["mean"])), units, at_least=energy["at_least"])


# --- Behind a figure --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class EntryRow:
    entry: Entry
    meal: str
    amount: str  # a dash where it is not declared


@login_required
@require_GET
def insight_entries(request: AuthenticatedRequest, monday: dt.date) -> HttpResponse:
    """What was eaten in a week, with its part of a `nutrient`; of one `food`, one `meal`, or some hours alone."""
    week, asked = week_of(monday), EntriesForm(request.GET).asked
    key, units = asked["nutrient"], units_of_person(request.user)
    total, count, name = DayFigure(None), 0, ""
    largest: list[tuple[Decimal, int, Entry]] = []
    for entry in entries_of(request.user, week):
        if not _is_asked_for(entry, asked):
            continue
        value = entry.eaten.known.get(key)
        total, count, name = total + DayFigure(value, entry.eaten.at_least(key)), count + 1, entry.name
        heapq.heappush(largest, (Decimal(-1) if value is None else value, -count, entry))
        if len(largest) > MOST_ENTRIES:
            heapq.heappop(largest)
    shown = {
        "week": week,
        "nutrient": NUTRIENTS[key],
        "label": called(key),
        "food": name if asked.get("food") else "",
        "meal": meal_label(asked["meal"]) if asked.get("meal") else "",
        "since": asked.get("since"),
        "until": asked.get("until"),
        "count": count,
        "left_out": count - len(largest),
        "total": "" if total.value is None else much(key, total.value, units, at_least=total.at_least),
        "rows": [
            EntryRow(entry, meal_label(entry.meal), drawing.NONE if value < 0 else much(key, value, units))
            for value, _place, entry in sorted(largest, reverse=True, key=lambda each: each[:2])
        ],
    }
    return render(request, "tracking/insight_entries.html", shown)


def _is_asked_for(entry: Entry, asked: dict[str, Any]) -> bool:
    since, until = asked.get("since"), asked.get("until")
    if (since is not None or until is not None) and entry.time is None:
        return False
    hour = entry.time.hour if entry.time else 0
    return (
        (not asked.get("food") or entry.food == asked["food"])
        and (not asked.get("meal") or entry.meal == asked["meal"])
        and (since is None or hour >= since)
        and (until is None or hour < until)
    )


# --- Mail -------------------------------------------------------------------------------------------------------
@login_required
@require_POST
def insights_mail(request: AuthenticatedRequest) -> HttpResponse:
    if not settings.SENDS_MAIL:
        raise Http404
    form, status = MailForm(request.POST), 422
    if form.is_valid():
        if not form.cleaned_data["wants"]:
            services.mail_off(request.user)
            messages.success(request, _("No letters are sent."))
            return redirect("insights")
        wait = wait_seconds(request, MailThrottle)
        if wait is None:
            return _ask_for_mail(request, form)
        form.add_error("email", _("Too many letters at once. Try again in %(wait)d seconds.") % {"wait": wait})
        status = 429
    return _mail_form(request, form, status)


def _ask_for_mail(request: AuthenticatedRequest, form: MailForm) -> HttpResponse:
    email = form.cleaned_data["email"]
    try:
        comes = services.ask_for_mail(request.user, email=email)
    except (smtplib.SMTPException, OSError) as error:
        log.warning("a letter could not be sent: %s", type(error).__name__)
        form.add_error("email", _("The letter could not be sent. Look at the address, or try again later."))
        return _mail_form(request, form, 503)
    asked = _("A letter is on its way to %(email)s. Follow its link, and each new week comes by mail.")
    messages.success(request, _("Each new week comes by mail.") if comes else asked % {"email": email})
    return redirect("insights")


def _mail_form(request: AuthenticatedRequest, form: MailForm, status: int) -> HttpResponse:
    return render(request, "tracking/insights_mail.html", {"mail": form, "sends_mail": True}, status=status)


@require_http_methods(["GET", "POST"])
def insights_mail_on(request: PageRequest, token: str) -> HttpResponse:
    """Where the letter leads that asks for the address. GET asks, so that a program which follows links says nothing.

    Without signing in: a letter may be read on another device.
    """
    asked = asked_of(token)
    if asked is None:
        raise Http404
    reader, email = asked
    if request.method == "POST":
        services.confirm_mail(reader, email=email)
    shown = {"done": request.method == "POST", "email": email, "name": reader.get_username()}
    return render(request, "tracking/insights_mail_on.html", shown)


@csrf_exempt  # a mail program posts here when its button is pressed (RFC 8058); the token in the address says who
@require_http_methods(["GET", "POST"])
def insights_mail_off(request: PageRequest, token: str) -> HttpResponse:
    """Switch the letters off without signing in. GET asks, so that a program which follows links changes nothing."""
    reader = reader_of(token)
    if reader is None:
        raise Http404
    if request.method == "POST":
        services.mail_off(reader)
    return render(request, "tracking/insights_mail_off.html", {"done": request.method == "POST"})
