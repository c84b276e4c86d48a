"""Recognises the format of files, and makes a table of rows of lines."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from nlpbatch.errors import ConfigError
from nlpbatch.formats import names
from nlpbatch.sampling.layouts import Row
from nlpbatch.sampling.locations import File
from nlpbatch.sampling.whole_files import CODECS


def format_of(files: Sequence[File], given: str | None = None) -> str:
    """Return "parquet", "json", "csv" or "text": the given format, or that of the files' names.

    Raises:
        ConfigError: They are compressed or written in ways that can't be read, or of several formats.

    """
    for file in files:
        codec = names.compression_of(file.path)
        if codec not in (None, *CODECS) and given != "parquet":
            raise ConfigError(
                f"{file.path} is compressed with {codec}, which can't be read: {', '.join(CODECS)} can, or sample the "
                "Parquet of a dump"
            )
        odd = names.other_format(file.path) or names.spark_only(file.path)
        if odd is not None and given is None:
            raise ConfigError(
                f"{file.path} is {odd}, which can't be sampled: Parquet, JSON Lines, CSV and text can; sample the "
                "Parquet of a dump"
            )
    if given is not None:
        return given
    formats = {names.format_of_name(file.path) or "parquet": file.path for file in files}
    if len(formats) > 1:
        raise ConfigError(
            f"files of several formats ({', '.join(sorted(formats))}), such as {', '.join(sorted(formats.values()))}: "
            "give a glob of one, such as 'DIR/*.parquet', or the format"
        )
    return next(iter(formats))


def to_table(rows: Sequence[Row], columns: Sequence[str] | None, known: Iterable[str]) -> pa.Table:
    """Return rows as a table with the wanted columns.

    Args:
        rows: The rows.
        columns: Those wanted; all if None.
        known: Columns that any row has, of those that were read.

    Raises:
        ConfigError: No row has one of them, or a column's values are of several types.

    """
    known = list(known)
    wanted = list(columns) if columns else known
    missing = [name for name in wanted if name not in known]
    if missing and rows:
        raise ConfigError(f"no line has {missing[0]!r}: choose from {', '.join(sorted(known))}")
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in wanted})


def _column(name: str, values: list[Any]) -> pa.Array:
    # Arrow's messages hold values, which may be texts.
    try:
        return pa.array(values)
    except OverflowError:
        fault = "whole numbers of more than 64 bits"
    except pa.ArrowException:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        fault = f"values of several types ({', '.join(kinds)})"
    raise ConfigError(f"column {name!r} has {fault}: repair the values, or leave the column out")
