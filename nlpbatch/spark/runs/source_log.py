"""Which files Spark's file source has taken for a micro-batch, as its checkpoint says.

The log is a text file for each micro-batch: a line with the version ("v1"), then one JSON object for each file, its
path written as a URI. Every tenth is a compact one and holds all files until then (`FileStreamSourceLog` in Spark).
"""

import json
from typing import Final
from urllib.parse import unquote

from nlpbatch.errors import InternalError
from nlpbatch.spark.runs.layout import CHECKPOINT
from nlpbatch.spark.storage import Storage

_DIRECTORY: Final = f"{CHECKPOINT}/sources/0"
_VERSION: Final = "v1"


def files_of(output: Storage, number: int) -> list[str]:
    """Return the paths of a micro-batch's files, as `plain_path` writes them.

    Raises:
        InternalError: Spark's log is of a version that isn't known here.

    """
    plain = f"{_DIRECTORY}/{number}"
    name = plain if output.exists(plain) else f"{plain}.compact"
    return parse(output.read_text(name), number)


def parse(log: str, number: int) -> list[str]:
    """Return the paths that the text of a log names for a micro-batch."""
    version, *lines = log.splitlines()
    if version != _VERSION:
        raise InternalError(f"Spark's source log has version {version!r}, known is {_VERSION!r}: use PySpark 4")
    entries = (json.loads(line) for line in lines if line)
    return [plain_path(entry["path"]) for entry in entries if entry["batchId"] == number]


def plain_path(uri: str) -> str:
    """Return a path as Hadoop prints it: `file:///a%20b` as `file:/a b`."""
    return unquote(uri).replace("file:///", "file:/", 1)
