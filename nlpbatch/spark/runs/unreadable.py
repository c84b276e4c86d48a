"""Finds the file that Spark can't read in its error message."""

import re
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.spark.runs.source_log import plain_path

DAMAGED: Final = "it is damaged, or not of this format"
_SAID: Final = re.compile(r"\[(FAILED_READ_FILE[.\w]*)\] Encountered error while reading file (\S+?)\. ")
_MISSING: Final = re.compile(r"\[PATH_NOT_FOUND\] Path does not exist: (.+?)\. SQLSTATE", re.DOTALL)
GONE: Final = "it is gone"
_REASONS: Final = {
    "FAILED_READ_FILE.FILE_NOT_EXIST": GONE,
    "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH": "a column has another type than in the other files",
    "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM": "its file system isn't supported",
}
# Temporary errors of the storage, not of the file: setting files aside for them would empty the input.
_PASSING: Final = ("BlockMissingException", "ConnectException", "SocketTimeoutException", "Filesystem closed")
_CODEC: Final = re.compile(r"Class \S*?(\w+)Codec was not found")


def unreadable_file(error: PySparkException | Py4JJavaError) -> tuple[str, str] | None:
    """Return the path of the file that made Spark fail, with the reason in words; None if it was something else."""
    said = str(error)
    missing = _MISSING.search(said)
    if missing is not None:
        return missing[1], GONE
    found = _SAID.search(said)
    if found is None or is_passing(said):
        return None
    condition, uri = found.groups()
    return plain_path(uri), _lacking_codec(said) or _REASONS.get(condition, DAMAGED)


def is_passing(said: str) -> bool:
    """Return whether an error is a temporary one of the storage."""
    return any(name in said for name in _PASSING)


def _lacking_codec(said: str) -> str | None:
    found = _CODEC.search(said)
    if found is None:
        return None
    name = found[1].lower()
    return f"it is compressed with {name}, for which Spark has no codec here: write it with zstd or snappy"
