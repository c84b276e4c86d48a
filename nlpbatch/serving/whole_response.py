"""A response whose body is there as a whole, sent in one go: in place of half a dozen coroutines of aiohttp's."""

import asyncio
import time
from email.utils import formatdate
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE

_LARGE_BYTES: Final = 16 * 1024
"""From here on a body isn't copied behind its head."""
_BODILESS: Final = frozenset({204, 205, 304})
_FIRST_FINAL: Final = 200


class WholeResponse(web.Response):
    """As aiohttp's, which does all where `send` doesn't apply."""

    _sent = False
    _stays_open: bool | None = None

    def applies(self, request: web.BaseRequest) -> bool:
        """Return whether it can be sent in one go: over HTTP/1.1, with a body that isn't forbidden."""
        if request.method == "HEAD" or request.version != HttpVersion11 or self.prepared:
            return False
        return self.status >= _FIRST_FINAL and self.status not in _BODILESS and isinstance(self.body, bytes)

    def send(self, request: web.BaseRequest, transport: asyncio.WriteTransport) -> None:
        """Write head and body at once, if it `applies`.

        Raises:
            ValueError: A header has a line break.

        """
        headers, body = self.headers, self.body
        if not isinstance(body, bytes):
            raise TypeError("only a body of bytes can be sent in one go")
        if self._stays_open is None:
            self._stays_open = request.keep_alive
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body and "Content-Type" not in headers:
            lines.append("Content-Type: application/octet-stream")
        if not self._stays_open and "Connection" not in headers:
            lines.append("Connection: close")
        lines += (f"Content-Length: {len(body)}", f"Date: {_Date.now()}", f"Server: {SERVER_SOFTWARE}", "\r\n")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines):
            raise ValueError("a header has a line break")
        head = text.encode()
        if len(body) < _LARGE_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        request.writer.output_size += len(head) + len(body)
        self._sent = True

    @property
    def keep_alive(self) -> bool | None:
        """Return whether the connection stays open; None as long as that isn't decided."""
        return self._stays_open if self._sent else super().keep_alive

    def force_close(self) -> None:
        """Close the connection after it."""
        self._stays_open = False
        super().force_close()

    @property
    def prepared(self) -> bool:
        """Return whether sending has begun."""
        return self._sent or super().prepared

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the head, unless all was sent."""
        return None if self._sent else await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body, unless all was sent."""
        if not self._sent:
            await super().write_eof(data)


class _Date:
    """The present second, as headers have it."""

    _second = 0
    _text = ""

    @classmethod
    def now(cls) -> str:
        """Return it."""
        second = int(time.time())
        if second != cls._second:
            cls._second, cls._text = second, formatdate(second, usegmt=True)
        return cls._text
