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
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
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
        self.waiting: list[asyncio.Future[UpstreamResponse]] = []
        """One for each caller that waits for the answer."""
        self.left = False
        """Whether it was sent to a backend."""
        self.task: asyncio.Task[None] | None = None
        self.own = True
        """Whether the answer comes from a backend of this proxy's, and not from another proxy."""

    def sent(self) -> None:
        """Note that it is sent to a backend from now on."""
        self.left = True


Fetch = Callable[[Flight], Awaitable[UpstreamResponse]]


class Expected:
    """A request that is on the way to its flight, until it is said to be no more, or the context ends.

    Args:
        on_end: Called at the end, once.

    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end: Callable[[], None] | None = on_end

    def end(self) -> None:
        """Say that it comes no more."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def __enter__(self) -> Callable[[], None]:
        """Return `end`."""
        return self.end

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.end()


@dataclass(eq=False, slots=True)
class _Waiting:
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
        self._flights: dict[Name, Flight] = {}
        self._expected: dict[Name, _Waiting] = {}
        self.on_kept: Callable[[Name], None] = _ignore
        """Called when an answer from a backend is there and cached."""
        self.on_unknown: Callable[[Name], None] = _ignore
        """Called when nothing is known of a key any more that was expected or in flight."""

    def knows(self, tenant: str, key: str) -> bool:
        """Return whether the key is in flight or its answer cached."""
        name = (tenant, key)
        return name in self._flights or self._answers.find(name, time.monotonic()) is not None

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
            flight = self._flights.get(name)
            if flight is None:
                flight = self._begin(name, digest, fetch)
                return await self._join(name, flight), not flight.own
            _check_same(flight.digest, digest)
            try:
                return await self._join(name, flight), True
            except Exception:  # noqa: BLE001, S112  (another caller's failure: this one starts again)
                continue

    def expecting(self, tenant: str, key: str) -> "Expected":
        """Return the context in which a request is on the way to its flight."""
        name = (tenant, key)
        self._expected.setdefault(name, _Waiting()).requests += 1
        return Expected(partial(self._expect_less, name))

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
            flight, expected = self._flights.get(name), self._expected.get(name)
            if flight is not None and flight.own:
                _check_same(flight.digest, digest)
                try:
                    return await self._join(name, flight)
                except Exception:  # noqa: BLE001, S112  (another request may be on the way)
                    continue
            if flight is not None or expected is None:
                return None
            await expected.changed.wait()

    async def close(self) -> None:
        """End all flights."""
        flights = list(self._flights.items())
        for name, flight in flights:
            self._cancel(name, flight)
        await asyncio.gather(*(flight.task for _, flight in flights if flight.task is not None), return_exceptions=True)

    def _begin(self, name: Name, digest: bytes, fetch: Fetch) -> Flight:
        flight = self._flights[name] = Flight(digest)
        flight.task = asyncio.create_task(self._run(name, flight, fetch))
        if name in self._expected:
            self._expected[name].tell()
        return flight

    async def _run(self, name: Name, flight: Flight, fetch: Fetch) -> None:
        """Fetch the answer, and hand it or the error to all who wait: they needn't wait for the task itself."""
        try:
            answer = await fetch(flight)
            if flight.own and self._answers.keep(name, flight.digest, answer, time.monotonic()):
                self.on_kept(name)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is the callers')
            self._end(name, flight, error)
        else:
            self._end(name, flight, answer)

    def _end(self, name: Name, flight: Flight, outcome: UpstreamResponse | Exception) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]
        self._forget(name)
        for turn in flight.waiting:
            if turn.done():
                continue
            if isinstance(outcome, Exception):
                turn.set_exception(outcome)
            else:
                turn.set_result(outcome)

    def _cancel(self, name: Name, flight: Flight) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]  # nobody may join what is about to be cancelled
        if flight.task is not None:
            # Not in `_run`: a task that is cancelled before it has begun never runs.
            hung_up = ConnectionAbortedError("the first caller hung up")
            flight.task.add_done_callback(lambda _: self._end(name, flight, hung_up))
            flight.task.cancel()

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

    async def _join(self, name: Name, flight: Flight) -> UpstreamResponse:
        turn: asyncio.Future[UpstreamResponse] = asyncio.get_running_loop().create_future()
        flight.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            flight.waiting.remove(turn)
            if turn.done() and not turn.cancelled():
                turn.exception()  # mark as seen
            if not flight.waiting and not flight.left and flight.task is not None and not flight.task.done():
                self._cancel(name, flight)
            raise


def _ignore(_: Name) -> None:
    """Without other proxies nobody needs to know."""


def _check_same(known: bytes, digest: bytes) -> None:
    if known != digest:
        raise IdempotencyConflict(CONFLICT)
