"""Directories of tables, whose files aren't the table's rows: some are of rows that were changed or deleted since.

A table of Delta has `_delta_log`, one of Iceberg `metadata` with `….metadata.json`, one of Hudi `.hoodie`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from nlpbatch.errors import ConfigError

_ROOT: Final = re.compile(r"([a-zA-Z][\w+.-]*:(//[^/]*)?)?/*")
_MOST_LOOKED_AT: Final = 20
"""Directories that are asked for, the outermost first; partitions aren't counted, which have no table within."""


def refuse_tables(files: Iterable[str], look_into: Callable[[str], Callable[[str], Iterable[str]]]) -> None:
    """Refuse files that are in the directory of a table.

    Args:
        files: Their paths.
        look_into: Takes a directory, and returns a function that gives the names in a directory there, none if there is
            no such directory or it may not be read.

    Raises:
        ConfigError: Naming the directory, with the remedy.

    """
    for directory in _directories(files):
        kind = _kind(look_into(directory))
        if kind is not None:
            raise ConfigError(
                f"{directory} is a table of {kind}, and its files are also of rows that were changed or deleted since: "
                "read it by its name, with [source] table in a recipe, or export it to files"
            )


def _directories(files: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for file in files:
        directory = file.rpartition("/")[0]
        while not _ROOT.fullmatch(directory) and directory not in found:
            found.add(directory)
            directory = directory.rpartition("/")[0]
    plain = [directory for directory in found if "=" not in directory.rpartition("/")[2]]
    return sorted(plain, key=lambda directory: (directory.count("/"), directory))[:_MOST_LOOKED_AT]


def _kind(names: Callable[[str], Iterable[str]]) -> str | None:
    if any(name.endswith((".json", ".parquet")) for name in names("_delta_log")):
        return "Delta"
    if any(name.endswith(".metadata.json") for name in names("metadata")):
        return "Iceberg"
    return "Hudi" if any(True for _ in names(".hoodie")) else None
