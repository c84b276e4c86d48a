"""Puts what a replay mended into the micro-batches that it came from, however often the driver is killed meanwhile.

What is to be moved is staged, and a file in `_nlpbatch/replays/` says so: a redo log. From then on the moves are made,
in an order in which each can be made again; the file goes last. A start that finds one makes its moves before all else.
"""

import json
import uuid
from dataclasses import asdict, dataclass
from typing import Final

from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME, BatchRecord
from nlpbatch.spark.runs.layout import DEAD, PARTITION, RECORD, REPLAYS, STAGING, batch_directory
from nlpbatch.spark.storage import Storage

_NEW: Final = "_record.json"


@dataclass(frozen=True, slots=True)
class Merge:
    """One micro-batch's mended rows and those that are still dead.

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
        """Make the moves that an earlier start has begun; return of how many merges."""
        names = [name for name in self._output.names(REPLAYS) if name.endswith(".json")]
        for name in names:
            self._move(Merge(**json.loads(self._output.read_text(f"{REPLAYS}/{name}"))))
        return len(names)

    def _move(self, merge: Merge) -> None:
        target = batch_directory(merge.number)
        mended, dead = f"{merge.staged}/{OUTCOME}={OK}", f"{merge.staged}/{OUTCOME}={FAILED}"
        for file in self._output.names(mended):
            if not file.startswith("_"):
                # Spark's names hold an id of the write: they can't be taken.
                self._output.move(f"{mended}/{file}", f"{target}/{file}")
        if self._output.exists(f"{merge.staged}/{_NEW}"):
            record = self._output.read_text(f"{merge.staged}/{_NEW}")
            self._output.write_text(f"{target}/{RECORD}", record)
        if self._output.exists(dead):
            # Moved aside as a whole: once it is gone, the dead letters are the new ones.
            self._output.delete(f"{DEAD}/{target}")
            if any(not file.startswith("_") for file in self._output.names(dead)):
                self._output.move(dead, f"{DEAD}/{target}")
            else:
                self._output.delete(dead)
        self._output.delete(self._log(merge))
        self._output.delete(merge.staged)

    def _log(self, merge: Merge) -> str:
        return f"{REPLAYS}/{merge.staged.removeprefix(STAGING + '/').replace('/', '-')}.json"
