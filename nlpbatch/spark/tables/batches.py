"""Micro-batches whose rows go to tables: staged like any other, then committed, then recorded.

    staged ── prepared/000007.json ──> dead letters ──> rows committed ── run_batch=000007/_batch.json ──> done

From the moment that `prepared/000007.json` is there the micro-batch isn't analysed again: a start that finds it makes
the commits that are missing, from the staged files. Both commits have the name of the run and the number of the
micro-batch, so that each is made once; see `nlpbatch.spark.tables.commits`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final

from pyspark.sql import DataFrame

from nlpbatch.errors import ConfigError
from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.older_python import Self
from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME, Batches, BatchRecord
from nlpbatch.spark.runs.layout import PREPARED, RECORD, batch_directory
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.commits import CommitName
from nlpbatch.spark.tables.direct import DirectFiles
from nlpbatch.spark.tables.sink import TableSink

_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A micro-batch that has been analysed, and may be in the tables.

    Args:
        record: Its record.
        staged: Where its rows are, partitioned by `OUTCOME`.
        bases: What the tables were at before; see `TableSink.bases`.
        files: Where its files with an outcome go by name, if they become the table's as they are; see
            `nlpbatch.spark.tables.direct`.

    """

    record: BatchRecord
    staged: str
    bases: Mapping[str, str | None]
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what a file says."""
        members = json.loads(text)
        return cls(BatchRecord(**members["record"]), members["staged"], members["bases"], members["files"])

    def to_json(self) -> str:
        """Return the file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


class TableBatches(Batches):
    """The micro-batches of one run, in two tables.

    Args:
        output: Where the records are, and rows that are staged.
        tables: Where the rows go.
        run: The run's name.

    """

    # As both formats store them, and other readers than Spark's expect.
    settings = MappingProxyType({"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"})

    def __init__(self, output: Storage, tables: TableSink, run: str) -> None:
        super().__init__(output)
        self._tables = tables
        self._run = run

    @cached_property
    def _direct(self) -> DirectFiles | None:
        """Return what adds files to the table as they are; None if Spark's writer has to."""
        return self._tables.direct(self._output)

    def layout(self, plain: ParquetLayout) -> ParquetLayout:
        """Return how tasks write files: with the ids of the table's fields."""
        return plain if self._direct is None else replace(plain, field_ids=self._direct.field_ids())

    def commit(self, record: BatchRecord, staged: str) -> None:
        """Add what was staged to the tables.

        Raises:
            ConfigError: The micro-batch exists already, so another driver writes this output.
            CatalogAway: The catalog doesn't answer; the next start makes the commit.
            InternalError: Spark failed; likewise.

        """
        if self.is_whole(record.number):
            raise ConfigError(
                f"micro-batch {record.number} of {self._output.url} exists already: does another job write this "
                "output? Stop one of them"
            )
        files = self._files(record, f"{staged}/{OUTCOME}={OK}")
        prepared = Prepared(record, staged, self._tables.bases(), files)
        self._output.make_directory(PREPARED)
        self._output.write_text(self._file(record.number), prepared.to_json())
        self._publish(prepared)

    def sweep(self) -> None:
        """Make the commits that earlier starts left; delete what they had not analysed to the end."""
        for name in self._output.names(PREPARED):
            if name.endswith(_SUFFIX):
                self._publish(Prepared.from_json(self._output.read_text(f"{PREPARED}/{name}")))
        super().sweep()

    def _files(self, record: BatchRecord, directory: str) -> dict[str, str]:
        """Return where staged files go that become the table's; none if Spark's writer has to copy their rows."""
        direct = self._direct
        if record.spark_writer or direct is None or record.rows == record.dead:
            return {}
        names = [file for file in self._output.names(directory) if not file.startswith(("_", "."))]
        return {file: direct.target(f"nlpbatch-{record.number:06d}-{file}") for file in names}

    def _publish(self, prepared: Prepared) -> None:
        record, staged = prepared.record, prepared.staged
        if not self.is_whole(record.number):
            name = CommitName(self._run, record.number)
            if record.dead:
                self._tables.add_dead(self._staged(staged, FAILED), self._run, name, prepared.bases)
            if record.rows > record.dead:
                self._add_rows(prepared, name)
            self._output.make_directory(batch_directory(record.number))
            self._output.write_text(f"{batch_directory(record.number)}/{RECORD}", record.to_json())
        self._output.delete(self._file(record.number))
        self._output.delete(staged)

    def _add_rows(self, prepared: Prepared, name: CommitName) -> None:
        if not prepared.files:
            self._tables.add_rows(self._staged(prepared.staged, OK), name, prepared.bases)
            return
        for file, target in prepared.files.items():
            if not self._output.exists(target):  # else an earlier start has moved it
                self._output.move(f"{prepared.staged}/{OUTCOME}={OK}/{file}", target)
        files = list(prepared.files.values())
        if self._direct is not None:
            self._tables.add_files(files, name, prepared.bases, self._direct)
        else:  # the table has been altered since
            self._tables.add_rows(self._tables.spark.read.parquet(*files), name, prepared.bases)

    def _staged(self, staged: str, outcome: str) -> DataFrame:
        directory = f"{staged}/{OUTCOME}={outcome}"
        if not self._output.exists(directory):
            raise ConfigError(
                f"{self._output.within(directory)} is gone, with rows of a micro-batch that wait for the table: put it "
                f"back, or delete {self._output.within(PREPARED)} to have them analysed again"
            )
        return self._tables.spark.read.parquet(self._output.within(directory))

    @staticmethod
    def _file(number: int) -> str:
        return f"{PREPARED}/{number:06d}{_SUFFIX}"


def batches_of(output: Storage, tables: TableSink | None, run: str) -> Batches:
    """Return what makes a run's micro-batches part of its tables, or of the output where there are none."""
    return Batches(output) if tables is None else TableBatches(output, tables, run)
