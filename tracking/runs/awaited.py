"""Foods that an import named and this server lacked: by and by somebody looks them up here."""

import datetime as dt

from django.utils.translation import gettext_lazy as _

from tracking.services.awaited import attach
from workflows.definitions import Workflow, step
from workflows.execution import Context
from workflows.registry import register
from workflows.states import Priority


@register
class AttachAwaited(Workflow):
    """Diaries, recipes, favourites and corrections get the foods that came to be known since."""

    name = "attach_awaited"
    label = _("Finding the foods of imported diaries")
    priority = Priority.LOW
    every = dt.timedelta(hours=1)

    @step(timeout=60)
    def attach(self, ctx: Context) -> int:
        return attach()
