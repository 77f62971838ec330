"""What every test may use, and how tests are chosen."""

import logging
import os
import shutil
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache

from dietintel.gateway.client import TOKENS
from dietintel.gateway.session import session
from dietintel.gateway.tally import TALLY
from tests import services
from tests.clock import FakeClock
from tests.leaks import Leaks
from tests.provider import FakeProvider

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
USES_DATABASE = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback", "live_server"}
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
    # pytest-playwright's own fixtures; pytest 10 will have to do without this line.
    config.addinivalue_line("filterwarnings", "ignore:.*fixtures defined as instance methods:DeprecationWarning")
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages name static files by their hash, and only `serve` collects those.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    django_settings.STORAGES = {**django_settings.STORAGES, "staticfiles": plain}
    django_settings.STATIC_ROOT.mkdir(exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if django_settings.REDIS_URL and worker:  # each process of pytest-xdist gets a Redis database of its own
        own = f"{django_settings.REDIS_URL.rpartition('/')[0]}/{int(worker.removeprefix('gw')) + 1}"
        django_settings.REDIS_URL = django_settings.CACHES["default"]["LOCATION"] = own


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what uses the database (those tests run again on PostgreSQL) and leave out what takes long."""
    chosen_by_name = "long" in config.option.markexpr or config.getoption("--long")
    left_out = []
    for item in items:
        django_db = item.get_closest_marker("django_db")
        if django_db or USES_DATABASE & set(getattr(item, "fixturenames", ())):
            # The cache may be a second database, and every test may use it.
            wanted = {"databases": "__all__", **(django_db.kwargs if django_db else {})}
            item.add_marker(pytest.mark.django_db(*(django_db.args if django_db else ()), **wanted), append=False)
            if not item.get_closest_marker("browser"):
                item.add_marker("database")
        if item.get_closest_marker("long") and not chosen_by_name:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    # Last: Playwright leaves a running event loop in its process, and views that bridge to async refuse to run there.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


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
