"""Reads files that can't be read from the middle, as lines of UTF-8: compressed, in UTF-16, or one JSON array."""

import json
from typing import Final

import pyarrow as pa

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import encoding_fault
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.names import compression_of
from nlpbatch.sampling.layouts import Lines
from nlpbatch.sampling.locations import CountedFile, File
from nlpbatch.wire.limits import MIB

MAX_WHOLE_BYTES: Final = 256 * MIB
"""Largest file that is read whole."""
CODECS: Final = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
"""Compressions that can be read, with Arrow's names for them."""


class DamagedFile(Exception):
    """A file can't be decompressed; the others can be read."""


def is_whole(file: File, lines: Lines) -> bool:
    """Return whether a file can only be read as a whole."""
    return not lines.can_begin_anywhere or compression_of(file.path) is not None


def read_whole(opened: CountedFile, file: File, lines: Lines, held: bytes) -> bytes:
    """Return a file's lines in UTF-8.

    Args:
        opened: The file.
        file: Its name and size.
        lines: The way to read it.
        held: Its first bytes, which have been read already.

    Raises:
        ConfigError: It is too large, or of another encoding.
        DamagedFile: It can't be decompressed.

    """
    _check_size(file, file.size_bytes, lines)
    opened.seek(len(held))
    data = held + opened.read(file.size_bytes - len(held))
    codec = compression_of(file.path)
    if codec is not None:
        data = _decompressed(data, file, codec)
        _check_size(file, len(data), lines)
    fault = encoding_fault(data, lines.encoding, is_all=True)
    if fault is not None:
        raise ConfigError(f"{file.path} {fault}")
    text = data.decode(lines.encoding).removeprefix("\ufeff")
    is_array = lines.is_array or (lines.kind == "json" and json_shape(text) == "array")
    return _array_lines(text, file) if is_array else text.encode()


def _check_size(file: File, size_bytes: int, lines: Lines) -> None:
    if size_bytes > MAX_WHOLE_BYTES:
        why = compression_of(file.path) or ("one JSON array" if lines.is_array else lines.encoding.upper())
        raise ConfigError(
            f"{file.path} has {size_bytes:,} bytes or more and is {why}, which can't be read from the middle; such a "
            f"file may have {MAX_WHOLE_BYTES:,}: write it as lines of UTF-8, or sample the Parquet of a dump"
        )


def _decompressed(data: bytes, file: File, codec: str) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), CODECS[codec]) as stream:
            return bytes(stream.read(MAX_WHOLE_BYTES + 1))
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"{file.path} can't be decompressed as {codec}") from error


def _array_lines(text: str, file: File) -> bytes:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{file.path} begins as a JSON array, but can't be parsed{where}: repair it") from error
    return "".join(json.dumps(one) + "\n" for one in (found if isinstance(found, list) else [found])).encode()
