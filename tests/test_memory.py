"""What the processes of the service load, before any work: each megabyte of it is there once for every process."""

import os
import subprocess
import sys

import pytest

LISTED = "; import sys; print(*sys.modules)"
BARE = f"import dietintel.serve{LISTED}"
READY = "import django; django.setup(); import "
# Without DATABASE_URL and REDIS_URL; of a package that is kept out, some of its modules.
UNUSED = {"numpy", "dietintel.urls", "redis.client", "psycopg.connection"}


def loaded(role, program, folder):
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"DJANGO_SETTINGS_MODULE": "dietintel.settings", "DATA_DIR": str(folder)}
    environment |= {"DIETINTEL_ROLE": role, "OFF_CONTACT": "a@example.org"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("role", "program", "unneeded"),
    [
        ("command", BARE, {"django.db.models", "django.urls", "dietintel.http"}),
        ("worker", f"{READY}workflows.sentinel{LISTED}", {*UNUSED, "rest_framework.serializers", "health_check"}),
        ("watch", f"{READY}monitoring.watch{LISTED}", {*UNUSED, "rest_framework.serializers"}),
        ("web", f"{READY}dietintel.urls{LISTED}", UNUSED - {"dietintel.urls"}),
    ],
)
def test_a_process_loads_nothing_large_that_it_does_not_need(role, program, unneeded, tmp_path):
    assert loaded(role, program, tmp_path) & unneeded == set()
