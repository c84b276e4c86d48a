"""Active health checks: each backend's /readyz, again and again."""

import asyncio
from collections.abc import Sequence

from proxy.balancer import Backend
from proxy.gate import Gate
from proxy.upstream import Upstream


async def check_forever(backends: Sequence[Backend], gate: Gate, upstream: Upstream, period_s: float) -> None:
    """Ask all backends every period; one that has become ready gets what waits."""
    timeout_s = max(1.0, 2 * period_s)
    while True:
        await asyncio.gather(*(upstream.ask_ready(backend, timeout_s) for backend in backends))
        gate.pump()
        await asyncio.sleep(period_s)
