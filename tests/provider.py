"""A provider of food data on 127.0.0.1 that does what a test tells it, misbehaviour included.

It speaks real HTTP, so that nothing of ours has to be patched. For people and browser tests it serves recorded bodies:

    python -m tests.provider --port 9000 --products FILE-OR-FOLDER
    OFF_BASE_URL=http://127.0.0.1:9000 OFF_SEARCH_URL=http://127.0.0.1:9000 script/server

With `--fatsecret FILE` it is FatSecret as well, to FATSECRET_CLIENT_ID=planted-client and
FATSECRET_CLIENT_SECRET=planted-secret: FATSECRET_BASE_URL=http://127.0.0.1:9000 and
FATSECRET_TOKEN_URL=http://127.0.0.1:9000/connect/token.
"""

import argparse
import base64
import gzip
import json
import re
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
ERROR_PAGE = "<!-- maintenance -->\n<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>\n"
CHUNK = 16_384
NOT_IN_HITS = {"quantity", "serving_size", "serving_quantity", "serving_quantity_unit", "product_quantity_unit"}
STUB = 3  # keys: recorded bodies with fewer show one detail, and no product


@dataclass(frozen=True)
class Request:
    """One request as it came in. `at` is in seconds since the epoch; names of `headers` are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float
    port: int = 0  # of the other side: tells connections apart


@dataclass(frozen=True)
class Reply:
    """What to send. `declared` is the Content-Length where it is not the body's; `stream` is sent in chunks instead."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    stream: Callable[[], Iterator[bytes]] | None = None


Answer = Callable[[Request], Reply]


def as_json(body: object, status: int = 200) -> Reply:
    return Reply(json.dumps(body).encode(), status)


@dataclass
class _Plan:
    """What the next `times` requests get; None: all until something else is planned."""

    answer: Answer
    times: int | None


class FakeProvider:
    """Open Food Facts as it should be, until a test plans otherwise.

    Plans are carried out in the order they were made; one without `times` lasts until the next plan is made. `delays`,
    `trickles` and `cuts_off` change how any answer travels. `recovers` ends all of it.
    """

    _plans: deque[_Plan]
    _delay_s: float
    _rate: float | None
    _cut_after: int | None

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._placeholder: socket.socket | None = None  # holds the port while connections are refused
        self._products: dict[tuple[str, str], dict[str, Any]] = {}
        self._routes: list[tuple[re.Pattern[str], Callable[[Request, re.Match[str]], Reply]]] = []
        self._connections: set[socket.socket] = set()
        self._over = threading.Event()  # wakes those who delay an answer
        self.recovers()
        self.route(r"/api/(v\d)[.\d]*/product/(\w+?)(?:\.json)?", self._product)
        self.route(r"/search", self._search)
        self._listen(port)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    # --- What it knows ---

    def knows(self, code: str, product: Mapping[str, Any], *, version: str = "") -> None:
        """`product` is the object of that name in an answer; with `version` ("v2" or "v3") only that API has it."""
        self._products[version, _canonical(code)] = {"code": code, **product}

    def route(self, pattern: str, answer: Callable[[Request, re.Match[str]], Reply]) -> None:
        """Paths that match the whole of `pattern` are answered by `answer`; the latest route wins."""
        self._routes.insert(0, (re.compile(pattern), answer))

    # --- What it does next ---

    def answers(
        self,
        body: bytes | str | Mapping[str, Any] | list[Any],
        status: int = 200,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Exactly this, whatever is asked."""
        sent = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        reply = Reply(sent, status, content_type, headers or {})
        self._plan(lambda request: reply, times)

    def fails_with(
        self,
        status: int,
        body: bytes | str = ERROR_PAGE,
        content_type: str = HTML,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        self.answers(body, status, content_type, headers, times)

    def redirects_to(self, url: str, status: int = 302, times: int | None = None) -> None:
        self.answers(b"", status, HTML, {"Location": url}, times)

    def floods(self, total_bytes: int, *, zipped: bool = False, times: int | None = None) -> None:
        """A JSON document of that size and no Content-Length; `zipped`: a small body that unpacks to that size."""

        def stream() -> Iterator[bytes]:
            yield b'{"product": {"product_name": "'
            for sent in range(0, total_bytes, CHUNK):
                yield b"x" * min(CHUNK, total_bytes - sent)
            yield b'"}}'

        if zipped:
            reply = Reply(gzip.compress(b"".join(stream())), headers={"Content-Encoding": "gzip"})
        else:
            reply = Reply(stream=stream)
        self._plan(lambda request: reply, times)

    def no_v3(self) -> None:
        """Paths of API v3 are unknown: 404 with a page, as a mirror of an older version answers."""
        self.route(r"/api/v3.*", lambda request, match: Reply(ERROR_PAGE.encode(), 404, HTML))

    def delays(self, seconds: float) -> None:
        """Before each answer."""
        self._delay_s = seconds

    def trickles(self, bytes_per_second: float) -> None:
        """The head at once, then the body, ten pieces a second."""
        self._rate = bytes_per_second

    def cuts_off(self, after_bytes: int) -> None:
        """Closes the connection after so many bytes of a body that was declared to be longer."""
        self._cut_after = after_bytes

    def recovers(self) -> None:
        """Forget all plans and delays; what it knows stays known."""
        self._plans = deque()
        self._delay_s = 0.0
        self._rate = None
        self._cut_after = None

    def refuses(self) -> None:
        """Connections are refused, open ones are cut. The port stays ours."""
        self._close()
        placeholder = self._placeholder = socket.socket()
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        placeholder.bind(("127.0.0.1", self.port))  # bound and not listening

    def comes_back(self) -> None:
        self._free_port()
        self._listen(self.port)

    # --- What was asked of it ---

    def hits(self, path_contains: str = "") -> int:
        with self._lock:
            return sum(path_contains in request.path for request in self.requests)

    @property
    def last(self) -> Request:
        with self._lock:
            return self.requests[-1]

    # --- How it works ---

    def stop(self) -> None:
        self._over.set()
        self._close()
        self._free_port()

    def _free_port(self) -> None:
        if self._placeholder:
            self._placeholder.close()

    def _plan(self, answer: Answer, times: int | None) -> None:
        with self._lock:
            lasting = [plan for plan in self._plans if plan.times is not None]
            self._plans = deque([*lasting, _Plan(answer, times)])

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            plan = self._plans[0] if self._plans else None
            if plan and plan.times is not None:
                plan.times -= 1
                if plan.times <= 0:
                    self._plans.popleft()
        return plan.answer(request) if plan else self._as_it_should(request)

    def _as_it_should(self, request: Request) -> Reply:
        for pattern, answer in self._routes:
            if match := pattern.fullmatch(request.path):
                return answer(request, match)
        return as_json({"error": "no such path"}, 404)

    def _product(self, request: Request, match: re.Match[str]) -> Reply:
        """Open Food Facts' answer to a product read; of the product only the `fields` that were asked for."""
        version, code = match.groups()
        product = self._products.get((version, _canonical(code))) or self._products.get(("", _canonical(code)))
        if product is None:
            return as_json(*_not_found(version, code))
        wanted = request.query.get("fields", "all").split(",")
        if "all" not in wanted:
            product = {name: value for name, value in product.items() if name in wanted}
        code = product.get("code", code)
        if version == "v2":
            return as_json({"code": code, "product": product, "status": 1, "status_verbose": "product found"})
        found = {"id": "product_found", "lc_name": "Product found", "name": "Product found"}
        parts = {"errors": [], "product": product, "result": found, "status": "success", "warnings": []}
        return as_json({"code": code, **parts})

    def _search(self, request: Request, match: re.Match[str]) -> Reply:
        """Search-a-licious' answer: products whose name has every word; brands as a list, no servings, no packs."""
        words = request.query.get("q", "").casefold().split()
        known = {code: product for (version, code), product in self._products.items() if version != "v2"}
        hits = [
            {name: value for name, value in product.items() if name not in NOT_IN_HITS}
            | {"brands": [brand.strip() for brand in str(product.get("brands") or "").split(",")]}
            for product in known.values()
            if all(word in str(product.get("product_name")).casefold() for word in words)
        ]
        counted = {"page": 1, "page_size": 24, "page_count": 1, "count": len(hits), "is_count_exact": True}
        return as_json({"hits": hits[:24], "aggregations": {}, "took": 7, "timed_out": False, **counted})

    def _listen(self, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        self._over.wait(self._delay_s)
        body, declared = reply.body, reply.declared
        if self._cut_after is not None:
            declared = max(len(body), self._cut_after) + 1
            body = body[: self._cut_after].ljust(self._cut_after)
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.stream:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(len(body) if declared is None else declared))
        handler.end_headers()
        handler.wfile.flush()
        if reply.stream:
            for piece in reply.stream():
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            handler.wfile.write(b"0\r\n\r\n")
            return
        for piece in self._pieces(body):
            handler.wfile.write(piece)
            handler.wfile.flush()
        if declared is not None and declared != len(body):
            handler.close_connection = True

    def _pieces(self, body: bytes) -> Iterable[bytes]:
        if self._rate is None:
            yield body
            return
        size = max(1, int(self._rate / 10))
        for start in range(0, len(body), size):
            yield body[start : start + size]
            if self._over.wait(size / self._rate):
                return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle are what the tests are about."""


def _handler_of(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept
        disable_nagle_algorithm = True  # head and body are two writes; waiting to join them costs 40 ms

        def setup(self) -> None:
            super().setup()
            with provider._lock:
                provider._connections.add(self.connection)

        def finish(self) -> None:
            with provider._lock:
                provider._connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query, port = dict(parse_qsl(parts.query)), self.client_address[1]
            request = Request(self.command, parts.path, query, headers, body, time.time(), port)
            provider._send(self, provider._reply(request))

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Silent: `requests` tells what came in."""

    return Handler


class FatSecret:
    """FatSecret, on the same server: a token endpoint, and one address for all methods, which errs with status 200."""

    CLIENT_ID, CLIENT_SECRET = "planted-client", "planted-secret"

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.base_url, self.token_url = provider.url, f"{provider.url}/connect/token"
        self.tokens: list[str] = []  # those that count, the newest last
        self._ids: dict[str, str] = {}
        self._foods: dict[str, Mapping[str, Any]] = {}
        self._errors: dict[str, tuple[int, str]] = {}
        provider.route(r"/connect/token", self._token)
        provider.route(r"/rest/server\.api", self._answer)

    def knows(self, code: str, food: Mapping[str, Any]) -> None:
        """`food` is the object of that name in an answer, with its `food_id`."""
        self._ids[code.zfill(13)] = str(food["food_id"])
        self._foods[str(food["food_id"])] = food

    def forgets(self, code: str) -> None:
        self._foods.pop(self._ids.pop(code.zfill(13)))

    def errs_with(self, code: int, message: str = "something", *, method: str = "") -> None:
        """That `method` from now on, by default every one."""
        self._errors[method] = (code, message)

    def takes_tokens_back(self) -> None:
        self.tokens.clear()

    def calls(self, method: str = "") -> int:
        asked = [request for request in self.provider.requests if request.path == "/rest/server.api"]
        return sum(request.query.get("method", "").startswith(method) for request in asked)

    def _token(self, request: Request, match: re.Match[str]) -> Reply:
        basic = base64.b64encode(f"{self.CLIENT_ID}:{self.CLIENT_SECRET}".encode()).decode()
        form = dict(parse_qsl(request.body.decode()))
        if request.headers.get("authorization") != f"Basic {basic}" or form.get("grant_type") != "client_credentials":
            return as_json({"error": "invalid_client"}, 400)
        self.tokens.append(f"planted-token-{len(self.provider.requests)}")
        kind = {"token_type": "Bearer", "expires_in": 86400, "scope": form.get("scope")}
        return as_json({"access_token": self.tokens[-1], **kind})

    def _answer(self, request: Request, match: re.Match[str]) -> Reply:
        method = request.query.get("method", "")
        wrong = self._errors.get(method) or self._errors.get("")
        if request.headers.get("authorization", "") not in {f"Bearer {token}" for token in self.tokens}:
            wrong = (13, "Invalid token: the token is unknown")
        if wrong:
            return as_json({"error": {"code": wrong[0], "message": wrong[1]}})
        if request.query.get("format") != "json":
            return Reply(b'<?xml version="1.0" encoding="utf-8" ?><food/>', content_type="text/xml; charset=utf-8")
        if method == "food.find_id_for_barcode":
            return as_json({"food_id": {"value": self._ids.get(request.query.get("barcode", ""), "0")}})
        food = self._foods.get(request.query.get("food_id", ""))
        if method == "food.get.v4" and food is not None:
            return as_json({"food": food})
        code, message = (106, "Invalid ID") if method == "food.get.v4" else (10, "Unknown method")
        return as_json({"error": {"code": code, "message": message}})


def _canonical(code: str) -> str:
    """Open Food Facts finds a product with and without leading zeros."""
    return code.lstrip("0")


def _not_found(version: str, code: str) -> tuple[dict[str, Any], int]:
    if version == "v2":
        return {"code": code, "status": 0, "status_verbose": "product not found"}, 404
    error = {
        "field": {"id": "code", "value": code},
        "impact": {"id": "failure", "lc_name": "Failure", "name": "Failure"},
        "message": {"id": "product_not_found", "lc_name": "", "name": ""},
    }
    result = {"id": "product_not_found", "lc_name": "Product not found", "name": "Product not found"}
    return {"code": code, "errors": [error], "result": result, "status": "failure", "warnings": []}, 404


def learn(provider: FakeProvider, where: Path) -> int:
    """Teach `provider` the recorded product bodies in a file or below a folder; how many codes it knows then.

    A body of API v3.5 or later is given to callers of v3 alone: v2 has another shape of nutrition.
    """
    files = sorted(where.rglob("*.json")) if where.is_dir() else [where]
    for file in files:
        body = json.loads(file.read_bytes())
        product = body.get("product") if isinstance(body, dict) else None
        code = str((isinstance(product, dict) and product.get("code")) or (product and body.get("code")) or "")
        if isinstance(product, dict) and code.isdigit() and len(product) > STUB:
            provider.knows(code, product, version="v3" if "nutrition" in product else "")
    return len({code for _, code in provider._products})


def main() -> None:
    options = argparse.ArgumentParser(description="Serve recorded product bodies as Open Food Facts would.")
    options.add_argument("--port", type=int, default=9000)
    options.add_argument("--products", type=Path, required=True, help="a JSON file, or a folder of them")
    options.add_argument("--fatsecret", type=Path, help="a JSON file of FatSecret's foods by barcode, to be it too")
    chosen = options.parse_args()
    provider = FakeProvider(chosen.port)
    if chosen.fatsecret:
        fatsecret = FatSecret(provider)
        for code, food in json.loads(chosen.fatsecret.read_bytes()).items():
            fatsecret.knows(code, food)
    known = learn(provider, chosen.products)
    sys.stdout.write(f"{known} products at {provider.url} (Ctrl-C stops it)\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    provider.stop()


if __name__ == "__main__":
    main()
