"""What the processes of the service load, before any work: each megabyte of it is there once for every process."""

import os
import subprocess
import sys

import pytest

LISTED = "; import sys; print(*sys.modules)"
BARE = f"import dietintel.serve{LISTED}"
READY = "import django; django.setup(); import "


def loaded(role, program, folder):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "dietintel.settings", "DATA_DIR": str(folder)}
    environment |= {"DIETINTEL_ROLE": role, "OFF_CONTACT": "a@example.org"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("role", "program", "unneeded"),
    [
        ("command", BARE, {"django.db.models", "django.urls", "dietintel.http"}),
        ("worker", f"{READY}workflows.sentinel{LISTED}", {"numpy", "rest_framework.serializers", "dietintel.urls"}),
        ("watch", f"{READY}monitoring.watch{LISTED}", {"numpy", "rest_framework.serializers", "dietintel.urls"}),
        ("web", f"{READY}dietintel.urls{LISTED}", {"numpy"}),
    ],
)
def test_a_process_loads_nothing_large_that_it_does_not_need(role, program, unneeded, tmp_path):
    assert loaded(role, program, tmp_path) & unneeded == set()
