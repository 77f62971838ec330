"""How much room is left on a disk, and how much has to be: when it is nearly full the rest of it is kept for meals."""

import shutil
from pathlib import Path

from django.conf import settings

MEGABYTE = 1_000_000


def least_bytes(total: int, percent: int, megabytes: int) -> float:
    """Of two thresholds for free space the smaller: a large disk need not be a quarter empty."""
    return min(total * percent / 100, megabytes * MEGABYTE)


def nearly_full(folder: Path) -> bool:
    """Whether the health check of the disk is called unhealthy there. Raises OSError."""
    while not folder.exists():  # it is made when the first file is written
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    percent, megabytes = settings.HEALTH_DISK_UNHEALTHY_PERCENT, settings.HEALTH_DISK_UNHEALTHY_MB
    return disk.free < least_bytes(disk.total, percent, megabytes)
