import pytest

from tests.gateway.conftest import _crew, crew  # noqa: F401 (fixtures)
from tests.workflows.running import Running
from tests.workflows.work import Batch, Clockwork, Meal
from workflows import registry


@pytest.fixture(autouse=True)
def _known_workflows(monkeypatch):
    monkeypatch.setattr(registry, "_WORKFLOWS", {**registry._WORKFLOWS, Meal.name: Meal, Batch.name: Batch})


@pytest.fixture
def worker():
    return Clockwork()


@pytest.fixture
def own_service(transactional_db, tmp_path):
    """Started by the test, with its options and settings."""
    started = []

    def begin(*options, **environment):
        started.append(Running(tmp_path, *options, **environment))
        return started[-1]

    yield begin
    for service in started:
        if service.process.poll() is None:
            service.kill_everything()
