"""Moves the rows that a replay recovered from the dead letters to the table, even if the driver is killed in between.

    staged ── replays/ID.json ──> recovered rows added ──> dead letters of the run replaced ──> records ──> done

Both commits have the replay's name, so that each is made once, as those of micro-batches.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from pyspark.sql import DataFrame

from nlpbatch.spark.runs.batches import OK, OUTCOME, BatchRecord
from nlpbatch.spark.runs.layout import PARTITION, RECORD, REPLAYS, STAGING, batch_directory
from nlpbatch.spark.runs.merging import Merges
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.commits import CommitName
from nlpbatch.spark.tables.sink import BATCH, TableSink

_SUFFIX: Final = ".json"


class TableMerges(Merges):
    """The merges of one run, in two tables.

    Args:
        output: Where the records are, and rows that are staged.
        tables: Where the rows go.
        run: The run's name.

    """

    def __init__(self, output: Storage, tables: TableSink, run: str) -> None:
        super().__init__(output)
        self._tables = tables
        self._run = run

    def commit_all(self, records: Sequence[BatchRecord], staged: str) -> None:
        """Add the recovered rows to the table, leave the others among the dead letters, and write the records."""
        log = {"staged": staged, "bases": self._tables.bases(), "records": [asdict(record) for record in records]}
        self._output.make_directory(REPLAYS)
        self._output.write_text(f"{REPLAYS}/{_name(staged)}{_SUFFIX}", json.dumps(log, ensure_ascii=False) + "\n")
        self._merge(log)

    def redo(self) -> int:
        """Finish the merges that an earlier start left unfinished; return how many there were."""
        names = [name for name in self._output.names(REPLAYS) if name.endswith(_SUFFIX)]
        for name in names:
            self._merge(json.loads(self._output.read_text(f"{REPLAYS}/{name}")))
        return len(names)

    def _merge(self, log: dict[str, Any]) -> None:
        staged, bases = log["staged"], log["bases"]
        name = CommitName(f"{self._run}/{_name(staged)}", 0)
        rows = self._staged(staged)
        recovered = rows.where(named(OUTCOME) == OK).drop(OUTCOME, PARTITION)
        if not recovered.isEmpty():
            self._tables.add_rows(recovered, name, bases)
            failed = rows.where(named(OUTCOME) != OK).drop(OUTCOME).withColumnRenamed(PARTITION, BATCH)
            self._tables.replace_dead(failed, self._run, name, bases)
        for record in (BatchRecord(**members) for members in log["records"]):
            self._output.write_text(f"{batch_directory(record.number)}/{RECORD}", record.to_json())
        self._output.delete(f"{REPLAYS}/{_name(staged)}{_SUFFIX}")
        self._output.delete(staged)

    def _staged(self, staged: str) -> DataFrame:
        return self._tables.spark.read.option("mergeSchema", "true").parquet(self._output.within(staged))


def _name(staged: str) -> str:
    return staged.removeprefix(f"{STAGING}/")


def merges_of(output: Storage, tables: TableSink | None, run: str) -> Merges:
    """Return the merges of a run's replays, in its tables, or in the output where there are none."""
    return Merges(output) if tables is None else TableMerges(output, tables, run)
