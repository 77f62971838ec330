"""What the queue calls, by these names. Changing a name strands the messages that are under way."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

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
        if Run.objects.filter(workflow=name, key=key).exists():
            return "started before"
        return str(engine.start(registry.workflow_called(name), key=key, now=timezone.now()).uuid)


def enqueue(function: Callable[..., object], *arguments: int | str, once_within_s: int = 0) -> bool:
    """Have the worker call `function`, found by its name, with ids or words as arguments. It must be safe to repeat.

    `once_within_s`: do nothing (and return False) where the same was enqueued less than so many seconds ago.
    """
    path = f"{function.__module__}.{function.__qualname__}"
    if once_within_s and cache.add(f"enqueued:{path}:{arguments}", True, once_within_s) is False:
        return False
    options: dict[str, Any] = {"task_name": f"{function.__qualname__} {arguments}"[:100]}
    async_task(path, *arguments, **options)
    return True
