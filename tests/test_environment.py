import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, CompletedProcess

import pytest
from django.core.exceptions import ImproperlyConfigured

from dietintel import environment as env
from dietintel.environment import secret_key

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "deploy" / "example.env"
SETTING = re.compile(r"#?([A-Z_]+)=")


# What every start loads before it reads a setting is loaded once; a start is a fork of that.
READY = """
import json, os, runpy, sys
import csp.constants, dietintel.environment, dj_database_url, django.core.management, django_stubs_ext.patch
for line in sys.stdin:
    folder, command, settings = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(settings)
    if command[0] == "-c":
        exec(command[1])
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")
    sys.exit()
"""
CLEAN = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@pytest.fixture(scope="module")
def ready():
    command = [sys.executable, "-c", READY]
    with subprocess.Popen(command, cwd=ROOT, env=CLEAN, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield process  # and on the way out its input is closed, which ends it


@pytest.fixture
def start(ready, tmp_path):
    """`manage.py check`, or another command of Python, in a process of its own with these settings alone."""

    def begin(*command, **settings):
        environment = {**CLEAN, "DATA_DIR": str(tmp_path / "data"), **settings}
        ready.stdin.write(json.dumps([str(tmp_path), command or ["manage.py", "check"], environment]) + "\n")
        ready.stdin.flush()
        code = int(ready.stdout.readline())
        return CompletedProcess(command, code, (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text())

    return begin


@pytest.fixture
def setting_as_read(start):
    """What `dietintel.settings` makes of these settings."""

    def read(name, **settings):
        show = f"import json; from dietintel import settings; print(json.dumps(settings.{name}, default=str))"
        return json.loads(start("-c", show, **settings).stdout)

    return read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("SIGNUP", "maybe"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "what"),
        ("REDIS_URL", "http://localhost"),
        ("OFF_BASE_URL", "world.openfoodfacts.org"),
        ("SECRET_KEY", "short"),
        ("WEB_THREADS", "1"),
        ("EMAIL_URL", "mail.example.org"),
        ("EMAIL_URL", "smtp://host:port"),
        ("ALERT_EMAIL", "ada@example.org"),
        ("ALERT_WEBHOOK_URL", "hooks.example.org"),
        ("HEALTH_MEMORY_DEGRADED_PERCENT", "95"),
        ("HEALTH_QUEUE_STUCK_S", "soon"),
        ("MAX_CONCURRENT_REQUESTS", "0"),
        ("TLS_CERT", "/nowhere/cert.pem"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("DATA_DIR", "/proc/nothing"),
        ("TRUSTED_ORIGINS", "example.org"),
        ("TRUSTED_ORIGINS", "https://[x"),
        ("OFF_BASE_URL", "http://[x"),
        ("OFF_BASE_URL", "http://host:abc"),
        ("OFF_BASE_URL", "http://host:99999"),
        ("OFF_BASE_URL", "http://exa mple"),
        ("DATA_DIR", "~nobody-of-that-name/x"),
        ("TRUSTED_ORIGINS", "https://example.org/food"),
        ("TRUSTED_ORIGINS", "https://example.org,https://"),
        ("TRUSTED_PROXIES", "-1"),
        ("ALLOWED_HOSTS", ","),
        ("ALLOWED_HOSTS", "https://example.org"),
        ("ALLOWED_HOSTS", "example.org/food"),
        ("ALLOWED_HOSTS", "example.org:8000"),
        ("DATABASE_URL", "postgres://user@localhost"),
        ("DATABASE_URL", "postgres://user@localhost/?sslmode=require"),
        ("DATABASE_URL", "sqlite://"),
        ("FDC_BASE_URL", "api.nal.usda.gov"),
        ("FATSECRET_BASE_URL", "platform.fatsecret.com"),
        ("FATSECRET_TOKEN_URL", "oauth.fatsecret.com/connect/token"),
        ("FATSECRET_CLIENT_ID", "without-a-secret"),
        ("FATSECRET_CLIENT_SECRET", "without-an-id"),
        ("PROVIDER_ORDER", "nobody"),
    ],
)
def test_setting_that_cannot_work_stops_the_start_with_its_name(start, name, value):
    ended = start(**{name: value})

    assert ended.returncode != 0
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_set_starts_with_sqlite(start):
    ended = start()

    assert ended.returncode == 0, ended.stderr


def test_setting_that_is_set_to_nothing_is_unset(start, setting_as_read):
    """Compose files pass `PORT=` for a variable that nobody set."""
    names = {found[1] for line in EXAMPLE.read_text().splitlines() if (found := SETTING.match(line))} - {"DATA_DIR"}

    ended = start(**dict.fromkeys(names, ""))

    assert len(names) > 20
    assert ended.returncode == 0, ended.stderr
    assert setting_as_read("ALLOWED_HOSTS", ALLOWED_HOSTS="") == ["localhost", "127.0.0.1", "[::1]"]
    assert setting_as_read("OFF_BASE_URL", OFF_BASE_URL="") == "https://world.openfoodfacts.org"


@pytest.mark.parametrize("role", ["web", "worker", "command"])
def test_options_of_the_database_s_address_reach_every_part(setting_as_read, role):
    address = "postgres://user@localhost/food?sslmode=require&connect_timeout=9"

    seen = setting_as_read("DATABASES", DATABASE_URL=address, DIETINTEL_ROLE=role)["default"]

    pool = seen["OPTIONS"].pop("pool", None)
    assert seen["OPTIONS"] == {"sslmode": "require", "connect_timeout": 9}
    assert (pool is not None) == (role == "web")
    assert pool is None or pool["timeout"] == 3


@pytest.mark.parametrize(("form", "code"), [("PRIVATE KEY", 0), ("RSA PRIVATE KEY", 1), ("EC PRIVATE KEY", 1)])
def test_key_that_the_web_server_cannot_read_stops_the_start(start, tmp_path, form, code):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text(f"-----BEGIN {form}-----\n-----END {form}-----\n")

    ended = start(TLS_CERT=str(tmp_path / "cert.pem"), TLS_KEY=str(tmp_path / "key.pem"))

    assert ended.returncode == code
    assert ("openssl pkcs8 -topk8" in ended.stderr) == bool(code)


def test_key_without_certificate_stops_the_start(start, tmp_path):
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")

    assert "TLS_KEY belong together" in start(TLS_KEY=str(tmp_path / "key.pem")).stderr


def test_folder_that_is_made_is_closed_to_others_and_one_that_exists_stays(tmp_path, monkeypatch):
    (tmp_path / "old").mkdir(mode=0o755)
    modes = {}

    for name in ("old", "new"):
        monkeypatch.setenv("DATA_DIR", str(tmp_path / name))
        modes[name] = stat.S_IMODE(env.folder("DATA_DIR", tmp_path).stat().st_mode)

    assert modes == {"old": 0o755, "new": 0o700}


def test_secret_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    first, second = secret_key(tmp_path), secret_key(tmp_path)

    assert first == second
    assert len(first) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


def test_words_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example , b.example,, ")

    assert env.words("ALLOWED_HOSTS") == ["a.example", "b.example"]


def test_client_secret_is_in_no_sentence(start):
    ended = start(FATSECRET_CLIENT_SECRET="planted-secret")

    assert "belong together" in ended.stderr
    assert "planted-secret" not in ended.stderr + ended.stdout


def test_fatsecret_is_asked_at_its_own_addresses_unless_told_otherwise(setting_as_read):
    assert setting_as_read("FATSECRET_BASE_URL") == "https://platform.fatsecret.com"
    assert setting_as_read("FATSECRET_TOKEN_URL") == "https://oauth.fatsecret.com/connect/token"


def test_address_loses_its_final_slash(monkeypatch):
    monkeypatch.setenv("OFF_BASE_URL", "https://example.org/off/")

    assert env.address("OFF_BASE_URL") == "https://example.org/off"


def test_origins_lose_their_final_slash_and_keep_their_port(monkeypatch):
    monkeypatch.setenv("TRUSTED_ORIGINS", "https://example.org/, http://tablet:8080")

    assert env.origins("TRUSTED_ORIGINS") == ["https://example.org", "http://tablet:8080"]


def test_whole_number_out_of_bounds_is_a_sentence(monkeypatch):
    monkeypatch.setenv("PORT", "0")

    with pytest.raises(ImproperlyConfigured, match="PORT is 0, which is not between 1 and 65535."):
        env.whole("PORT", 8000, least=1, most=65535)


def test_mail_server_is_one_address_and_its_password_is_repeated_nowhere(start, setting_as_read):
    mail = {"EMAIL_URL": "submission://ada%40example.org:s3cret@mail.example.org", "ALERT_EMAIL": "bob@example.org"}
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_TIMEOUT", "DEFAULT_FROM_EMAIL")
    wrong = start(EMAIL_URL="submission://ada:s3cret@mail.example.org:port")

    assert [setting_as_read(name, **mail) for name in names] == [
        "mail.example.org", 587, "s3cret", True, 10, "ada@example.org",
    ]  # fmt: skip
    assert "EMAIL_URL is not an address like" in wrong.stderr
    assert "s3cret" not in wrong.stderr.splitlines()[-1]
