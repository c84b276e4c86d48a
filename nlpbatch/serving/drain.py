"""Counts requests in progress, so that a stopping process finishes them and refuses the rest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from nlpbatch.errors import Draining


class Drain:
    """Serving -> draining (on SIGTERM) -> idle (nothing in progress). There is no way back.

    Where other processes listen on the port, handing over comes before draining: nothing is refused in it.
    """

    def __init__(self, retry_after_s: float) -> None:
        self._retry_after_s = retry_after_s
        self._in_progress = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.handing_over = False

    @property
    def in_progress(self) -> int:
        """Return the number of requests being answered."""
        return self._in_progress

    def hand_over(self) -> None:
        """Close each connection after its next answer from now on."""
        self.handing_over = True

    def start(self) -> None:
        """Refuse from now on."""
        self.draining = True

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count one request while it is answered.

        Raises:
            Draining: The process is shutting down.

        """
        if self.draining:
            raise Draining("this process is shutting down: send the request again", retry_after_s=self._retry_after_s)
        self._in_progress += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_progress -= 1
            if not self._in_progress:
                self._idle.set()

    async def wait_idle(self, timeout_s: float) -> bool:
        """Return whether everything in progress finished within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


DRAIN: web.AppKey[Drain] = web.AppKey("drain", Drain)
