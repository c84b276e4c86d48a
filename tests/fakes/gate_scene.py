"""A gate in front of backends, on the clock of a virtual loop."""

import asyncio

from proxy.forwarding.gate import Gate
from proxy.traffic.admission import QueueBounds
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend
from proxy.traffic.ticket import Backlog
from tests.fakes.proxy_parts import arrival, proxy_settings, waits

BOUNDS = QueueBounds(requests=100, size_bytes=100_000, max_wait_s=5.0)


class Scene:
    """A gate, its backends, and what it refused."""

    def __init__(self, *, limits=(1,), bounds=BOUNDS, ready=True, weights=None):
        self.backends = [
            Backend(f"http://b{n}", FixedLimit(limit), ready=ready, workers=limit) for n, limit in enumerate(limits)
        ]
        self.refused = []
        settings = proxy_settings(
            {name: {"weight": weight} for name, weight in (weights or {}).items()},
            queue={"requests": bounds.requests, "size_bytes": bounds.size_bytes},
            classes=waits(bounds.max_wait_s),
        )
        self.traffic = TrafficController(settings, self.backends, chance=lambda: 0.5, choose=lambda _: 0)
        self.gate = Gate(self.traffic, lambda *refusal: self.refused.append(refusal))

    async def enter(self, tenant="a", job="", cost_bytes=100):
        return await self.gate.enter(arrival(tenant, job, cost_bytes))

    async def occupy(self, slots=1):
        return [await self.enter() for _ in range(slots)]

    def caller(self, tenant="a", job="", cost_bytes=100):
        return asyncio.ensure_future(self.enter(tenant, job, cost_bytes))

    def leave(self, lease):
        self.traffic.finish(lease, asyncio.get_running_loop().time())
        self.gate.pump()

    def move(self, lease):
        moved = self.traffic.move(lease, asyncio.get_running_loop().time())
        self.gate.pump()
        return moved

    @property
    def is_clean(self):
        idle = all(backend.in_flight == backend.outstanding_bytes == 0 for backend in self.backends)
        return idle and self.traffic.queue.backlog == Backlog() and not self.gate._waiting
