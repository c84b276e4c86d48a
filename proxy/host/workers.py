"""The workers as the supervisor sees them: child processes that answer on a Unix socket."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from nlpbatch.serving.child import Child
from proxy.host.assignment import worker_socket

ANSWER_TIMEOUT_S: Final = 2.0
_FIRST_PAUSE_S: Final = 0.1
"""Before a worker's first restart; the others serve meanwhile."""
_log = logging.getLogger("nlpbatch.proxy")


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What a worker is asked on its control listener.

    Args:
        method: HTTP method.
        path: Path, as it goes over the wire.
        body: Body.
        headers: Those that the worker gets.

    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answered."""

    status: int
    content_type: str
    body: bytes

    @property
    def is_success(self) -> bool:
        """Return whether the worker has done what it was asked."""
        return self.status < 300  # noqa: PLR2004  (HTTP)


class Worker:
    """One worker; `start` it, `tend` it regularly, `close` at the end. Needs a running event loop.

    Args:
        directory: The supervisor's directory.
        number: From 1.

    """

    def __init__(self, directory: Path, number: int) -> None:
        self.number = number
        self.current = False
        """Whether it has the configuration and the operator's orders that are in force."""
        self.restarts = 0
        self._child = Child(
            f"worker {number}", (str(directory), str(number)), module="proxy.host", first_pause_s=_FIRST_PAUSE_S
        )
        # A connection for each request: the process at the other end may be another one than before.
        connector = aiohttp.UnixConnector(str(worker_socket(directory, number)), force_close=True)
        self._session = aiohttp.ClientSession("http://worker", connector=connector)

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        return self._child.pid

    @property
    def ended(self) -> bool:
        """Return whether its process has ended."""
        return self._child.ended

    def start(self) -> None:
        """Start its process."""
        self._child.start(time.monotonic())

    def tend(self) -> bool:
        """Start its process again if that has died and the pause is over; return whether it was started."""
        before = self.pid
        said = self._child.tend(time.monotonic())
        if said is not None:
            _log.warning("worker", extra={"number": self.number, "pid": before, "what": said})
        if self.pid == before:
            return False
        self.restarts += 1
        return True

    async def ask(self, request: WorkerRequest, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Reply | None:
        """Return its answer; None if there is none in time."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        body = request.body or None
        try:
            async with self._session.request(
                request.method, request.path, data=body, headers=request.headers, timeout=timeout
            ) as answer:
                return Reply(answer.status, answer.content_type, await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    def terminate(self) -> None:
        """Tell its process to hand over and end."""
        self._child.terminate()

    async def close(self) -> None:
        """End its process at once, if it hasn't ended."""
        await self._session.close()
        await asyncio.to_thread(self._child.kill)
