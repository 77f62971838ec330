"""How fast a known barcode is answered, as a share of the least that such an answer can cost.

    python -m benchmarks.known_lookup                          SQLite in a temporary folder, one process
    python -m benchmarks.known_lookup --postgres --workers 2   a private PostgreSQL, two processes
    DATABASE_URL=postgres://… python -m benchmarks.known_lookup    a database of your own; it gets a user and foods

Starts the web server as `serve` does, and asks by turns for the known barcode and for the reference: same middleware,
same login by token, one row by its primary key, a constant body of the same size. Machines drift, so the figure to
quote is the ratio; each line is the median of the rounds, least and most of the ratio beside it. "CPU ms each" is what
one answer costs the web server and a PostgreSQL of this script, which a busy machine changes less than the speed.

Aim: at least 70 % of the reference, and 820 requests a second with 4 clients on PostgreSQL and 2 cores.
"""

import statistics

from benchmarks.common import (
    BARCODE,
    Client,
    Ran,
    Row,
    all_ok,
    installation,
    known_food,
    new_token,
    options,
    report,
    run,
    web_server,
)

CLIENTS = (1, 4)


def main() -> None:
    parser = options(__doc__, seconds=1, rounds=15)
    parser.add_argument("--workers", type=int, default=1, help="processes of the web server (default 1)")
    chosen = parser.parse_args()
    with installation(postgres=chosen.postgres, WEB_WORKERS=str(chosen.workers), ACCESS_LOG="no"):
        paths = (f"/api/v1/products/{BARCODE}", f"/api/v1/reference/{known_food()}")
        token = new_token("benchmark")
        rows: list[Row] = []
        with web_server() as port:

            def ask(path: str, clients: int, seconds: float) -> Ran:
                crowd = [Client(lambda: path, token) for _number in range(clients)]
                ran = run(port, crowd, seconds)
                all_ok(crowd)
                return ran

            for path in paths:
                ask(path, 4, 1)  # warm
            for clients in CLIENTS:
                rounds = [[ask(path, clients, chosen.seconds) for path in paths] for _ in range(chosen.rounds)]
                ratios = [known.per_second / reference.per_second for known, reference in rounds]
                known, reference = zip(*rounds, strict=True)
                rows.append(
                    {
                        "clients": str(clients),
                        "known barcode /s": statistics.median(ran.per_second for ran in known),
                        "reference /s": statistics.median(ran.per_second for ran in reference),
                        "ratio": statistics.median(ratios),
                        "least": min(ratios),
                        "most": max(ratios),
                        "CPU ms each": statistics.median(ran.servers_cpu_s / ran.answers * 1000 for ran in known),
                        "of the reference": statistics.median(
                            ran.servers_cpu_s / ran.answers * 1000 for ran in reference
                        ),
                        "clients' share of a core": statistics.median(ran.own_cpu_s / ran.seconds for ran in known),
                    }
                )
    report(rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
