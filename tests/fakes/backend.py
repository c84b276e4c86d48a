"""An API replica on loopback that does what a script says: real HTTP on a real socket, in the test's own loop.

    async with FakeBackend(hang(), answer(b"{}")) as backend: ...

One step answers one request; the last step answers all that follow. `/readyz` is not scripted: it says `ready`.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Self


@dataclass
class Exchange:
    """One request as it arrived, and the connection to answer on."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    open: bool = True

    def all(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def hang_up(self, *, reset: bool = False) -> None:
        """Close; with `reset` by RST instead of FIN, which the peer notices."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.open = False


Step = Callable[[Exchange], Awaitable[None]]


def answer(body: bytes = b"{}", *, status: int = 200, headers: dict[str, str] | None = None) -> Step:
    """Return a step that answers this, with a Content-Length unless one is given."""

    async def step(exchange: Exchange) -> None:
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
        await exchange.send(_head(status, given) + (b"" if exchange.method == "HEAD" else body))

    return step


def echo() -> Step:
    """Return a step that answers the request's own body."""

    async def step(exchange: Exchange) -> None:
        await answer(exchange.body, headers={"Content-Type": "application/octet-stream"})(exchange)

    return step


def chunked(*chunks: bytes) -> Step:
    """Return a step that answers in pieces, without saying how many bytes it will be."""

    async def step(exchange: Exchange) -> None:
        await exchange.send(_head(200, {"Transfer-Encoding": "chunked"}))
        for chunk in (*chunks, b""):
            await exchange.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    return step


def held(until: asyncio.Event, step: Step | None = None) -> Step:
    """Return a step that does what the other one does, but not before the event."""
    then = step or answer()

    async def wait(exchange: Exchange) -> None:
        await until.wait()
        await then(exchange)

    return wait


def hang() -> Step:
    """Return a step that never answers."""
    return held(asyncio.Event())


def drop(*, reset: bool = False) -> Step:
    """Return a step that closes the connection instead of answering."""

    async def step(exchange: Exchange) -> None:
        exchange.hang_up(reset=reset)

    return step


def raw(data: bytes, *, reset: bool = False) -> Step:
    """Return a step that sends these bytes, HTTP or not, and closes."""

    async def step(exchange: Exchange) -> None:
        await exchange.send(data)
        exchange.hang_up(reset=reset)

    return step


def broken_off(sent_bytes: int, promised_bytes: int, *, reset: bool = False) -> Step:
    """Return a step that promises an answer and breaks off before its end."""
    return raw(_head(200, {"Content-Length": str(promised_bytes)}) + b"x" * sent_bytes, reset=reset)


class FakeBackend:
    """Serves the script.

    Args:
        steps: What to do with each request; the last step is for all that follow.
        ready: What `/readyz` says, and `workers` with it.
        readyz: Answers `/readyz` instead.
        backlog: Connections that wait to be accepted, at most.
        fingerprints: What `/readyz` states; None for one that states nothing.

    `exchanges` are the requests in the order they came, without those to `/readyz`, which `probes` counts;
    `most_at_once` is how many of them were being answered at a time.
    """

    def __init__(
        self,
        *steps: Step,
        ready: bool = True,
        workers: int = 2,
        readyz: Step | None = None,
        backlog: int = 100,
        fingerprints: tuple[str, ...] | None = None,
    ) -> None:
        self.steps = list(steps) or [answer()]
        self.ready, self.workers, self.readyz = ready, workers, readyz
        self.fingerprints = fingerprints
        self.exchanges: list[Exchange] = []
        self.probes = self.connections = self.port = self.most_at_once = 0
        self._at_once, self._backlog = 0, backlog
        self._arrived = asyncio.Condition()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=2**20, backlog=self._backlog
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break off everything; connections are refused from now on."""
        if self._server is not None:
            self._server.close()
        self._server = None
        await self._break_off()

    @contextlib.asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Break off everything, and neither accept nor refuse connections for a time: packets are lost on the way."""
        listener = self._server.sockets[0]
        asyncio.get_running_loop().remove_reader(listener.fileno())
        await self._break_off()
        with contextlib.ExitStack() as stack:
            for _ in range(self._backlog + 8):  # what the system accepts by itself, and some more
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex(listener.getsockname())
            yield

    async def _break_off(self) -> None:
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def received(self, count: int) -> Exchange:
        """Wait until so many requests have come and return the last of them."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.exchanges) >= count)
        return self.exchanges[count - 1]

    async def probed(self, count: int) -> None:
        """Wait until `/readyz` has been asked so often."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: self.probes >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # often what a test is about
                while True:
                    exchange = await _receive(reader, writer)
                    step = await self._next_step(exchange)
                    with self._counted(exchange):
                        await step(exchange)
                    if not exchange.open:
                        return
        except asyncio.CancelledError:
            writer.transport.abort()  # not raised: the streams' own callback would log it
        finally:
            self._serving.discard(task)
            writer.close()

    @contextlib.contextmanager
    def _counted(self, exchange: Exchange) -> Iterator[None]:
        own = exchange.target != "/readyz"
        self._at_once += own
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            self._at_once -= own

    async def _next_step(self, exchange: Exchange) -> Step:
        probe = exchange.target == "/readyz"
        async with self._arrived:
            if probe:
                self.probes += 1
            else:
                self.exchanges.append(exchange)
            self._arrived.notify_all()
        if probe:
            said = {"ready": self.ready, "workers": self.workers}
            if self.fingerprints is not None:
                said["fingerprints"] = self.fingerprints
            return self.readyz or answer(json.dumps(said).encode(), status=200 if self.ready else 503)
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


async def _receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    exchange = Exchange(method, target, [_pair(line) for line in lines], b"", reader, writer)
    exchange.body = await reader.readexactly(int(exchange.header("Content-Length") or 0))
    return exchange


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
