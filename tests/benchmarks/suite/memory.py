"""Memory of job and service against Kiwi in a UDF, by the number of worker processes: peaks of PSS of all processes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.suite.contenders import BARE, JOB, UDF
from tests.benchmarks.suite.figures import Ratio, Spread
from tests.benchmarks.suite.inputs import FILES_PER_CORE, prepare
from tests.benchmarks.suite.turn import check_work, note, take_turn


def measure_memory(source: Path, column: str, rows: int, workers: Sequence[int]) -> list[dict[str, Any]]:
    """Return workers, peaks in MB by process, and their quotient, for each number of workers.

    Each number is that of Spark's tasks at a time, of the API's workers, and of Kiwis in the UDF.

    Raises:
        NotDone: One didn't do the work.

    """
    found = []
    for count in workers:
        with tempfile.TemporaryDirectory(prefix="nlpbatch-memory-") as directory:
            work = Path(directory)
            texts = prepare(source, column, rows, count * FILES_PER_CORE, work / "input")
            turns = {name: take_turn(name, texts, count, work) for name in (BARE, JOB, UDF)}
            for name, measured in turns.items():
                check_work(name, measured, turns[BARE], texts)
        peaks = {name: turns[name]["peak_mb_by_process"] for name in (JOB, UDF)}
        ratio = peaks[JOB]["all"] / peaks[UDF]["all"]
        note(f"{count} workers: job and service {peaks[JOB]['all']:,} MB, UDF {peaks[UDF]['all']:,} MB")
        found.append({"workers": count, "documents": texts.documents, "peak_mb": peaks, "job / udf": round(ratio, 3)})
    return found


def memory_ratios(memory: Sequence[dict[str, Any]]) -> dict[str, Ratio]:
    """Return them for the report; of one round, so that the check leaves them out."""
    return {
        f"memory, job / udf, {one['workers']} workers": Ratio(Spread.of([one["job / udf"]]), is_more_better=False)
        for one in memory
    }
