"""What the benchmarks share: a database, the web server, a provider, a cheap crowd of clients, a table of figures."""

import argparse
import json
import multiprocessing
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from tests import services
from tests.provider import FakeProvider

BARCODE = "3017624010701"
PATIENCE_S = 20.0

Row = dict[str, str | float]  # of a table, by the names of its columns


# --- Options and figures ----------------------------------------------------------------------------------------
def options(description: str | None, *, seconds: float, rounds: int) -> argparse.ArgumentParser:
    """Those that every benchmark has; the defaults take about a minute."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="store_true", help="on a private PostgreSQL (see tests/services.py)")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"of each measurement (default {seconds:g})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"of all measurements (default {rounds})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def report(*tables: Sequence[Row], as_json: bool) -> None:
    """Print tables; the rows of one have the same columns."""
    if as_json:
        sys.stdout.write(json.dumps(tables, indent=1) + "\n")
        return
    for rows in tables:
        lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
        first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
        for line in lines:
            cells = [f"{cell:>{width}}" for cell, width in zip(line[1:], others, strict=True)]
            sys.stdout.write("  ".join([line[0].ljust(first), *cells]) + "\n")


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def percentile(values: Iterable[float], percent: float) -> float:
    """The least value that `percent` of the values do not exceed."""
    in_order = sorted(values)
    return in_order[min(len(in_order) - 1, int(len(in_order) * percent / 100))]


# --- What runs --------------------------------------------------------------------------------------------------
@contextmanager
def installation(*, postgres: bool, **environment: str) -> Iterator[None]:
    """A migrated, otherwise empty database, in a temporary folder unless DATABASE_URL says where; Django is ready.

    `environment` is set before the settings are read.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (Path(folder) / "static").mkdir()
        if postgres:
            os.environ["DATABASE_URL"] = stack.enter_context(services.postgres())
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings", **environment}
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


@contextmanager
def web_server() -> Iterator[int]:
    """The web server as `serve` starts it; its port. Within `installation`."""
    from django.conf import settings

    from dietintel.serve import web_command

    settings.PORT = services.free_port()
    root = Path(__file__).parents[1]
    server = subprocess.Popen(web_command(), cwd=root, env={**os.environ, "DIETINTEL_ROLE": "web"})
    try:
        ends = time.monotonic() + PATIENCE_S
        while not _listens(settings.PORT):
            if server.poll() is not None or time.monotonic() > ends:
                raise SystemExit("the web server did not start")
            time.sleep(0.1)
        yield settings.PORT
    finally:
        server.terminate()
        server.wait()


@contextmanager
def whole_service(**environment: str) -> Iterator["Service"]:
    """Web, worker and watch as `serve` starts them, with the workflows of the benchmarks. Within `installation`."""
    port = services.free_port()
    root = Path(__file__).parents[1]
    started = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.service"],
        cwd=root,
        env={**os.environ, "PORT": str(port), "LOG_LEVEL": "WARNING", **environment},
    )
    service = Service(port, started)
    try:
        ends = time.monotonic() + 2 * PATIENCE_S
        while not _listens(port) or not service.workers():
            if started.poll() is not None or time.monotonic() > ends:
                raise SystemExit("the service did not start")
            time.sleep(0.1)
        yield service
    finally:
        started.terminate()
        started.wait()


@dataclass(frozen=True)
class Service:
    """A running `serve`."""

    port: int
    process: "subprocess.Popen[bytes]"

    def processes(self) -> list[psutil.Process]:
        """All of them, the supervisor first."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The worker processes and the one that hands them messages; empty while they are being started."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if child.cmdline()[-1] == "worker":
                    return child.children()
        return []

    def memory_mib(self) -> float:
        """Proportional set size of all: what each has alone, and its share of what several have."""
        total = 0
        for process in self.processes():
            with suppress(psutil.Error):  # it ended this moment
                total += process.memory_full_info().pss
        return total / 2**20


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def provider(*, delay_s: float = 0) -> Iterator[str]:
    """The address of a fake provider in a process of its own, which sends `{"name": "x"}` after `delay_s`."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_provide, args=(theirs, delay_s), daemon=True)
    process.start()
    try:
        if not ours.poll(PATIENCE_S):
            raise SystemExit("the fake provider did not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _provide(theirs: Connection, delay_s: float) -> None:
    fake = FakeProvider()
    fake.answers({"name": "x"})
    fake.delays(delay_s)
    theirs.send(fake.url)
    while True:
        time.sleep(60)


def known_food() -> int:
    """Keep a food as Open Food Facts gives it, under BARCODE; its primary key."""
    from django.utils import timezone

    from products import starter
    from products.lookup import keep
    from products.models import Product
    from products.nutrients import Nutrients
    from products.providers.base import ProductData, Serving

    starter.load()
    template = Product.objects.exclude(servings=[]).order_by("pk")[0]
    said = ProductData(
        BARCODE,
        name="Nut spread",
        brand="Nutty",
        per_100=Nutrients(dict(template.per_100)),
        servings=(Serving.of(template.servings[0]),),
        nutriscore="e",
        allergens=("en:nuts",),
    )
    return keep(said, source="openfoodfacts", now=timezone.now()).pk


def new_token(name: str) -> str:
    """For a person of that name, who is made where there is none."""
    from dietintel.accounts.models import Token, User

    user, _new = User.objects.get_or_create(username=name)
    _token, secret = Token.objects.issue(user=user, name="benchmark")
    return secret


# --- Clients ----------------------------------------------------------------------------------------------------
Ask = Callable[[], str]  # the path of the next request


@dataclass
class Client:
    """A program that asks for `path()`, waits for the answer, asks again after `pause_s`; what it was answered."""

    path: Ask
    token: str
    pause_s: float = 0
    latencies_s: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    asked: int = 0
    connection: socket.socket = field(init=False)
    _sent_at: float = 0
    _received: bytes = b""

    def ask(self) -> None:
        self._sent_at, self._received = time.perf_counter(), b""
        self.asked += 1
        request = f"GET {self.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        self.connection.sendall(request.encode())

    def has_answer(self) -> bool:
        """Take what has arrived; whether the answer is whole."""
        piece = self.connection.recv(65_536)
        if not piece:
            raise SystemExit("the web server hung up")
        self._received += piece
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap or len(body) < int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]):
            return False
        self.latencies_s.append(time.perf_counter() - self._sent_at)
        self.statuses.append(int(head[9:12]))
        return True


@dataclass(frozen=True)
class Ran:
    """How a crowd did: for how long, and the seconds of a core that it took, and that the servers took."""

    seconds: float
    own_cpu_s: float
    servers_cpu_s: float
    answers: int

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


def run(port: int, clients: Sequence[Client], seconds: float) -> Ran:
    """Let all clients ask at once, each over a connection of its own that is kept.

    One thread drives them all: processes of their own would take the cores from the server that is measured.
    """
    waiting: list[tuple[float, Client]] = []
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        servers, own, began = _servers_cpu_s(), _cpu_s(), time.perf_counter()
        for client in clients:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(connection, selectors.EVENT_READ, client)
            client.connection = connection
            client.ask()
        while (now := time.perf_counter()) < began + seconds:
            for due in [each for each in waiting if each[0] <= now]:
                waiting.remove(due)
                due[1].ask()
            for key, _events in ready.select(timeout=0.02):
                asking: Client = key.data
                if not asking.has_answer():
                    continue
                if asking.pause_s:
                    waiting.append((time.perf_counter() + asking.pause_s, asking))
                else:
                    asking.ask()
        took = time.perf_counter() - began
        return Ran(took, _cpu_s() - own, _servers_cpu_s() - servers, sum(len(client.latencies_s) for client in clients))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _servers_cpu_s() -> float:
    """Of all processes that this one started, and those that they did: the web server, and PostgreSQL if it is ours."""
    parents, used = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended this moment
            fields = file.read_text().rpartition(")")[2].split()
            parents[int(file.parent.name)] = int(fields[1])
            used[int(file.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours, generation = 0.0, {os.getpid()}
    while generation := {pid for pid, parent in parents.items() if parent in generation}:
        ours += sum(used[pid] for pid in generation)
    return ours


def all_ok(clients: Iterable[Client]) -> None:
    """Raises where a client was answered anything but 200: the figures would be of something else."""
    others: set[Any] = {status for client in clients for status in client.statuses} - {200}
    if others:
        raise SystemExit(f"answered {sorted(others)}")
