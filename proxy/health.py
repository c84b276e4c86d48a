"""Active health checks: each backend's /readyz, again and again."""

import asyncio
from collections.abc import Sequence

from proxy.balancer import Backend
from proxy.gate import Gate
from proxy.upstream import Upstream


async def check_forever(backends: Sequence[Backend], gate: Gate, upstream: Upstream, period_s: float) -> None:
    """Ask each backend every period, whatever the others do; one that has become ready gets what waits."""
    await asyncio.gather(*(_check(backend, gate, upstream, period_s) for backend in backends))


async def _check(backend: Backend, gate: Gate, upstream: Upstream, period_s: float) -> None:
    timeout_s = max(1.0, 2 * period_s)
    while True:
        await upstream.ask_ready(backend, timeout_s)
        gate.pump()
        await asyncio.sleep(period_s)
