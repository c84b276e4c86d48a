"""Thrift's compact protocol, as far as Parquet's page headers and indexes need it. Pure.

pyarrow reads only whole column chunks, and doesn't expose pages. Field numbers are those of Parquet's parquet.thrift.
"""

from typing import Any, Final

Struct = dict[int, Any]
"""Values by field number: int, bool, bytes (and doubles as such), list or another struct."""
_TRUE: Final = 1
_FALSE: Final = 2
_BYTES: Final = (1, 2, 3)
"""In lists, booleans are bytes."""
_WHOLE: Final = (4, 5, 6)
_DOUBLE: Final = 7
_BINARY: Final = 8
_LISTS: Final = (9, 10)
_MAP: Final = 11
_STRUCT: Final = 12
_LONG_LIST: Final = 15


class ThriftReader:
    """Reads structs one after the other.

    Raises:
        IndexError: The data ends within one.
        ValueError: The data is not Thrift.

    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self) -> Struct:
        """Return the struct that begins here."""
        found: Struct = {}
        number = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 0x0F
            number = number + delta if delta else self._signed()
            found[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        reads: dict[int, Any] = {
            **dict.fromkeys(_BYTES, self._byte),
            **dict.fromkeys(_WHOLE, self._signed),
            **dict.fromkeys(_LISTS, self._list),
            _DOUBLE: lambda: self._take(8),
            _BINARY: lambda: self._take(self._unsigned()),
            _MAP: self._map,
            _STRUCT: self.struct,
        }
        if kind not in reads:
            raise ValueError(kind)
        return reads[kind]()

    def _list(self) -> list[Any]:
        head = self._byte()
        size = head >> 4
        size = self._unsigned() if size == _LONG_LIST else size
        return [self._value(head & 0x0F) for _ in range(size)]

    def _map(self) -> dict[Any, Any]:
        size = self._unsigned()
        kinds = self._byte() if size else 0
        return {self._value(kinds >> 4): self._value(kinds & 0x0F) for _ in range(size)}

    def _byte(self) -> int:
        found = self._data[self.position]
        self.position += 1
        return found

    def _take(self, size: int) -> bytes:
        if self.position + size > len(self._data):
            raise IndexError
        found = self._data[self.position : self.position + size]
        self.position += size
        return found

    def _unsigned(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  (the last of a number has no high bit)
                return found
            shift += 7

    def _signed(self) -> int:
        found = self._unsigned()
        return (found >> 1) ^ -(found & 1)
