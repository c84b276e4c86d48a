"""A window on the bytes of a file, read forwards, so that no byte is read twice."""

from typing import Protocol


class Readable(Protocol):
    """A file that can be read at any offset."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset."""

    def read(self, size: int, /) -> bytes:
        """Return the bytes that follow."""


class Window:
    """The part of a file that is in memory.

    Args:
        file: The file.
        size_bytes: Its length.
        held: Its first bytes, if they are in memory.

    """

    def __init__(self, file: Readable, size_bytes: int, held: bytes = b"") -> None:
        self.size_bytes = size_bytes
        self._file = file
        self._start = 0
        self._held = held

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end` or the file's end, and drop those before `start`.

        Args:
            start: Never before that of an earlier call.
            end: Where they end.

        """
        self._held = self._held[start - self._start :]
        self._start = start
        missing = min(end, self.size_bytes) - start - len(self._held)
        if missing > 0:
            self._file.seek(start + len(self._held))
            self._held += self._file.read(missing)
        return self._held[: end - start]
