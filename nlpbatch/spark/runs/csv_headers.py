"""The separator and the columns of each CSV file, read from its first record.

Files of one input may have their columns in another order, or more of them: each is read by its own header, and what
one lacks is null in its rows.
"""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pyspark.sql.types import DataType, StringType, StructField, StructType

from nlpbatch.formats.csv_dialect import column_names, first_record, numbered_names, separator_of
from nlpbatch.formats.encodings import encoding_fault
from nlpbatch.formats.names import separator_of_name
from nlpbatch.spark.runs.beginnings import Beginning, BeginningReader
from nlpbatch.wire.limits import MIB

_MAX_HEADER_BYTES: Final = MIB
_OTHER_DIALECTS: Final = frozenset(
    {
        "quote",
        "comment",
        "linesep",
        "chartoescapequoteescaping",
        "unescapedquotehandling",
        "ignoreleadingwhitespace",
        "ignoretrailingwhitespace",
        "inferschema",
        "multiline",
        "enforceschema",
        "singlevariantcolumn",
    }
)
"""Options that change what a record is, in lower case: with them only Spark itself can read headers."""


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """How a file is written.

    Args:
        separator: Between values.
        names: Of its columns, in order; none if the file is empty.

    """

    separator: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """Options of Spark's reader for CSV that decide what a header is.

    Args:
        separator: Between values; None to recognise it.
        header: Whether the first record names the columns.
        null: A name that counts as none.
        encoding: Of the characters.

    """

    separator: str | None
    header: bool
    null: str
    encoding: str

    @classmethod
    def of(cls, given: Mapping[str, str], encoding: str) -> "CsvOptions | None":
        """Return the options; None if the caller gave one with which only Spark knows what a record is."""
        options = {name.lower(): value for name, value in given.items()}
        separator = options.get("sep", options.get("delimiter"))
        if separator == "\\t":
            separator = "\t"
        if _OTHER_DIALECTS & options.keys() or options.get("escape", '"') != '"' or len(separator or ",") != 1:
            return None
        header = options.get("header", "true").lower() == "true"
        return cls(separator, header, options.get("nullvalue", ""), encoding)


def read_headers(
    reader: BeginningReader, files: Iterable[str], options: CsvOptions
) -> tuple[dict[str, CsvHeader], dict[str, str]]:
    """Return the headers of files, and why others have none, both by path."""
    headers: dict[str, CsvHeader] = {}
    faults: dict[str, str] = {}
    for path, beginning in reader.read(files).items():
        found = _header(path, beginning, options)
        if found is None and not beginning.is_all:
            found = _header(path, reader.read([path], _MAX_HEADER_BYTES)[path], options)
        if isinstance(found, CsvHeader):
            headers[path] = found
        else:
            faults[path] = found or f"its first record has more than {_MAX_HEADER_BYTES:,} bytes: a quote may be open"
    return headers, faults


def columns_of(headers: Iterable[CsvHeader]) -> tuple[str, ...]:
    """Return the columns that files have together, each named as in the first file that has it."""
    known: dict[str, str] = {}
    for header in dict.fromkeys(headers):
        for name in header.names:
            known.setdefault(name.lower(), name)
    return tuple(known.values())


def positions(types: Iterable[DataType | None], shared: Iterable[StructField]) -> StructType:
    """Return a schema of columns called `c0`, `c1`, … (the names in files may be any), then of others.

    Args:
        types: Of the columns; strings if None.
        shared: The others.

    """
    own = [StructField(f"c{position}", kind or StringType()) for position, kind in enumerate(types)]
    return StructType([*own, *shared])


def _header(path: str, beginning: Beginning, options: CsvOptions) -> CsvHeader | str | None:
    """Return a file's header, or why it has none; None if more of the file is needed."""
    if beginning.fault is not None:
        return beginning.fault
    fault = encoding_fault(beginning.data, options.encoding, is_all=beginning.is_all)
    if fault is not None:
        return f"it {fault}"
    text = codecs.getincrementaldecoder(options.encoding)(errors="ignore").decode(beginning.data, final=False)
    separator = options.separator or separator_of_name(path) or separator_of(text)
    record = first_record(text, separator, is_all=beginning.is_all)
    if record is None:
        return CsvHeader(separator, ()) if beginning.is_all else None
    names = column_names(record, null=options.null) if options.header else numbered_names(len(record))
    twice = next((name for name in names if [one.lower() for one in names].count(name.lower()) > 1), None)
    return (
        CsvHeader(separator, tuple(names)) if twice is None else f"its header names two columns {twice!r}: rename one"
    )
