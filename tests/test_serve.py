"""`manage.py serve` from outside: real processes on a free port, with a data folder of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
import requests

from dietintel.lost_connections import notice
from dietintel.serve import refusal_to_listen, web_command
from tests.services import free_port

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
PATIENCE_S = 90.0  # for a machine that is busy with other tests; the limits that matter are asserted apart


class Service:
    """A running `serve`."""

    start_s = 0.0  # until it answered

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.port = int(environment.get("PORT", free_port()))
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve", *options],
                env={**environment, "PORT": str(self.port)},
                stdout=said,
                stderr=said,
                cwd=folder,  # it works from any folder
            )

    def answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/api/v1/monitoring/ping", timeout=5).ok
        except requests.ConnectionError:
            return False

    def child(self, word: str) -> psutil.Process | None:
        """The process that the service started itself and whose command has `word`."""
        children = psutil.Process(self.process.pid).children()
        return next((child for child in children if word in " ".join(_command(child))), None)

    def processes(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def settled(self) -> list[psutil.Process]:
        """All its processes, once no more are being started."""
        found: list[psutil.Process] = []
        while not self.child("manage.py worker") or found != (found := self.processes()):
            time.sleep(1)
        return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def wait_until(condition: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    ends = time.monotonic() + patience_s
    while not (result := condition()):
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)
    return result


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An installation of its own, migrated, on SQLite."""
    own = {"DATA_DIR": str(tmp_path_factory.mktemp("data")), "LOG_FORMAT": "text", "OFF_CONTACT": "a@example.org"}
    inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "PORT"}}
    migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--noinput", "-v0", "--skip-checks"]
    subprocess.run(migrate, env={**inherited, **own}, check=True, timeout=120)
    return {**inherited, **own}


def end(service: Service) -> None:
    """Kill whatever is left of it."""
    left = service.processes() if service.process.poll() is None else []
    service.process.kill()
    service.process.wait()
    for process in left:
        if process.is_running():
            process.kill()


@pytest.fixture
def serve(tmp_path, environment):
    """Start a service; whatever is left of it at the end is killed."""
    started: list[Service] = []

    def start(*options: str, **settings: str) -> Service:
        started.append(Service(tmp_path, *options, **{**environment, **settings}))
        return started[-1]

    yield start
    for service in started:
        end(service)


@pytest.fixture(scope="module")
def _services():
    started: list[Service] = []
    yield started
    for service in started:
        end(service)


@pytest.fixture
def service(_services, environment, tmp_path):
    """A service that answers: that of the test before, or a new one if that was ended."""
    if not _services or _services[-1].process.poll() is not None:
        began = time.monotonic()
        _services.append(Service(tmp_path, **environment))
        wait_until(_services[-1].answers)
        _services[-1].start_s = time.monotonic() - began
    wait_until(_services[-1].answers)
    return _services[-1]


def test_killed_web_server_is_back_and_the_worker_did_not_notice(service):
    worker = wait_until(lambda: service.child("manage.py worker"))
    web = wait_until(lambda: service.child("granian"))
    workers_of_web = web.children()

    web.kill()
    wait_until(lambda: not web.is_running())
    began = time.monotonic()
    wait_until(service.answers)

    assert time.monotonic() - began < max(5, service.start_s)  # on a busy machine all together took longer
    assert service.child("granian") not in {web, None}
    assert service.child("manage.py worker") == worker
    assert alive(workers_of_web) == []
    assert re.search(r"web ended \(exit code -9\); next start in 1 s", service.said.read_text())


def test_service_answers_says_where_and_leaves_nothing_behind_when_stopped(service):
    everything = service.settled()
    assert service.child("granian")
    assert service.child("manage.py worker")
    wait_until(lambda: b"Ctrl-C" in service.said.read_bytes())

    began = time.monotonic()
    service.process.terminate()
    code = service.process.wait(PATIENCE_S)

    assert code == 0, service.said.read_text()
    assert time.monotonic() - began < 10
    assert alive(everything) == []
    assert f"DietIntel is at http://127.0.0.1:{service.port} (Ctrl-C stops it)" in service.said.read_text()


def test_children_stop_when_the_service_itself_is_killed(service):
    everything = service.settled()

    service.process.kill()

    wait_until(lambda: alive(everything) == [])


def test_one_part_alone_runs_where_the_other_is_elsewhere(serve):
    web = serve("--only", "web")

    wait_until(web.answers)

    assert web.child("manage.py worker") is None
    web.process.send_signal(signal.SIGINT)
    assert web.process.wait(PATIENCE_S) == 0, web.said.read_text()


def test_taken_port_is_one_sentence_and_no_attempt(serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        service = serve(PORT=str(port))
        code = service.process.wait(PATIENCE_S)

    assert code == 1
    assert service.said.read_text() == (
        f"DietIntel cannot start. Port {port} on 127.0.0.1 is taken by another program;"
        " the settings HOST and PORT choose another.\n"
    )


@pytest.mark.long
def test_several_web_processes_tell_of_all_of_them_and_of_those_that_died(serve):
    service = serve("--only", "web", WEB_WORKERS="2")
    wait_until(service.answers)
    web = wait_until(lambda: service.child("granian"))
    address = f"http://127.0.0.1:{service.port}"

    def counted() -> list[str]:
        text = requests.get(f"{address}/metrics", timeout=5).text
        return re.findall(r'dietintel_http_requests_total{.*route="login/".*} (.*)', text)

    for _request in range(30):
        requests.get(f"{address}/login/", timeout=5)
    victim = max(web.children(), key=lambda process: process.pid)
    victim.kill()
    wait_until(lambda: victim not in web.children() and len(web.children()) >= 2)
    wait_until(service.answers)

    assert [counted() for _ask in range(6)] == [["30.0"]] * 6
    service.process.terminate()  # it clears up after itself
    assert service.process.wait(PATIENCE_S) == 0, service.said.read_text()


# --- What it is told to listen on -------------------------------------------------------------------------------
@pytest.mark.parametrize(("host", "digits"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::", "::")])
def test_web_server_is_given_its_address_in_digits(settings, host, digits):
    settings.HOST, settings.DEBUG = host, False

    command = web_command()

    assert command[command.index("--host") + 1] == digits


def test_certificate_that_is_none_is_one_sentence(settings, tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n")
    settings.HOST, settings.PORT = "127.0.0.1", 0
    settings.TLS_CERT, settings.TLS_KEY = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")

    refusal = refusal_to_listen()

    assert str(refusal).startswith("TLS_CERT and TLS_KEY cannot be used")


def test_connections_that_are_accepted_notice_when_the_other_side_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        notice(server.getsockname()[1])

        kept = []
        for each in (server, other):
            with socket.create_connection(each.getsockname()), each.accept()[0] as accepted:
                kept.append(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    assert kept == [1, 0]
