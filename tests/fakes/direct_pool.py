"""A pool without processes: the real cutting, analysis loop and encoders over the engine of words."""

from collections import Counter

import pyarrow as pa

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.chunks import cut
from nlpbatch.engine.job import Encoding, Job, JobResult
from nlpbatch.engine.worker import run
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import WORKER_DIED, DocumentError
from tests.fakes.engine import WordEngine

DIES = b"dies"
"""Each document that begins so costs a worker as often as `deaths` says, and is answered after that."""


class DirectPool:
    """Counts what it analyses; `before` is awaited in each request."""

    def __init__(self, deaths: int = 0, seconds: float = 0.001) -> None:
        self.deaths = deaths
        self.seconds = seconds
        self.analysed: list[bytes | None] = []
        self.urgent: list[bool] = []
        self.before = None

    async def analyze(self, documents: pa.Array, *, encoding: Encoding, options: Options, urgent: bool) -> PoolAnswer:
        if self.before is not None:
            await self.before()
        self.urgent.append(urgent)
        results = []
        for chunk in cut(documents, chunk_bytes=20, chunk_documents=5, text_bytes=40):
            job = Job(1, encoding, options, chunk.documents, chunk.failed).with_failed(self._dead(chunk.documents))
            self.analysed += [text for at, text in enumerate(job.documents.to_pylist()) if at not in job.failed]
            result = run(WordEngine("raises"), job, lambda _: None)
            assert isinstance(result, JobResult)
            results.append(result)
        errors = Counter()
        for result in results:
            errors.update(result.errors)
        return PoolAnswer(
            [result.body for result in results],
            tokens=sum(result.tokens for result in results),
            code_points=sum(result.code_points for result in results),
            errors=errors,
            queue_s=0.0,
            analysis_s=self.seconds * len(documents),
        )

    def _dead(self, documents: pa.Array) -> dict[int, DocumentError]:
        dead = {}
        for position, document in enumerate(documents.to_pylist()):
            if self.deaths and document is not None and document.startswith(DIES):
                self.deaths -= 1
                dead[position] = DocumentError(WORKER_DIED, "a worker died on it")
        return dead
