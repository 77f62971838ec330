"""Who works on a step: a name that no other process has or will have, and whether that process still lives."""

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def this_host() -> str:
    """Name of this machine and, in eight signs, of its boot and of this container's pids.

    A name alone is not enough: containers and copied machines may share it, and their pids say nothing to each other.
    """
    marks = ""
    with suppress(OSError):
        marks = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii") + os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()[:30]}/{hashlib.blake2b(marks.encode(), digest_size=4).hexdigest()}"


def this_worker() -> str:
    """host:pid:start time. The start time, because pids are used again."""
    return f"{this_host()}:{os.getpid()}:{_started(os.getpid())}"


def lives(worker: str) -> bool:
    """Whether that worker is a process of this host. One of another host is taken to live: its lease will tell."""
    host, pid, started = worker.rsplit(":", 2)
    return host != this_host() or _started(int(pid)) == started


def _started(pid: int) -> str:
    """When a process began, in clock ticks since the machine did: field 22 of proc(5) stat. Empty where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]
