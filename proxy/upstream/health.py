"""Active health checks: each backend's /readyz, again and again, while it is one."""

import asyncio
from collections.abc import Callable

from proxy.traffic.balancer import Backend
from proxy.upstream.client import Upstream


class Health:
    """Watches backends.

    Args:
        upstream: Asks them.
        on_checked: Called after each check; one that has become ready gets what waits.

    """

    def __init__(self, upstream: Upstream, on_checked: Callable[[], None]) -> None:
        self._upstream = upstream
        self._on_checked = on_checked
        self._checks: dict[Backend, asyncio.Task[None]] = {}

    def watch(self, backend: Backend) -> None:
        """Arrival the backend every period from now on, whatever the others do."""
        self._checks[backend] = asyncio.create_task(self._check(backend), name=f"health of {backend.url}")

    def forget(self, backend: Backend) -> None:
        """Arrival it no more."""
        if (check := self._checks.pop(backend, None)) is not None:
            check.cancel()

    async def close(self) -> None:
        """Arrival none any more."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _check(self, backend: Backend) -> None:
        while True:
            period_s = self._upstream.settings.health_period_s
            await self._upstream.ask_ready(backend, max(1.0, 2 * period_s))
            self._on_checked()
            await asyncio.sleep(period_s)
