"""The options of a sample, and how much of a data set they allow to read."""

import sys
from dataclasses import dataclass
from typing import Final, Literal

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.wire.limits import GIB, MIB

SAMPLE_FORMATS: Final = ("parquet", "json", "csv", "text")
MIN_BYTES: Final = 64 * MIB
"""A smaller data set is read whole; of a larger one, at least this much or `MIN_PARTS` is read."""
MIN_PARTS: Final = 30
"""Number of parts that is enough to estimate how much parts differ."""
MIN_LINE_BYTES: Final = 16 * MIB
"""The same for lines, which are all parsed: some seconds' work, and some hundreds of blocks."""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """The options of a sample.

    Args:
        rows: Rows wanted, from 1; None for all, whatever the bytes to read.
        columns: Columns wanted; all if None.
        seed: Seed of the random source.
        read_share: Part of the data set's bytes that may be read, 0 to 1. It is for large data: wanted columns of up to
            64 MiB are read whole, of larger ones at least 30 parts or 64 MiB, whichever is less; of lines at least
            16 MiB. More only if the rows can't be had otherwise.
        stratify: Column whose values all get the same number of rows; None for rows at random.
        read_bytes: Bytes that may be read, however large or small the data set is; more only as with `read_share`.
        format: One of `SAMPLE_FORMATS`; None to recognise it by the files' names.
        separator: Separator of CSV values; None to recognise it.
        encoding: Encoding of CSV, JSON and text.
        header: Whether the first line of each file of CSV names the columns; without, they are _c0, _c1, …, as Spark's.

    Raises:
        ConfigError: A value out of range.

    """

    rows: int | None = 10_000
    columns: tuple[str, ...] | None = None
    seed: int = 0
    read_share: float = 0.04
    stratify: str | None = None
    read_bytes: int = GIB
    format: Literal["parquet", "json", "csv", "text"] | None = None
    separator: str | None = None
    encoding: str = "utf-8"
    header: bool = True

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 1:
            raise ConfigError(f"rows is {self.rows}: give a number from 1")
        if not 0 < self.read_share <= 1:
            raise ConfigError(f"read_share is {self.read_share:g}, must be over 0 and up to 1: 0.04 reads 4 %")
        if self.read_bytes < 1:
            raise ConfigError(f"read_bytes is {self.read_bytes}: give a number from 1")
        if self.columns is not None and not self.columns:
            raise ConfigError("columns names none: name some, or leave it out for all")
        if self.format is not None and self.format not in SAMPLE_FORMATS:
            raise ConfigError(
                f"format is {self.format!r}: choose from {', '.join(SAMPLE_FORMATS)}, or sample a dump of it"
            )
        known_encoding(self.encoding)
        if self.separator is not None and len(self.separator) != 1:
            raise ConfigError(f"separator is {self.separator!r}: give one character, such as a tab")

    @property
    def wanted(self) -> list[str] | None:
        """Return the columns to read; None for all."""
        if self.columns is None:
            return None
        return list(dict.fromkeys((*self.columns, *((self.stratify,) if self.stratify else ()))))

    @property
    def max_rows(self) -> int:
        """Return the largest number of rows to take."""
        return sys.maxsize if self.rows is None else self.rows

    def budget_bytes(self, total_bytes: int, min_bytes: int) -> int:
        """Return the bytes that may be read of a data set.

        Args:
            total_bytes: Bytes of all files.
            min_bytes: Bytes to read even if the share is less.

        """
        return min(max(int(self.read_share * total_bytes), min_bytes), self.read_bytes)


def min_bytes(wanted_bytes: int, part_bytes: float) -> int:
    """Return the smallest number of bytes to read of Parquet.

    Args:
        wanted_bytes: Bytes of the wanted columns.
        part_bytes: Mean bytes of the wanted columns in a part.

    """
    return wanted_bytes if wanted_bytes <= MIN_BYTES else min(MIN_BYTES, int(MIN_PARTS * part_bytes))
