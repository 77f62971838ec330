"""Your data: out as a file, in from one, and away."""

from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dietintel.accounts.models import User
from dietintel.accounts.throttling import PasswordThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest
from tracking.errors import DiaryError
from tracking.forms.transfer import DateOrderForm, DeleteAccountForm, UploadForm
from tracking.services import leaving
from tracking.services.transfer import add_entries, import_account, is_empty, new_entries
from tracking.transfer import uploads
from tracking.transfer.export import write_archive
from tracking.transfer.foreign import READABLE, DateOrder, NotUnderstood, Reading
from tracking.transfer.incoming import Whole, understood
from tracking.transfer.shapes import Broken

FIRST_ROWS, FIRST_COMPLAINTS = 8, 50  # of a preview


# --- Out ----------------------------------------------------------------------------------------------------------
@login_required
@require_GET
def export(request: AuthenticatedRequest) -> FileResponse:
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    write_archive(request.user, file)
    file.seek(0)
    name = f"dietintel-{request.user.wall_clock(timezone.now()):%Y-%m-%d}.zip"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    response["Cache-Control"] = "private, no-store"
    return response


# --- In -----------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "POST"])
def transfer(request: AuthenticatedRequest) -> HttpResponse:
    """GET: what can be done. POST: a file, which then waits to be looked at."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        data = form.cleaned_data["file"].read()
        try:
            understood(data, None)
        except (Broken, NotUnderstood) as error:
            form.add_error("file", str(error))
        else:
            return redirect("transfer_preview", uploads.keep(request.user, data))
    shown = {"form": form, "readable": READABLE}
    return render(request, "tracking/transfer.html", shown, status=422 if form.errors else 200)


@login_required
@require_GET
def preview(request: AuthenticatedRequest, name: str) -> HttpResponse:
    data = uploads.waiting(request.user, name)
    if data is None:
        return _gone(request)
    return _shown(request, name, understood(data, _order_in(request.GET)))


@login_required
@require_POST
def confirm(request: AuthenticatedRequest, name: str) -> HttpResponse:
    """Write what the preview showed. What waits is forgotten afterwards: a second press finds nothing."""
    data = uploads.waiting(request.user, name)
    if data is None:
        return _gone(request)
    found = understood(data, _order_in(request.POST))
    try:
        written = _import_whole(request, found) if isinstance(found, Whole) else _import_entries(request, found)
    except DiaryError as error:
        return _shown(request, name, found, refused=error.sentence)
    uploads.forget(request.user)
    return written


@login_required
@require_POST
def cancel(request: AuthenticatedRequest) -> HttpResponse:
    uploads.forget(request.user)
    messages.success(request, _("Nothing was imported."))
    return redirect("transfer")


def _order_in(said: Mapping[str, str]) -> DateOrder | None:
    form = DateOrderForm({"dates": said.get("dates", "")})
    return DateOrder(form.cleaned_data["dates"]) if form.is_valid() else None


def _gone(request: AuthenticatedRequest) -> HttpResponse:
    messages.error(request, _("This file is not waiting any more. Choose it again."))
    return redirect("transfer")


def _shown(request: AuthenticatedRequest, name: str, found: Whole | Reading, *, refused: str = "") -> HttpResponse:
    shown: dict[str, Any] = {"name": name, "refused": refused}
    if isinstance(found, Whole):
        shown |= {"whole": found, "possible": is_empty(request.user)}
    else:
        new = new_entries(request.user, found.entries)
        shown |= {
            "reading": found,
            "new": len(new),
            "repeated": len(found.entries) - len(new),
            "first": new[:FIRST_ROWS],
            "complaints": found.complaints[:FIRST_COMPLAINTS],
            "more_complaints": max(0, len(found.complaints) - FIRST_COMPLAINTS),
            "order_form": DateOrderForm(initial={"dates": found.order}) if found.ambiguous else None,
        }
    return render(request, "tracking/transfer_preview.html", shown, status=422 if refused else 200)


def _import_whole(request: AuthenticatedRequest, whole: Whole) -> HttpResponse:
    import_account(request.user, whole.account)
    messages.success(request, _("Your account is here: everything that was in the file."))
    return redirect("today")


def _import_entries(request: AuthenticatedRequest, reading: Reading) -> HttpResponse:
    added = add_entries(request.user, reading.entries)
    count = len(added.done.items)
    if added.done.undo is None:
        messages.success(request, _("Everything in this file was here already."))
        return redirect("transfer")
    first = min(entry.day for entry in reading.entries)
    sentence = ngettext("%(count)d entry imported.", "%(count)d entries imported.", count) % {"count": count}
    undo = f"{reverse('undo', args=[added.done.undo.pk])}?day={first}"
    messages.success(request, sentence, extra_tags=undo)
    return redirect("day", max(entry.day for entry in reading.entries))


# --- Away ---------------------------------------------------------------------------------------------------------
@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
def delete_account(request: AuthenticatedRequest) -> HttpResponse:
    wait = wait_seconds(request, PasswordThrottle) if request.method == "POST" else None
    form = DeleteAccountForm(request.user, request.POST or None, wait_s=wait)
    if form.is_valid():
        user = request.user
        logout(request)
        leaving.delete_account(user)
        messages.success(request, _("Your account and everything in it is deleted."))
        return redirect("login")
    others = User.objects.exclude(pk=request.user.pk).count()
    shown = {"form": form, "others": others}
    status = 429 if wait is not None else 422 if form.errors else 200
    response = render(request, "tracking/account_delete.html", shown, status=status)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response
