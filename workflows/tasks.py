"""What the queue calls, by these names. Changing a name strands the messages that are under way."""

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from workflows import engine, registry
from workflows.execution import work_on
from workflows.models import Run


def execute(step_id: int) -> str:
    """Work on a step that a message named."""
    return work_on(step_id)


def start_scheduled(name: str, slot: str) -> str:
    """Start a workflow for one slot of its schedule, `slot` being its time: however often it is called, once."""
    key = f"slot {slot}"
    with transaction.atomic():
        list(Schedule.objects.select_for_update().filter(name=name))  # one at a time, also where it is delivered twice
        if Run.objects.filter(workflow=name, key=key).exists():
            return "started before"
        return str(engine.start(registry.workflow_called(name), key=key, now=timezone.now()).uuid)
