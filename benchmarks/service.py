"""`serve` with the workflows of the benchmarks: `python -m benchmarks.service`, which starts itself for each part.

Answers on PORT, or on a free port.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dietintel.settings")


def main(part: str = "") -> None:
    from django.conf import settings

    if part:
        import django
        from django.core.management import call_command

        django.setup()
        from benchmarks import workflows  # noqa: F401 (registers them)

        call_command(part)
        return
    from dietintel.serve import STOPPING_S, Child, supervise, web_command
    from tests.services import free_port

    if "PORT" not in os.environ:
        settings.PORT = free_port()
    parts = [Child(name, [sys.executable, "-m", "benchmarks.service", name]) for name in ("worker", "watch")]
    children = [Child("web", web_command()), *parts]
    sys.exit(0 if supervise(children, drain_s=settings.SHUTDOWN_TIMEOUT + STOPPING_S) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
