"""The table of all checks: how much each counts, how often it is made, and what is tried when it is bad.

A check is a class of django-health-check's kind: it raises ServiceWarning or ServiceUnavailable with a sentence, and
may have `details`. A new one is a line here; what it tries when it is bad is a `healing.Heal`.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from health_check.base import HealthCheck

from monitoring.health import checks, healing, ml_model
from monitoring.health.conditions import Impact, Result, Status
from monitoring.health.healing import Heal

PROVIDER = "provider_"
OFTEN_S, NOW_AND_THEN_S = 2.0, 5.0


@dataclass(frozen=True)
class Watched:
    """One check: made anew every time. `limit_s` is when it counts as hung."""

    name: str
    impact: Impact
    make: Callable[[], HealthCheck]
    heals: tuple[type[Heal], ...] = ()
    every_s: float = NOW_AND_THEN_S
    limit_s: float = 6.0

    def look(self) -> Result:
        """May take for ever."""
        return checks.measure(self.make())


WORKER_HEALS = (healing.SweepOrphans, healing.RestartWorker)
OWN = (
    Watched(
        "database", Impact.CRITICAL, checks.Database, (healing.CloseConnections, healing.CheckpointWal), OFTEN_S, 8.0
    ),
    Watched("cache", Impact.IMPORTANT, checks.Cache, (healing.DropPool,)),
    Watched("storage", Impact.CRITICAL, checks.Storage, (healing.Prune,)),
    Watched("disk", Impact.CRITICAL, checks.Disk, (healing.Prune,)),
    Watched("memory", Impact.IMPORTANT, checks.Memory, (healing.RecycleIdle,)),
    Watched("cpu", Impact.INFO, checks.Cpu),
    Watched("queue", Impact.CRITICAL, checks.QueueMoves, WORKER_HEALS, OFTEN_S),
    Watched("workers", Impact.CRITICAL, checks.Workers, WORKER_HEALS, OFTEN_S),
    Watched("schedules", Impact.IMPORTANT, checks.Schedules, (healing.FireMissed,)),
    Watched(
        "ml_model", Impact.IMPORTANT, ml_model.MlModel, (ml_model.ReloadModel, ml_model.PreviousRecogniser), 60.0, 30.0
    ),
)


def all_watched() -> dict[str, Watched]:
    """By name, in the order in which they are shown. No queries."""
    found = {each.name: each for each in OWN}
    for name in checks.provider_names():
        make = functools.partial(checks.Provider, provider=name)
        found[PROVIDER + name] = Watched(PROVIDER + name, Impact.INFO, make)
    return found


def impacts(watched: Mapping[str, Watched], statuses: Mapping[str, Status]) -> dict[str, Impact]:
    """How much each check counts now: one provider that fails only informs, all of them together are important."""
    providers = {
        name: status for name, status in statuses.items() if name.startswith(PROVIDER) and status is not Status.DISABLED
    }
    all_down = bool(providers) and all(status is Status.UNHEALTHY for status in providers.values())
    return {name: Impact.IMPORTANT if all_down and name in providers else each.impact for name, each in watched.items()}
