"""Recognises a run that has nothing to do by its records and names of files, without opening any."""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from nlpbatch.older_python import Self
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.error_limit import too_many_errors
from nlpbatch.spark.runs.identity import RunFile
from nlpbatch.spark.runs.layout import RUN, SUCCESS
from nlpbatch.spark.runs.listing import list_files
from nlpbatch.spark.runs.merging import Merges
from nlpbatch.spark.storage import Storage


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has nothing to do.

    Args:
        output: Its output.
        files: Bytes of its input's files, by path.
        existing: What the output says of itself.

    """

    output: Storage
    files: Mapping[str, int]
    existing: RunFile

    @classmethod
    def find(cls, spark: SparkSession, options: JobOptions) -> Self | None:
        """Return the run; None if there is something to do, or if files would have to be opened to know.

        Raises:
            ConfigError: Input or output can't be used.

        """
        output = Storage(spark, options.output)
        if options.overwrite or options.reprocess or options.output_table or not output.exists(RUN):
            return None
        existing = RunFile.read(output)
        # There is no _SUCCESS while a micro-batch is under way.
        if existing.given != json.loads(json.dumps(options.deciding())) or not output.exists(SUCCESS):
            return None
        files = list_files(spark, options.input)
        return cls(output, files, existing) if _has_all(output, files, options.max_error_ratio) else None

    def merges(self) -> Merges:
        """Return the merges of replays, which an earlier start may have left unfinished."""
        return Merges(self.output)

    def begin(self) -> RunFile:
        """Return what the output's file says."""
        return self.existing


def _has_all(output: Storage, files: Iterable[str], max_error_ratio: float | None) -> bool:
    """Return whether an output was made of all these files, and no more of its rows failed than may."""
    records = list(Batches(output).records())
    done: Container[str] = {path for record in records for path in record.files}
    rows, dead = sum(record.rows for record in records), sum(record.dead for record in records)
    return all(path in done for path in files) and too_many_errors(dead, rows, max_error_ratio) is None
