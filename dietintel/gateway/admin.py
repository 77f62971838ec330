"""The operator's view of the providers: what `overview` knows, with the actions that mend most things."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dietintel.gateway.cache import sweep
from dietintel.gateway.errors import StoreUnavailable
from dietintel.gateway.models import ProviderState, Transition
from dietintel.gateway.overview import Overview, configured, overview
from dietintel.gateway.policy import to_us
from dietintel.gateway.store import StateStore

NOTHING = "–"


class _Providers(ChangeList):
    """The list, looked up for all its rows at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        _look(self.result_list)


@admin.register(ProviderState)
class ProviderStateAdmin(admin.ModelAdmin[ProviderState]):
    list_display = [
        "key",
        "now_state",
        "reason",
        "tokens",
        "quota",
        "cooldown",
        "recent",
        "cache",
        "last_error",
        "last_error_on",
    ]
    ordering = ["key"]
    search_fields = ["key"]
    empty_value_display = NOTHING
    change_list_template = "admin/fresh_list.html"
    actions = ["reset", "force_open", "disable", "clear_cool_down", "purge_cache"]
    fields = readonly_fields = (
        "key", "now_state", "reason", "tokens", "quota", "cooldown", "recent", "last_error", "last_error_on",
        "requests", "retries", "rejected", "cache", "transitions",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ProviderState | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProviderState | None = None) -> bool:
        """For the actions. A form would write back what it read, over what calls have changed meanwhile."""
        return obj is None and super().has_change_permission(request)

    # --- What is shown ------------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _Providers

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With what is configured and was never called yet, so that it can be stopped before its first call."""
        if request.method == "GET" and self.has_change_permission(request):
            known = ProviderState.objects.values_list("key", flat=True)
            keys = {key for config in configured() for key in config.by_key}
            if new := keys.difference(known):
                with suppress(StoreUnavailable):  # the page shows what there is
                    StateStore().introduce(new)
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {**(extra_context or {}), "may_act": self.has_change_permission(request)}
        return super().change_view(request, object_id, form_url, more)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ProviderState | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            _look([row])
        return row

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def now_state(self, row: ProviderState) -> str:
        seen = _seen(row)
        if seen.open_for_s is None:
            return seen.state
        return _("%(state)s for %(seconds)d s") % {"state": seen.state, "seconds": seen.open_for_s}

    @admin.display(description=gettext_lazy("tokens left"))
    def tokens(self, row: ProviderState) -> str:
        seen = _seen(row)
        if seen.tokens is None:
            return _("not configured")
        return _("%(left)d of %(most)d") % {"left": seen.tokens, "most": seen.burst}

    @admin.display(description=gettext_lazy("used today"))
    def quota(self, row: ProviderState) -> str:
        seen = _seen(row)
        if seen.quota is None:
            return NOTHING
        return _("%(used)d of %(most)d") % {"used": seen.quota_used, "most": seen.quota}

    @admin.display(description=gettext_lazy("pause"))
    def cooldown(self, row: ProviderState) -> str:
        seconds = _seen(row).cooldown_s
        return _("%d s") % seconds if seconds else NOTHING

    @admin.display(description=gettext_lazy("failed lately"))
    def recent(self, row: ProviderState) -> str:
        seen = _seen(row)
        return _("%(failed)d of %(calls)d") % {"failed": seen.failed, "calls": seen.calls}

    @admin.display(description=gettext_lazy("last error on"))
    def last_error_on(self, row: ProviderState) -> str:
        at = _seen(row).last_error_at
        return _moment(at) if at else NOTHING

    @admin.display(description=gettext_lazy("requests"))
    def requests(self, row: ProviderState) -> str:
        return _listed(_seen(row).requests)

    @admin.display(description=gettext_lazy("retries"))
    def retries(self, row: ProviderState) -> int:
        return _seen(row).retries

    @admin.display(description=gettext_lazy("not sent"))
    def rejected(self, row: ProviderState) -> str:
        return _listed(_seen(row).rejected)

    @admin.display(description=gettext_lazy("cache"))
    def cache(self, row: ProviderState) -> str:
        figures = _seen(row).cache
        if figures.hit_ratio is None:
            return NOTHING
        percent = _("%d %% hit") % round(figures.hit_ratio * 100)
        return f"{percent}: {_listed(vars(figures))}"

    @admin.display(description=gettext_lazy("last changes"))
    def transitions(self, row: ProviderState) -> SafeString | str:
        lines = (
            (_moment(each.at), each.from_state, each.to_state, each.reason, each.actor or NOTHING)
            for each in _seen(row).transitions
        )
        return format_html_join("", "<div>{}: {} → {}, {} ({})</div>", lines) or NOTHING

    # --- What can be done ---------------------------------------------------------------------------------------
    @admin.action(
        permissions=["change"],
        description=gettext_lazy("Reset: close the breaker, end the pause, give all tokens back"),
    )
    def reset(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> HttpResponse | None:
        return self._each(request, queryset, StateStore().reset, "reset")

    @admin.action(permissions=["change"], description=gettext_lazy("Stop: send nothing until a reset (forced open)"))
    def force_open(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> HttpResponse | None:
        return self._each(request, queryset, StateStore().force_open, "forced open")

    @admin.action(permissions=["change"], description=gettext_lazy("Switch the breaker off until a reset (disabled)"))
    def disable(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> HttpResponse | None:
        return self._each(request, queryset, StateStore().disable, "switched the breaker off")

    @admin.action(permissions=["change"], description=gettext_lazy("End the pause that the provider asked for"))
    def clear_cool_down(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> HttpResponse | None:
        return self._each(request, queryset, StateStore().clear_cool_down, "cleared the cool-down")

    @admin.action(permissions=["change"], description=gettext_lazy("Purge the cache: forget kept answers"))
    def purge_cache(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> HttpResponse | None:
        answer = self._each(request, queryset, lambda key, **_who: StateStore().purge_cache(key), "purged the cache")
        sweep(now=time.time())
        return answer

    def _each(
        self, request: HttpRequest, queryset: QuerySet[ProviderState], act: Callable[..., None], done: str
    ) -> HttpResponse | None:
        for row in queryset:
            try:
                act(row.key, actor=request.user.get_username(), now=to_us(time.time()))
            except StoreUnavailable:
                messages.error(request, _("The database was busy, so %s was left as it is. Try again.") % row.key)
            else:
                self.log_change(request, row, done)
                messages.success(request, _("Done for %(key)s: %(done)s.") % {"key": row.key, "done": done})
        if "stay" in request.POST and queryset:
            return redirect("admin:gateway_providerstate_change", quote(queryset[0].pk))
        return None


@admin.register(Transition)
class TransitionAdmin(admin.ModelAdmin[Transition]):
    list_display = ["at", "key", "from_state", "to_state", "reason", "actor"]
    list_filter = ["key"]
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Transition | None = None) -> bool:
        return False


def _look(rows: Iterable[ProviderState]) -> None:
    found = list(rows)  # the list's own, which it keeps; before the overview, so that none of them is unknown to it
    seen = {each.key: each for each in overview(configured(), now=to_us(time.time()))}
    for row in found:
        vars(row)["seen"] = seen[row.key]


def _seen(row: ProviderState) -> Overview:
    found: Overview = vars(row)["seen"]
    return found


def _moment(at: dt.datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counted.items() if value) or NOTHING
