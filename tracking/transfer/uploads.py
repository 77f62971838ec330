"""A file that waits for its owner to look at what it would do: one for each person, in DATA_DIR/tmp, for an hour."""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from dietintel.accounts.models import User

KEPT_FOR_S = 60 * 60


def keep(user: User, data: bytes) -> str:
    """Put `data` in place of what waits for this person. Returns the name that `waiting` takes."""
    forget_old()
    name = hashlib.sha256(data).hexdigest()
    draft = _folder() / f".{user.pk}.{os.getpid()}.{name[:16]}"
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.replace(_file(user))
    return name


def waiting(user: User, name: str) -> bytes | None:
    """What waits under that name for this person; None where it is gone, or is another file by now."""
    try:
        data = _file(user).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == name else None


def forget(user: User) -> None:
    _file(user).unlink(missing_ok=True)


def forget_old() -> None:
    """What nobody came back for. Cheap: there is one file a person at most."""
    oldest = time.time() - KEPT_FOR_S
    for path in _folder().iterdir():
        with suppress(FileNotFoundError):  # another request was faster
            if path.stat().st_mtime < oldest:
                path.unlink()


def _folder() -> Path:
    folder: Path = settings.DATA_DIR / "tmp" / "transfer"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _file(user: User) -> Path:
    return _folder() / str(user.pk)
