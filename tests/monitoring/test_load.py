"""The whole service under load, while remedies run and while its database is stopped."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests

from tests import services
from tests.monitoring.test_watch import shell
from tests.test_serve import environment, serve, wait_until  # noqa: F401 (two of them are fixtures)

pytestmark = pytest.mark.long
TOKEN = """
from dietintel.accounts.models import Token, User
user = User.objects.create(username="person")
print(Token.objects.issue(user=user, name="load")[1])
"""
MEND = """
from monitoring.models import Check
names = ("database", "cache", "disk", "queue", "workers", "memory")
print(Check.objects.filter(name__in=names).update(asked_by="operator"))
"""
TRIED = """
from monitoring.models import HealAttempt
print(HealAttempt.objects.filter(by="operator").values("check_name").distinct().count())
"""


def test_a_hundred_requests_at_once_while_remedies_run_bring_no_error(serve, environment, tmp_path):  # noqa: F811
    everything = {**environment, "DATA_DIR": str(tmp_path)}
    shell(everything, "from django.core.management import call_command; call_command('migrate', verbosity=0)")
    token = shell(everything, TOKEN).strip()
    service = serve(DATA_DIR=str(tmp_path))
    address = f"http://127.0.0.1:{service.port}/api/v1"

    def ask(path):
        return requests.get(f"{address}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code

    wait_until(lambda: service.answers() and requests.get(f"{address}/monitoring/health/workers", timeout=9).ok, 60)
    wait_until(lambda: shell(everything, MEND).strip() == "6", 60)
    answered: list[int] = []
    while shell(everything, TRIED).strip() != "6":
        with ThreadPoolExecutor(100) as people:
            answered += people.map(ask, ["products?search=a", "meals"] * 50)
        answered += [requests.get(f"{address}/monitoring/{name}", timeout=9).status_code for name in ("ping", "ready")]
        assert len(answered) < 5_000, "the remedies do not come to an end"

    assert len(answered) >= 102
    assert set(answered) == {200}


@pytest.mark.services("postgres")
def test_stopped_postgresql_is_told_by_the_watch_and_the_service_lives_on(serve, environment, tmp_path):  # noqa: F811
    """Scenario 28."""
    with services.postgres() as url:
        everything = {**environment, "DATA_DIR": str(tmp_path), "DATABASE_URL": url}
        shell(everything, "from django.core.management import call_command; call_command('migrate', verbosity=0)")
        service = serve(DATA_DIR=str(tmp_path), DATABASE_URL=url)
        address = f"http://127.0.0.1:{service.port}/api/v1/monitoring"

        def told(name):
            answer = requests.get(f"{address}/{name}", timeout=20)
            return answer.status_code, answer.json()

        wait_until(lambda: service.answers() and told("health/database")[0] == 200, 60)
        with psycopg.connect(url) as connection:
            (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        os.kill(int((Path(folder) / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        wait_until(lambda: told("health/database")[1]["status"] == "unhealthy", 40)

        assert [told("ping")[0], told("ready")[0], told("health")[0]] == [200, 503, 503]
        assert told("health")[1]["checks"]["disk"]["status"] in {"healthy", "degraded"}
        assert requests.get(f"http://127.0.0.1:{service.port}/metrics", timeout=20).ok
