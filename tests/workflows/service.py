"""A worker, or a watch, that knows the workflows of the tests: `python -m tests.workflows.service worker|watch`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")
    os.environ["DIETINTEL_ROLE"] = sys.argv[1]
    import django

    django.setup()
    from django.core.management import call_command

    from tests.workflows import work
    from workflows import registry
    from workflows.definitions import Workflow

    for workflow in vars(work).values():
        if isinstance(workflow, type) and issubclass(workflow, Workflow) and workflow is not Workflow:
            registry.register(workflow)
    call_command(sys.argv[1])


if __name__ == "__main__":
    main()
