"""The asyncio client: for services. The same methods, errors and retry rules as the blocking one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, Self, Unpack

from tenacity import AsyncRetrying

from nlpbatch.client.aiohttp_transport import AiohttpTransport
from nlpbatch.client.attempts import Attempts
from nlpbatch.client.calls import Answered, Call, Calls, HttpAnswer, HttpRequest, advise, check_pool_size
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.retry_budget import RetryBudget
from nlpbatch.client.stats import StatsKeeper
from nlpbatch.clock import Clock, SystemClock
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.extras import AnalyzeOptions, GlueOptions, JoinOptions, Morphemes, SentencesOptions, Spans
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.outcome import Analysis
from nlpbatch.wire.usage import Usage

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
        self._budget = RetryBudget()
        self.stats = StatsKeeper()

    async def analyze(
        self,
        texts: str | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
        pretokenized: Iterable[Spans | None] | None = None,
        **options: Unpack[AnalyzeOptions],
    ) -> Analysis:
        """Return one outcome per text, in order; arguments and errors are those of `Client.analyze`."""
        given = {"analyzer": analyzer, "fields": fields, **options}
        return await self._perform(self._calls.ask("analyze", texts, if_match, given, pretokenized))

    async def sentences(
        self,
        texts: str | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        **options: Unpack[SentencesOptions],
    ) -> Analysis:
        """Return the sentences of each text; arguments and errors are those of `analyze`."""
        return await self._perform(self._calls.ask("sentences", texts, if_match, {"analyzer": analyzer, **options}))

    async def space(
        self,
        texts: str | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        reset_whitespace: bool = False,
    ) -> Analysis:
        """Return each text with its blanks corrected; with `reset_whitespace` as if it had none.

        The other arguments and the errors are those of `analyze`.
        """
        given = {"analyzer": analyzer, "reset_whitespace": reset_whitespace}
        return await self._perform(self._calls.ask("space", texts, if_match, given))

    async def join(
        self,
        morphemes: Iterable[Morphemes | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        **options: Unpack[JoinOptions],
    ) -> Analysis:
        """Return the text that each document's morphemes make; see `Client.join`."""
        return await self._perform(self._calls.ask("join", morphemes, if_match, {"analyzer": analyzer, **options}))

    async def glue(
        self,
        chunks: Iterable[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = None,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        **options: Unpack[GlueOptions],
    ) -> Analysis:
        """Return the text that each document's chunks make, with blanks where they belong; see `Client.glue`."""
        given = {"analyzer": analyzer, **options}
        return await self._perform(self._calls.ask("glue", chunks, if_match, given, insert_new_lines))

    async def analyze_arrow(
        self,
        texts: "pa.Array",
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
        **options: Unpack[AnalyzeOptions],
    ) -> "pa.Table":
        """Return a row of tokens or error for each of `texts: string[n]`, in order.

        Columns: `tokens: list<struct<fields>>` and `error: struct<code, message>`; both are null for a null text,
        exactly one for any other. Arguments and errors are those of `analyze`.
        """
        given = {"analyzer": analyzer, "fields": fields, **options}
        return await self.ask_arrow("analyze", texts, if_match=if_match, **given)

    async def ask_arrow(
        self, operation: Operation, texts: "pa.Array", *, if_match: str | None = None, **options: Any
    ) -> "pa.Table":
        """Return what an operation answers on `texts: string[n]`, a row for each; see `nlpbatch.wire.arrow`."""
        return await self._perform(self._calls.ask_arrow(operation, texts, if_match, options))

    async def analyzers(self) -> Catalogue:
        """Return what the service offers: analyzers with their fingerprints and fields, and size limits."""
        return await self._perform(self._calls.analyzers())

    async def usage(self, job: str) -> Usage:
        """Return what the proxy that answers has counted of a job's requests.

        Raises:
            NotFound: The service has no proxy that counts.

        """
        return await self._perform(self._calls.usage(job))

    async def close(self) -> None:
        """Close all connections; the client can't be used any more."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _perform(self, call: Call[Answered]) -> Answered:
        attempts = Attempts(
            call.request,
            self._retry,
            clock=self._clock,
            chance=self._chance,
            stats=self.stats,
            budget=self._budget,
        )

        async def attempt() -> Answered:
            with attempts.attempt() as timeout_s:
                answer = await self._transport.send(call.request, timeout_s)
                self.stats.received(len(answer.body))
                advise(self._on_advice, answer)
                return call.read(answer)

        return await AsyncRetrying(sleep=self._sleep, **attempts.hooks())(attempt)
