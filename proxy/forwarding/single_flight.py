"""The same question at the same time is one analysis, whose answer all who ask get; and who asks shortly after.

    asked ──kept──────────────────────────────> its answer
      ├──under way, same question──> wait ──> its answer; if that one fails, ask anew
      ├──under way or kept, another question──> IdempotencyConflict
      └──new──> fetch, in a task of its own ──> kept

The task goes on when its caller hangs up after the request was sent to a backend, because the caller will ask again.
Before that, it ends with its last caller.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from nlpbatch.errors import IdempotencyConflict
from proxy.forwarding.answer_cache import AnswerCache, Name
from proxy.upstream.messages import UpstreamResponse


class Flight:
    """One question under way.

    Args:
        digest: Of the question.

    """

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.callers = 0
        self.left = False
        """Whether it has left for a backend."""

    def sent(self) -> None:
        """Note that it has left for a backend."""
        self.left = True


Fetch = Callable[[Flight], Awaitable[UpstreamResponse]]


class SingleFlight:
    """All questions under way, and the answers kept.

    Args:
        answers: The kept answers.

    """

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers
        self._tasks: dict[Name, tuple[Flight, asyncio.Task[UpstreamResponse]]] = {}

    def knows(self, tenant: str, key: str) -> bool:
        """Return whether the key is under way, or its answer kept."""
        name = (tenant, key)
        return name in self._tasks or self._answers.find(name, time.monotonic()) is not None

    async def share(self, tenant: str, key: str, digest: bytes, fetch: Fetch) -> tuple[UpstreamResponse, bool]:
        """Return the answer, and whether it is another's.

        Args:
            tenant: Whose question it is.
            key: Its Idempotency-Key.
            digest: What it has in common with the same question.
            fetch: Gets an answer; called if there is none.

        Raises:
            IdempotencyConflict: The key was used for another question.
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
            except Exception:  # noqa: BLE001, S112  (another's failure isn't everybody's: this one asks for itself)
                continue

    async def close(self) -> None:
        """End what is under way."""
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
            task.exception()  # which may have no caller left to be told

    async def _join(self, name: Name, flight: Flight, task: asyncio.Task[UpstreamResponse]) -> UpstreamResponse:
        flight.callers += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ConnectionAbortedError("the one who asked first hung up") from None
            raise
        finally:
            flight.callers -= 1
            if not flight.callers and not flight.left and not task.done():
                # Nobody may join a task that is about to end.
                self._tasks.pop(name, None)
                task.cancel()


def _check_same(known: bytes, digest: bytes) -> None:
    if known != digest:
        raise IdempotencyConflict(
            "the Idempotency-Key was used for another question within the last minutes: make one key for each question"
        )
