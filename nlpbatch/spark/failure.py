"""Translates what ended a Spark job into nlpbatch's errors."""

import re
from typing import Final

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from nlpbatch import errors
from nlpbatch.errors import InternalError, NlpbatchError
from nlpbatch.spark.storage import first_line

_OWN: Final = re.compile(r"nlpbatch\.errors\.(\w+): (.*)")
_DATA: Final = re.compile(r"SQLSTATE: 22")
"""Marks Spark's errors about a value, such as a cast that fails; they quote the value, which may be a text."""
_QUOTED: Final = re.compile(r"'.*'", re.DOTALL)
_CAUSE: Final = re.compile(r"^Caused by: ([\w.$]+): (.+)$", re.MULTILINE)


def failure(error: PySparkException | Py4JError | ConnectionError) -> NlpbatchError:
    """Return the nlpbatch error that a task failed with, found in the traceback that Spark returns from the executor.

    Any other failure is an InternalError that names the deepest cause, because "Job aborted" alone doesn't help.
    """
    if isinstance(error, Py4JNetworkError | ConnectionError):
        return InternalError("Spark failed: its JVM has ended: see what it wrote last")
    said = str(error)
    found = _OWN.findall(said)
    if found:
        name, message = found[-1]
        cls: type[NlpbatchError] = getattr(errors, name, InternalError)
        return cls(message)
    line = first_line(error)
    causes = _CAUSE.findall(said)
    if not causes:
        return InternalError(f"Spark failed: {_without_values(line, said)}")
    name, message = causes[-1]
    cause = f"{name.rpartition('.')[2]}: {message}"
    explained = cause if message in line else f"{line}: {cause}"
    return InternalError(f"Spark failed: {_without_values(explained, said)}")


def _without_values(message: str, said: str) -> str:
    return _QUOTED.sub("'…'", message) if _DATA.search(said) else message
