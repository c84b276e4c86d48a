"""What the JVM makes of characters beyond ASCII in arguments and file names, in a locale that isn't UTF-8.

spark-submit's JVM decodes its arguments by the locale, and encodes the script's by it. In locale C, as cron and
`env -i` have it, each byte beyond ASCII becomes `?` without an error, and the same happens to names of local files.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pyspark import SparkContext

from nlpbatch.errors import ConfigError

_REMEDY: Final = "set LC_ALL=C.UTF-8"
_REPLACED: Final = "\ufffd"
_DAMAGED: Final = "??"
"""A character beyond ASCII has at least two bytes, so a single ? in an argument was typed, such as in a glob."""
_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"
"""Set by spark-submit for the scripts that it starts."""


def check_arguments() -> None:
    """Refuse arguments of this script that spark-submit can have damaged on their way.

    Raises:
        ConfigError: Naming the first of them, by its number.

    """
    if _SUBMITTED in os.environ and any(_DAMAGED in one or _REPLACED in one for one in sys.argv[1:]):
        SparkContext._ensure_initialized()  # noqa: SLF001  (asks the JVM that runs already)
        refuse_damaged(sys.argv[1:], _charset(SparkContext._jvm))  # noqa: SLF001


def refuse_damaged(arguments: Sequence[str], charset: str) -> None:
    """Refuse arguments that are damaged if the JVM's locale has this charset, as Java names it.

    Raises:
        ConfigError: Naming the first of them, by its number.

    """
    for number, argument in enumerate(arguments):
        if _REPLACED in argument or (_DAMAGED in argument and not _holds_hangul(charset)):
            before = f" (after {arguments[number - 1]})" if number else ""
            raise ConfigError(
                f"argument {number + 1}{before} arrived as {argument!r}: the locale of spark-submit ({charset}) has "
                f"only a part of all characters, and Java writes ? for others: {_REMEDY}, or write the option into a "
                "file in UTF-8 and give --config FILE"
            )


def check_file_names(jvm: Any, path: str, scheme: str) -> None:
    """Refuse the path of local files that the JVM can't name; it would pass over those that lie below it.

    Args:
        jvm: PySpark's view of the JVM.
        path: File, directory or glob, with or without its file system.
        scheme: Of that, such as "hdfs" or "file".

    Raises:
        ConfigError: Naming one that has characters beyond the JVM's locale.

    """
    if scheme != "file":
        return
    charset = _charset(jvm)
    if _holds_hangul(charset):
        return
    plain = path.removeprefix("file:")
    found = (name for name in (plain, *_below(plain)) if not _can_encode(name, charset))
    if (odd := next(found, None)) is not None:
        raise ConfigError(f"path {odd!r} can't be used: the JVM's locale ({charset}) lacks characters of it: {_REMEDY}")


def _below(path: str) -> Iterator[str]:
    """Yield the paths of all files below a directory, or below that in which a glob begins."""
    directory = re.split(r"[*?\[{]", path, maxsplit=1)[0]
    for folder, _, names in os.walk(directory if directory == path else os.path.dirname(directory)):  # noqa: PTH120
        yield from (f"{folder}/{name}" for name in names)


def _charset(jvm: Any) -> str:
    """Return the charset by which the JVM takes arguments and names of files."""
    return str(jvm.java.lang.System.getProperty("sun.jnu.encoding"))


def _holds_hangul(charset: str) -> bool:
    return _can_encode("한글", charset)


def _can_encode(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    except LookupError:
        return True  # a charset that Python doesn't know: there is nothing to compare
    return True
