"""Streams of outcomes, which the operations return for an iterator of documents."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

from nlpbatch.client.bulk import interrupted
from nlpbatch.older_python import Self
from nlpbatch.wire.outcome import Analysis, Outcome


class OutcomeStream(Iterator[Outcome]):
    """The outcomes of any number of texts, in order; texts are taken and sent as the outcomes are read.

    Nothing is sent before the first one is read. Some texts are read ahead: those under way, and those that wait for an
    earlier one. An error is raised at its place, after the outcomes before it, and ends the stream. Closing or dropping
    the stream ends the requests under way.

    Attributes:
        delivered: Outcomes yielded so far.
        analyzer: The analyzer that answers; None before the first outcome.
        fingerprint: Its version, the same for all outcomes; None before the first one.

    """

    def __init__(self, analyses: Generator[Analysis, None, None]) -> None:
        self.delivered = 0
        self.analyzer: str | None = None
        self.fingerprint: str | None = None
        self._analyses = analyses
        self._outcomes: Iterator[Outcome] = iter(())

    def __next__(self) -> Outcome:
        while (outcome := next(self._outcomes, None)) is None:
            self._take_next()
        self.delivered += 1
        return outcome

    def close(self) -> None:
        """End the requests under way; there are no more outcomes."""
        self._outcomes = iter(())
        self._analyses.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_next(self) -> None:
        try:
            analysis = next(self._analyses)
        except StopIteration:
            raise
        except Exception as error:
            interrupted(error, (), self.delivered)
            raise
        self.analyzer, self.fingerprint = analysis.analyzer, analysis.fingerprint
        self._outcomes = iter(analysis.outcomes)


class AsyncOutcomeStream(AsyncIterator[Outcome]):
    """`OutcomeStream` for asyncio; `aclose` cancels the requests under way and waits for their end."""

    def __init__(self, analyses: AsyncGenerator[Analysis, None]) -> None:
        self.delivered = 0
        self.analyzer: str | None = None
        self.fingerprint: str | None = None
        self._analyses = analyses
        self._outcomes: Iterator[Outcome] = iter(())

    async def __anext__(self) -> Outcome:
        while (outcome := next(self._outcomes, None)) is None:
            await self._take_next()
        self.delivered += 1
        return outcome

    async def aclose(self) -> None:
        """End the requests under way; there are no more outcomes."""
        self._outcomes = iter(())
        await self._analyses.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _take_next(self) -> None:
        try:
            analysis = await anext(self._analyses)
        except StopAsyncIteration:
            raise
        except Exception as error:
            interrupted(error, (), self.delivered)
            raise
        self.analyzer, self.fingerprint = analysis.analyzer, analysis.fingerprint
        self._outcomes = iter(analysis.outcomes)
