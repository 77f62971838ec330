"""What `deploy/` promises, as far as it can be tried without a container engine."""

import json
import os
import re
import socket
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from django.conf import settings as django_settings

from dietintel.serve import STOPPING_S
from tests.test_serve import Service, wait_until

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
APPS = ("dietintel", "products", "tracking", "workflows", "monitoring")
SET_BY_SERVE = "DIETINTEL_ROLE"


@pytest.fixture(scope="module")
def dockerfile():
    """Instructions of the Dockerfile, each on one line as the builder joins them."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    return re.sub(r"\\\n", "", "\n".join(lines)).splitlines()


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def unit():
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "dietintel.service")
    return parser["Service"]


def last(dockerfile, instruction):
    return next(line for line in reversed(dockerfile) if line.startswith(f"{instruction} "))


def test_every_setting_that_is_read_is_listed():
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "dietintel" / "settings.py").read_text()))
    listed = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)

    assert read - set(listed) - {SET_BY_SERVE} == set()
    assert set(listed) - read <= {"SECRET_KEY"}
    assert len(listed) == len(set(listed))


def test_the_image_has_every_part_and_nothing_else(dockerfile):
    copied = {word.rstrip("/") for line in dockerfile if line.startswith("COPY ") for word in line.split()[1:-1]}
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}

    needed = {"manage.py", "requirements.txt", "templates", "static", *APPS}
    assert needed <= copied
    assert let_in == needed
    assert all((ROOT / name).exists() for name in needed)


def test_the_image_does_not_run_as_root_and_starts_without_a_shell(dockerfile):
    assert last(dockerfile, "USER") == "USER dietintel"
    assert json.loads(last(dockerfile, "CMD").removeprefix("CMD ")) == ["python", "manage.py", "serve", "--prepare"]


def health_check(dockerfile, **environment):
    command = json.loads(last(dockerfile, "HEALTHCHECK").partition(" CMD ")[2])
    assert command[0] == "python"
    clean = {name: value for name, value in os.environ.items() if name not in {"ALLOWED_HOSTS", "PORT"}}
    ended = subprocess.run(
        [sys.executable, *command[1:]], env={**clean, **environment}, capture_output=True, timeout=20
    )
    return ended.returncode


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("allowed", ["", "food.example.org,localhost", "*", " .example.org"])
def test_the_health_check_finds_the_service_ready_under_its_names(dockerfile, live_server, settings, allowed):
    settings.ALLOWED_HOSTS = [name.strip() for name in allowed.split(",")] if allowed else ["localhost"]

    assert health_check(dockerfile, PORT=str(live_server.thread.port), ALLOWED_HOSTS=allowed) == 0


def test_the_health_check_fails_where_nothing_answers(dockerfile):
    with socket.socket() as taken:  # bound, and never listening
        taken.bind(("127.0.0.1", 0))
        assert health_check(dockerfile, PORT=str(taken.getsockname()[1])) != 0


def test_containers_may_finish_their_work_and_start_again_by_themselves(compose):
    for name in ("app", "small"):
        service = compose["services"][name]
        assert service["init"] is True
        assert service["restart"] == "unless-stopped"
        assert int(service["stop_grace_period"].rstrip("s")) > django_settings.SHUTDOWN_TIMEOUT + STOPPING_S
    assert compose["services"]["small"]["profiles"] == ["small"]


def test_the_service_waits_for_its_servers_which_are_not_published(compose):
    services = compose["services"]
    assert services["app"]["depends_on"] == dict.fromkeys(("postgres", "redis"), {"condition": "service_healthy"})
    for name in ("postgres", "redis"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
        assert "ports" not in services[name]
    mounted = {each.partition(":")[0] for service in services.values() for each in service["volumes"]}
    assert {each for each in mounted if not each.startswith("./")} == set(compose["volumes"])


def test_the_unit_stops_the_supervisor_alone_and_gives_it_time(unit):
    assert (unit["Type"], unit["KillMode"], unit["Restart"]) == ("notify", "mixed", "always")
    assert int(unit["TimeoutStopSec"]) > django_settings.SHUTDOWN_TIMEOUT + STOPPING_S


@pytest.mark.long
def test_an_empty_folder_is_prepared_and_systemd_hears_when_the_service_answers(tmp_path):
    address = tmp_path / "notify"
    inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "PORT"}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(150)  # a machine that is busy with other tests
        settings = {"DATA_DIR": str(tmp_path / "data"), "NOTIFY_SOCKET": str(address), "LOG_FORMAT": "text"}
        service = Service(tmp_path, "--prepare", **{**inherited, **settings})
        try:
            assert systemd.recv(100) == b"READY=1"
            assert wait_until(service.answers)
            service.settled()
            assert (tmp_path / "data" / "dietintel.sqlite3").exists()
        finally:
            service.process.terminate()
            assert service.process.wait(40) == 0


def test_a_database_that_cannot_be_prepared_ends_the_start(tmp_path):
    broken = tmp_path / "dietintel.sqlite3"
    broken.write_bytes(b"this is no database" * 100)
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}

    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "serve", "--prepare"],
        env={**clean, "DATA_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert ended.returncode != 0
    assert "DietIntel is at" not in ended.stdout
