"""A phone that loses its network in the middle of a request does not keep a web thread for good.

The web server hands over a body while it still arrives, and knows no time-out for the rest of it
(https://github.com/emmett-framework/granian/issues/728). So the kernel asks whether the other side is still there: the
connections inherit that from the socket they are accepted by (tcp(7), socket(7)).
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

# Seconds of silence before it asks, between its questions, and how many go unanswered: gone after a minute.
IDLE_S, INTERVAL_S, TIMES = 30, 10, 3
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def noticing(application: Application, port: int) -> Application:
    """`application`, whose web server's connections to `port` end by themselves when the other side is gone.

    The web server begins to listen after it has loaded the application, so this waits for the first request.
    """
    noticed = False

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        nonlocal noticed
        if not noticed:
            noticed = True
            notice(port)
        return application(environ, start_response)

    return call


def notice(port: int) -> None:
    """From now on, for what listens on `port` in this process, and for all that it accepts."""
    for bound in _bound_to(port):
        with bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL_S)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TIMES)


def _bound_to(port: int) -> Iterator[socket.socket]:
    """Duplicates, because the web server keeps its own out of sight. Linux knows where they are."""
    for entry in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # closed at this moment
            if entry.readlink().name.startswith("socket:"):
                found = socket.socket(fileno=os.dup(int(entry.name)))
                inet = found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM
                if inet and found.getsockname()[1] == port:
                    yield found
                else:
                    found.close()
