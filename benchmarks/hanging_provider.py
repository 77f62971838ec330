"""What a provider that hangs costs those who look up what is known already.

    python -m benchmarks.hanging_provider [--postgres] [--workers N]

Eight clients look a known barcode up, by turns alone and while four more, each a person of their own, look up barcodes
that nobody knows, at a provider that accepts the connection and never answers. One line is the median of the rounds.

Aim: p99 at most twice that of the idle rounds.
"""

import itertools
import statistics
import sys
import time
from collections import Counter
from contextlib import ExitStack

from benchmarks.common import (
    BARCODE,
    Client,
    Row,
    all_ok,
    installation,
    known_food,
    new_token,
    options,
    percentile,
    provider,
    report,
    run,
    web_server,
)

KNOWN_CLIENTS, ASKING_CLIENTS = 8, 4
HANGS_S = 3600.0
QUICK_S = 1.0  # an answer before this did not wait for the provider
GIVEN_UP_S = 6.0  # the longest that a lookup waits for one provider, and a little
PERCENTS = (50, 95, 99)

_unknown = itertools.count(4_000_000_000_000)


def main() -> None:
    parser = options(__doc__, seconds=6, rounds=5)
    parser.add_argument("--workers", type=int, default=1, help="processes of the web server (default 1)")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        environment = {
            "ACCESS_LOG": "no",
            "LOG_LEVEL": "ERROR",
            "OFF_BASE_URL": stack.enter_context(provider(delay_s=HANGS_S)),
            "OFF_CONTACT": "benchmark@example.org",
            "PROVIDER_ORDER": "openfoodfacts",
            "WEB_WORKERS": str(chosen.workers),
        }
        stack.enter_context(installation(postgres=chosen.postgres, **environment))
        known_food()
        tokens = [new_token(f"person {number}") for number in range(1 + ASKING_CLIENTS)]
        became: Counter[str] = Counter()
        idle, hanging = [], []
        with web_server() as port:
            run(port, [Client(_known, tokens[0])], 1)  # warm
            for _round in range(chosen.rounds):
                _begin_anew()
                idle.append(_round_of(port, tokens[0], [], chosen.seconds))
                asking = [Client(_unknown_path, token, pause_s=0.5) for token in tokens[1:]]
                hanging.append(_round_of(port, tokens[0], asking, chosen.seconds))
                quick = sum(latency < QUICK_S for each in asking for latency in each.latencies_s)
                became["refused at once"] += quick
                became["waiting for the provider"] += sum(each.asked for each in asking) - quick
    rows: list[Row] = []
    for name, column in zip(("known barcodes /s", *(f"p{percent} ms" for percent in PERCENTS)), range(4), strict=True):
        alone, beside = [each[column] for each in idle], [each[column] for each in hanging]
        ratios = [theirs / ours for ours, theirs in zip(alone, beside, strict=True)]
        rows.append(
            {
                "": name,
                "idle": statistics.median(alone),
                "hanging": statistics.median(beside),
                "hanging / idle": statistics.median(ratios),
                "least": min(ratios),
                "most": max(ratios),
            }
        )
    report(rows, as_json=chosen.json)
    if not chosen.json:
        sys.stdout.write(", ".join(f"unknown barcodes {what}: {count}" for what, count in became.items()) + "\n")


def _known() -> str:
    return f"/api/v1/products/{BARCODE}"


def _unknown_path() -> str:
    return f"/api/v1/products/{next(_unknown)}"


def _round_of(port: int, token: str, asking: list[Client], seconds: float) -> tuple[float, ...]:
    """Known lookups a second, and their percentiles in milliseconds."""
    known = [Client(_known, token) for _number in range(KNOWN_CLIENTS)]
    ran = run(port, [*asking, *known], seconds)
    all_ok(known)
    latencies = [latency for client in known for latency in client.latencies_s]
    return len(latencies) / ran.seconds, *(percentile(latencies, percent) * 1000 for percent in PERCENTS)


def _begin_anew() -> None:
    """Wait until nobody asks the provider any more, close its breaker and fill its limiter, as the operator can."""
    from dietintel.gateway.policy import to_us
    from dietintel.gateway.store import StateStore

    time.sleep(GIVEN_UP_S)
    StateStore().reset("openfoodfacts:product", actor="benchmark", now=to_us(time.time()))


if __name__ == "__main__":
    main()
