"""How much a recipe has to do, from what is known without doing it."""

import json
from dataclasses import dataclass
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.formats.names import format_of
from nlpbatch.recipe.records import StageRecord
from nlpbatch.recipe.settings import SourceSettings
from nlpbatch.recipe.source_rows import query_frame
from nlpbatch.recipe.stages.stage import ANALYZED, StageContext
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.formats import FORMATS
from nlpbatch.spark.runs.listing import EXACTLY, list_files

_UNKNOWN_BYTES: Final = 2**62
"""Spark's guess for a table that it knows nothing about is even larger."""


@dataclass(frozen=True, slots=True)
class WorkEstimate:
    """How much there is to do: documents, bytes, and the speed of the analysis; None for what isn't known yet.

    Args:
        documents: How many there are; `where` is not applied.
        size_bytes: What they take where they are now.
        exact: Whether these were counted, not guessed by Spark.
        documents_per_s: What the analysis has done so far.

    """

    documents: int | None
    size_bytes: int | None
    exact: bool
    documents_per_s: float | None

    def __str__(self) -> str:
        """Return it for people."""
        about = "" if self.exact else "about "
        known = [
            f"{about}{self.documents:,} documents" if self.documents is not None else "documents unknown",
            f"{about}{self.size_bytes:,} bytes" if self.size_bytes is not None else "bytes unknown",
        ]
        if self.documents is not None and self.documents_per_s:
            hours = self.documents / self.documents_per_s / 3600
            known.append(f"{hours:,.2f} hours of analysis at {self.documents_per_s:,.0f} documents/s, as measured here")
        elif self.documents is not None:
            known.append("hours unknown: run it with --on sample first")
        else:
            known.append("hours unknown before the documents are counted")
        return ", ".join(known)


def estimate(spark: SparkSession, source: SourceSettings, context: StageContext) -> WorkEstimate:
    """Return how much there is.

    Raises:
        ConfigError: The source can't be looked at.

    """
    speed = _speed(context)
    dumped = StageRecord.read(context.base, "dump")
    if source.files is not None:
        rows, size_bytes = _of_files(spark, source)
        sampled = StageRecord.read(context.base, "sample")
        if rows is None and sampled is not None:
            rows = sampled.result["rows_total"]
        return WorkEstimate(rows, size_bytes, exact=True, documents_per_s=speed)
    if dumped is not None:
        return WorkEstimate(dumped.result["rows"], dumped.result["bytes"], exact=True, documents_per_s=speed)
    return WorkEstimate(*_of_query(spark, str(source.query)), exact=False, documents_per_s=speed)


def _of_files(spark: SparkSession, source: SourceSettings) -> tuple[int | None, int]:
    files = list_files(spark, str(source.files))
    kind = source.format or format_of(files)
    try:
        # their footers have the number of rows
        reader = spark.read.format(kind).options(**EXACTLY)
        rows = reader.load(list(files)).count() if FORMATS[kind].counted else None
    except (PySparkException, Py4JJavaError):
        rows = None  # the analysis reports damaged files
    return rows, sum(files.values())


def _of_query(spark: SparkSession, query: str) -> tuple[int | None, int | None]:
    """Return what Spark's optimizer expects of a query, from what the metastore knows of its tables."""
    plan: Any = query_frame(spark, query)._jdf.queryExecution().optimizedPlan()  # noqa: SLF001
    statistics = plan.stats()
    rows, size_bytes = statistics.rowCount(), int(str(statistics.sizeInBytes()))
    documents = int(str(rows.get())) if rows.isDefined() else None
    return documents, size_bytes if size_bytes < _UNKNOWN_BYTES else None


def _speed(context: StageContext) -> float | None:
    """Return what the analysis did in a second, of everything or else of the sample."""
    for storage in (context.base, context.on_sample):
        name = f"{ANALYZED}/{layout.SUMMARY}"
        if storage.exists(name):
            speed: float = json.loads(storage.read_text(name))["documents_per_s"]
            return speed or None
    return None
