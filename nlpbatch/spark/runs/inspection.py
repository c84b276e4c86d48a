"""Checks all bytes of line formats before anything is sent, because Spark decodes wrong bytes without an error.

Bytes that are not of the encoding become replacement characters, and a quote that is not closed makes one value of all
lines after it. Both are found here, so that the file is set aside with the reason.
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Final

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from nlpbatch.formats.csv_faults import find_quote_fault
from nlpbatch.formats.encodings import encoding_fault, is_of_lines
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.listing import EXACTLY
from nlpbatch.spark.runs.source_log import plain_path
from nlpbatch.wire.limits import MIB

_LINE_FORMATS: Final = frozenset({"csv", "json", "text"})
_MAX_BYTES: Final = "spark.sql.files.maxPartitionBytes"
_MIN_PARTITIONS: Final = "spark.sql.files.minPartitionNum"
_TASK_BYTES: Final = 8 * MIB
_BYTES: Final = "latin-1"
"""Any encoding in which a byte is a character: quotes and separators are ASCII's in all that are inspected."""


def inspect(spark: SparkSession, source: Input, files: list[str]) -> dict[str, str]:
    """Return why files cannot be taken, by path.

    Raises:
        PySparkException, Py4JJavaError: A file cannot be read at all.

    """
    if source.format not in _LINE_FORMATS or not is_of_lines(source.encoding) or not files:
        return {}
    separators = {file: source.headers[file].separator for file in files} if source.headers is not None else {}
    task = Inspection(source.encoding, separators, source.max_record_lines)
    largest_bytes = max(source.files.get(file, 0) for file in files) if separators else None
    with _whole_files(spark, largest_bytes):
        lines = spark.read.format("text").options(**EXACTLY).load(files)
        columns = (sf.col("_metadata.file_path").alias("path"), sf.col("value").cast("binary"))
        found = lines.select(*columns).mapInArrow(task, "path string, reason string").collect()
    return {row["path"]: row["reason"] for row in found}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What runs in a task: lines of files in, the files that cannot be taken out.

    Args:
        encoding: Of the lines.
        separators: Of CSV files, by path; a task has all lines of such a file, in order.
        max_record_lines: Lines that a record of CSV may have.

    """

    encoding: str
    separators: Mapping[str, str] = field(default_factory=dict)
    max_record_lines: int = 0

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Return path and reason of each file that cannot be taken."""
        for path, runs in groupby(_runs(batches), key=itemgetter(0)):
            reason = self._fault(path, (lines for _, lines in runs))
            if reason is not None:
                yield pa.RecordBatch.from_pydict({"path": [path], "reason": [reason]})

    def _fault(self, path: str, blocks: Iterator[list[bytes]]) -> str | None:
        """Return why a file cannot be taken; None if it can."""
        try:
            separator = self.separators.get(path)
            if separator is None:
                for block in blocks:
                    self._decoded(block, None)
                return None
            found = find_quote_fault(self._lines(blocks), separator, self.max_record_lines)
        except _WrongBytes as error:
            return str(error)
        return None if found is None else found.reason

    def _lines(self, blocks: Iterator[list[bytes]]) -> Iterator[str]:
        before = 0
        for block in blocks:
            yield from self._decoded(block, before).split("\n")
            before += len(block)

    def _decoded(self, lines: list[bytes], before: int | None) -> str:
        """Return lines in an encoding of bytes.

        Raises:
            _WrongBytes: They are not of the encoding.

        """
        data = b"\n".join(lines)
        if before == 0:
            data = data.removeprefix(BOM_UTF8)
        try:
            data.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n")
            number = None if before is None else before + line + 1
            fault = encoding_fault(lines[line], self.encoding, is_all=True, line=number)
            raise _WrongBytes(f"it {fault or f'is not {self.encoding.upper()}'}") from None
        return data.decode(_BYTES)


class _WrongBytes(Exception):
    """Bytes of a file are not of its encoding."""


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield lines of one file that follow each other, with its path."""
    for batch in batches:
        paths, lines = batch.column(0).to_pylist(), batch.column(1).to_pylist()
        start = 0
        for path, group in groupby(paths):
            end = start + sum(1 for _ in group)
            yield plain_path(path), lines[start:end]
            start = end


@contextmanager
def _whole_files(spark: SparkSession, size_bytes: int | None) -> Iterator[None]:
    """Let Spark read each file in one task, if the size of the largest is given."""
    task_bytes = max(size_bytes or 0, _TASK_BYTES)
    wanted = {} if size_bytes is None else {_MAX_BYTES: str(task_bytes), _MIN_PARTITIONS: "1"}
    before = {name: spark.conf.get(name, None) for name in wanted}
    for name, value in wanted.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, old)
