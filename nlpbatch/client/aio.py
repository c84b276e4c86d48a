"""The asyncio client: for services. The same methods, errors and retry rules as the blocking one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol, Self

from tenacity import AsyncRetrying

from nlpbatch.client.aiohttp_transport import AiohttpTransport
from nlpbatch.client.attempts import Attempts
from nlpbatch.client.calls import Answered, Call, Calls, HttpAnswer, HttpRequest, advise, check_pool_size
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.stats import StatsKeeper
from nlpbatch.clock import Clock, SystemClock
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.analyze import DEFAULT_ANALYZER
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.outcome import Analysis

if TYPE_CHECKING:
    import pyarrow as pa


class AsyncTransport(Protocol):
    """What sends one attempt."""

    async def send(self, request: HttpRequest, timeout_s: float) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class AsyncClient:
    """Calls the service without blocking the event loop; any number of tasks may share one.

    Arguments are those of `Client`; `sleep` waits instead of the clock.
    """

    def __init__(
        self,
        service: str,
        *,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
        job: str | None = None,
        priority: str | None = None,
        pool_size: int = 16,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        on_advice: Callable[[Advice], None] | None = None,
    ) -> None:
        self._calls = Calls(service, api_key=api_key, job=job, priority=priority)
        self._retry = retry or RetryPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance
        self._on_advice = on_advice
        self._transport: AsyncTransport = AiohttpTransport(
            self._calls.address, self._retry, pool_size=check_pool_size(pool_size)
        )
        self.stats = StatsKeeper()

    async def analyze(
        self,
        texts: str | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
    ) -> Analysis:
        """Return one outcome per text, in order; see `Client.analyze`."""
        return await self._perform(self._calls.analyze(texts, analyzer, fields, if_match))

    async def analyze_arrow(
        self,
        texts: "pa.Array",
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
    ) -> "pa.Table":
        """Return a row of tokens or error for each of `texts: string[n]`; see `Client.analyze_arrow`."""
        return await self._perform(self._calls.analyze_arrow(texts, analyzer, fields, if_match))

    async def analyzers(self) -> Catalogue:
        """Return what the service offers: analyzers with their fingerprints and fields, and size limits."""
        return await self._perform(self._calls.analyzers())

    async def close(self) -> None:
        """Close all connections; the client can't be used any more."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _perform(self, call: Call[Answered]) -> Answered:
        attempts = Attempts(call.request, self._retry, clock=self._clock, chance=self._chance, stats=self.stats)

        async def attempt() -> Answered:
            with attempts.attempt() as timeout_s:
                answer = await self._transport.send(call.request, timeout_s)
                self.stats.received(len(answer.body))
                advise(self._on_advice, answer)
                return call.read(answer)

        return await AsyncRetrying(sleep=self._sleep, **attempts.hooks())(attempt)
