"""How pages of the diary answer: what changed on the day that is looked at, and how to take it back."""

import datetime as dt
from typing import Any, Literal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.http import reswap, retarget, trigger_client_event

from dietintel.http import AuthenticatedRequest, render_part
from tracking.services.diary import Done
from tracking.views.shown import shown_day


def in_part(request: AuthenticatedRequest) -> bool:
    """Whether the browser asks for the part of a page that is to be replaced."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def changed(request: AuthenticatedRequest, done: Done, sentence: str, *, date: dt.date) -> HttpResponse:
    """Show the day as it is now, say what happened, and offer to undo it."""
    if done.undo:
        messages.success(request, sentence, extra_tags=f"{reverse('undo', args=[done.undo.pk])}?day={date}")
    return shown_again(request, date)


def shown_again(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    """The day after an action: its parts for htmx, else a redirect, so that reloading repeats nothing."""
    if not in_part(request):
        return redirect("day", date)
    response = parts_of_day(request, date)
    # The entry box has done its work where the form came from it.
    return trigger_client_event(response, "logged") if "from_entry" in request.POST else response


def parts_of_day(request: AuthenticatedRequest, date: dt.date) -> HttpResponse:
    response = render(request, "tracking/changed.html", shown_day(request.user, date))
    patch_vary_headers(response, ["HX-Request"])
    return response


def not_yet(
    request: AuthenticatedRequest,
    shown: dict[str, Any],
    *,
    part: str,
    page: str,
    target: str,
    swap: Literal["outerHTML", "innerHTML"] = "outerHTML",
) -> HttpResponse:
    """A form that needs another look, everything typed still in it. htmx puts it where it was: at `target`."""
    response = render_part(request, shown, part=part, page=page, status=422)
    return reswap(retarget(response, target), swap) if in_part(request) else response
