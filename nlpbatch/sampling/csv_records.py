r"""Records of CSV in bytes, exactly as Spark's parser (univocity) takes them. Pure.

Quotes are `"`, and `""` within a quoted value is a quote. Lines end with what the first line of the file ends with, and
each such line end within a value is read as LF. A quoted value may go over several lines; blanks after its closing
quote are dropped. If anything else follows the closing quote, the value goes up to the next separator or line end, and
keeps its quotes. Quotes within an unquoted value are characters like others. Lines without any character are no
records. A value without any character is null here; `""` is the empty string, which Spark's reader makes null, too.

Encodings must be such that quotes, separators and line ends are bytes of their own, as in UTF-8 and CP949.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_NEVER: Final = b'"'
"""End of a value whose quote is never closed."""
_QUOTED: Final = re.compile(rb'((?:[^"]++|"")*+)("?)')


class Record(NamedTuple):
    """A record, or a line of a format that has one a line.

    Args:
        start: Its first byte, as an offset into the data.
        end: The first byte after it and its line end.
        values: Its values, undecoded; null is None.
        is_quoted: Whether it has quotes.
        is_odd: Whether it has quotes within a value.
        is_open: Whether it has a quote that is never closed.

    """

    start: int
    end: int
    values: list[bytes | None]
    is_quoted: bool = False
    is_odd: bool = False
    is_open: bool = False


def line_end_of(beginning: bytes) -> bytes:
    """Return the end of the first line as Spark finds it, within quotes or not; LF if there is only one line."""
    found = _LINE_END.search(beginning)
    return found[0] if found else b"\n"


@dataclass(frozen=True, slots=True)
class CsvRecords:
    """The records of bytes.

    Args:
        separator: Between values.
        line_end: End of a record: LF, CR LF or CR.

    """

    separator: bytes
    line_end: bytes = b"\n"
    line_ends: re.Pattern[bytes] = field(init=False)
    _tidy: re.Pattern[bytes] = field(init=False)
    _value: re.Pattern[bytes] = field(init=False)
    _empty: re.Pattern[bytes] = field(init=False)
    _unquoted: re.Pattern[bytes] = field(init=False)
    _after_quote: re.Pattern[bytes] = field(init=False)
    _rest: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        separator, line_end = re.escape(self.separator), re.escape(self.line_end)
        # A lone LF in a file of CR LF ends a record only where a value may begin or has ended.
        stop = rb"(%b|%b|\n|\Z)" % (separator, line_end)
        blank = rb"(?:(?!%b)[\x00-\x09\x0b-\x20])" % line_end
        tidy = rb"""(?:"(?:[^"]++|"")*+"|%b)""" % _without(self.separator, b'"', b"\r", b"\n")
        patterns = {
            "line_ends": line_end,
            "_tidy": rb"((?:%b%b)*+%b)(?:%b|\Z)" % (tidy, separator, tidy, line_end),
            "_value": rb"%b(%b)" % (separator, tidy),
            "_empty": stop,
            "_unquoted": rb"(%b)(%b|%b|\Z)" % (_without(self.separator, self.line_end), separator, line_end),
            "_after_quote": rb"(?:(?!%b)%b%b*+)?+%b" % (separator, blank, blank, stop),
            "_rest": rb"(%b)%b" % (_without(self.separator, self.line_end, b"\n"), stop),
        }
        for name, pattern in patterns.items():
            object.__setattr__(self, name, re.compile(pattern))

    def records(self, data: bytes, *, is_end: bool, in_quotes: bool = False) -> Iterator[Record]:
        """Yield the records that `data` holds whole.

        Args:
            data: Bytes from where a record begins.
            is_end: Whether they are the file's last.
            in_quotes: Whether they begin within a quoted value; then the first record is the rest of one.

        """
        position = 0
        while position < len(data):
            record = None if in_quotes else self._plain(data, position) or self._tidily_quoted(data, position)
            record = record or self._oddly_quoted(data, position, is_end=is_end, in_quotes=in_quotes)
            if record.end == len(data) and not is_end:
                return  # what follows may belong to it
            if record.values:
                yield record
            position, in_quotes = record.end, False

    def _plain(self, data: bytes, start: int) -> Record | None:
        """Return the record if it is a line without quotes, which most are; else None."""
        stop = data.find(self.line_end, start)
        end = stop + len(self.line_end)
        if stop < 0:
            stop = end = len(data)
        line = data[start:stop]
        if b'"' in line or (b"\n" in line and self.line_end != b"\n"):
            return None
        return Record(start, end, [value or None for value in line.split(self.separator)] if line else [])

    def _tidily_quoted(self, data: bytes, start: int) -> Record | None:
        """Return the record if it has quotes around whole values only; else None."""
        found = self._tidy.match(data, start)
        if found is None:
            return None
        values = self._value.findall(self.separator + found[1])
        found_ = [self._unquote(value) if value[:1] == b'"' else value or None for value in values]
        return Record(start, found.end(), found_, is_quoted=True)

    def _oddly_quoted(self, data: bytes, start: int, *, is_end: bool, in_quotes: bool) -> Record:
        """Return the record that begins at `start`, value by value."""
        values: list[bytes | None] = []
        value: bytes | None
        position, is_odd, stop = start, False, self.separator
        while stop == self.separator:
            if in_quotes or data.startswith(b'"', position):
                value, odd, stop, position = self._quoted_value(data, position + (not in_quotes))
            else:
                value, odd, stop, position = self._unquoted_value(data, position, is_end=is_end)
            in_quotes, is_odd = False, is_odd or odd
            if values or value is not None or stop == self.separator:
                values.append(value)
        return Record(start, position, values, is_quoted=True, is_odd=is_odd, is_open=stop == _NEVER)

    def _unquoted_value(self, data: bytes, start: int, *, is_end: bool) -> tuple[bytes | None, bool, bytes, int]:
        """Return the value, whether it has quotes, what ends it, and where what follows begins."""
        empty = self._empty.match(data, start)
        if empty is not None:
            return None, False, empty[1], empty.end()
        found = _matched(self._unquoted, data, start)
        if is_end and not found[2]:  # only at the end of the file a lone LF ends such a value
            found = _matched(self._rest, data, start)
        return self._normalised(found[1]), b'"' in found[1], found[2], found.end()

    def _quoted_value(self, data: bytes, start: int) -> tuple[bytes, bool, bytes, int]:
        """Return as `_unquoted_value` does; `start` is behind the quote."""
        quoted = _matched(_QUOTED, data, start)
        content = self._normalised(quoted[1].replace(b'""', b'"'))
        if not quoted[2]:
            return content or b'"', False, _NEVER, len(data)  # as Spark has it
        closed = self._after_quote.match(data, quoted.end())
        if closed is not None:
            return content, False, closed[1], closed.end()
        rest = _matched(self._rest, data, quoted.end())
        return b'"' + content + b'"' + self._normalised(rest[1]), True, rest[2], rest.end()

    def _unquote(self, value: bytes) -> bytes:
        return self._normalised(value[1:-1].replace(b'""', b'"'))

    def _normalised(self, value: bytes) -> bytes:
        return value if self.line_end == b"\n" else value.replace(self.line_end, b"\n")


def _without(*stops: bytes) -> bytes:
    """Return a pattern of the bytes up to the first of some stops."""
    if all(len(stop) == 1 for stop in stops):
        return rb"[^%b]*+" % b"".join(re.escape(stop) for stop in stops)
    return rb"(?:(?!%b)[\x00-\xff])*+" % b"|".join(re.escape(stop) for stop in stops)


def _matched(pattern: re.Pattern[bytes], data: bytes, start: int) -> re.Match[bytes]:
    found = pattern.match(data, start)
    assert found is not None  # noqa: S101  (these patterns match anything)
    return found
