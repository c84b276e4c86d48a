"""Writes analysed rows as Parquet files that tasks have encoded; see `nlpbatch.spark.packing` for how.

Spark's `text` sink gives the files names that end in `.txt`. They get their own before the micro-batch is committed,
while nobody reads them.
"""

from collections.abc import Callable
from typing import Any, Final

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as sf

from nlpbatch.client.columns.blocks import column_names
from nlpbatch.formats.malformed import CORRUPT, MALFORMED_ERROR
from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.spark.packing import COUNTED, LINE_SEP, AnalysedColumn, Packing, PackingTask
from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME
from nlpbatch.spark.runs.columns import COUNTED_CODES, OTHER, RunAnalysis
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.task import AnalyzeTask

_PIECE: Final = "piece"
_COUNTS: Final = "counts"
_SUFFIX: Final = ".txt"
PIECES: Final = f"{OUTCOME} string, {_PIECE} string, {_COUNTS} array<bigint>"
"""Columns of the pieces."""
SETTINGS: Final = {
    # A task has one file open for each outcome. With fewer Spark would sort the pieces, which must stay in order.
    "spark.sql.maxConcurrentOutputFileWriters": "2",
    # The pieces are Arrow's `string`, as are all columns that the service answers.
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
}
"""What the session must be set to."""


def write_packed(
    analysis: RunAnalysis, df: DataFrame, layout: ParquetLayout, report: Callable[..., None], directory: str
) -> dict[str, Any]:
    """Write the rows with their outcome to a new directory, partitioned by `OUTCOME`.

    Return what `RunAnalysis.counts` would count of them.

    Args:
        analysis: What is asked of every row.
        df: The rows.
        layout: How tasks write the files.
        report: Gets each task's stats in its executor.
        directory: URL of the directory.

    """
    counts = Observation("nlpbatch")
    write_pieces(pack(analysis, df, layout, report), counts, directory)
    return {name: value or 0 for name, value in counts.get.items()}


def write_pieces(pieces: DataFrame, counts: Observation, directory: str) -> None:
    """Write what `pack` returned, and let the counts beside the pieces be observed."""
    written = pieces.where(sf.col(_PIECE).isNotNull()).observe(counts, *_sums()).select(OUTCOME, _PIECE)
    options = {"lineSep": LINE_SEP, "compression": "none", "maxRecordsPerFile": "0"}
    written.write.partitionBy(OUTCOME).options(**options).text(directory)


def pack(analysis: RunAnalysis, df: DataFrame, layout: ParquetLayout, report: Callable[..., None]) -> DataFrame:
    """Return the pieces of the files, with empty rows between them."""
    schema, tasks = analysis.tasks(df.schema)
    position = {name: number for number, name in enumerate(schema.names)}
    packing = Packing(
        names=tuple(schema.names),
        nullable=tuple(field.nullable for field in schema),
        layout=layout,
        columns=tuple(
            AnalysedColumn(
                position[column.name], position[analysis.answer_name(column)], position[column.names["error"]]
            )
            for column in analysis.columns
        ),
        answer=analysis.call.asked.columns[0],
        codes=COUNTED_CODES,
        ok=OK,
        failed=FAILED,
        corrupt=position.get(CORRUPT),
        malformed=MALFORMED_ERROR,
    )
    task = PackingTask([AnalyzeTask(options, report) for options in tasks], packing)
    return df.toDF(*column_names(len(df.columns))).mapInArrow(task, PIECES)


def name_files(output: Storage, directory: str, compression: str) -> None:
    """Give the files in a directory that `write_packed` wrote the names that Spark's own writer gives."""
    ending = "parquet" if compression == "none" else f"{compression}.parquet"
    for outcome in (OK, FAILED):
        partition = f"{directory}/{OUTCOME}={outcome}"
        names = [name for name in output.names(partition) if name.endswith(_SUFFIX)]
        output.rename(partition, {name: f"{name.removesuffix(_SUFFIX)}.{ending}" for name in names})


def _sums() -> list[Column]:
    names = [*COUNTED, *(f"error_{code}" for code in (*COUNTED_CODES, OTHER))]
    return [sf.sum(sf.get(_COUNTS, sf.lit(number))).alias(name) for number, name in enumerate(names)]
