"""Jobs from the pool to a worker, and the worker's answers, as frames on their socket.

A worker answers a job with its outcomes, or with a failure of the whole job: an exception outside of a document fails
the request and never ends the worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import pyarrow as pa

from nlpbatch.engine import frames
from nlpbatch.engine.documents import DOCUMENTS_SCHEMA
from nlpbatch.errors import InternalError, InvalidOption, NlpbatchError
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DocumentError

Encoding = Literal["arrow", "json"]


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk of a request.

    Args:
        job_id: Unique within the pool; on the scoreboard while a worker is on the job.
        encoding: How to write the outcomes.
        options: The operation, with its options.
        documents: `binary[n]`.
        failed: Errors known already, by position; those documents are not analysed.

    """

    job_id: int
    encoding: Encoding
    options: Options
    documents: pa.Array
    failed: Mapping[int, DocumentError]

    def with_failed(self, errors: Mapping[int, DocumentError]) -> Self:
        """Return the job with errors for further documents; one that has an error keeps it, a null gets none."""
        added = {position: error for position, error in errors.items() if self.documents[position].is_valid}
        return replace(self, failed=added | dict(self.failed))

    @property
    def is_settled(self) -> bool:
        """Return whether no document is left to analyse: each has its error, or is null."""
        positions = range(len(self.documents))
        return all(position in self.failed or not self.documents[position].is_valid for position in positions)

    def to_frame(self) -> bytes:
        """Return the frame that carries the job."""
        header = {
            "job_id": self.job_id,
            "encoding": self.encoding,
            "operation": self.options.operation,
            "options": self.options.to_members(),
            "failed": [[position, error.code, error.message] for position, error in self.failed.items()],
        }
        batch = pa.record_batch([self.documents], schema=DOCUMENTS_SCHEMA)
        return frames.pack(header, bytes(batch.serialize()))

    @classmethod
    def from_frame(cls, header: Mapping[str, Any], body: bytes) -> Self:
        """Return the job in a frame."""
        batch = pa.ipc.read_record_batch(pa.py_buffer(body), DOCUMENTS_SCHEMA)
        failed = {position: DocumentError(code, message) for position, code, message in header["failed"]}
        options = Options.from_members(header["options"], header["operation"])
        return cls(header["job_id"], header["encoding"], options, batch.column(0), failed)


@dataclass(frozen=True, slots=True)
class JobResult:
    """The outcomes of a job, encoded.

    Args:
        body: An Arrow batch message, or JSON outcomes joined by commas.
        tokens: Tokens written.
        code_points: Code points analysed.
        errors: Number of documents by error code.
        analysis_s: Seconds the worker spent on the job.
        began_at_s: When it began, in seconds since 1970; 0 for a job that no worker had.
        pid: The worker's process.

    """

    body: bytes
    tokens: int
    code_points: int
    errors: Mapping[str, int]
    analysis_s: float
    began_at_s: float = 0.0
    pid: int = 0

    def to_frame(self, job_id: int) -> bytes:
        """Return the frame that carries the result."""
        header = {
            "job_id": job_id,
            "tokens": self.tokens,
            "code_points": self.code_points,
            "errors": dict(self.errors),
            "analysis_s": self.analysis_s,
            "began_at_s": self.began_at_s,
            "pid": self.pid,
        }
        return frames.pack(header, self.body)

    @classmethod
    def from_frame(cls, header: Mapping[str, Any], body: bytes) -> Self:
        """Return the result in a frame."""
        members = ("tokens", "code_points", "errors", "analysis_s", "began_at_s", "pid")
        return cls(body, *(header[member] for member in members))


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job has no outcomes.

    Args:
        cause: `options` if the engine does not take the options, else `engine`.
        message: For the caller. It may name options, never text.

    """

    cause: Literal["options", "engine"]
    message: str

    @property
    def error(self) -> NlpbatchError:
        """Return the error of the request."""
        return (InvalidOption if self.cause == "options" else InternalError)(self.message)

    def to_frame(self, job_id: int) -> bytes:
        """Return the frame that carries the failure."""
        return frames.pack({"job_id": job_id, "failure": [self.cause, self.message]}, b"")


def read_answer(header: Mapping[str, Any], body: bytes) -> JobResult | JobFailure:
    """Return the answer in a worker's frame."""
    if "failure" in header:
        return JobFailure(*header["failure"])
    return JobResult.from_frame(header, body)
