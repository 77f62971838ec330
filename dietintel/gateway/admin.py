"""The operator's view of the providers: state and why, with the two actions that mend most things."""

import datetime as dt
import time

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import to_us
from dietintel.gateway.store import StateStore


@admin.register(ProviderState)
class ProviderStateAdmin(admin.ModelAdmin[ProviderState]):
    list_display = ["key", "state", "reason", "open_until_at", "cooling_until", "recent", "last_error", "last_error_on"]
    actions = ["reset", "purge_cache"]
    fields = readonly_fields = (
        "key", "state", "reason", "open_until_at", "cooling_until", "recent", "last_error", "last_error_on", "counts",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ProviderState | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProviderState | None = None) -> bool:
        """For the actions. A form would write back what it read, over what calls have changed meanwhile."""
        return obj is None and super().has_change_permission(request)

    @admin.display(description=gettext_lazy("open until"))
    def open_until_at(self, row: ProviderState) -> dt.datetime | None:
        return _future(row.open_until)

    @admin.display(description=gettext_lazy("pause until"))
    def cooling_until(self, row: ProviderState) -> dt.datetime | None:
        return _future(row.not_before)

    @admin.display(description=gettext_lazy("failed lately"))
    def recent(self, row: ProviderState) -> str:
        return _("%(failed)d of %(calls)d") % {"failed": row.history.bit_count(), "calls": row.calls}

    @admin.display(description=gettext_lazy("last error on"))
    def last_error_on(self, row: ProviderState) -> dt.datetime | None:
        return _moment(row.last_error_at)

    @admin.display(description=gettext_lazy("counted"))
    def counts(self, row: ProviderState) -> str:
        counted = Counter.objects.filter(key=row.key).order_by("event").values_list("event", "value")
        return ", ".join(f"{event} {value}" for event, value in counted) or "–"

    @admin.action(
        permissions=["change"],
        description=gettext_lazy("Reset: close the breaker, end the pause, give all tokens back"),
    )
    def reset(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> None:
        for row in queryset:
            StateStore().reset(row.key, actor=request.user.get_username(), now=to_us(time.time()))
            self.log_change(request, row, "reset")
        count = len(queryset)
        messages.success(request, ngettext("%d provider was reset.", "%d providers were reset.", count) % count)

    @admin.action(permissions=["change"], description=gettext_lazy("Purge the cache: forget kept answers"))
    def purge_cache(self, request: HttpRequest, queryset: QuerySet[ProviderState]) -> None:
        for row in queryset:
            StateStore().purge_cache(row.key)
            self.log_change(request, row, "purged the cache")
        messages.success(request, _("The kept answers are forgotten."))


@admin.register(Transition)
class TransitionAdmin(admin.ModelAdmin[Transition]):
    list_display = ["at", "key", "from_state", "to_state", "reason", "actor"]
    list_filter = ["key"]
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Transition | None = None) -> bool:
        return False


def _moment(microseconds: int) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(microseconds / 1_000_000, tz=dt.UTC) if microseconds else None


def _future(microseconds: int) -> dt.datetime | None:
    return _moment(microseconds) if microseconds > to_us(time.time()) else None
