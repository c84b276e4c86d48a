"""The formats a job reads, and which options their readers get unless the caller gives others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nlpbatch.formats.malformed import CORRUPT


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Args:
        reader: Options of Spark's reader.
        counted: Whether files know their number of rows.
        merged: Whether files have schemas of their own, to be merged.
        lenient: Whether lines that can't be parsed are set aside one by one.

    """

    reader: Mapping[str, str]
    counted: bool = False
    merged: bool = False
    lenient: bool = False


_PER_LINE: Final = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT}
FORMATS: Final[Mapping[str, Format]] = {
    "parquet": Format({}, counted=True, merged=True),
    "orc": Format({}, counted=True, merged=True),
    "avro": Format({}),
    "json": Format(_PER_LINE, lenient=True),
    # Quotes as RFC 4180 has them, and as spreadsheets and pandas write them; headers are compared with the columns.
    "csv": Format(
        {**_PER_LINE, "header": "true", "escape": '"', "multiLine": "true", "enforceSchema": "false"}, lenient=True
    ),
    "text": Format({}),
}
