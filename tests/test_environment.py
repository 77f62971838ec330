import os
import stat
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from dietintel import environment as env
from dietintel.environment import secret_key


def start(tmp_path, **settings):
    """`manage.py check` in a process of its own, with these settings alone."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**clean, "DATA_DIR": str(tmp_path / "data"), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


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
        ("MAX_CONCURRENT_REQUESTS", "0"),
        ("TLS_CERT", "/nowhere/cert.pem"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("DATA_DIR", "/proc/nothing"),
        ("TRUSTED_ORIGINS", "example.org"),
        ("PROVIDER_ORDER", "nobody"),
    ],
)
def test_setting_that_cannot_work_stops_the_start_with_its_name(tmp_path, name, value):
    ended = start(tmp_path, **{name: value})

    assert ended.returncode != 0
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_set_starts_with_sqlite(tmp_path):
    ended = start(tmp_path)

    assert ended.returncode == 0, ended.stderr


def test_secret_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    first, second = secret_key(tmp_path), secret_key(tmp_path)

    assert first == second
    assert len(first) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


def test_words_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example , b.example,, ")

    assert env.words("ALLOWED_HOSTS") == ["a.example", "b.example"]


def test_address_loses_its_final_slash(monkeypatch):
    monkeypatch.setenv("OFF_BASE_URL", "https://example.org/off/")

    assert env.address("OFF_BASE_URL") == "https://example.org/off"


def test_whole_number_out_of_bounds_is_a_sentence(monkeypatch):
    monkeypatch.setenv("PORT", "0")

    with pytest.raises(ImproperlyConfigured, match="PORT is 0, which is not between 1 and 65535."):
        env.whole("PORT", 8000, least=1, most=65535)
