import pytest

from tests.workflows.work import Batch, Clockwork, Meal
from workflows import registry


@pytest.fixture(autouse=True)
def _known_workflows(monkeypatch):
    monkeypatch.setattr(registry, "_WORKFLOWS", {**registry._WORKFLOWS, Meal.name: Meal, Batch.name: Batch})


@pytest.fixture
def worker():
    return Clockwork()
