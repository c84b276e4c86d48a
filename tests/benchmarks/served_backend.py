"""A simulated backend behind real HTTP, on the real clock."""

import asyncio
import random
import time
from collections.abc import Callable

from aiohttp import web

from nlpbatch.serving.settings import check
from nlpbatch.wire.media import PRIORITY
from nlpbatch.wire.priority import is_batch
from proxy.planning.simulated_backend import SimulatedBackend, Timeline
from proxy.planning.workloads import BackendWork
from proxy.traffic.retries import Outcome
from proxy.traffic.ticket import Ticket
from tests.benchmarks.processes import free_port

BACKEND: dict[str, float] = {"workers": 8, "base_s": 0.001, "bytes_per_s": 200_000, "spread": 0.1}


class RealTime(Timeline):
    """What is to happen, on the running loop's clock; it sums up how late that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self.late_s = 0.0

    @property
    def now_s(self) -> float:  # type: ignore[override]
        """Return the loop's time."""
        return asyncio.get_running_loop().time()

    @now_s.setter
    def now_s(self, value: float) -> None:
        """Ignore the start of the virtual clock."""

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen so much later."""
        due_s = self.now_s + delay_s

        def happen() -> None:
            self.events += 1
            self.late_s += self.now_s - due_s
            act()

        asyncio.get_running_loop().call_later(delay_s, happen)


class ServedBackend:
    """A simulated backend behind real HTTP, in this process.

    Args:
        workers: Its workers, if not as many as usual.

    """

    def __init__(self, workers: int | None = None) -> None:
        kind = check(BACKEND | ({} if workers is None else {"workers": workers}), BackendWork, "benchmark")
        self.workers = kind.workers
        self.time = RealTime()
        self.inner = SimulatedBackend(kind, self.time, random.Random(free_port()))
        self.url = ""
        self.under_way = 0
        self.service_s: list[float] = []
        """Of each request, from its arrival to its answer."""

    async def analyze(self, request: web.Request) -> web.Response:
        """Answer a request when its work is done."""
        body = await request.read()
        class_name = "batch" if is_batch(request.headers.get(PRIORITY)) else "interactive"
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def finish(outcome: Outcome) -> None:
            if not done.done():  # else its caller has left
                done.set_result(outcome)

        came_s = time.monotonic()
        self.under_way += 1
        self.inner.send(Ticket("", "", len(body), came_s, class_name), finish)
        try:
            status = await done
        finally:
            self.under_way -= 1
        self.service_s.append(time.monotonic() - came_s)
        return web.Response(status=int(status), body=b"{}", content_type="application/json")

    async def readyz(self, _: web.Request) -> web.Response:
        """Say how many workers there are."""
        return web.json_response({"status": "ready", "workers": self.workers})
