"""Files that Spark can't read, found in what it says."""

import re
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.spark.runs.source_log import plain_path

_SAID: Final = re.compile(r"\[(FAILED_READ_FILE[.\w]*)\] Encountered error while reading file (\S+?)\. ")
_REASONS: Final = {
    "FAILED_READ_FILE.FILE_NOT_EXIST": "it is gone",
    "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH": "a column has another type than in the other files",
    "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM": "its file system isn't supported",
}
# The storage's troubles, not the file's: they pass, and setting files aside for them would empty the input.
_PASSING: Final = ("BlockMissingException", "ConnectException", "SocketTimeoutException", "Filesystem closed")
_DAMAGED: Final = "it is damaged, or not of this format"


def unreadable_file(error: PySparkException | Py4JJavaError) -> tuple[str, str] | None:
    """Return the path of the file that made Spark fail, with the reason in words; None if it was something else."""
    said = str(error)
    found = _SAID.search(said)
    if found is None or any(name in said for name in _PASSING):
        return None
    condition, uri = found.groups()
    return plain_path(uri), _REASONS.get(condition, _DAMAGED)
