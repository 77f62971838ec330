"""The operator's view of runs and their steps: to see why something waits or failed, to stop it, to go on with it."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_q.models import Failure, OrmQ, Schedule, Success

from workflows import engine, reading
from workflows.models import Run, Step
from workflows.reading import StepShown
from workflows.states import RunState, StepState
from workflows.timeline import timeline, waiting_for

NOTHING = "–"
MOST_AT_ONCE = 500  # runs that one press tries again; each is a transaction
NEED_ATTENTION = (StepState.READY, StepState.RUNNING, StepState.FAILED)

# The queue's own pages are taken away: its schedules would run any function that is typed into a form.
for model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class _ReadOnly:
    """Rows that only the engine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _Runs(ChangeList):
    """The list, with what each of its runs is at, looked up for all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        runs = list(self.result_list)  # the list's own, which it keeps
        at = waiting_for(runs, now=timezone.now())
        for run in runs:
            vars(run)["at"] = at.get(run.pk, "")


@admin.register(Run)
class RunAdmin(_ReadOnly, admin.ModelAdmin[Run]):
    change_list_template = "admin/fresh_list.html"
    list_display = ["short", "workflow", "how", "why", "user", "began", "took"]
    list_filter = ["state", "workflow", "degraded", "priority"]
    list_select_related = ["user"]
    list_per_page = 50
    date_hierarchy = "created_at"
    search_fields = ["uuid"]
    search_help_text = gettext_lazy("The id of a run, or its beginning")
    show_full_result_count = False
    empty_value_display = NOTHING
    actions = ["cancel", "retry", "retry_kind"]
    fields = readonly_fields = (
        "uuid", "workflow", "version", "how", "why", "user", "priority", "created_at", "started_at",
        "finished_at", "took", "deadline_at", "cancelled_by", "key", "request_id",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        """For the actions. A form would write back what it read, over what the engine has written meanwhile."""
        return obj is None and super().has_change_permission(request)

    # --- What is shown ------------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _Runs

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(pk__in=Run.objects.beginning_with(search_term).values("pk")), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        more = {
            "timeline": timeline(run, now=timezone.now()) if run and self.has_view_permission(request, run) else None,
            "may_act": self.has_change_permission(request),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @admin.display(description=gettext_lazy("id"), ordering="-created_at")
    def short(self, run: Run) -> str:
        return str(run.uuid)[:8]

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def how(self, run: Run) -> str:
        state = str(run.get_state_display())
        return _("%s, degraded") % state if run.degraded else state

    @admin.display(description=gettext_lazy("began"), ordering="started_at")
    def began(self, run: Run) -> str:
        return _short(run.started_at) if run.started_at else NOTHING

    @admin.display(description=gettext_lazy("took"))
    def took(self, run: Run) -> str:
        if run.started_at is None:
            return NOTHING
        if run.finished_at is None:
            return _("%s so far") % _seconds(timezone.now() - run.started_at)
        return _seconds(run.finished_at - run.started_at)

    @admin.display(description=gettext_lazy("why"))
    def why(self, run: Run) -> str:
        by = _("by %s") % run.cancelled_by if run.cancelled_by else ""
        return run.error or "; ".join(run.doubts) or by or vars(run).get("at", "") or NOTHING

    # --- What can be done ---------------------------------------------------------------------------------------
    @admin.action(permissions=["change"], description=gettext_lazy("Cancel: nothing new begins, what runs is stopped"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        return self._each(request, queryset, engine.cancel, "cancelled")

    @admin.action(permissions=["change"], description=gettext_lazy("Retry: go on from where it broke"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        return self._each(request, queryset, engine.retry, "retried")

    @admin.action(
        permissions=["change"], description=gettext_lazy("Retry all failed runs of the same workflow as those chosen")
    )
    def retry_kind(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        kinds = set(queryset.order_by().values_list("workflow", flat=True))
        failed = Run.objects.filter(workflow__in=kinds, state=RunState.FAILED).order_by("-created_at")
        return self._each(request, failed[:MOST_AT_ONCE], engine.retry, "retried")

    def _each(
        self, request: HttpRequest, runs: Iterable[Run], act: Callable[..., Run], done: str
    ) -> HttpResponse | None:
        acted = []
        for run in runs:
            try:
                acted.append(act(run, by=request.user.get_username(), now=timezone.now()))
            except engine.WorkflowError as error:
                messages.warning(request, f"{run}: {error.sentence}")
            else:
                self.log_change(request, run, done)
        if acted:
            said = ngettext("%(n)d run was %(done)s.", "%(n)d runs were %(done)s.", len(acted))
            messages.success(request, said % {"n": len(acted), "done": done})
        if "stay" in request.POST and acted:
            return redirect("admin:workflows_run_change", acted[0].pk)
        return None


class StateFilter(admin.SimpleListFilter):
    """What may need somebody's attention, unless something else is asked for."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*StepState.choices, ("all", gettext_lazy("All"))]

    def choices(self, changelist: Any) -> Any:
        """Instead of "All": what is shown when nothing was chosen."""
        found = list(super().choices(changelist))
        found[0]["display"] = _("ready, running, failed")
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Step]) -> QuerySet[Step]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state__in=[self.value()] if self.value() else NEED_ATTENTION)


class _Tasks(ChangeList):
    """The list, with the reason of each of its steps, looked up for all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        steps = list(self.result_list)  # the list's own, which it keeps
        for shown in reading.steps_shown(steps, now=timezone.now()):
            vars(shown.step)["shown"] = shown


@admin.register(Step)
class StepAdmin(_ReadOnly, admin.ModelAdmin[Step]):
    """To look at; what can be done is done to the run."""

    change_list_template = "admin/fresh_list.html"
    list_display = ["task", "workflow", "lane", "shown_state", "reason", "tries", "due", "worker"]
    list_display_links = None
    list_filter = [StateFilter, "run__priority", "run__workflow"]
    list_select_related = ["run"]
    list_per_page = 50
    show_full_result_count = False
    ordering = ["run__priority", "not_before", "-pk"]
    empty_value_display = NOTHING

    def has_change_permission(self, request: HttpRequest, obj: Step | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Step]:
        return super().get_queryset(request).defer("item", "output", "once", "run__input", "run__result")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _Tasks

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A step is shown where it belongs: in its run."""
        step = self.get_object(request, object_id)
        if step is None:
            return super().change_view(request, object_id, form_url, extra_context)
        return HttpResponseRedirect(_page_of(step))

    @admin.display(description=gettext_lazy("task"))
    def task(self, step: Step) -> SafeString:
        return format_html('<a href="{}">{}</a>', _page_of(step), _seen(step).label)

    @admin.display(description=gettext_lazy("workflow"), ordering="run__workflow")
    def workflow(self, step: Step) -> str:
        return step.run.workflow

    @admin.display(description=gettext_lazy("lane"), ordering="run__priority")
    def lane(self, step: Step) -> str:
        return str(step.run.get_priority_display())

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, step: Step) -> str:
        return str(_seen(step).state.label)

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, step: Step) -> str:
        return _seen(step).reason or NOTHING

    @admin.display(description=gettext_lazy("due"), ordering="not_before")
    def due(self, step: Step) -> str:
        return _short(step.not_before) if step.not_before else NOTHING

    @admin.display(description=gettext_lazy("tries"))
    def tries(self, step: Step) -> str:
        return _("%(begun)d/%(most)d") % {"begun": len(_seen(step).attempts), "most": _seen(step).plan.attempts}


def _seen(step: Step) -> StepShown:
    found: StepShown = vars(step)["shown"]
    return found


def _page_of(step: Step) -> str:
    return f"{reverse('admin:workflows_run_change', args=[step.run_id])}#step-{step.pk}"


def _short(at: dt.datetime) -> str:
    return date_format(timezone.localtime(at), "j M H:i:s")


def _seconds(took: dt.timedelta) -> str:
    seconds = took.total_seconds()
    if seconds < 60:
        return _("%.1f s") % seconds
    minutes, rest = divmod(round(seconds), 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
