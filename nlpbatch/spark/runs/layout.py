"""The files and directories of an output.

    OUT/run_batch=000007/part-….parquet    rows with their tokens, one directory for each micro-batch
                        /_batch.json       its record; a directory that has one is complete
    OUT/_SUCCESS                           exists while everything in the input has been done
    OUT/_nlpbatch/run.json                 what this output is: input, columns, options, the analyzer's version
                 /summary.json             what has been done, all attempts together
                 /progress.json        how far the present start is, every ten seconds
                 /attempts/000001.json     each start of a driver, and how it ended
                 /lease/000001.json        the driver that writes now
                 /dead/run_batch=000007/   rows that failed, with all their columns, as Parquet
                 /checkpoint/              Spark's: which files have been taken
                 /staging/                 a micro-batch that is being written
                 /prepared/000007.json     one that is on its way to a table; see `nlpbatch.spark.tables.batches`

With a table as sink, the rows and dead letters are there, and a micro-batch's directory has its record only.

Readers of Parquet ignore names that begin with an underscore.
"""

from typing import Final

_META: Final = "_nlpbatch"
RUN: Final = f"{_META}/run.json"
SUMMARY: Final = f"{_META}/summary.json"
PROGRESS: Final = f"{_META}/progress.json"
ATTEMPTS: Final = f"{_META}/attempts"
LEASE: Final = f"{_META}/lease"
DEAD: Final = f"{_META}/dead"
CHECKPOINT: Final = f"{_META}/checkpoint"
STAGING: Final = f"{_META}/staging"
PREPARED: Final = f"{_META}/prepared"
REPLAYS: Final = f"{_META}/replays"
SUCCESS: Final = "_SUCCESS"
RECORD: Final = "_batch.json"
PARTITION: Final = "run_batch"
_PREFIX: Final = f"{PARTITION}="


def batch_directory(number: int) -> str:
    """Return the name of a micro-batch's directory."""
    return f"{_PREFIX}{number:06d}"


def batch_number(name: str) -> int | None:
    """Return the number of the micro-batch that a directory of this name holds; None if it holds none."""
    digits = name.removeprefix(_PREFIX)
    return int(digits) if name.startswith(_PREFIX) and digits.isdecimal() else None
