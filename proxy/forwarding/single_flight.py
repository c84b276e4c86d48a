"""Requests with the same Idempotency-Key share one analysis, at the same time or shortly after each other.

    arrived ──cached──────────────────────────> the cached answer
      ├──in flight, same request──> wait ──> the flight's answer; if the flight fails, start again
      ├──in flight or cached, another request──> IdempotencyConflict
      └──new──> fetch, in a task of its own ──> cached

A flight that has been sent to a backend continues when its caller hangs up, because the caller will send the request
again. Before that, it ends with its last caller.

In a fleet, a flight may get its answer from another proxy, and then it is cached there and not here. The others in turn
wait for this proxy's own flights, and for requests that are on the way to one: see `own_answer`.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.errors import IdempotencyConflict, InvalidRequest
from nlpbatch.wire.media import IDEMPOTENCY_KEY
from proxy.forwarding.answer_cache import AnswerCache, Name
from proxy.upstream.client import UpstreamResponse

_NAME = re.compile(r'"([\x21\x23-\x7e]{1,128})"|([\x21\x23-\x7e]{1,128})')

CONFLICT: Final = (
    "the Idempotency-Key was used for another request within the last minutes: make one key for each request"
)


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
        self.own = True
        """Whether the answer comes from a backend of this proxy's, and not from another proxy."""

    def sent(self) -> None:
        """Note that it is sent to a backend from now on."""
        self.left = True


Fetch = Callable[[Flight], Awaitable[UpstreamResponse]]


@dataclass(eq=False, slots=True)
class _Expected:
    """Requests with a key that have not begun their flight yet; `changed` when one has, or when there are no more."""

    requests: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class SingleFlight:
    """All requests in flight, and the cached answers.

    Args:
        answers: The cached answers.

    """

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers
        self._tasks: dict[Name, tuple[Flight, asyncio.Task[UpstreamResponse]]] = {}
        self._expected: dict[Name, _Expected] = {}
        self.on_kept: Callable[[Name], None] = _ignore
        """Called when an answer from a backend is there and cached."""
        self.on_unknown: Callable[[Name], None] = _ignore
        """Called when nothing is known of a key any more that was expected or in flight."""

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
                flight, task = self._begin(name, digest, fetch)
                return await self._join(name, flight, task), not flight.own
            _check_same(under_way[0].digest, digest)
            try:
                return await self._join(name, *under_way), True
            except Exception:  # noqa: BLE001, S112  (another caller's failure: this one starts again)
                continue

    @contextmanager
    def expecting(self, tenant: str, key: str) -> Iterator[Callable[[], None]]:
        """Say that a request is on the way to its flight, for the time of the context or until the value is called."""
        name, ended = (tenant, key), False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._expect_less(name)

        self._expected.setdefault(name, _Expected()).requests += 1
        try:
            yield end
        finally:
            end()

    async def own_answer(self, tenant: str, key: str, digest: bytes) -> UpstreamResponse | None:
        """Return the answer that this proxy has or gets from a backend, once it is there; None if it gets none.

        Raises:
            IdempotencyConflict: The key was used for another request.

        """
        name = (tenant, key)
        while True:
            kept = self._answers.find(name, time.monotonic())
            if kept is not None:
                _check_same(kept[0], digest)
                return kept[1]
            under_way, expected = self._tasks.get(name), self._expected.get(name)
            if under_way is not None and under_way[0].own:
                _check_same(under_way[0].digest, digest)
                try:
                    return await self._join(name, *under_way)
                except Exception:  # noqa: BLE001, S112  (another request may be on the way)
                    continue
            if under_way is not None or expected is None:
                return None
            await expected.changed.wait()

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
        if name in self._expected:
            self._expected[name].tell()
        return flight, task

    async def _run(self, name: Name, flight: Flight, fetch: Fetch) -> UpstreamResponse:
        answer = await fetch(flight)
        if flight.own and self._answers.keep(name, flight.digest, answer, time.monotonic()):
            self.on_kept(name)
        return answer

    def _end(self, name: Name, task: asyncio.Task[UpstreamResponse]) -> None:
        if self._tasks.get(name, (None, None))[1] is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()  # mark as seen: there may be no caller left to raise it to
        self._forget(name)

    def _expect_less(self, name: Name) -> None:
        expected = self._expected[name]
        expected.requests -= 1
        if not expected.requests:
            del self._expected[name]
            expected.tell()
            self._forget(name)

    def _forget(self, name: Name) -> None:
        if name not in self._expected and not self.knows(*name):
            self.on_unknown(name)

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


def _ignore(_: Name) -> None:
    """Without other proxies nobody needs to know."""


def _check_same(known: bytes, digest: bytes) -> None:
    if known != digest:
        raise IdempotencyConflict(CONFLICT)
