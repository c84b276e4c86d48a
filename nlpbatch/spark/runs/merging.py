"""Moves the rows that a replay recovered into their micro-batches, even if the driver is killed in between.

The rows are staged, and a redo log in `_nlpbatch/replays/` lists the moves. They are made in an order in which each
can be repeated, and the log is deleted last. A start that finds a log makes its moves before anything else.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME, BatchRecord
from nlpbatch.spark.runs.layout import DEAD, PARTITION, RECORD, REPLAYS, STAGING, batch_directory
from nlpbatch.spark.storage import Storage

_NEW: Final = "_record.json"


@dataclass(frozen=True, slots=True)
class Merge:
    """One micro-batch's recovered rows, and those that failed again.

    Args:
        number: The micro-batch.
        staged: Where both are, partitioned by `OUTCOME`, with the record.

    """

    number: int
    staged: str


class Merges:
    """The merges of one output."""

    def __init__(self, output: Storage) -> None:
        self._output = output

    def stage(self) -> str:
        """Return a name to write replayed rows to, partitioned by `run_batch` and `OUTCOME`."""
        return f"{STAGING}/replay-{uuid.uuid4().hex[:8]}"

    def commit_all(self, records: Sequence[BatchRecord], staged: str) -> None:
        """Make what was staged part of all micro-batches that it has rows of; see `commit`."""
        for record in records:
            self.commit(record, staged)

    def commit(self, record: BatchRecord, staged: str) -> None:
        """Make what was staged for a micro-batch part of it, and the record its own."""
        staged = f"{staged}/{PARTITION}={record.number}"
        merge = Merge(record.number, staged)
        self._output.make_directory(f"{staged}/{OUTCOME}={OK}")
        self._output.make_directory(f"{staged}/{OUTCOME}={FAILED}")
        self._output.write_text(f"{staged}/{_NEW}", record.to_json())
        self._output.write_text(self._log(merge), json.dumps(asdict(merge)) + "\n")
        self._move(merge)

    def redo(self) -> int:
        """Finish the merges that an earlier start left unfinished; return how many there were."""
        names = [name for name in self._output.names(REPLAYS) if name.endswith(".json")]
        for name in names:
            self._move(Merge(**json.loads(self._output.read_text(f"{REPLAYS}/{name}"))))
        return len(names)

    def _move(self, merge: Merge) -> None:
        target = batch_directory(merge.number)
        recovered, dead = f"{merge.staged}/{OUTCOME}={OK}", f"{merge.staged}/{OUTCOME}={FAILED}"
        for file in self._output.names(recovered):
            if not file.startswith("_"):
                # The names that Spark gives hold an id of the write, so they are unique.
                self._output.move(f"{recovered}/{file}", f"{target}/{file}")
        if self._output.exists(f"{merge.staged}/{_NEW}"):
            record = self._output.read_text(f"{merge.staged}/{_NEW}")
            self._output.write_text(f"{target}/{RECORD}", record)
        if self._output.exists(dead):
            # Moved as a whole: once the staged directory is gone, the dead letters are the new ones.
            self._output.delete(f"{DEAD}/{target}")
            if any(not file.startswith("_") for file in self._output.names(dead)):
                self._output.move(dead, f"{DEAD}/{target}")
            else:
                self._output.delete(dead)
        self._output.delete(self._log(merge))
        self._output.delete(merge.staged)

    def _log(self, merge: Merge) -> str:
        return f"{REPLAYS}/{merge.staged.removeprefix(STAGING + '/').replace('/', '-')}.json"
