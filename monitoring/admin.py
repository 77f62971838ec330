"""The operator's page Health: what is wrong, what was done about it, and what to press."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from dietintel.gateway.overview import configured, overview
from dietintel.gateway.policy import to_us
from monitoring import desk
from monitoring.health import snapshot
from monitoring.health.conditions import Status
from monitoring.health.healing import Heal
from monitoring.health.watched import PROVIDER, all_watched
from monitoring.models import Alert, Check, Flip, HealAttempt
from monitoring.tasks_api import BY_HAND
from workflows import engine
from workflows.runs import Cleanup

SHOWN = 12  # of changes and of remedies
PLACES = {
    "queue": "admin:workflows_step_changelist",
    "workers": "admin:workflows_step_changelist",
    "schedules": "admin:workflows_run_changelist",
}
WORST_FIRST = [Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY, Status.DISABLED]


@dataclass(frozen=True)
class Tile:
    """One check, as it is shown."""

    name: str
    check: Mapping[str, Any]
    heals: tuple[type[Heal], ...]
    last_heal: HealAttempt | None
    asked: bool  # somebody pressed the button, and the watch has not yet begun

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    @property
    def in_trouble(self) -> bool:
        return self.asked or self.check["mending"] or self.check["status"] in {Status.UNHEALTHY, Status.DEGRADED}

    @property
    def place(self) -> str:
        """The page on which more is told of it; empty where there is none."""
        if self.name.startswith(PROVIDER):
            return f"{reverse('admin:gateway_providerstate_changelist')}?q={self.name.removeprefix(PROVIDER)}"
        return reverse(PLACES[self.name]) if self.name in PLACES else ""

    @property
    def since(self) -> dt.datetime | None:
        return dt.datetime.fromisoformat(self.check["since"]) if self.check["since"] else None

    @property
    def figures(self) -> list[tuple[str, Any]]:
        return [(key.replace("_", " "), value) for key, value in self.check["details"].items() if value != ""]


class _ReadOnly(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Check)
class HealthAdmin(_ReadOnly):
    def get_urls(self) -> list[URLPattern]:
        mend = path("<str:name>/mend/", self.admin_site.admin_view(self.mend), name="monitoring_check_mend")
        clean = path("clean/", self.admin_site.admin_view(self.clean), name="monitoring_check_clean")
        return [mend, clean, *super().get_urls()]

    def may_mend(self, request: HttpRequest) -> bool:
        return request.user.has_perm("monitoring.change_check")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)  # refuses
        now = timezone.now()
        found, attempts = snapshot.read(now=now), desk.heals()
        tiles = _tiles(found, attempts)
        shown = {
            **self.admin_site.each_context(request),
            "title": _("Health"),
            "opts": self.opts,
            "found": found,
            "sentence": headline(found, tiles),
            "tiles": tiles,
            "flips": Flip.objects.all()[:SHOWN],
            "attempts": attempts[:SHOWN],
            "work": desk.work(now=now),
            "ended": desk.ended(now=now),
            "failures": desk.failures(now=now),
            "providers": overview(configured(), now=to_us(now.timestamp()), history=False),
            "data": desk.data(),
            "may_mend": self.may_mend(request),
        }
        return TemplateResponse(request, "admin/monitoring/health.html", shown)

    def mend(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask the watch to try the remedies of a check now, whatever the pauses say."""
        if request.method != "POST" or not self.may_mend(request):
            raise Http404
        row = Check.objects.filter(name=name).first()
        watched = all_watched().get(name)
        if row is None or watched is None or not watched.heals:
            raise Http404
        Check.objects.filter(pk=row.pk).update(asked_by=request.user.get_username())
        self.log_change(request, row, "asked to mend it now")
        messages.success(request, _("%(check)s is being mended; what came of it is shown below.") % {"check": name})
        return redirect("admin:monitoring_check_changelist")

    def clean(self, request: HttpRequest) -> HttpResponse:
        """Delete old data now, in the background; the page of the run shows how that goes."""
        if request.method != "POST" or not self.may_mend(request):
            raise Http404
        run = engine.start(Cleanup, user=cast(User, request.user), key=BY_HAND, now=timezone.now())
        self.log_change(request, run, "asked to delete old data now")
        messages.success(request, _("Old data is being deleted; what went is told here at the end."))
        return redirect("admin:workflows_run_change", run.pk)


def _tiles(found: snapshot.Snapshot, attempts: list[HealAttempt]) -> list[Tile]:
    watched = all_watched()
    newest = {each.check_name: each for each in reversed(attempts)}
    asked = set(Check.objects.exclude(asked_by="").values_list("name", flat=True))
    tiles = [
        Tile(name, check, watched[name].heals if name in watched else (), newest.get(name), name in asked)
        for name, check in found.checks.items()
    ]
    return sorted(tiles, key=lambda tile: WORST_FIRST.index(Status(tile.check["status"])))


def headline(found: snapshot.Snapshot, tiles: list[Tile]) -> str:
    """What an operator wants to know at night: is anything lost, what is wrong, what is being done."""
    if found.stale or found.status == Status.HEALTHY:
        return found.message
    bad = [each for each in tiles if each.check["status"] == found.status and each.check["impact"] != "info"] or tiles
    worst = bad[0]
    safe = found.checks.get("database", {}).get("status") != Status.UNHEALTHY
    parts = [
        _("Meals are saved") if safe else _("Nothing can be saved"),
        f"{worst.label}: {worst.check['message'].rstrip('.')}",
    ]
    if worst.check["mending"]:
        parts.append(_("being mended now"))
    elif worst.check["exhausted"]:
        parts.append(_("the remedies did not help, somebody has to look"))
    return "; ".join(parts) + "."


@admin.register(Flip)
class FlipAdmin(_ReadOnly):
    list_display = ["at", "check_name", "from_status", "to_status", "message"]
    list_filter = ["check_name", "to_status"]


@admin.register(HealAttempt)
class HealAttemptAdmin(_ReadOnly):
    list_display = ["at", "check_name", "heal", "outcome", "note", "took_s", "by"]
    list_filter = ["check_name", "outcome"]


@admin.register(Alert)
class AlertAdmin(_ReadOnly):
    list_display = ["made_at", "subject", "kind", "mailed_at", "hooked_at", "tries"]
    list_filter = ["kind"]
