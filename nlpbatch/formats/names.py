"""Reads a file's name: its format, its compression, and whether readers skip it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from nlpbatch.errors import ConfigError

SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "parquet": (".parquet", ".parq", ".pq"),
    "orc": (".orc",),
    "avro": (".avro",),
    "json": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "text": (".txt", ".text"),
}
"""How the names of each format end, in lower case; a suffix of `COMPRESSIONS` may follow."""
COMPRESSIONS: Final[Mapping[str, str]] = {
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".zst": "zstd",
    ".lz4": "lz4",
    ".snappy": "snappy",
    ".deflate": "deflate",
    ".xz": "xz",
    ".br": "brotli",
    ".zip": "zip",
}
"""How the names of files end that are compressed as a whole."""
_OTHERS: Final[Mapping[str, str]] = {
    ".xlsx": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".feather": "an Arrow file",
    ".arrow": "an Arrow file",
    ".sav": "an SPSS file",
    ".pkl": "a pickle",
    ".xml": "XML",
    ".hwp": "a Hangul document",
}
_SPARK_ONLY: Final[Mapping[str, str]] = {"orc": "ORC", "avro": "Avro"}
_DEFAULT: Final = "parquet"
"""The format of names that say nothing: Hive and Spark write Parquet under such names."""


def format_of_name(path: str) -> str | None:
    """Return the format in a file's name; None if it has none."""
    name = _uncompressed(path)
    return next((kind for kind, suffixes in SUFFIXES.items() if name.endswith(suffixes)), None)


def format_of(paths: Iterable[str]) -> str:
    """Return the one format in the files' names; Parquet if none has any.

    Raises:
        ConfigError: They say several, or one that cannot be read.

    """
    counts: Counter[str] = Counter()
    for path in paths:
        kind = format_of_name(path)
        if kind is None and (other := other_format(path)) is not None:
            raise ConfigError(
                f"{path} is {other}, which cannot be read: save it as CSV in UTF-8 or as Parquet, or leave it out"
            )
        if kind is not None:
            counts[kind] += 1
    if len(counts) > 1:
        found = ", ".join(f"{count:,} of {name}" for name, count in sorted(counts.items()))
        raise ConfigError(
            f"the input holds files of several formats ({found}): give a path with one of them, such as "
            "--input 'DIR/*.parquet', or say with --format how to read them all"
        )
    return next(iter(counts), _DEFAULT)


def other_format(path: str) -> str | None:
    """Return the name of a format that can't be read, by a file's name; None for other names."""
    name = _uncompressed(path)
    return next((words for suffix, words in _OTHERS.items() if name.endswith(suffix)), None)


def spark_only(path: str) -> str | None:
    """Return the name of a format that Spark alone reads, by a file's name; None for other names."""
    return _SPARK_ONLY.get(format_of_name(path) or "")


def compression_of(path: str) -> str | None:
    """Return the compression in a file's name, one of `COMPRESSIONS`; None if it has none."""
    name = path.lower()
    return next((kind for suffix, kind in COMPRESSIONS.items() if name.endswith(suffix)), None)


def is_hidden(name: str) -> bool:
    """Return whether Spark and Hive pass over a file or directory of this name (one segment of a path)."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def separator_of_name(path: str) -> str | None:
    """Return the separator in the name of a CSV file; None if it has none."""
    return "\t" if _uncompressed(path).endswith(".tsv") else None


def _uncompressed(path: str) -> str:
    name = path.lower()
    return next((name.removesuffix(suffix) for suffix in COMPRESSIONS if name.endswith(suffix)), name)
