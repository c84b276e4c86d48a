"""What an analysis reads: rows of one schema in a fixed order, so that reading can go on after any number of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from nlpbatch.errors import ConfigError
from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8

BATCH_ROWS: Final = 2_000
"""Rows of a batch: some milliseconds of reading, about three requests of short texts."""
DAMAGED: Final = "it is damaged, or not of this format"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The way to read files.

    Args:
        format: One of `FORMATS`; None to recognise it by the files' names.
        separator: Between values of CSV; None to recognise it.
        encoding: Of the characters of CSV, JSON and text, as `known_encoding` returns it.
        header: Whether the first line of CSV names the columns.
        max_record_lines: Lines that a record of CSV may have; a longer one counts as a quote that isn't closed.

    """

    format: str | None = None
    separator: str | None = None
    encoding: str = UTF_8
    header: bool = True
    max_record_lines: int = MAX_RECORD_LINES


def check_names(names: Sequence[str]) -> None:
    """Refuse columns that readers who ignore case can't tell apart.

    Raises:
        ConfigError: Naming two of them.

    """
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.lower(), name)
        if other is not name:
            raise ConfigError(f"columns {other!r} and {name!r} differ in case only, or not at all: rename one")


def nothing_readable(kind: str, set_aside: Mapping[str, str]) -> ConfigError:
    """Return the error of an input of which no file can be read."""
    path, why = next(iter(set_aside.items()))
    return ConfigError(f"no file can be read as {kind}: {path}: {why}")


class Source(Protocol):
    """Rows of files."""

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of all rows."""
        ...

    @property
    def rows(self) -> int | None:
        """Return how many rows there are; None if the files don't know."""
        ...

    @property
    def set_aside(self) -> Mapping[str, str]:
        """Return why files can't be read, by path; they give no rows."""
        ...

    @property
    def assumed(self) -> str:
        """Return what was recognised about the files, in words."""
        ...

    def batches(self, skip: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows after the first `skip`, in bounded memory, always in the same order."""
        ...

    def close(self) -> None:
        """Give back what reading needs."""
        ...

    def read_share(self) -> float:
        """Return the part of the bytes that was read, 0 to 1."""
        ...
