"""HTTP itself: one whole answer within a deadline and a size, whatever the other side sends."""

import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dietintel.gateway.classify import Answer, Outcome
from dietintel.gateway.session import NoAnswer, fetch, session
from tests.provider import FakeProvider, Reply


def get(
    url: str, *, total_s: float = 5.0, read_s: float = 5.0, max_bytes: int = 100_000, agent: str = "Tests"
) -> Answer:
    return fetch(
        f"{url}/thing",
        {"q": "a b"},
        {"User-Agent": agent},
        connect_s=1.0,
        read_s=read_s,
        total_s=total_s,
        max_bytes=max_bytes,
    )


def outcome_of(url: str, **how: float) -> Outcome:
    with pytest.raises(NoAnswer) as none:
        get(url, **how)  # type: ignore[arg-type]
    return none.value.verdict.outcome


@contextmanager
def speaking(*pieces: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """A server that sends exactly these bytes to whoever comes, a `pause_s` after each, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _address = listening.accept()
                with connection:
                    connection.recv(65_536)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(pause_s)
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # hung up on, which is what some of the tests are about

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_whole_answer(provider: FakeProvider):
    provider.answers({"name": "Bröd"}, headers={"Retry-After": "7"})

    answer = get(provider.url, agent="DietIntel/1 (Łukasz)")

    assert answer == Answer(200, {"name": "Bröd"}, True, 7)
    assert provider.last.query == {"q": "a b"}
    assert provider.last.headers["user-agent"].encode("latin-1").decode() == "DietIntel/1 (Łukasz)"


def test_a_chunked_answer(provider: FakeProvider):
    provider.floods(50_000)

    answer = get(provider.url)

    assert isinstance(answer.json, dict)
    assert len(answer.json["product"]["product_name"]) == 50_000


def test_a_zipped_answer_that_comes_byte_by_byte():
    body = gzip.compress(json.dumps({"name": "Bread" * 50}).encode())
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

    with speaking(head, *(bytes([byte]) for byte in body)) as url:
        assert get(url).json == {"name": "Bread" * 50}


def test_an_answer_that_ends_with_the_connection():
    with speaking(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b'{"a": 1}') as url:
        assert get(url).json == {"a": 1}


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 40,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + b"x" * 10,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nnot zip",
    ],
)
def test_an_answer_that_is_cut_off_or_cannot_be_unpacked(sent: bytes):
    """Scenario 22."""
    with speaking(sent) as url:
        assert outcome_of(url) is Outcome.MALFORMED


@pytest.mark.parametrize(
    "sent", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 two\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000]
)
def test_something_that_is_no_http_is_a_failure(sent: bytes):
    with speaking(sent) as url:
        assert outcome_of(url) is Outcome.FAILURE


def test_a_flood_is_left_early(provider: FakeProvider):
    """Scenario 22."""
    sent = []

    def stream() -> Iterator[bytes]:
        for _piece in range(20_000_000 // 16_384):
            sent.append(16_384)
            yield b" " * 16_384

    provider.route("/thing", lambda request, match: Reply(stream=stream))

    assert outcome_of(provider.url, max_bytes=100_000) is Outcome.MALFORMED
    assert sum(sent) < 12_000_000  # what the buffers of both ends hold, at most


def test_a_small_body_that_unpacks_to_a_flood_is_left_early(provider: FakeProvider):
    provider.floods(200_000_000, zipped=True)

    began = time.monotonic()
    assert outcome_of(provider.url, max_bytes=100_000) is Outcome.MALFORMED

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("pause_s", [0.05, 0.8])
def test_a_body_that_trickles_or_stops_is_left_at_the_deadline(pause_s: float):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()

    with speaking(head, *[b" "] * (40 if pause_s < 0.5 else 1), pause_s=pause_s) as url:
        assert outcome_of(url, total_s=0.5) is Outcome.TIMEOUT
        took = time.monotonic() - began

    assert 0.4 < took < 1.5


def test_a_zipped_body_that_trickles_without_yielding_anything_is_left_at_the_deadline():
    """Its pieces are unpacked inside urllib3, which looks at no deadline."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n"
    padding = b"\x1f\x8b\x08\x08" + b"\0" * 6  # the head of a gzip file, whose name never ends
    began = time.monotonic()

    with speaking(head, padding, *[b"n"] * 40, pause_s=0.05) as url:
        assert outcome_of(url, total_s=0.5) is Outcome.TIMEOUT
        took = time.monotonic() - began

    assert 0.4 < took < 1.5


def test_a_provider_that_accepts_and_says_nothing_is_left_at_the_deadline(provider: FakeProvider):
    provider.delays(5)
    began = time.monotonic()

    assert outcome_of(provider.url, total_s=0.3) is Outcome.TIMEOUT
    assert time.monotonic() - began < 1


def test_nobody_listening_is_a_failure(provider: FakeProvider):
    provider.refuses()

    assert outcome_of(provider.url) is Outcome.FAILURE
    provider.comes_back()


def test_a_redirect_is_not_followed_and_its_body_is_not_swallowed(provider: FakeProvider):
    provider.route("/elsewhere", lambda request, match: Reply(b"{}"))
    provider.redirects_to(f"{provider.url}/elsewhere")

    assert get(provider.url).status == 302
    assert provider.hits("/elsewhere") == 0

    head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    with speaking(head, *[b" "] * 40, pause_s=0.05) as url:
        assert outcome_of(url, total_s=0.3) is Outcome.TIMEOUT
        assert time.monotonic() - began < 1.5


def test_cookies_of_a_provider_are_not_kept(provider: FakeProvider):
    provider.answers({}, headers={"Set-Cookie": "who=you; Path=/"})
    get(provider.url)

    get(provider.url)

    assert "cookie" not in provider.last.headers


def test_a_proxy_of_the_environment_is_not_used(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch):
    provider.answers({})
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert get(provider.url).status == 200


@pytest.mark.parametrize(
    ("body", "content_type", "is_json"),
    [
        (b"{}", "text/plain", True),
        (b"{}", "text/html", False),
        (b"<html>", "application/json", False),
        (b"", "application/json", False),
        (b"\xff\xfe\x00", "application/json", False),
        (b"[" * 100_000, "application/json", False),
        (b"null", "application/json", True),
    ],
)
def test_only_json_that_does_not_call_itself_a_page_is_json(
    provider: FakeProvider, body: bytes, content_type: str, is_json: bool
):
    provider.answers(body, content_type=content_type)

    assert get(provider.url, max_bytes=1_000_000).is_json is is_json


def test_a_connection_is_used_again(provider: FakeProvider):
    accepted = len(provider._connections)
    provider.answers({})
    get(provider.url)

    get(provider.url)

    assert len(provider._connections) - accepted == 1


def test_no_two_threads_share_a_session():
    mine = session()
    theirs: list[object] = []
    thread = threading.Thread(target=lambda: theirs.append(session()))
    thread.start()
    thread.join()

    assert session() is mine
    assert theirs[0] is not mine


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_no_session_is_inherited_through_a_fork():
    mine = session()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, b"another" if session() is not mine else b"the same")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(readable, 100) == b"another"
    os.close(readable)
    os.close(writable)
