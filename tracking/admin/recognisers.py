"""The operator's view of what recognition learned: versions, states and figures. What people eat is not shown."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracking.errors import DiaryError
from tracking.models import Recogniser
from tracking.recognition.personal import trusted
from tracking.services import recognisers

NOTHING = "–"


@admin.register(Recogniser)
class RecogniserAdmin(admin.ModelAdmin[Recogniser]):
    list_display = ["user", "version", "state", "right", "sure", "wrong_sure", "log_loss", "created_at"]
    list_filter = ["state", "features"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["user__username"]
    show_full_result_count = False
    empty_value_display = NOTHING
    actions = ["use_again"]
    fields = readonly_fields = (
        "user", "version", "state", "usable", "photos", "right", "sure", "wrong_sure", "log_loss", "features",
        "sha256", "training", "created_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recogniser]:
        return super().get_queryset(request).defer("weights")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Recogniser | None = None) -> bool:
        """For the action alone."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Recogniser | None = None) -> bool:
        """The person deletes what was learned of them; old versions go by themselves."""
        return False

    @admin.action(permissions=["change"], description=gettext_lazy("Use again: instead of the version in use"))
    def use_again(self, request: HttpRequest, queryset: QuerySet[Recogniser]) -> None:
        for row in queryset:
            try:
                recognisers.activate(user=row.user, version=row.version, by=request.user.get_username())
            except DiaryError as error:
                messages.warning(request, f"{row}: {error.sentence}")
            else:
                self.log_change(request, row, "taken into use again")
                messages.success(request, _("%s is in use.") % row)

    @admin.display(description=gettext_lazy("can be used"), boolean=True)
    def usable(self, row: Recogniser) -> bool:
        return trusted(row) is not None

    @admin.display(description=gettext_lazy("photos held out"))
    def photos(self, row: Recogniser) -> Any:
        return row.figures.get("photos")

    @admin.display(description=gettext_lazy("right"))
    def right(self, row: Recogniser) -> str | None:
        return _against(row, "right")

    @admin.display(description=gettext_lazy("sure and right"))
    def sure(self, row: Recogniser) -> str | None:
        return _against(row, "sure")

    @admin.display(description=gettext_lazy("sure and wrong"))
    def wrong_sure(self, row: Recogniser) -> str | None:
        return _against(row, "wrong_sure")

    @admin.display(description=gettext_lazy("log loss"))
    def log_loss(self, row: Recogniser) -> str | None:
        return _against(row, "log_loss")

    @admin.display(description=gettext_lazy("training run"))
    def training(self, row: Recogniser) -> str | None:
        if row.run_id is None:
            return None
        return format_html('<a href="{}">{}</a>', reverse("admin:workflows_run_change", args=[row.run_id]), row.run)


def _against(row: Recogniser, figure: str) -> str | None:
    """With what was in use before, on the same photos."""
    if not row.figures:
        return None
    return _("%(now)s (before %(before)s)") % {"now": row.figures[figure], "before": row.figures["before"][figure]}
