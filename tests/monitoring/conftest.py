import dataclasses
import time
from typing import Any

import pytest
from django.db import connection
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from monitoring.health.conditions import Impact
from monitoring.health.watched import Watched
from monitoring.health.watching import Watch

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    """No test reads the snapshot of another, or of a service that runs here."""
    settings.HEALTH_FILE = tmp_path / "health.json"
    settings.RESTART_WORKER_FILE = tmp_path / "restart-worker"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.UPLOAD_DIR.mkdir()


class State:
    """What a check of the tests finds: `trouble` is raised, or called. Counts how often it looked."""

    def __init__(self, trouble: Any = None) -> None:
        self.trouble = trouble
        self.looks = 0


@dataclasses.dataclass
class Patient(HealthCheck):  # type: ignore[misc]
    state: State

    def run(self):
        self.state.looks += 1
        if isinstance(self.state.trouble, Exception):
            raise self.state.trouble
        if self.state.trouble:
            self.state.trouble()


ILL = ServiceUnavailable("It does not work.")


def patient(state, name="patient", **changes):
    """What is watched, as often as rounds come."""
    given = {"impact": Impact.CRITICAL, "every_s": 0.0, "limit_s": 5.0, **changes}
    return Watched(name, given.pop("impact"), lambda: Patient(state), **given)


def rounds(watch: Watch, until, patience_s=PATIENCE_S, *, settled=True):
    """Let the watch work until something is so, and what it then has under way end."""
    ends = time.monotonic() + patience_s
    while not until():
        assert time.monotonic() < ends, "it did not happen in time"
        watch.round()
        time.sleep(0.02)
    if settled:
        settle(watch)


def settle(watch):
    """What the watch has under way ends, so that its rows are there, and nothing of it meets the next test."""
    for errand in [watch._saving, watch._sending, *watch._healing.values()]:
        if errand is not None:
            errand.join(PATIENCE_S)


def connection_parameters():
    """Of the database under test, for a connection past Django. PostgreSQL only."""
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "dbname") if name in given}
