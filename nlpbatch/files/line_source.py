"""Rows of CSV, JSON Lines and text, divided and parsed as a job does it; lines that can't be parsed are rows, too."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Final

import pyarrow as pa

from nlpbatch.errors import ConfigError, UnreadableInput
from nlpbatch.files.json_types import JsonTypes, to_column
from nlpbatch.files.listing import InputFile
from nlpbatch.files.plain_files import PlainFile, UnreadableFile, plain_file
from nlpbatch.files.source import BATCH_ROWS, ReadOptions, check_names, nothing_readable
from nlpbatch.formats.assumed import of_lines
from nlpbatch.formats.csv_faults import find_quote_fault
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.sampling.csv_records import Record
from nlpbatch.sampling.layouts import Layout, Lines, layout_of
from nlpbatch.sampling.spans import records_of
from nlpbatch.sampling.windows import Window
from nlpbatch.wire.limits import KIB, MIB

_BATCH_BYTES: Final = 256 * KIB
_MAX_RECORD_BYTES: Final = 64 * MIB
_UTF_8_BOM: Final = "\xef\xbb\xbf"  # as Latin-1
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Readable:
    plain: PlainFile
    layout: Layout


class LineSource:
    """Rows of files of lines, all of whose bytes are checked first: their encoding, and quotes that are never closed.

    Args:
        files: The files.
        kind: "csv", "json" or "text".
        options: The way to read them.

    Raises:
        ConfigError: None can be read.

    """

    def __init__(self, files: Sequence[InputFile], kind: str, options: ReadOptions) -> None:
        self.rows: int | None = None
        self.set_aside: dict[str, str] = {}
        self._kind = kind
        self._options = options
        self._files: list[_Readable] = []
        self._json = JsonTypes()
        self._has_malformed = False
        self._done_bytes = 0
        with ExitStack() as unpacked:
            self._inspect(files, unpacked)
            self.schema = self._schema()
            check_names(self.schema.names)
            self.assumed = self._assumed()
            self._unpacked = unpacked.pop_all()

    def close(self) -> None:
        """Delete what was unpacked."""
        self._unpacked.close()

    def batches(self, skip: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows after the first `skip`."""
        rows: list[Row] = []
        size_bytes = self._done_bytes = 0
        for one in self._files:
            before = self._done_bytes
            with one.plain.open() as opened:
                for end, row in self._rows(one, opened):
                    if skip:
                        skip -= 1
                        continue
                    size_bytes += before + end - self._done_bytes
                    self._done_bytes = before + end
                    rows.append(row)
                    if len(rows) >= BATCH_ROWS or size_bytes >= _BATCH_BYTES:
                        yield self._batch(rows)
                        rows, size_bytes = [], 0
            self._done_bytes = before + one.plain.size_bytes
        if rows:
            yield self._batch(rows)

    def read_share(self) -> float:
        """Return the part of the bytes that was read."""
        total = sum(one.plain.size_bytes for one in self._files)
        return self._done_bytes / total if total else 1.0

    def _inspect(self, files: Sequence[InputFile], unpacked: ExitStack) -> None:
        for file in files:
            try:
                self._files.append(self._inspected(file, unpacked))
            except UnreadableFile as error:
                self.set_aside[file.path] = str(error)
        if not self._files:
            raise nothing_readable(self._kind, self.set_aside)

    def _inspected(self, file: InputFile, unpacked: ExitStack) -> _Readable:
        plain = plain_file(file, self._kind, self._options.encoding, unpacked)
        lines = Lines(self._kind, self._options.separator, self._options.header, plain.encoding)
        with plain.open() as opened:
            try:
                layout = layout_of(Window(opened, plain.size_bytes), file.path, lines)
            except ConfigError as error:
                raise UnreadableFile(error.message.removeprefix(file.path).lstrip(": ")) from error
            if self._kind == "csv":
                self._check_quotes(opened, layout)
            if self._kind == "json":
                self._find_types(_Readable(plain, layout), opened)
        return _Readable(plain, layout)

    def _check_quotes(self, opened: IO[bytes], layout: Layout) -> None:
        opened.seek(0)
        text = io.TextIOWrapper(opened, "latin-1", newline=None)
        try:
            lines = (line.removesuffix("\n").removeprefix(_UTF_8_BOM) for line in text)
            found = find_quote_fault(lines, _separator(layout), self._options.max_record_lines)
        finally:
            text.detach()
        if found is not None:
            raise UnreadableFile(found.reason)

    def _find_types(self, one: _Readable, opened: IO[bytes]) -> None:
        for _, row in self._rows(one, opened):
            if row.get(CORRUPT) is None:
                self._json.add(row)
            else:
                self._has_malformed = True

    def _rows(self, one: _Readable, opened: IO[bytes]) -> Iterator[tuple[int, Row]]:
        """Yield each row with the offset behind it."""
        size_bytes, layout = one.plain.size_bytes, one.layout
        opened.seek(0)
        window = Window(opened, size_bytes)
        for at, record in records_of(window, layout, 0, size_bytes, _MAX_RECORD_BYTES):
            if record is None:
                raise UnreadableInput(
                    f"{one.plain.file.path}: the record at byte {at:,} has more than {_MAX_RECORD_BYTES:,} bytes: "
                    "split it, or leave it out"
                )
            length = record.end - record.start
            try:
                row = layout.row(record)
            except (ValueError, RecursionError):
                raw = _raw(opened, at, length)
                objects = self._objects(raw, layout.lines.encoding)
                for found in [self._malformed(layout, record, raw)] if objects is None else objects:
                    yield at + length, found
                continue
            if row is not None:
                yield at + length, row

    def _objects(self, raw: bytes, encoding: str) -> list[Row] | None:
        """Return the objects of a line of JSON that is an array of them, each of which is a row; None if it isn't."""
        if self._kind != "json" or not raw.lstrip().startswith(b"["):
            return None
        try:
            found: list[Any] = json.loads(raw.decode(encoding))
        except (ValueError, RecursionError):
            return None
        return found if all(isinstance(one, dict) for one in found) else None

    def _malformed(self, layout: Layout, record: Record, raw: bytes) -> Row:
        """Return a line that can't be parsed: of CSV the values that it has, and the line itself."""
        encoding = layout.lines.encoding
        values = record.values if self._kind == "csv" else []
        found = zip(layout.names, (value.decode(encoding) if value else None for value in values), strict=False)
        return {**dict(found), CORRUPT: raw.rstrip(b"\r\n").decode(encoding)}

    def _schema(self) -> pa.Schema:
        corrupt = pa.field(CORRUPT, pa.string())
        if self._kind == "text":
            return pa.schema([pa.field("value", pa.string())])
        if self._kind == "json":
            fields = self._json.fields()
            if not fields:
                first = self._files[0].plain.file.path
                why = "no line is a JSON object: write one object on each line (jq -c . FILE), or give --format"
                raise nothing_readable(self._kind, {first: why})
            fields = [field for field in fields if field.name != CORRUPT]
            # where Spark sorts it in if it has seen such a line
            return pa.schema(
                sorted([*fields, corrupt], key=lambda field: field.name) if self._has_malformed else [*fields, corrupt]
            )
        known: dict[str, str] = {}
        for one in self._files:
            for name in one.layout.names:
                known.setdefault(name.lower(), name)
        return pa.schema([*(pa.field(name, pa.string()) for name in known.values()), corrupt])

    def _batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        if self._kind == "csv" and len(self._files) > 1:
            rows = [{self._called(name): value for name, value in row.items()} for row in rows]
        columns = [to_column([row.get(field.name) for row in rows], field.type) for field in self.schema]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _called(self, name: str) -> str:
        """Return a column's name as in the first file that has it in any case."""
        if name in self.schema.names:
            return name
        names: list[str] = self.schema.names
        return next(one for one in names if one.lower() == name.lower())

    def _assumed(self) -> str:
        separators = [_separator(one.layout) for one in self._files] if self._kind == "csv" else ()
        return of_lines(self._kind, self._options.encoding, separators, header=self._options.header)


def _separator(layout: Layout) -> str:
    separator: bytes = layout.records.separator  # type: ignore[attr-defined]
    return separator.decode(layout.lines.encoding)


def _raw(opened: IO[bytes], at: int, length: int) -> bytes:
    opened.seek(at)
    return opened.read(length)
