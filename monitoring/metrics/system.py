"""The machine, and what the supervisor saw of its children. Needs no database."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from dietintel import restarts
from monitoring import memory

psutil.cpu_percent()  # the first answer says nothing: it is about the time since the one before


@dataclass(frozen=True)
class Machine:
    """Shares are 0 to 1; sizes are bytes. The disk is the one of DATA_DIR."""

    cpu_ratio: float  # since the last time that this process looked
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int

    @classmethod
    def seen(cls) -> "Machine":
        held, disk = memory.seen(), shutil.disk_usage(settings.DATA_DIR)
        return cls(psutil.cpu_percent() / 100, held.used, held.limit, disk.free, disk.total)


def families() -> Iterator[Metric]:
    machine = Machine.seen()
    yield GaugeMetricFamily("dietintel_system_cpu_ratio", "Share of all cores in use", value=machine.cpu_ratio)
    kinds = GaugeMetricFamily("dietintel_system_memory_bytes", "Memory, of the container if limited", labels=["kind"])
    kinds.add_metric(["used"], machine.memory_used)
    kinds.add_metric(["total"], machine.memory_total)
    yield kinds
    yield GaugeMetricFamily("dietintel_system_disk_free_bytes", "Free space where data lives", value=machine.disk_free)
    restarted = CounterMetricFamily(
        "dietintel_child_restarts", "Parts of the service that were started again", labels=["child", "reason"]
    )
    counted = {(child, reason): times for child, reason, times in restarts.counted()}
    for child in ("web", "worker", "watch"):
        for reason in sorted(restarts.REASONS):
            restarted.add_metric([child, reason], counted.get((child, reason), 0))
    yield restarted
