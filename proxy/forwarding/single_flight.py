"""Requests with the same Idempotency-Key share one analysis, at the same time or shortly after each other.

    arrived ──cached──────────────────────────> the cached answer
      ├──in flight, same request──> wait ──> the flight's answer; if the flight fails, start again
      ├──in flight or cached, another request──> IdempotencyConflict
      └──new──> fetch, in a task of its own ──> cached

A flight that has been sent to a backend continues when its caller hangs up, because the caller will send the request
again. Before that, it ends with its last caller.

Of the cached answers, the least recently used one of all tenants goes first. Each counts with an allowance for what
Python adds, so that millions of tiny answers can't outgrow the bound.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nlpbatch.errors import IdempotencyConflict, InvalidRequest
from nlpbatch.wire.media import IDEMPOTENCY_KEY
from proxy.config import ReplaySettings
from proxy.upstream.client import UpstreamResponse

_OVERHEAD_BYTES: Final = 2048
_FINAL: Final = frozenset({400, 404, 405, 406, 413, 415, 422})
"""Refusals that depend on nothing but the request; others may be gone the next time."""
_NAME = re.compile(r'"([\x21\x23-\x7e]{1,128})"|([\x21\x23-\x7e]{1,128})')

Name = tuple[str, str]
"""Tenant and Idempotency-Key: tenants never share."""


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: bytes
    answer: UpstreamResponse
    size_bytes: int
    until_s: float


class AnswerCache:
    """The kept answers.

    Args:
        settings: How much is kept and for how long; may be replaced.

    """

    def __init__(self, settings: ReplaySettings) -> None:
        self.settings = settings
        self.size_bytes = 0
        self._kept: OrderedDict[Name, _Kept] = OrderedDict()

    def find(self, name: Name, now_s: float) -> tuple[bytes, UpstreamResponse] | None:
        """Return the digest of the request and its answer; None if none is cached."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.until_s <= now_s:
            self._drop(name)
            return None
        self._kept.move_to_end(name)
        return kept.digest, kept.answer

    def keep(self, name: Name, digest: bytes, answer: UpstreamResponse, now_s: float) -> None:
        """Cache an answer if it is final and not too large; the least recently used make room."""
        size_bytes = len(answer.body) + _OVERHEAD_BYTES
        again = "no-store" in answer.headers.get("Cache-Control", "")
        settings = self.settings
        if again or not _is_final(answer.status) or len(answer.body) > settings.answer_bytes:
            return
        self._drop(name)
        self._kept[name] = _Kept(digest, answer, size_bytes, now_s + settings.ttl_s)
        self.size_bytes += size_bytes
        while self._kept and (self.size_bytes > settings.size_bytes or self._first_is_over(now_s)):
            self._drop(next(iter(self._kept)))

    def _first_is_over(self, now_s: float) -> bool:
        return next(iter(self._kept.values())).until_s <= now_s

    def _drop(self, name: Name) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes


def idempotency_key(values: Sequence[str]) -> str | None:
    """Return the key in the `Idempotency-Key` headers of a request, None if it has none.

    Raises:
        InvalidRequest: It has several, or one that is not 1 to 128 visible ASCII characters, quoted or not.

    """
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest(f"{len(values)} headers {IDEMPOTENCY_KEY}: send one", path=IDEMPOTENCY_KEY)
    found = _NAME.fullmatch(values[0].strip())
    if found is None:
        raise InvalidRequest(
            f"{IDEMPOTENCY_KEY} is not 1 to 128 visible ASCII characters, quoted or not: send such a one",
            path=IDEMPOTENCY_KEY,
        )
    return found[1] or found[2]


def _is_final(status: int) -> bool:
    return 200 <= status < 300 or status in _FINAL  # noqa: PLR2004


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
