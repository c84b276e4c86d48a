"""A peer on loopback that speaks real HTTP and fails as scripted: for what only sockets can show.

    with ScriptedService(drop(), problem(QueueFull("…", retry_after_s=0)), analysis()) as service:
        Client(service.url).analyze("…")

One step answers one request; the last step answers all that follow.
"""

import contextlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPMessage, parse_headers
from typing import BinaryIO, Self
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.analyze import parse_request
from nlpbatch.wire.arrow import answer_schema, encode_batch_message, join_answer
from nlpbatch.wire.media import ARROW_STREAM, JSON, PROBLEM_JSON, media_type
from nlpbatch.wire.options import Options
from nlpbatch.wire.problem import to_problem

FINGERPRINT = "f" * 32
_TLS_HANDSHAKE = b"\x16"


@dataclass
class Exchange:
    """One request as it arrives, and the connection to answer on."""

    method: str
    target: str
    headers: HTTPMessage
    connection: socket.socket
    reader: BinaryIO
    closing: threading.Event
    body: bytes = b""
    keep_alive: bool = True

    def read_body(self) -> bytes:
        size_bytes = int(self.headers.get("Content-Length", "0"))
        self.body = self.reader.read(size_bytes)
        if len(self.body) < size_bytes:
            raise ConnectionError("the client went away while it was sending")
        return self.body

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close; with `reset` by RST instead of FIN, which the peer notices."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.keep_alive = False


Step = Callable[[Exchange], None]


def answer_bytes(status: int, body: bytes, content_type: str | None, headers: dict[str, str] | None = None) -> bytes:
    """Return a complete HTTP answer."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def reply(
    status: int, body: bytes = b"", content_type: str | None = None, headers: dict[str, str] | None = None
) -> Step:
    """Return a step that reads the request and answers this."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(answer_bytes(status, body, content_type, headers))

    return step


def problem(error: NlpbatchError) -> Step:
    """Return a step that answers the error's problem document."""
    members = to_problem(error)
    return reply(members["status"], json.dumps(members).encode(), PROBLEM_JSON)


def refuse_unread(status: int) -> Step:
    """Return a step that answers without reading the body and closes, as a load balancer does with a large one."""

    def step(exchange: Exchange) -> None:
        exchange.send(answer_bytes(status, b"", None, {"Connection": "close"}))
        exchange.hang_up()

    return step


def analysis() -> Step:
    """Return a step that analyses honestly: each blank-separated word is a token of tag NNG; None stays None."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        body, content_type = _analyse(exchange)
        exchange.send(answer_bytes(200, body, content_type))

    return step


def drop(*, reset: bool = False) -> Step:
    """Return a step that closes the connection instead of answering."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.hang_up(reset=reset)

    return step


def raw(data: bytes) -> Step:
    """Return a step that sends these bytes, HTTP or not, and closes."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(data)
        exchange.hang_up()

    return step


def hang() -> Step:
    """Return a step that never answers."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.closing.wait()
        exchange.hang_up()

    return step


def drip(interval_s: float) -> Step:
    """Return a step that sends a long answer byte by byte: no single read is slow, the whole is."""

    def step(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(answer_bytes(200, b"", JSON).replace(b"Content-Length: 0", b"Content-Length: 1000000"))
        while not exchange.closing.wait(interval_s):
            exchange.send(b" ")

    return step


def late_reader(delay_s: float) -> Step:
    """Return a step that leaves the body unread for a time, as a proxy does while the request is in its queue."""

    def step(exchange: Exchange) -> None:
        time.sleep(delay_s)
        analysis()(exchange)

    return step


class ScriptedService:
    """Serves the script from several threads; `exchanges` are the requests in the order they came."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._server = _Server(("127.0.0.1", 0), self._serve)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # wakes whoever still reads or writes
        self._server.server_close()
        self._thread.join()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.append(connection)
        with connection.makefile("rb") as reader:
            while not self._closing.is_set() and (exchange := self._receive(connection, reader)):
                self._next_step(exchange)(exchange)
                if not exchange.keep_alive:
                    return

    def _receive(self, connection: socket.socket, reader: BinaryIO) -> Exchange | None:
        connection.settimeout(0.05)
        while not self._closing.is_set():
            try:
                first = connection.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                continue
        else:
            return None
        connection.settimeout(30)
        if first == _TLS_HANDSHAKE:
            return Exchange("", "", HTTPMessage(), connection, reader, self._closing)
        if not first:
            return None
        method, target, _ = reader.readline().decode().split(" ")
        return Exchange(method, target, parse_headers(reader), connection, reader, self._closing)

    def _next_step(self, exchange: Exchange) -> Step:
        with self._lock:
            self.exchanges.append(exchange)
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        super().__init__(address, socketserver.BaseRequestHandler)
        self._serve = serve

    def finish_request(self, request: socket.socket, _: object) -> None:
        with contextlib.suppress(OSError):  # the client went away; that is often what a test is about
            self._serve(request)

    def shutdown_request(self, request: socket.socket) -> None:
        request.close()  # no shutdown() first: it would turn a reset into an orderly end


def _analyse(exchange: Exchange) -> tuple[bytes, str]:
    if exchange.method == "GET":
        return json.dumps({"analyzers": [], "limits": {"body_bytes": 1000}}).encode(), JSON
    if media_type(exchange.headers.get("Content-Type")) == ARROW_STREAM:
        return _analyse_arrow(exchange), ARROW_STREAM
    request = parse_request(exchange.body)
    outcomes = [{"tokens": _tokens(text, request.options.fields), "error": None} for text in request.documents]
    members = {"analyzer": request.options.analyzer, "fingerprint": FINGERPRINT, "outcomes": outcomes}
    return json.dumps(members).encode(), JSON


def _analyse_arrow(exchange: Exchange) -> bytes:
    query = {name: values[0] for name, values in parse_qs(urlsplit(exchange.target).query).items()}
    options = Options.from_query(query)
    with pa.ipc.open_stream(exchange.body) as reader:
        texts = reader.read_all()["text"].to_pylist()
    rows = [{"tokens": _tokens(text, options.fields), "error": None} for text in texts]
    batch = pa.RecordBatch.from_pylist(rows, schema=answer_schema(options))
    return join_answer(
        [encode_batch_message(batch)], options=options, analyzer=options.analyzer, fingerprint=FINGERPRINT
    )


def _tokens(text: str | None, fields: tuple[str, ...]) -> list[dict[str, object]] | None:
    if text is None:
        return None
    tokens, end = [], 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        whole = {"form": word, "tag": "NNG", "start": start, "end": end, "len": len(word), "lemma": word}
        tokens.append({name: whole.get(name) for name in fields})
    return tokens
