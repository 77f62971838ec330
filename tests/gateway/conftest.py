"""Processes and threads for the tests of the gateway."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from tests.gateway import jobs
from tests.gateway.crew import Crew

InThread = Callable[..., Future[Any]]


@pytest.fixture(scope="session")
def _crew(django_db_setup) -> Iterator[Crew]:
    hired = Crew(7)
    yield hired
    hired.dismiss()


@pytest.fixture
def crew(_crew: Crew, transactional_db) -> Crew:
    """Seven processes that see the rows of this test, and it theirs."""
    _crew.run(jobs.forget)
    return _crew


@pytest.fixture
def full_crew(transactional_db) -> Iterator[Crew]:
    """Eight, for the tests that take long."""
    hired = Crew(8)
    yield hired
    hired.dismiss()


@pytest.fixture
def victim(transactional_db) -> Iterator[Crew]:
    """A process to kill."""
    hired = Crew(1)
    yield hired
    hired.dismiss()


@pytest.fixture
def in_thread(transactional_db) -> Iterator[InThread]:
    """`in_thread(function, *args)`: begins at once, with connections of its own that are closed afterwards."""

    def closing(function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(32) as pool:
        yield lambda function, *args: pool.submit(closing, function, *args)
