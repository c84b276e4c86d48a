"""Requests with the same Idempotency-Key share one analysis, at the same time or shortly after each other.

    arrived ──cached──────────────────────────> the cached answer
      ├──in flight, same request──> wait ──> the flight's answer; if the flight fails, start again
      ├──in flight or cached, another request──> IdempotencyConflict
      └──new──> fetch, in a task of its own ──> cached

A flight that has been sent to a backend continues when its caller hangs up, because the caller will send the request
again. Before that, it ends with its last caller.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from nlpbatch.errors import IdempotencyConflict
from proxy.forwarding.answer_cache import AnswerCache, Name
from proxy.upstream.messages import UpstreamResponse


class Flight:
    """A request in flight.

    Args:
        digest: Identifies the request's content.

    """

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.callers = 0
        self.left = False
        """Whether it was sent to a backend."""

    def sent(self) -> None:
        """Note that it is sent to a backend from now on."""
        self.left = True


Fetch = Callable[[Flight], Awaitable[UpstreamResponse]]


class SingleFlight:
    """All requests in flight, and the cached answers.

    Args:
        answers: The cached answers.

    """

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers
        self._tasks: dict[Name, tuple[Flight, asyncio.Task[UpstreamResponse]]] = {}

    def knows(self, tenant: str, key: str) -> bool:
        """Return whether the key is in flight or its answer cached."""
        name = (tenant, key)
        return name in self._tasks or self._answers.find(name, time.monotonic()) is not None

    async def share(self, tenant: str, key: str, digest: bytes, fetch: Fetch) -> tuple[UpstreamResponse, bool]:
        """Return the answer, and whether another request's analysis gave it.

        Args:
            tenant: Whose request it is.
            key: Its Idempotency-Key.
            digest: Identifies its content.
            fetch: Gets an answer; called if there is none.

        Raises:
            IdempotencyConflict: The key was used for another request.
            NlpbatchError: What `fetch` raised.

        """
        name = (tenant, key)
        while True:
            kept = self._answers.find(name, time.monotonic())
            if kept is not None:
                _check_same(kept[0], digest)
                return kept[1], True
            under_way = self._tasks.get(name)
            if under_way is None:
                return await self._join(name, *self._begin(name, digest, fetch)), False
            _check_same(under_way[0].digest, digest)
            try:
                return await self._join(name, *under_way), True
            except Exception:  # noqa: BLE001, S112  (another caller's failure: this one starts again)
                continue

    async def close(self) -> None:
        """End all flights."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, name: Name, digest: bytes, fetch: Fetch) -> tuple[Flight, asyncio.Task[UpstreamResponse]]:
        flight = Flight(digest)
        task = asyncio.create_task(self._run(name, flight, fetch))
        self._tasks[name] = (flight, task)
        task.add_done_callback(lambda done: self._end(name, done))
        return flight, task

    async def _run(self, name: Name, flight: Flight, fetch: Fetch) -> UpstreamResponse:
        answer = await fetch(flight)
        self._answers.keep(name, flight.digest, answer, time.monotonic())
        return answer

    def _end(self, name: Name, task: asyncio.Task[UpstreamResponse]) -> None:
        if self._tasks.get(name, (None, None))[1] is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()  # mark as seen: there may be no caller left to raise it to

    async def _join(self, name: Name, flight: Flight, task: asyncio.Task[UpstreamResponse]) -> UpstreamResponse:
        flight.callers += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ConnectionAbortedError("the first caller hung up") from None
            raise
        finally:
            flight.callers -= 1
            if not flight.callers and not flight.left and not task.done():
                # Nobody may join a task that is about to be cancelled.
                self._tasks.pop(name, None)
                task.cancel()


def _check_same(known: bytes, digest: bytes) -> None:
    if known != digest:
        raise IdempotencyConflict(
            "the Idempotency-Key was used for another request within the last minutes: make one key for each request"
        )
