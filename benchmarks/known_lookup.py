"""How fast a known barcode is answered, as a share of the least that such an answer can cost.

    python -m benchmarks.known_lookup                                 SQLite in a temporary folder
    DATABASE_URL=postgres://… python -m benchmarks.known_lookup       a database of your own; it gets a user and foods

Starts the web server as `serve` does, and asks by turns for the known barcode and for the reference: same middleware,
same login by token, one row by its primary key, a constant body of the same size. Machines drift, so the figure to
quote is the ratio; each line is the median of the rounds.
"""

import argparse
import http.client
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARCODE = "3017624010701"
CLIENTS = (1, 4)


def client(port: int, path: str, secret: str, seconds: float, counts: "multiprocessing.Queue[int]") -> None:
    """One person's program: asks, waits for the answer, asks again. Counts the answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {secret}"}
    count, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}")
        count += 1
    counts.put(count)


def per_second(port: int, path: str, secret: str, clients: int, seconds: float) -> float:
    counts: multiprocessing.Queue[int] = multiprocessing.Queue()
    crew = [multiprocessing.Process(target=client, args=(port, path, secret, seconds, counts)) for _ in range(clients)]
    for each in crew:
        each.start()
    total = sum(counts.get(timeout=seconds + 30) for _ in crew)
    for each in crew:
        each.join()
    return total / seconds


def prepare() -> tuple[int, str]:
    """The food's primary key and a token, in a migrated database."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from dietintel.accounts.models import Token, User
    from products import starter
    from products.lookup import keep
    from products.models import Product
    from products.nutrients import Nutrients
    from products.providers.base import ProductData, Serving

    starter.load()
    template = Product.objects.exclude(servings=[]).first()
    assert template
    said = ProductData(
        BARCODE,
        name="Nut spread",
        brand="Nutty",
        per_100=Nutrients(dict(template.per_100)),
        servings=(Serving.of(template.servings[0]),),
        nutriscore="e",
        allergens=("en:nuts",),
    )
    food = keep(said, source="openfoodfacts", now=django.utils.timezone.now())
    user, _new = User.objects.get_or_create(username="benchmark")
    _token, secret = Token.objects.issue(user=user, name="benchmark")
    return food.pk, secret


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=3, help="of each round (default 3)")
    options.add_argument("--rounds", type=int, default=5, help="of each pair (default 5)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings", "ACCESS_LOG": "no"}
        (Path(folder) / "static").mkdir()
        pk, secret = prepare()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
        command += ["--blocking-threads", "4", "--log-level", "warning", "dietintel.wsgi:application"]
        root = Path(__file__).parents[1]
        server = subprocess.Popen(command, cwd=root, env={**os.environ, "DIETINTEL_ROLE": "web"})
        try:
            wait_for(port)
            known, reference = f"/api/v1/products/{BARCODE}", f"/api/v1/reference/{pk}"
            for path in (known, reference):
                per_second(port, path, secret, 1, 1)  # warm
            for clients in CLIENTS:
                rounds = [
                    (
                        per_second(port, known, secret, clients, chosen.seconds),
                        per_second(port, reference, secret, clients, chosen.seconds),
                    )
                    for _ in range(chosen.rounds)
                ]
                ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
                share = statistics.median(one / other for one, other in rounds)
                sys.stdout.write(
                    f"{clients} client{'s' if clients > 1 else ' '}: known barcode {ours:6.0f}/s, "
                    f"reference {theirs:6.0f}/s, ratio {share:.2f}\n"
                )
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the web server did not start")


if __name__ == "__main__":
    main()
