"""Real processes on the database of the test, as the web and worker processes of an installation are."""

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

PATIENCE_S = 60.0
# Each is a fork of a process that has loaded the application and done nothing: it has no connection, session or lock.
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tests.gateway.loaded", "tests.gateway.jobs"])


class Crew:
    """`size` processes that wait for something to do. Functions are passed by name, so they stand in a module."""

    def __init__(self, size: int) -> None:
        from django.conf import settings
        from django.db import connections

        self.size = size
        names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
        redis = settings.CACHES["default"]["LOCATION"] if settings.REDIS_URL else ""
        self._barrier = _forking.Barrier(size)
        self._members = []
        for _number in range(size):
            ours, theirs = _forking.Pipe()
            process = _forking.Process(target=_live, args=(theirs, self._barrier, names, redis), daemon=True)
            process.start()
            theirs.close()
            self._members.append((process, ours))
        for _process, ours in self._members:
            assert _answer(ours) == "ready"

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """All begin at the same moment; `results` waits for them."""
        for _process, ours in self._members:
            ours.send((function, args))

    def results(self) -> list[Any]:
        """What each returned. Raises AssertionError with the traceback of one that failed."""
        return [_answer(ours) for _process, ours in self._members]

    def run(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        self.start(function, *args)
        return self.results()

    def kill(self) -> None:
        """As the kernel does when memory runs out: nobody gets to tidy up."""
        for process, _ours in self._members:
            process.kill()
            process.join()

    def dismiss(self) -> None:
        for process, ours in self._members:
            ours.close()
            process.join(5)
            process.kill()
            process.join()


def _answer(ours: Connection) -> Any:
    if not ours.poll(PATIENCE_S):
        raise AssertionError("a process of the crew does not answer")
    succeeded, value = ours.recv()
    assert succeeded, value
    return value


def _live(theirs: Connection, barrier: Barrier, names: dict[str, str], redis: str) -> None:
    from django.conf import settings
    from django.db import connections

    from tests.gateway import loaded  # noqa: F401 (before anything of the application)

    from dietintel.gateway import cache  # isort: skip

    cache.PATIENCE_S = PATIENCE_S  # a machine that is busy with other tests has no broken cache
    for alias, name in names.items():
        connections[alias].settings_dict["NAME"] = name
    if redis:
        settings.CACHES["default"]["LOCATION"] = redis
        settings.CACHES["default"]["OPTIONS"]["SOCKET_TIMEOUT"] = PATIENCE_S
    theirs.send((True, "ready"))
    while True:
        try:
            function, args = theirs.recv()
        except EOFError:
            connections.close_all()
            return
        try:
            barrier.wait(PATIENCE_S)
            theirs.send((True, function(*args)))
        except BaseException:  # noqa: BLE001 -- the test is told
            theirs.send((False, traceback.format_exc()))
