"""The formats a job reads, how they are told apart, and what their readers are told unless somebody says otherwise."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nlpbatch.errors import ConfigError

CORRUPT: Final = "_corrupt_record"
"""Column of a line that couldn't be parsed, as Spark calls it; such rows become dead letters."""
_COMPRESSED: Final = (".gz", ".bz2", ".zst", ".xz", ".lz4", ".snappy", ".deflate")


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Args:
        suffixes: Of file names.
        reader: Options of Spark's reader.
        counted: Whether files know their number of rows.
        merged: Whether files have schemas of their own, to be merged.
        lenient: Whether lines that can't be parsed are set aside one by one.

    """

    suffixes: tuple[str, ...]
    reader: Mapping[str, str]
    counted: bool = False
    merged: bool = False
    lenient: bool = False


_PER_LINE: Final = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT}
FORMATS: Final[Mapping[str, Format]] = {
    "parquet": Format((".parquet", ".parq"), {}, counted=True, merged=True),
    "orc": Format((".orc",), {}, counted=True, merged=True),
    "json": Format((".json", ".jsonl", ".ndjson"), _PER_LINE, lenient=True),
    # Quotes as RFC 4180 has them, and as spreadsheets and pandas write them; headers are compared with the columns.
    "csv": Format(
        (".csv",),
        {**_PER_LINE, "header": "true", "escape": '"', "multiLine": "true", "enforceSchema": "false"},
        lenient=True,
    ),
    "text": Format((".txt", ".text"), {}),
}


def format_of(paths: Iterable[str]) -> str:
    """Return the format that the files' names tell; Parquet if they tell none, as names that Hive gives.

    Raises:
        ConfigError: They tell several.

    """
    found = Counter(name for path in paths if (name := _told(path)) is not None)
    if len(found) > 1:
        counts = ", ".join(f"{count:,} of {name}" for name, count in sorted(found.items()))
        raise ConfigError(
            f"the input holds files of several formats ({counts}): give a path with one of them, such as "
            "--input 'DIR/*.parquet', or say with --format how to read them all"
        )
    return next(iter(found), "parquet")


def _told(path: str) -> str | None:
    name = path.lower()
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return next((key for key, value in FORMATS.items() if name.endswith(value.suffixes)), None)
