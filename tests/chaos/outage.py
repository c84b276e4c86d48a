"""The proxy away for a minute, twice in a run, and what its callers send in the first second after it is back."""

import asyncio
import os
import signal
import statistics
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.chaos.harness import Chaos, tended

DOWN_S = 60.0
_TIMES = 2
_SLICE_S = 1.0


class Relay:
    """Stands before a service and counts the bytes that callers send, by the time at which they do."""

    def __init__(self, service: str) -> None:
        self._to = urlsplit(service)
        self._sent: list[tuple[float, int]] = []
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        listening = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = self._loop.run_until_complete(listening)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def sent_bytes(self, from_s: float, to_s: float) -> int:
        """Return what was sent in a span of monotonic time."""
        return sum(size for at_s, size in list(self._sent) if from_s <= at_s < to_s)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader, writer) -> None:
        try:
            to_reader, to_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._pass(reader, to_writer, counted=True), self._pass(to_reader, writer, counted=False))

    async def _pass(self, reader, writer, *, counted: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if counted:
                    self._sent.append((time.monotonic(), len(data)))
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


def outage(chaos: Chaos, *, down_s: float = DOWN_S):
    """Return what a run comes to in which the proxy is away twice; `note` has the loads, `loads` their ratios."""
    relays: list[Relay] = []
    spans: list[tuple[float, float]] = []
    ended = threading.Event()

    @contextmanager
    def around(stack):
        relay = Relay(stack.service)
        relays.append(relay)
        hands_off = threading.Event()

        def meddle():
            for _ in range(_TIMES):
                _wait_for_load(relay, ended, seconds=0.2 * chaos.clean_s)
                if ended.is_set():
                    return
                hands_off.set()
                os.kill(stack.pid("proxy"), signal.SIGKILL)
                from_s = time.monotonic()
                ended.wait(down_s)
                hands_off.clear()
                _wait_ready(stack.service)
                spans.append((from_s, time.monotonic()))

        thread = threading.Thread(target=meddle)
        try:
            with tended(stack, hands_off):
                thread.start()
                yield relay.url
        finally:
            ended.set()
            thread.join()
            relay.close()

    outcome = chaos.run(around=around)
    (relay,) = relays
    assert len(spans) == _TIMES, f"the run was over after {len(spans)} outages: give it more reviews"
    first_s = spans[0][0]
    usual = statistics.median(relay.sent_bytes(first_s - age, first_s - age + _SLICE_S) for age in (1, 2, 3, 4, 5))
    loads = [relay.sent_bytes(to_s, to_s + _SLICE_S) / usual for _, to_s in spans]
    outcome.kills = [(0.0, f"proxy for {to_s - from_s:.0f} s", 0) for from_s, to_s in spans]
    outcome.note = f"usual load {usual:,.0f} B/s, in the first second after: " + ", ".join(
        f"x{one:.2f}" for one in loads
    )
    outcome.loads = loads
    return outcome


def _wait_for_load(relay, ended, *, seconds: float) -> None:
    """Return when there has been load for so long."""
    before_s = time.monotonic()
    while not relay.sent_bytes(before_s, time.monotonic()) and not ended.wait(0.1):
        pass
    ended.wait(max(6.0, seconds))


def _wait_ready(service: str) -> None:
    while True:
        with suppress(OSError), urllib.request.urlopen(f"{service}/readyz", timeout=1):
            return
        time.sleep(0.02)
