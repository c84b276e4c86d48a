"""Counts requests in progress, so that a stopping process finishes them and refuses the rest."""

import asyncio
from contextlib import AbstractContextManager

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

    def admit(self) -> AbstractContextManager[None]:
        """Return the context in which one request is answered and counted.

        Raises:
            Draining: The process is shutting down.

        """
        if self.draining:
            raise Draining("this process is shutting down: send the request again", retry_after_s=self._retry_after_s)
        return _Counted(self)

    def begin(self) -> None:
        """Count a request that is being answered."""
        self._in_progress += 1
        self._idle.clear()

    def end(self) -> None:
        """Count its end."""
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


class _Counted:
    """A class, because a generator as context costs more, and each request comes by."""

    __slots__ = ("_drain",)

    def __init__(self, drain: Drain) -> None:
        self._drain = drain

    def __enter__(self) -> None:
        self._drain.begin()

    def __exit__(self, *_: object) -> None:
        self._drain.end()


DRAIN: web.AppKey[Drain] = web.AppKey("drain", Drain)
