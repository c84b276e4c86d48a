"""dump: the rows of a query, as Parquet, with a manifest that says what they are."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as sf

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.records import STAGING, withdraw
from nlpbatch.recipe.source_rows import query_frame
from nlpbatch.recipe.stages.manifest import MANIFEST, write_manifest
from nlpbatch.recipe.stages.stage import DUMP, Stage
from nlpbatch.spark.failure import failure
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.storage import Storage


class DumpStage(Stage):
    """Writes the rows of the source's query."""

    name = "dump"

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return f"{DUMP}/{MANIFEST}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return ()

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        source = self._context.recipe.source
        return {"query": source.query, "metastore": source.metastore, "warehouse": source.warehouse}

    def run(self) -> Mapping[str, Any]:
        """Write the dump; return its rows and bytes."""
        base, query = self._context.base, str(self._context.recipe.source.query)

        def withdrawn() -> None:
            self._context.check_lease()
            withdraw(base, self.name)

        manifest = write_dump(self._context.spark, base, query, DUMP, before_replacing=withdrawn)
        return {"rows": manifest["rows"], "bytes": manifest["bytes"], "is": manifest["snapshot_at"]}


def write_dump(
    spark: SparkSession, sink: Storage, query: str, directory: str, *, before_replacing: Callable[[], None]
) -> Mapping[str, Any]:
    """Write what a query gives; return the manifest, which is also written.

    Args:
        spark: Session.
        sink: Where to write.
        query: What to run.
        directory: Name of the dump there; an earlier dump is replaced when the new one is complete.
        before_replacing: Called just before that.

    Raises:
        ConfigError: As `query_frame`, or the query gives no rows.
        InternalError: Spark failed.

    """
    df = query_frame(spark, query)
    counts, began_s, snapshot_at = Observation("dump"), time.monotonic(), now_text()
    staged = f"{STAGING}/{directory}"
    sink.delete(staged)
    spark.sparkContext.setJobDescription("nlpbatch recipe: dump")
    try:
        observed = df.observe(counts, sf.count(sf.lit(1)).alias("rows"))
        observed.write.parquet(sink.within(staged))
        rows = counts.get["rows"]
    except (PySparkException, Py4JJavaError) as error:
        raise failure(error) from error
    if not rows:
        sink.delete(staged)
        raise ConfigError("[source] the query gives no rows: there is nothing to look at")
    manifest = {
        "query": query,
        "snapshot_at": snapshot_at,
        "rows": rows,
        "bytes": sink.size_bytes(staged),
        "schema": df.schema.simpleString(),
        "seconds": round(time.monotonic() - began_s, 3),
    }
    write_manifest(sink, staged, manifest)
    before_replacing()
    sink.delete(directory)
    sink.move(staged, directory)
    return manifest
