"""The asyncio client, for services, with the methods, errors and retry rules of the blocking client."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, Self, Unpack, cast

from tenacity import AsyncRetrying

from nlpbatch.client.aio_tables import AsyncTableOperations
from nlpbatch.client.aiohttp_transport import AiohttpTransport
from nlpbatch.client.answers import advise
from nlpbatch.client.attempts import RequestAttempts
from nlpbatch.client.bulk import Bulk, RequestPart
from nlpbatch.client.calls import Answered, Call, Calls, Trace
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.messages import Attempt, HttpAnswer
from nlpbatch.client.ordered_calls import in_order_async
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.retry_budget import RetryBudget
from nlpbatch.client.settings import check_pool_size
from nlpbatch.client.stats import StatsKeeper
from nlpbatch.clock import Clock, SystemClock
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.caller_limits import CallerLimits
from nlpbatch.wire.extras import AnalyzeOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.outcome import Analysis
from nlpbatch.wire.usage import Usage

if TYPE_CHECKING:
    import pyarrow as pa


class AsyncTransport(Protocol):
    """Sends one attempt."""

    async def send(self, attempt: Attempt) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class AsyncClient(AsyncTableOperations):
    """Calls the service without blocking the event loop; any number of tasks may share one.

    Arguments are those of `Client`; the callbacks are called in the event loop.
    """

    def __init__(
        self,
        service: str | Sequence[str] | Endpoints,
        *,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
        job: str | None = None,
        priority: str | None = None,
        pool_size: int = 16,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
        on_advice: Callable[[Advice], None] | None = None,
        on_retry: Callable[[NlpbatchError], None] | None = None,
        traceparent: Callable[[], str | None] | None = None,
    ) -> None:
        calls = Calls(api_key=api_key, job=job, priority=priority, traceparent=traceparent)
        super().__init__(calls, Endpoints.of(service, chance), check_pool_size(pool_size))
        self._retry = retry or RetryPolicy()
        self._clock = clock or SystemClock()
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._chance = chance
        self._on_advice = on_advice
        self._on_retry = on_retry
        self._transport: AsyncTransport = AiohttpTransport(self._retry, pool_size=pool_size)
        self._budget = RetryBudget()
        self.stats = StatsKeeper()

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
        given: dict[str, Any] = {"analyzer": analyzer, "fields": fields, **options}
        return await self.ask_arrow("analyze", texts, if_match=if_match, **given)

    async def call_arrow(
        self,
        texts: "pa.Array",
        *,
        analyzer: str,
        operation: str | None = None,
        if_match: str | None = None,
    ) -> "pa.Table":
        """Return a row of `result` or error for each of `texts: string[n]`, in order; see `call`.

        The type of `result` is the one that the operation declares: a struct, or a list of structs.
        """
        given = {"analyzer": analyzer, "operation": operation}
        return await self._perform(self._calls.ask_arrow("call", texts, if_match, given))

    async def ask_arrow(
        self,
        operation: Operation,
        documents: "pa.Array",
        /,  # so that a call may have an option `operation`
        *,
        if_match: str | None = None,
        extra: "pa.Array | None" = None,
        on_answer: Callable[[Trace], None] | None = None,
        **options: Any,
    ) -> "pa.Table":
        """Return the answer of an operation on n documents, a row for each; see `nlpbatch.wire.arrow`.

        `extra` has one entry per document: `pretokenized` of analyze, `insert_new_lines` of glue. `on_answer` is
        called with the trace of the request, once it has been answered.
        """
        return await self._perform(self._calls.ask_arrow(operation, documents, if_match, options, extra), on_answer)

    async def analyzers(self) -> Catalogue:
        """Return the catalogue of the service: analyzers with their fingerprints and fields, and size limits."""
        return await self._perform(self._calls.analyzers())

    async def limits(self) -> CallerLimits:
        """Return the limits of this client's key at the proxy, and its use of them.

        Raises:
            NotFound: The service has no proxy.

        """
        return await self._perform(self._calls.limits())

    async def usage(self, job: str) -> Usage:
        """Return the counts of a job's requests at the proxy that answers.

        Raises:
            NotFound: The service has no proxy that counts.

        """
        return await self._perform(self._calls.usage(job))

    async def close(self) -> None:
        """Close all connections; the client can't be used after that."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _perform(self, call: Call[Answered], on_answer: Callable[[Trace], None] | None = None) -> Answered:
        attempts = RequestAttempts(
            call.request,
            self._retry,
            endpoints=self._endpoints,
            clock=self._clock,
            chance=self._chance,
            stats=self.stats,
            budget=self._budget,
            on_retry=self._on_retry,
        )

        async def attempt() -> Answered:
            with attempts.attempt() as attempted:
                answer = await self._transport.send(attempted)
                self.stats.received(len(answer.body))
                advise(self._on_advice, answer)
                found = call.read(attempted, answer)
            if on_answer is not None:
                on_answer(attempts.trace(answer))
            return found

        return await AsyncRetrying(sleep=self._sleep, **attempts.hooks())(attempt)

    async def _answer_part(self, bulk: Bulk, part: RequestPart) -> Analysis:
        steps = bulk.answer(part)
        try:
            call = next(steps)
            while True:
                try:
                    found = await self._perform(call)
                except NlpbatchError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(found)
        except StopIteration as end:
            return cast("Analysis", end.value)

    async def _answers(self, bulk: Bulk, parts: AsyncIterator[RequestPart]) -> AsyncGenerator[Analysis, None]:
        first = await anext(parts)
        yield await self._answer_part(bulk, first)
        if first.last:
            return
        later = in_order_async(
            parts,
            lambda part: self._answer_part(bulk, part),
            bounds=self._bounds,
            size_bytes=lambda part: part.size_bytes,
        )
        async with aclosing(later):
            async for _, analysis in later:
                yield analysis
