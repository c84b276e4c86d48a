"""Files of lines as bytes that can be read from any offset: as they are, or unpacked into a temporary file."""

import codecs
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final

import pyarrow as pa

from nlpbatch.files.listing import CODECS, InputFile
from nlpbatch.files.source import DAMAGED
from nlpbatch.formats.encodings import UTF_8, encoding_fault, is_of_lines
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.names import compression_of
from nlpbatch.wire.limits import KIB, MIB

BEGINNING_BYTES: Final = 16 * KIB
_BLOCK_BYTES: Final = 4 * MIB
_MAX_ARRAY_BYTES: Final = 256 * MIB
_PRETTY: Final = "it has JSON objects over several lines: write one object on each line (jq -c . FILE)"


class UnreadableFile(Exception):
    """A file can't be taken; says why, in words that follow its name."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """Lines of bytes.

    Args:
        file: The file that they are from.
        size_bytes: Of all lines.
        encoding: Of their characters.
        unpacked: The lines, if they aren't what the file holds.

    """

    file: InputFile
    size_bytes: int
    encoding: str
    unpacked: IO[bytes] | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Yield the bytes, from the first on."""
        if self.unpacked is not None:
            self.unpacked.seek(0)
            yield self.unpacked
            return
        with open(self.file.path, "rb") as opened:  # noqa: PTH123  (a path with any characters)
            yield opened


def plain_file(file: InputFile, kind: str, encoding: str, unpacked: ExitStack) -> PlainFile:
    """Return the lines of a file whose characters are all of the encoding.

    Args:
        file: The file.
        kind: "csv", "json" or "text".
        encoding: Of its characters.
        unpacked: Closes what the lines are unpacked into.

    Raises:
        UnreadableFile: It is of another encoding, or damaged, or JSON that can't be read by lines.

    """
    try:
        plain = _lines(file, encoding, unpacked)
        with plain.open() as opened:
            beginning = opened.read(BEGINNING_BYTES)
            is_all = len(beginning) == plain.size_bytes
            _check_beginning(beginning, plain.encoding, is_all=is_all)
            opened.seek(0)
            _check_encoding(opened, plain.encoding)
        if kind != "json":
            return plain
        text = beginning.decode(plain.encoding, errors="ignore")
        shape = json_shape(text, is_all=is_all)
        if shape == "pretty":
            raise UnreadableFile(_PRETTY)
        return _array_lines(plain, unpacked) if shape == "array" else plain
    except OSError as error:
        raise UnreadableFile(f"it can't be read: {error.strerror or DAMAGED}") from error


def _lines(file: InputFile, encoding: str, opened: ExitStack) -> PlainFile:
    codec = compression_of(file.path)
    if codec is None and is_of_lines(encoding):
        return PlainFile(file, file.size_bytes, encoding)
    unpacked = _temporary(opened)
    recode = None if is_of_lines(encoding) else codecs.getincrementaldecoder(encoding)()
    is_first = True
    for block in _blocks(file, codec):
        if recode is None:
            unpacked.write(block)
            continue
        if is_first:
            _check_beginning(block[:BEGINNING_BYTES], encoding, is_all=False)
            is_first = False
        try:
            unpacked.write(recode.decode(block).removeprefix("\ufeff").encode())
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"it is not {encoding.upper()}") from error
    return PlainFile(file, unpacked.tell(), encoding if recode is None else UTF_8, unpacked)


def _temporary(opened: ExitStack) -> IO[bytes]:
    return opened.enter_context(tempfile.TemporaryFile(prefix="nlpbatch-"))


def _blocks(file: InputFile, codec: str | None) -> Iterator[bytes]:
    with open(file.path, "rb") as opened:  # noqa: PTH123
        if codec is None:
            while block := opened.read(_BLOCK_BYTES):
                yield block
            return
        try:
            with pa.CompressedInputStream(pa.PythonFile(opened), CODECS[codec]) as stream:
                while block := stream.read(_BLOCK_BYTES):
                    yield bytes(block)
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(f"it can't be decompressed as {codec}") from error


def _check_beginning(beginning: bytes, encoding: str, *, is_all: bool) -> None:
    fault = encoding_fault(beginning, encoding, is_all=is_all)
    if fault is not None:
        raise UnreadableFile(f"it {fault}")


def _check_encoding(opened: IO[bytes], encoding: str) -> None:
    before, rest = 0, b""
    while True:
        block = opened.read(_BLOCK_BYTES)
        lines, newline, tail = (rest + block).rpartition(b"\n") if block else (rest, b"", b"")
        data, rest = lines + newline, tail
        try:
            data.decode(encoding)
        except UnicodeDecodeError as error:
            number = data[: error.start].count(b"\n")
            line = data.split(b"\n")[number]
            fault = encoding_fault(line, encoding, is_all=True, line=before + number + 1)
            raise UnreadableFile(f"it {fault or f'is not {encoding.upper()}'}") from error
        before += data.count(b"\n")
        if not block:
            return


def _array_lines(plain: PlainFile, opened: ExitStack) -> PlainFile:
    """Return the objects of a file that is one array, a line for each."""
    if plain.size_bytes > _MAX_ARRAY_BYTES:
        raise UnreadableFile(
            f"it is one JSON array of {plain.size_bytes:,} bytes, and one may have {_MAX_ARRAY_BYTES:,}: write one "
            "object on each line (jq -c '.[]' FILE)"
        )
    with plain.open() as whole:
        try:
            found = json.loads(whole.read().decode(plain.encoding).removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            where = f" at line {error.lineno:,}" if isinstance(error, json.JSONDecodeError) else ""
            raise UnreadableFile(f"it begins as a JSON array, but can't be parsed{where}: repair it") from error
    unpacked = _temporary(opened)
    for one in found:
        unpacked.write((json.dumps(one, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))
    return PlainFile(plain.file, unpacked.tell(), UTF_8, unpacked)
