"""Active health checks: each backend's /readyz, again and again, while it is one."""

import asyncio

from proxy.balancer import Backend
from proxy.gate import Gate
from proxy.upstream import Upstream


class Health:
    """Watches backends; one that has become ready gets what waits."""

    def __init__(self, gate: Gate, upstream: Upstream) -> None:
        self._gate = gate
        self._upstream = upstream
        self._checks: dict[Backend, asyncio.Task[None]] = {}

    def watch(self, backend: Backend) -> None:
        """Ask the backend every period from now on, whatever the others do."""
        self._checks[backend] = asyncio.create_task(self._check(backend), name=f"health of {backend.url}")

    def forget(self, backend: Backend) -> None:
        """Ask it no more."""
        if (check := self._checks.pop(backend, None)) is not None:
            check.cancel()

    async def close(self) -> None:
        """Ask none any more."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _check(self, backend: Backend) -> None:
        while True:
            period_s = self._upstream.settings.health_period_s
            await self._upstream.ask_ready(backend, max(1.0, 2 * period_s))
            self._gate.pump()
            await asyncio.sleep(period_s)
