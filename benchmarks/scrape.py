"""How long a scrape of /metrics takes with ten operations of providers and a grown history, and what counting costs.

    python -m benchmarks.scrape                                 SQLite in a temporary folder
    DATABASE_URL=postgres://… python -m benchmarks.scrape       an empty database of your own

The scrape is a whole request, middleware included. Each figure is the median of the rounds.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

KEYS = 10
ROUTES = 40  # addresses of the site that were asked for, each with two kinds of answers
CHANGES = 5_000
SLICE = 2_000
STEPS = ("image", "inference", "feedback", "history")


def prepare(runs: int) -> None:
    """A migrated database with `runs` ended runs of four steps each, and providers that were busy for a long time."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from django.utils import timezone

    from dietintel.gateway import figures
    from dietintel.gateway.models import Counter, ProviderState, Transition
    from dietintel.gateway.overview import OUTCOMES
    from monitoring.metrics.gateway import CACHE_EVENTS
    from workflows import figures as run_figures
    from workflows.models import Attempt, Run, Step
    from workflows.models import Counter as RunCounter
    from workflows.states import Outcome

    now = timezone.now()
    keys = [f"provider{number}:read" for number in range(KEYS)]
    took = [event for s in (*figures.TOOK.bounds, 99) for event in figures.TOOK.of(s)]
    waited = [event for s in (*figures.WAITED.bounds, 99) for event in figures.WAITED.of(s)]
    retried = ("retry_failure", *figures.RETRIED.values())
    events = {*OUTCOMES, *CACHE_EVENTS, *retried, "changed:closed:open", *took, *waited}
    ProviderState.objects.bulk_create(ProviderState(key=key) for key in keys)
    Counter.objects.bulk_create(Counter(key=key, event=event, value=1234) for key in keys for event in events)
    changes = zip(range(CHANGES), itertools.cycle(keys), strict=False)
    Transition.objects.bulk_create(Transition(key=key, at=now, from_state=0, to_state=1) for _number, key in changes)
    step_took = {event for s in (*run_figures.STEP_TOOK.bounds, 9999) for event in run_figures.STEP_TOOK.of(s)}
    names = ["meal_analysis", "batch_analysis", "weekly_insights", "training", "cleanup"]
    places = [*names, *(f"{name}.{step}" for name in names for step in STEPS)]
    RunCounter.objects.bulk_create(
        RunCounter(key=place, event=event, value=1234) for place in places for event in {*Outcome.values, *step_took}
    )
    for begin in range(0, runs, SLICE):
        numbers = range(begin, min(runs, begin + SLICE))
        made = Run.objects.bulk_create(
            Run(workflow=names[number % 5], plan=[], state="completed", finished_at=now) for number in numbers
        )
        steps = Step.objects.bulk_create(Step(run=run, name=name, state="done") for run in made for name in STEPS)
        Attempt.objects.bulk_create(
            Attempt(step=step, number=1, worker="host:1:1", started_at=now, finished_at=now, outcome="succeeded")
            for step in steps
        )


def median_ms(call: Callable[[], object], times: int) -> float:
    took = []
    for _time in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=50)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "dietintel.settings",
            "ALLOWED_HOSTS": "testserver",
        }
        os.environ |= {"ACCESS_LOG": "no", "OFF_CONTACT": "benchmark@example.org"}
        prepare(chosen.runs)
        from django.http import HttpResponse
        from django.test import Client, RequestFactory

        from dietintel import http_metrics

        client, request, answer = Client(), RequestFactory().get("/x"), HttpResponse()
        for number, status in itertools.product(range(ROUTES), (200, 404)):
            http_metrics.REQUESTS.labels("GET", f"some/<int:pk>/address/{number}/", status).inc()
            http_metrics.DURATION.labels(f"some/<int:pk>/address/{number}/").observe(0.1)
        client.get("/metrics")
        size = len(client.get("/metrics").content)
        scrape_ms = median_ms(lambda: client.get("/metrics"), chosen.rounds)
        json_ms = median_ms(lambda: client.get("/api/v1/monitoring/metrics"), chosen.rounds)
        counting = http_metrics.HttpMetricsMiddleware(lambda request: answer)
        counting_us = median_ms(lambda: [counting(request) for _ in range(1000)], 5)  # ms for 1000 are µs for one
        sys.stdout.write(
            f"{KEYS} operations, {chosen.runs} runs: /metrics {scrape_ms:.1f} ms ({size // 1000} kB), "
            f"monitoring/metrics {json_ms:.1f} ms; counting one request {counting_us:.1f} µs\n"
        )


if __name__ == "__main__":
    main()
