"""What the queue runs. With `broker` and `sentinel`, the only module that knows which queue it is."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django_q.tasks import async_task


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
