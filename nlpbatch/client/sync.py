"""The blocking client: for Spark tasks, scripts and the command line. Needs urllib3 and tenacity, nothing else."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from tenacity import Retrying

from nlpbatch.client import cancellation
from nlpbatch.client.answers import advise
from nlpbatch.client.attempts import RequestAttempts
from nlpbatch.client.bulk import Bulk, RequestPart
from nlpbatch.client.calls import Answered, Call, Calls, Trace
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.messages import Attempt, HttpAnswer
from nlpbatch.client.ordered_calls import in_order
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.retry_budget import RetryBudget
from nlpbatch.client.settings import check_pool_size
from nlpbatch.client.stats import StatsKeeper
from nlpbatch.client.tables import TableOperations
from nlpbatch.client.urllib3_transport import Urllib3Transport
from nlpbatch.clock import Clock, SystemClock
from nlpbatch.errors import NlpbatchError
from nlpbatch.older_python import Self, Unpack
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


class Transport(Protocol):
    """Sends one attempt."""

    def send(self, attempt: Attempt) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class Client(TableOperations):
    """Calls the service and waits for its answer; several threads may share one.

    Args:
        service: URL of the proxy, such as "http://proxy.example:8700", or of several that serve together: a list, or
            one string with commas. The client calls one of them, chosen at random, and goes on to another when that one
            fails; see `nlpbatch.client.endpoints`. Clients that share an `Endpoints` call the same one.
        api_key: Sent as a Bearer key; None sends none.
        retry: Timeouts, and the rules of retrying.
        job: Name of the job that the requests belong to; the service shares its capacity per job.
        priority: `Priority` header, "u=0" (most urgent) to "u=7"; None leaves it to the service.
        pool_size: Largest number of requests in flight at once; further threads wait for their turn.
        clock: Source of time.
        chance: Source of uniform numbers in [0, 1), for jitter.
        on_advice: Called with the proxy's advice on the job's requests, in the thread that sent one.
        on_retry: Called with the error of an attempt before it is retried, in the thread that made it.
        traceparent: Called for each request; returns the header of W3C Trace Context that it carries, None for none.

    Raises:
        ConfigError: An argument that can't be used.

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
        self._chance = chance
        self._on_advice = on_advice
        self._on_retry = on_retry
        self._transport: Transport = Urllib3Transport(
            self._endpoints.addresses, self._retry, pool_size=pool_size, clock=self._clock
        )
        self._budget = RetryBudget()
        self.stats = StatsKeeper()

    def analyze_arrow(
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
        return self.ask_arrow("analyze", texts, if_match=if_match, **given)

    def call_arrow(
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
        return self._perform(self._calls.ask_arrow("call", texts, if_match, given))

    def ask_arrow(
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
        return self._perform(self._calls.ask_arrow(operation, documents, if_match, options, extra), on_answer)

    def analyzers(self) -> Catalogue:
        """Return the catalogue of the service: analyzers with their fingerprints and fields, and size limits."""
        return self._perform(self._calls.analyzers())

    def limits(self) -> CallerLimits:
        """Return the limits of this client's key at the proxy, and its use of them.

        Raises:
            NotFound: The service has no proxy.

        """
        return self._perform(self._calls.limits())

    def usage(self, job: str) -> Usage:
        """Return the counts of a job's requests at the proxy that answers.

        Raises:
            NotFound: The service has no proxy that counts.

        """
        return self._perform(self._calls.usage(job))

    def close(self) -> None:
        """Close all connections; the client can't be used after that."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _perform(self, call: Call[Answered], on_answer: Callable[[Trace], None] | None = None) -> Answered:
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

        def attempt() -> Answered:
            with cancellation.attempt(), attempts.attempt() as attempted:
                answer = self._transport.send(attempted)
                self.stats.received(len(answer.body))
                advise(self._on_advice, answer)
                found = call.read(attempted, answer)
            if on_answer is not None:
                on_answer(attempts.trace(answer))
            return found

        cancelled_by = cancellation.current()
        sleep = self._clock.sleep if cancelled_by is None else cancelled_by.sleep
        return Retrying(sleep=sleep, **attempts.hooks())(attempt)

    def _answer_part(self, bulk: Bulk, part: RequestPart) -> Analysis:
        steps = bulk.answer(part)
        try:
            call = next(steps)
            while True:
                try:
                    found = self._perform(call)
                except NlpbatchError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(found)
        except StopIteration as end:
            return cast("Analysis", end.value)

    def _answers(self, bulk: Bulk, parts: Iterator[RequestPart]) -> Iterator[Analysis]:
        first = next(parts)
        yield self._answer_part(bulk, first)
        if first.last:
            return
        cancelling = cancellation.Cancellation(self._clock)

        def call(part: RequestPart) -> Analysis:
            return cancelling.call(partial(self._answer_part, bulk), part)

        for _, analysis in in_order(
            parts, call, bounds=self._bounds, size_bytes=lambda part: part.size_bytes, on_abandon=cancelling.cancel
        ):
            yield analysis
