"""What every test may use, and which tests run where.

On SQLite        everything; with the cache in a database
On PostgreSQL    again what is marked `database`, with the cache in Redis: whatever uses the database, except browsers,
                 tests that start servers of their own (`services`), and the files in ONCE, of which only those tests
                 run again that commit, which are those with threads and processes
Marked `long`    only with --long: proofs by repetition, chaos, load, the same way through a page on further screens;
                 a short form of each is among the others. With --long Hypothesis also tries ten times as much
Under pytest-xdist, tests that share processes come first, each set in one worker; browsers come last.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import TransactionTestCase
from xdist.scheduler import LoadScopeScheduling

from dietintel.gateway.client import TOKENS
from dietintel.gateway.session import session
from dietintel.gateway.tally import TALLY
from tests import emptying, services
from tests.clock import FakeClock
from tests.leaks import Leaks
from tests.provider import FakeProvider

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
USES_DATABASE = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback", "live_server"}
# Their tests share processes that are slow to start, and are all given to the same worker of pytest-xdist for that.
SHARE_PROCESSES = {
    "tests/gateway/test_processes.py",
    "tests/test_environment.py",
    "tests/test_serve.py",
    "tests/workflows/test_processes.py",
    "tests/workflows/test_races.py",
}
STARTS_PROCESSES = {"own_service", "serve", "server", "victim"}
# Proven on SQLite, and not again on PostgreSQL unless it commits: it stores rows by services that are proven there too.
ONCE = (
    "*pages.py", "*admin.py", "test_http.py",  # what is shown, and forms
    "recognition/*.py",  # what is on a picture
    "test_failure_matrix.py", "test_fatsecret.py", "test_fdc.py", "test_online.py",  # what providers answer
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Playwright's event loop runs in the thread of the test, and Django mistakes its queries for asynchronous ones.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if IN_CI else "local")


# --- Choosing ---------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests marked long: chaos, load, browser")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        hypothesis.settings.register_profile("long", hypothesis.settings(), max_examples=1000)
        hypothesis.settings.load_profile("long")
    # pytest-playwright's own fixtures; pytest 10 will have to do without this line.
    config.addinivalue_line("filterwarnings", "ignore:.*fixtures defined as instance methods:DeprecationWarning")
    TransactionTestCase._fixture_teardown = emptying.instead_of_flush  # type: ignore[attr-defined]
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages name static files by their hash, and only `serve` collects those.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    django_settings.STORAGES = {**django_settings.STORAGES, "staticfiles": plain}
    django_settings.STATIC_ROOT.mkdir(exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if django_settings.REDIS_URL and worker:  # each process of pytest-xdist gets a Redis database of its own
        own = f"{django_settings.REDIS_URL.rpartition('/')[0]}/{int(worker.removeprefix('gw')) + 1}"
        django_settings.REDIS_URL = django_settings.CACHES["default"]["LOCATION"] = own


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark what uses the database (those tests run again on PostgreSQL) and leave out what takes long."""
    chosen_by_name = "long" in config.option.markexpr or config.getoption("--long")
    left_out = []
    for item in items:
        django_db = item.get_closest_marker("django_db")
        if django_db or USES_DATABASE & set(getattr(item, "fixturenames", ())):
            # The cache may be a second database, and every test may use it.
            wanted = {"databases": "__all__", **(django_db.kwargs if django_db else {})}
            item.add_marker(pytest.mark.django_db(*(django_db.args if django_db else ()), **wanted), append=False)
            if repeats_on_postgresql(item):
                item.add_marker("database")
        if item.get_closest_marker("long") and not chosen_by_name:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    yield
    items.sort(key=turn)  # after pytest-django, which has an order of its own


def repeats_on_postgresql(item: pytest.Item) -> bool:
    """Of a test that uses the database: whether PostgreSQL could make a difference."""
    if item.get_closest_marker("browser") or item.get_closest_marker("services"):
        return False
    marker = item.get_closest_marker("django_db")
    commits = "transactional_db" in getattr(item, "fixturenames", ()) or (marker and marker.kwargs.get("transaction"))
    return bool(commits) or not any(item.path.match(pattern) for pattern in ONCE)


def turn(item: pytest.Item) -> int:
    """The slow ones first, so that in the end no process of pytest-xdist is left alone with one of them.

    And the browser last: Playwright leaves a running event loop in its process, where views that bridge to async
    refuse to run.
    """
    if item.get_closest_marker("browser"):
        return 2
    return 0 if STARTS_PROCESSES & set(getattr(item, "fixturenames", ())) else 1


class ByProcesses(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out the files whose tests share processes, and after them test by test."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in SHARE_PROCESSES else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByProcesses:
    return ByProcesses(config, log)


def missing(reason: str) -> None:
    """Skip, where somebody works; fail, where nobody would notice."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """`services("postgres", "redis", "prometheus")`: the test starts these itself; without names the first two."""
    if marker := item.get_closest_marker("services"):
        for name in marker.args or ("postgres", "redis"):
            try:
                getattr(services, f"find_{name}")()
            except services.NotInstalled as none:
                missing(f"{name}: {none}")


# --- Fixtures ---------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_memory() -> Iterator[None]:
    """What the process remembers of providers is no business of the next test, nor of the database of this machine."""
    yield
    TALLY.forget()
    TOKENS.forget()


@pytest.fixture(scope="session")
def leaks() -> Iterator[Leaks]:
    """Searches all that is logged for what must not be."""
    started = Leaks()
    logging.getLogger().addHandler(started)
    yield started
    logging.getLogger().removeHandler(started)


@pytest.fixture(autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest, leaks: Leaks) -> Iterator[None]:
    """No test logs a secret or a diary, and no service that it starts."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder:
        leaks.look_into(folder)
    assert leaks.taken() == []


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("_django_db_helper")
        cache.clear()


@pytest.fixture
def provider(settings) -> Iterator[FakeProvider]:
    """Open Food Facts for one test; DietIntel asks it instead of the real one."""
    started = FakeProvider()
    settings.OFF_BASE_URL = started.url
    yield started
    session().close()  # its connections to this server
    started.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program of a Chromium that is installed."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        missing(f"no browser on PATH: {', '.join(BROWSERS)}")
    return str(found)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object], chromium: str) -> dict[str, object]:
    switches = [
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    return {**browser_type_launch_args, "executable_path": chromium, "args": switches}
