"""Active health checks: asks each backend's /readyz in every period."""

import asyncio
from collections.abc import Callable

from proxy.traffic.slots import Backend
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
        """Check the backend in every period from now on, independently of the others."""
        self._checks[backend] = asyncio.create_task(self._check(backend), name=f"health of {backend.url}")

    def forget(self, backend: Backend) -> None:
        """Stop checking the backend."""
        if (check := self._checks.pop(backend, None)) is not None:
            check.cancel()

    async def close(self) -> None:
        """Stop all checks."""
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
