"""How much memory is used of what there is: the machine's, or that of the control groups that hold the service."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# Of version 2, and of version 1: what is used, what is allowed, and of what is used the files that can be dropped.
FILES = {
    "": ("memory.current", "memory.max", "inactive_file"),
    "memory": ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
}


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.used / self.limit if self.limit else 0.0


def seen(*, cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> Memory:
    """Of the machine or of a control group, whichever is fuller."""
    machine = psutil.virtual_memory()
    whole = Memory(machine.total - machine.available, machine.total)
    return max([whole, *_groups(cgroups, membership)], key=lambda memory: memory.share)


def _groups(cgroups: Path, membership: Path) -> Iterator[Memory]:
    """Those that name a limit: the one that this process is in, and those around it, whose limits count as well.

    See https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html beside it.
    """
    for controller, folder in _folders(cgroups, membership):
        used_file, limit_file, droppable = FILES[controller]
        try:
            used = int((folder / used_file).read_text())
            limit = int((folder / limit_file).read_text())  # "max": no limit, and no number
            lines = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        yield Memory(used - min(used, int(lines.get(droppable, 0))), limit)


def _folders(cgroups: Path, membership: Path) -> Iterator[tuple[str, Path]]:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        controller = "memory" if "memory" in controllers.split(",") else controllers
        if controller in FILES:
            inside = Path(path.lstrip("/"))  # in a container often a place that is not there; the root always is
            for each in (inside, *inside.parents):
                yield controller, cgroups / controller / each
