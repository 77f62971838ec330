"""Web, worker and watch as one service: starts them, starts them again when they die, stops them without losing work.

Knows processes and signals only; it touches neither the database nor the apps. The `serve` command, which has loaded
them, becomes this module when it has checked all: `python -m dietintel.serve` takes a sixth of its memory, as long as
nothing is imported here that loads Django's models.
"""

import ctypes
import errno
import logging.config
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from django.conf import settings

from dietintel import restarts

log = logging.getLogger(__name__)

STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
HURRY = {signal.SIGTERM, signal.SIGINT}  # a closing terminal says SIGHUP more than once
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 30.0  # a child that lived this long starts with the shortest pause again
STOPPING_S = 8  # beyond SHUTDOWN_TIMEOUT: for writing down what was interrupted, and going
WEB_DRAIN_S = 10  # requests are short; what runs longer than this is not worth waiting for
RESTART_GRACE_S = 5  # for what is asked to start again: it is asked because something in it is stuck
# glibc keeps memory apart for each thread, which Python's threads, one at a time, have nothing from: mallopt(3).
THRIFT = {"MALLOC_ARENA_MAX": "1"}
PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


def web_command() -> list[str]:
    """The web server; with DEBUG Django's own, which loads changed code again."""
    if settings.DEBUG:
        host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
        return [sys.executable, str(settings.BASE_DIR / "manage.py"), "runserver", f"{host}:{settings.PORT}"]
    options = {
        "interface": "wsgi",
        "http": "1",  # over HTTP/2 a body without a declared length would reach WSGI as an empty one
        "host": address_to_listen_on()[1],
        "port": settings.PORT,
        "workers": settings.WEB_WORKERS,
        "blocking-threads": settings.WEB_THREADS,
        "workers-kill-timeout": min(WEB_DRAIN_S, settings.SHUTDOWN_TIMEOUT),
        "respawn-interval": 1.0,
        "log-level": "warning",
    }
    if settings.TLS_CERT:
        options |= {"ssl-certificate": settings.TLS_CERT, "ssl-keyfile": settings.TLS_KEY}
    pairs = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    flags = ["--respawn-failed-workers", "--no-ws"]
    return [sys.executable, "-m", "granian", *pairs, *flags, "dietintel.wsgi:application"]


def command_of(name: str) -> list[str]:
    """A management command as a process of its own."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), name]


def address_to_listen_on() -> tuple[socket.AddressFamily, str]:
    """HOST in digits, as the web server wants it; of a name with both kinds, IPv4. Raises OSError where it has none."""
    found = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, str(address[0])


def refusal_to_listen() -> str | None:
    """Why the web server could not listen on HOST and PORT, as a sentence; None when it could."""
    try:
        family, address = address_to_listen_on()
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, settings.PORT))
            probe.listen()
    except OSError as error:
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        return f"Port {settings.PORT} on {settings.HOST} {why}; the settings HOST and PORT choose another."
    return _refusal_of_certificate()


def _refusal_of_certificate() -> str | None:
    if not settings.TLS_CERT:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.TLS_CERT, settings.TLS_KEY)
    except OSError:  # of which SSLError is one
        return "TLS_CERT and TLS_KEY cannot be used: they are no certificate and the key that belongs to it."
    return None


def host_from_here() -> str:
    """HOST as this machine reaches it: a server that listens everywhere is called by its loopback address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)


def web_is_up() -> bool:
    """Whether something accepts connections where the web server should."""
    with suppress(OSError), socket.create_connection((host_from_here(), settings.PORT), timeout=0.2):
        return True
    return False


def _prepare_child() -> None:
    """Between fork and exec: the child stops when the supervisor dies, and hears signals again."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


@dataclass
class Child:
    """One process and what it forks. `role` is its DIETINTEL_ROLE; who writes the file `request` has it restarted."""

    role: str
    command: list[str]
    request: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = 1.0
    kill_at: float | None = None  # while it is being restarted: how long it may take to end

    def start(self, now: float) -> None:
        self.kill_at = None
        if self.request:
            self.request.unlink(missing_ok=True)  # whatever was asked for, this is a new process
        path = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            self.command,
            env={**THRIFT, **os.environ, "DIETINTEL_ROLE": self.role, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, and killpg all that the child left
            preexec_fn=_prepare_child,
        )
        self.started_at = now

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 0 if it is not to run now."""
        return self.process.poll() if self.process else 0

    def keep_alive(self, now: float) -> None:
        """Start it when it is due; clear up after it and set the time of the next start when it has died."""
        if self.process is None:
            if now >= self.start_at:
                self.start(now)
        elif self.exit_code is not None:
            self.kill_group()
            if now - self.started_at >= STEADY_AFTER_S:
                self.pause_s = 1.0
            pause_s = 0.0 if self.kill_at is not None else self.pause_s
            log.error("%s ended (exit code %s); next start in %g s", self.role, self.exit_code, pause_s)
            restarts.count(self.role, self.exit_code)
            self.process, self.start_at = None, now + pause_s
            if self.kill_at is None:
                self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)

    def restart_if_asked(self, now: float) -> None:
        if self.process is None or self.request is None:
            return
        if self.kill_at is None and self.request.exists():
            log.warning("%s is restarted, as was asked for", self.role)
            self.request.unlink(missing_ok=True)
            self.ask_to_stop()
            self.kill_at = now + RESTART_GRACE_S
        elif self.kill_at is not None and now >= self.kill_at:
            self.kill_group()

    def ask_to_stop(self) -> None:
        """SIGTERM to the process itself, never to its group: its own children must hear of it in the right order."""
        if self.process and self.exit_code is None:
            self.process.terminate()

    def kill_group(self) -> None:
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def supervise(children: Sequence[Child], *, drain_s: float, each_round: Callable[[], None] = lambda: None) -> bool:
    """Run `children` until a signal says stop, then give them `drain_s` seconds. True when all ended by themselves.

    A second SIGTERM or SIGINT ends the waiting.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {signal.SIGCHLD})
    while _next_signal() not in STOP:
        for child in children:
            child.restart_if_asked(time.monotonic())
            child.keep_alive(time.monotonic())
        each_round()
    for child in children:
        child.ask_to_stop()
    ends = time.monotonic() + drain_s
    while any(child.exit_code is None for child in children) and time.monotonic() < ends:
        if _next_signal() in HURRY:
            break
    codes = [child.exit_code for child in children]
    for child in children:
        child.kill_group()
    return all(code in {0, -signal.SIGTERM} for code in codes)  # -SIGTERM: it had not yet begun to listen for signals


def _next_signal() -> int | None:
    """The next of the blocked signals, a child's death included; None after a moment without one."""
    heard = signal.sigtimedwait(STOP | {signal.SIGCHLD}, 0.2)
    return heard.si_signo if heard else None


def parts(only: str | None) -> list[Child]:
    """What runs: all three, or one of them."""
    asked = {"worker": settings.RESTART_WORKER_FILE}
    roles = [only] if only else ["web", "worker", "watch"]
    return [
        Child(role, web_command() if role == "web" else command_of(role), request=asked.get(role)) for role in roles
    ]


def tell_systemd(state: str) -> None:
    """sd_notify(3): says how the service is, where systemd started it with Type=notify; nothing elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.connect("\0" + address[1:] if address.startswith("@") else address)
        systemd.sendall(state.encode())


def announcer(only: str | None) -> Callable[[], None]:
    """Says once where DietIntel is, as soon as it answers there."""
    said = False
    host = f"[{host_from_here()}]" if ":" in host_from_here() else host_from_here()
    address = f"{'https' if settings.TLS_CERT else 'http'}://{host}:{settings.PORT}"

    def announce() -> None:
        nonlocal said
        if said or (only in {None, "web"} and not web_is_up()):
            return
        said = True
        tell_systemd("READY=1")
        what = f"DietIntel's {only} runs" if only in {"worker", "watch"} else f"DietIntel is at {address}"
        sys.stdout.write(f"{what} (Ctrl-C stops it)\n")
        sys.stdout.flush()

    return announce


def become_supervisor(only: str | None) -> NoReturn:
    """This process goes on as the supervisor, and forgets all that it loaded."""
    path = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
    arguments = [sys.executable, "-m", "dietintel.serve", *([only] if only else [])]
    os.execve(sys.executable, arguments, {**os.environ, "PYTHONPATH": path})


def main(only: str | None = None) -> NoReturn:
    logging.config.dictConfig(settings.LOGGING)
    clean = supervise(parts(only), drain_s=settings.SHUTDOWN_TIMEOUT + STOPPING_S, each_round=announcer(only))
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
