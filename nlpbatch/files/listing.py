"""Which files an input names, and of which format they are."""

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import compression_of, format_of_name, is_hidden, other_format, spark_only
from nlpbatch.formats.table_directories import refuse_tables

FORMATS: Final = ("parquet", "csv", "json", "text")
CODECS: Final = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
"""Compressions of whole files that can be read, with Arrow's names for them."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of this machine.

    Args:
        path: Its absolute path.
        size_bytes: Its length.
        mtime_ns: When it was changed last, in nanoseconds since 1970.

    """

    path: str
    size_bytes: int
    mtime_ns: int


def find_files(inputs: Sequence[str]) -> list[InputFile]:
    """Return the files that paths name, each once: files, all files below directories, and what globs match.

    A path that exists is taken as it is, whatever characters it has; any other is a glob. Files of a directory or glob
    are in order of their paths; hidden ones, whose names begin with `_` or `.`, are left out.

    Raises:
        ConfigError: There are none, or they are on another machine, in partition directories, or a table's.

    """
    found: dict[str, InputFile] = {}
    for one in inputs:
        if re.match(r"[a-z0-9]+:/", one):
            raise ConfigError(f"{one!r} is not on this machine: submit the job, which reads it there")
        paths = list(_paths(one))
        if not paths:
            raise ConfigError(f"input {one!r} holds no files: check the path")
        for path in paths:
            found.setdefault(str(path), _input_file(path))
    refuse_tables(found, lambda directory: partial(_names_in, Path(directory)))
    return list(found.values())


def _names_in(directory: Path, name: str) -> list[str]:
    try:
        return [one.name for one in (directory / name).iterdir()]
    except OSError:
        return []


def format_of(files: Sequence[InputFile], given: str | None = None) -> str:
    """Return one of `FORMATS`: the given one, or that of the files' names; Parquet if none has any.

    Raises:
        ConfigError: They are of several formats, or of one that can't be read here.

    """
    for file in files:
        codec = compression_of(file.path)
        if codec not in (None, *CODECS) and given != "parquet":
            raise ConfigError(f"{file.path} is compressed with {codec}: {', '.join(CODECS)} can be read; write it so")
    if given is not None:
        return given
    formats: dict[str, str] = {}
    for file in files:
        kind = format_of_name(file.path)
        odd = other_format(file.path) if kind is None else None
        if odd is not None:
            raise ConfigError(f"{file.path} is {odd}, which can't be read: save it as CSV in UTF-8 or as Parquet")
        if (only := spark_only(file.path)) is not None:
            raise ConfigError(f"{file.path} is {only}, which only the job reads: submit it, or write Parquet")
        if kind is not None:
            formats.setdefault(kind, file.path)
    if len(formats) > 1:
        raise ConfigError(
            f"files of several formats ({', '.join(sorted(formats))}), such as {', '.join(sorted(formats.values()))}: "
            "give a glob of one, such as 'DIR/*.parquet', or --format"
        )
    return next(iter(formats), "parquet")


def _paths(given: str) -> Iterator[Path]:
    path = Path(given)
    roots = [path] if path.exists() else sorted(Path(one) for one in glob.glob(given, recursive=True))  # noqa: PTH207  (any path)
    for root in roots:
        if root != path and is_hidden(root.name):
            continue
        yield from _below(root) if root.is_dir() else [root.absolute()]


def _below(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        parts = path.relative_to(directory).parts
        if not path.is_file() or any(map(is_hidden, parts)):
            continue
        partition = next((part for part in parts[:-1] if "=" in part), None)
        if partition is not None:
            raise ConfigError(
                f"{str(directory)!r} has partitions, such as {partition}, which only the job reads as columns: submit "
                "it, or give one partition"
            )
        yield path.absolute()


def _input_file(path: Path) -> InputFile:
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}: check the path and the rights") from error
    return InputFile(str(path), stat.st_size, stat.st_mtime_ns)
