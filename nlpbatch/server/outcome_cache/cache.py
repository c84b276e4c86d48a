"""A request through the cache: documents that came before get their kept outcomes, the others go to the pool.

    look up ──all new──────────> pool ──> its answer as it is; its outcomes are kept
      ├──some new──> pool ──> kept, and joined with the others in the order of the documents
      └──none new──> no worker is asked

A text that comes several times in a request is analysed once. Errors are never kept. If such a text fails, its copies
are analysed each by itself, as without a cache: what killed one worker need not kill the next.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import pyarrow as pa

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.job import Encoding
from nlpbatch.server.config import CacheSettings
from nlpbatch.server.outcome_cache.forms import Rows, form_of, read_all
from nlpbatch.server.outcome_cache.plan import plan
from nlpbatch.server.outcome_cache.sketch import SHARE
from nlpbatch.server.outcome_cache.store import OutcomeStore, Shelf
from nlpbatch.wire.options import Options

_KIND_BYTES: Final = 16


class Pool(Protocol):
    """What analyses; see `engine.pool`."""

    async def analyze(self, documents: pa.Array, *, encoding: Encoding, options: Options, urgent: bool) -> PoolAnswer:
        """Return the outcomes of `documents: binary[n]`, in order."""
        ...


@dataclass(frozen=True, slots=True)
class CacheQuestion:
    """What a request asks for, beside its documents.

    Args:
        fingerprint: The analyzer's version.
        encoding: Of the answer.
        options: Operation and options.
        urgent: Whether it goes before batch requests.

    """

    fingerprint: str
    encoding: Encoding
    options: Options
    urgent: bool

    @property
    def kind(self) -> bytes:
        """Return a hash of all that decides about the outcome of a document, and how it is written."""
        decisive = [self.fingerprint, self.encoding, self.options.operation, self.options.to_members()]
        return hashlib.blake2b(json.dumps(decisive).encode(), digest_size=_KIND_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, and how many of its documents got the outcome of another one."""

    answer: PoolAnswer
    cached: int = 0


class OutcomeCache:
    """Answers requests from what is kept, as far as that goes.

    Args:
        settings: How much is kept.
        clock: CPU seconds, to weigh what the cache takes against what it saves.

    """

    def __init__(self, settings: CacheSettings, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self.store = OutcomeStore(settings.size_bytes)
        self._is_used = settings.size_bytes > 0
        self.seconds = 0.0
        """CPU that looking up, keeping and joining took."""
        self.misses = 0
        """Documents that were looked up in vain."""

    async def analyze(self, pool: Pool, documents: pa.Array, question: CacheQuestion) -> Served:
        """Return the outcomes of `documents: binary[n]`, in order.

        Raises:
            NlpbatchError: What the pool raises.

        """
        if not self._is_used:
            return Served(await _ask(pool, documents, question))
        request = _Request(self.store, pool, question, _Stopwatch(self._clock))
        try:
            return await request.answer(documents)
        finally:
            self.seconds += request.watch.stop()
            self.misses += request.misses


class _Stopwatch:
    """Sums the seconds between `start`, which making it is, and `stop`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._since_s: float | None = clock()

    def start(self) -> None:
        self._since_s = self._clock()

    def stop(self) -> float:
        """Return all seconds so far."""
        if self._since_s is not None:
            self._seconds += self._clock() - self._since_s
            self._since_s = None
        return self._seconds


@dataclass(slots=True)
class _Request:
    """One request on its way."""

    store: OutcomeStore
    pool: Pool
    question: CacheQuestion
    watch: _Stopwatch
    misses: int = 0

    async def answer(self, documents: pa.Array) -> Served:
        kind = self.question.kind
        form = form_of(self.question.encoding, self.question.options)
        shelf = self.store.shelf(kind) or self.store.add_shelf(kind, form)
        texts: list[bytes | None] = documents.to_pylist()
        if not shelf.policy.is_on:
            return await self._sample(shelf, documents, texts)
        planned = plan(texts, partial(self.store.find, shelf))
        if len(planned.asked) == len(texts):
            answer, _ = await self._fresh(shelf, documents, texts)
            return self._served(shelf, answer, texts, texts)
        # Gathered before the wait: rows would hold their segments' memory, and these may be dropped meanwhile.
        parts: list[Rows] = [form.gather(planned.found)] if planned.found else []
        answers = []
        asked = [texts[position] for position in planned.asked]
        if asked:
            answer, fresh = await self._fresh(shelf, documents.take(pa.array(planned.asked)), asked)
            answers.append(answer)
            parts += fresh
            failed = _failed(shelf, fresh) if answer.errors else []
            if failed and (again := planned.ask_again(failed)):
                asked += [texts[position] for position in again]
                answers.append(await self._pool(documents.take(pa.array(again))))
                parts += read_all(form, answers[-1].bodies, len(again))
        body = form.write(form.arrange(parts, planned.order))
        return self._served(shelf, _joined(answers, body), texts, asked)

    async def _sample(self, shelf: Shelf, documents: pa.Array, texts: Sequence[bytes | None]) -> Served:
        sample = shelf.sketch.see(texts)
        shelf.policy.sampled(sample.documents, repeated_bytes=sample.repeated_bytes, share=SHARE)
        answer = await self._pool(documents)
        shelf.policy.analysed(len(texts), _size_bytes(texts), answer.analysis_s)
        return Served(answer)

    async def _fresh(
        self, shelf: Shelf, documents: pa.Array, texts: Sequence[bytes | None]
    ) -> tuple[PoolAnswer, list[Rows]]:
        """Return the pool's answer, and its rows, which are kept."""
        answer = await self._pool(documents)
        shelf.policy.analysed(len(texts), _size_bytes(texts), answer.analysis_s)
        parts = read_all(shelf.form, answer.bodies, len(texts))
        start = 0
        for rows in parts if shelf.policy.is_on else ():  # another request may have turned it off meanwhile
            self.store.keep(shelf, texts[start : start + len(rows)], rows)
            start += len(rows)
        return answer, parts

    async def _pool(self, documents: pa.Array) -> PoolAnswer:
        self.watch.stop()
        answer = await _ask(self.pool, documents, self.question)
        self.watch.start()
        return answer

    def _served(
        self, shelf: Shelf, answer: PoolAnswer, texts: Sequence[bytes | None], asked: Sequence[bytes | None]
    ) -> Served:
        saved_bytes = _size_bytes(texts) - _size_bytes(asked)
        shelf.policy.served(len(texts), saved_bytes=saved_bytes, seconds=self.watch.stop())
        if not shelf.policy.is_on:
            self.store.clear(shelf)
        self.misses = _count(asked)
        return Served(answer, _count(texts) - self.misses)


async def _ask(pool: Pool, documents: pa.Array, question: CacheQuestion) -> PoolAnswer:
    return await pool.analyze(documents, encoding=question.encoding, options=question.options, urgent=question.urgent)


def _size_bytes(texts: Sequence[bytes | None]) -> int:
    return sum(map(len, filter(None, texts)))


def _count(texts: Sequence[bytes | None]) -> int:
    return len(texts) - texts.count(None)


def _failed(shelf: Shelf, parts: Sequence[Rows]) -> list[int]:
    """Return the positions, over all parts, of rows with an error."""
    succeeded = [good for rows in parts for good in shelf.form.succeeded(rows)]
    return [position for position, good in enumerate(succeeded) if not good]


def _joined(answers: Sequence[PoolAnswer], body: bytes) -> PoolAnswer:
    """Return one answer with that body, and the work of all."""
    errors: Counter[str] = Counter()
    for answer in answers:
        errors.update(answer.errors)
    return PoolAnswer(
        [body],
        tokens=sum(answer.tokens for answer in answers),
        code_points=sum(answer.code_points for answer in answers),
        errors=errors,
        queue_s=sum(answer.queue_s for answer in answers),
        analysis_s=sum(answer.analysis_s for answer in answers),
        workers=[worker for answer in answers for worker in answer.workers],
    )
