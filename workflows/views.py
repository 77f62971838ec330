"""Pages: a person's runs, and one of them with its progress."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dietintel.accounts.models import User
from dietintel.http import AuthenticatedRequest, render_part
from workflows import engine, reading
from workflows.models import Run

PAGE = 30


@login_required
@require_GET
def runs(request: AuthenticatedRequest) -> HttpResponse:
    """The newest first; `before` is the id of the last run of the page before."""
    mine = Run.objects.owned_by(request.user)
    before = request.GET.get("before", "")
    if before:
        last = _own(before, request.user)
        mine = mine.filter(created_at__lte=last.created_at, pk__lt=last.pk)
    page = list(mine[: PAGE + 1])
    shown = reading.shown(page[:PAGE], now=timezone.now())
    more = shown[-1].run.uuid if len(page) > PAGE else None
    return render(request, "workflows/runs.html", {"runs": shown, "more": more})


@login_required
@require_GET
def run(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    """htmx asks for the part again every two seconds, as long as the run goes on."""
    (shown,) = reading.shown([_own(str(run_id), request.user)], now=timezone.now())
    return render_part(request, {"shown": shown}, part="workflows/_run.html", page="workflows/run.html")


@login_required
@require_POST
def run_cancel(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    mine = _own(str(run_id), request.user)
    try:
        engine.cancel(mine, by=request.user.get_username(), now=timezone.now())
    except engine.AlreadyEnded:
        messages.info(request, _("It had ended already."))
    else:
        messages.success(request, _("It is being stopped."))
    return redirect(mine)


@login_required
@require_POST
def run_retry(request: AuthenticatedRequest, run_id: uuid.UUID) -> HttpResponse:
    mine = _own(str(run_id), request.user)
    try:
        engine.retry(mine, by=request.user.get_username(), now=timezone.now())
    except engine.NothingToRetry:
        messages.info(request, _("Nothing in it is left to try again."))
    else:
        messages.success(request, _("It goes on from where it broke."))
    return redirect(mine)


def _own(text: str, user: User) -> Run:
    """Raises Http404, also for somebody else's."""
    try:
        wanted = uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error
    found = Run.objects.owned_by(user).filter(uuid=wanted).first()
    if found is None:
        raise Http404
    return found
