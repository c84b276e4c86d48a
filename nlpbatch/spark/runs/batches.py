"""Complete micro-batches: each is written to a staging directory and appears by one rename, with its record inside.

A complete micro-batch is never processed again, however often its driver is started. An incomplete one leaves nothing
that a reader could mistake for rows.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.older_python import Self
from nlpbatch.spark.runs.layout import DEAD, RECORD, STAGING, batch_directory, batch_number
from nlpbatch.spark.storage import Storage

OUTCOME: Final = "_nlpbatch_outcome"
"""Column that separates a micro-batch's rows into output and dead letters."""
OK: Final = "ok"
FAILED: Final = "dead"


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What one micro-batch holds, and what it took.

    Args:
        number: Its number.
        fingerprint: The analyzer's version.
        files: Bytes of the files it was made from, by path.
        set_aside: Those of them that couldn't be read, with the reason; they gave no rows.
        spark_writer: Why Spark's own writer wrote the files; empty if tasks did, see `nlpbatch.spark.packing`.
        replayed_by: Other versions of the analyzer that replayed some of the rows, if the caller accepted them.
        rows: Rows read: those in the output and those that are dead.
        dead: Rows that failed.
        nulls: Rows without any text.
        tokens: Tokens written.
        errors: Rows that failed, by code.
        text_bytes: UTF-8 bytes of the texts.
        started_at: ISO 8601.
        seconds: Wall time.
        client: What the clients of the tasks did that wrote the rows.
        proxy: What each ledger seen has counted for the run by then; none if the service has none.

    """

    number: int
    fingerprint: str
    files: Mapping[str, int]
    rows: int
    dead: int
    nulls: int
    tokens: int
    errors: Mapping[str, int]
    text_bytes: int
    started_at: str
    seconds: float
    client: Mapping[str, float] = field(default_factory=dict)
    proxy: Sequence[Mapping[str, Any]] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict)
    spark_writer: str = ""
    replayed_by: Sequence[str] = ()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what a record's file says."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Return the record's file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


class Batches:
    """The micro-batches of one output."""

    settings: Mapping[str, str] = MappingProxyType({})
    """What the session that writes them has to be set to."""

    def __init__(self, output: Storage) -> None:
        self._output = output

    def is_whole(self, number: int) -> bool:
        """Return whether the micro-batch has been done."""
        return self._output.exists(f"{batch_directory(number)}/{RECORD}")

    def records(self) -> Iterator[BatchRecord]:
        """Yield the records of all that are whole, in order."""
        for name in self._output.names():
            if batch_number(name) is not None and self._output.exists(f"{name}/{RECORD}"):
                yield BatchRecord.from_json(self._output.read_text(f"{name}/{RECORD}"))

    def stage(self, number: int) -> str:
        """Return a name to write the micro-batch to, partitioned by `OUTCOME`; no other start uses it."""
        return f"{STAGING}/{batch_directory(number)}-{uuid.uuid4().hex[:8]}"

    def layout(self, plain: ParquetLayout) -> ParquetLayout:
        """Return how tasks write files, given how they would as Spark's writer does."""
        return plain

    def commit(self, record: BatchRecord, staged: str) -> None:
        """Make what was staged part of the output.

        Raises:
            ConfigError: The micro-batch exists already, so another driver writes this output.

        """
        name = batch_directory(record.number)
        rows, dead = f"{staged}/{OUTCOME}={OK}", f"{staged}/{OUTCOME}={FAILED}"
        self._output.make_directory(rows)
        self._output.write_text(f"{rows}/{RECORD}", record.to_json())
        if self._output.exists(name):
            raise ConfigError(
                f"{self._output.within(name)} exists already: does another job write this output? Stop one of them"
            )
        self._output.delete(f"{DEAD}/{name}")  # left by a start that was killed at this point
        if self._output.exists(dead):
            self._output.move(dead, f"{DEAD}/{name}")
        self._output.move(rows, name)
        self._output.delete(staged)

    def sweep(self) -> None:
        """Delete what earlier starts left unfinished."""
        self._output.delete(STAGING)
