"""The service, as `serve` runs it, on the database of the tests and with their workflows.

    python -m tests.workflows.service serve [web]     worker and watch, and the web server, under the supervisor
    python -m tests.workflows.service worker          what `manage.py worker` does

TEST_DATABASES names the databases, as JSON by alias; without it they are those of the settings.
"""

import json
import os
import sys
from inspect import isclass


def main(part: str, *options: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")
    if part == "serve":
        serve(with_web="web" in options)
    import django
    from django.conf import settings

    for alias, name in json.loads(os.environ.get("TEST_DATABASES", "{}")).items():
        settings.DATABASES[alias]["NAME"] = name
    django.setup()
    from django.core.management import call_command

    from tests.workflows import deeds, work
    from workflows import registry
    from workflows.definitions import Workflow

    for workflow in [*vars(work).values(), *vars(deeds).values()]:
        if isclass(workflow) and issubclass(workflow, Workflow) and workflow is not Workflow:
            registry.register(workflow)
    call_command(part)


def serve(*, with_web: bool) -> None:
    from django.conf import settings

    from dietintel.serve import STOPPING_S, Child, supervise, web_command

    def part(name: str) -> list[str]:
        return [sys.executable, "-m", "tests.workflows.service", name]

    children = [Child("worker", part("worker"), request=settings.RESTART_WORKER_FILE), Child("watch", part("watch"))]
    if with_web:
        children.append(Child("web", [arg.replace("dietintel.wsgi", "tests.workflows.web") for arg in web_command()]))
    sys.exit(0 if supervise(children, drain_s=settings.SHUTDOWN_TIMEOUT + STOPPING_S) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
