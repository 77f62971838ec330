"""The one place that speaks HTTP: one request out, one whole answer back, within a deadline and a size."""

import datetime as dt
import http.cookiejar
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import requests
import requests.adapters
import urllib3
import urllib3.exceptions

from dietintel.gateway import policy
from dietintel.gateway.classify import Answer, Outcome, Verdict

CHUNK = 65_536
_local = threading.local()


class NoAnswer(Exception):
    """The request brought no whole answer; `verdict` says in which way."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.verdict = Verdict(outcome, why)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed. Left to itself, requests would read its whole body first, however long."""


def session() -> requests.Session:
    """This thread's session of this process: never shared with another thread, never inherited through a fork."""
    kept: tuple[int, requests.Session] | None = getattr(_local, "session", None)
    if kept is not None and kept[0] == os.getpid():
        return kept[1]
    made = _Session()
    made.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    made.trust_env = False  # no proxy, no .netrc: only configured hosts are called, with configured secrets
    # Retries are ours: each attempt has to pass the breaker and to spend a token.
    adapter = requests.adapters.HTTPAdapter(max_retries=0, pool_connections=4, pool_maxsize=4)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    _local.session = (os.getpid(), made)
    return made


def fetch(
    url: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    connect_s: float,
    read_s: float,
    total_s: float,
    max_bytes: int,
    form: Mapping[str, str] | None = None,
    json: object | None = None,
) -> Answer:
    """One GET, or a POST of `form` or `json`. Raises NoAnswer; never anything else for what a server may send."""
    ends = time.monotonic() + total_s
    try:
        with session().request(
            "GET" if form is None and json is None else "POST",
            url,
            data=form,
            json=json,
            params=params,
            headers={name: value.encode() for name, value in headers.items()},
            timeout=urllib3.Timeout(total=total_s, connect=connect_s, read=read_s),  # type: ignore[arg-type]
            allow_redirects=False,
            stream=True,
        ) as response:
            with _hung_up_at(ends, response):
                body = _read(response, ends=ends, max_bytes=max_bytes)
            kind = response.headers.get("Content-Type", "")
            retry_after = policy.parse_retry_after(response.headers.get("Retry-After"), now=dt.datetime.now(dt.UTC))
            remaining = policy.parse_remaining(response.headers.get("X-RateLimit-Remaining"))
            status = response.status_code
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise NoAnswer(Outcome.TIMEOUT, "no answer in time") from error
    except (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError) as error:
        raise NoAnswer(Outcome.MALFORMED, "a body that cannot be unpacked") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise NoAnswer(Outcome.FAILURE, f"no connection ({type(error).__name__})") from error
    parsed, is_json = _parse(body, kind)
    return Answer(status, parsed, is_json, retry_after, remaining)


@contextmanager
def _hung_up_at(ends: float, response: requests.Response) -> Iterator[None]:
    """A read waits for as long as the time-out of one read; this ends it, and with it the body, at `ends`."""

    def hang_up() -> None:
        with suppress(OSError, ValueError, RuntimeError):  # the answer came to its end at the same moment
            response.raw.shutdown()

    timer = threading.Timer(ends - time.monotonic(), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read(response: requests.Response, *, ends: float, max_bytes: int) -> bytes:
    """The body, in pieces as they come, so that neither a trickle nor a flood outlasts its bound."""
    body = bytearray()
    while True:
        try:
            piece = response.raw.read1(CHUNK, decode_content=True)
        except urllib3.exceptions.ProtocolError as error:
            if time.monotonic() > ends:
                raise NoAnswer(Outcome.TIMEOUT, "the answer trickled in too slowly") from error
            raise NoAnswer(Outcome.MALFORMED, "the answer was cut off") from error
        if time.monotonic() > ends:
            raise NoAnswer(Outcome.TIMEOUT, "the answer trickled in too slowly")
        if not piece:
            return bytes(body)
        body += piece
        if len(body) > max_bytes:
            raise NoAnswer(Outcome.MALFORMED, f"more than {max_bytes} bytes")


def _parse(body: bytes, kind: str) -> tuple[object | None, bool]:
    """By the declared type and the body together: maintenance pages come with status 200, JSON with odd types."""
    if "html" in kind.lower():
        return None, False
    try:
        return json.loads(body), True
    except (ValueError, RecursionError):
        return None, False
