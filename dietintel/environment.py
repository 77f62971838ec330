"""Reads the settings of an installation from the environment; refuses what cannot work. Set to nothing means unset.

Every problem is an `ImproperlyConfigured` whose message is one sentence that names the variable.
"""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

T = TypeVar("T")
env = Env()
MAIL_PATIENCE_S = 10  # for a mail server; Django's own default is to wait for ever
HOST = re.compile(r"[^\s/:]+|\[[0-9a-fA-F:.]+\]")


def refuse(name: str, why: str) -> ImproperlyConfigured:
    """The error for setting `name`; `why` completes the sentence "NAME …"."""
    return ImproperlyConfigured(f"{name} {why}.")


def _read(kind: Callable[..., T], name: str, default: T, expected: str) -> T:
    if not text(name):
        return default
    try:
        return kind(name, default)
    except (EnvError, ValueError) as error:
        raise refuse(name, f"is {os.environ.get(name)!r}, which is not {expected}") from error


def text(name: str, default: str = "") -> str:
    return env.str(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    return _read(env.bool, name, default, "yes or no")


def whole(name: str, default: int, *, least: int = 0, most: int = 1_000_000) -> int:
    """A whole number between `least` and `most`, both allowed."""
    value = _read(env.int, name, default, "a whole number")
    if not least <= value <= most:
        raise refuse(name, f"is {value}, which is not between {least} and {most}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """Words separated by commas."""
    found = [word.strip() for word in text(name, default).split(",") if word.strip()]
    if not found and text(name):
        raise refuse(name, f"is {text(name)!r}, which names nothing")
    return found


def hosts(name: str, default: str) -> list[str]:
    """Names of this site as a browser sends them, without scheme, port and path."""
    found = words(name, default)
    for host in found:
        if not HOST.fullmatch(host):
            raise refuse(name, f"has {host!r}, which is not a name like food.example.org, without https:// and port")
    return found


def origins(name: str) -> list[str]:
    """What a browser sends as `Origin`: scheme, name, and a port where it is not the usual one."""
    found = [origin.rstrip("/") for origin in words(name)]
    for origin in found:
        parts = _split(origin)
        if parts is None or origin != f"{parts.scheme}://{parts.netloc}":
            raise refuse(name, f"has {origin!r}, which is not an origin like https://food.example.org, without a path")
    return found


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise refuse(name, f"is {value!r}, which is none of {', '.join(allowed)}")
    return value


def address(name: str, default: str = "", *, query: bool = False) -> str:
    """An http(s) address; empty where unset. Without a trailing slash, unless it may have a `query`: then as given."""
    value = text(name, default) if query else text(name, default).rstrip("/")
    parts = _split(value)
    if value and (parts is None or (parts.query and not query) or parts.fragment):
        raise refuse(name, f"is {value!r}, which is not an address like https://host/path")
    return value


def mail(name: str) -> dict[str, Any]:
    """Django's settings EMAIL_… from one address such as submission://user:password@host; empty where unset.

    The address holds a password, so it is never repeated.
    """
    if not text(name):
        return {}
    try:
        found: dict[str, Any] = env.dj_email_url(name)
    except (EnvError, ValueError) as error:  # a port that is no number
        raise refuse(name, "is not an address like submission://user:password@host") from error
    if "EMAIL_BACKEND" not in found or not (found["EMAIL_HOST"] or text(name).startswith(("console", "file"))):
        raise refuse(name, "is not an address like submission://user:password@host")
    return {**found, "EMAIL_TIMEOUT": found["EMAIL_TIMEOUT"] or MAIL_PATIENCE_S}


def _split(value: str) -> SplitResult | None:
    """The parts of an http(s) address; None where it is none."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, brackets that do not close
        return None
    return parts if sound and not re.search(r"\s", value) else None


def folder(name: str, default: Path) -> Path:
    """A folder that exists afterwards and can be written to. One that is made here is its owner's alone: diaries."""
    try:
        path = Path(text(name, str(default))).expanduser().resolve()
    except RuntimeError as error:
        raise refuse(name, f"is {text(name)}, and there is no such person on this machine") from error
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(name, f"is {path}, and that folder cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise refuse(name, f"is {path}, and that folder cannot be written to")
    return path


def secret_key(data_dir: Path) -> str:
    """`SECRET_KEY`, or the one kept in `data_dir`, which is made at the first start and readable by its owner alone."""
    given = text("SECRET_KEY")
    if given:
        if len(given) < 32:
            raise refuse("SECRET_KEY", "is shorter than 32 characters; leave it unset and one is made for you")
        return given
    kept = data_dir / "secret_key"
    if not kept.exists():
        # Written aside and linked into place: of two processes starting at once, both read the winner's key.
        draft = data_dir / f".secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, kept)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return kept.read_text().strip()
