"""Framing between the pool and its workers: two lengths, a JSON header, a body of bytes."""

import json
import socket
import struct
from typing import Any, Final

LENGTHS: Final = struct.Struct("!II")


def pack(header: dict[str, Any], body: bytes) -> bytes:
    """Return one frame."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((LENGTHS.pack(len(head), len(body)), head, body))


def receive(channel: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """Return the next frame from a blocking socket, None when the other side has closed it."""
    lengths = _receive_exactly(channel, LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, body_bytes = LENGTHS.unpack(lengths)
    content = _receive_exactly(channel, head_bytes + body_bytes)
    if content is None:
        return None
    return json.loads(content[:head_bytes]), content[head_bytes:]


def _receive_exactly(channel: socket.socket, count: int) -> bytes | None:
    content = bytearray(count)
    view = memoryview(content)
    received = 0
    while received < count:
        step = channel.recv_into(view[received:])
        if not step:
            return None
        received += step
    return bytes(content)


class FrameBuffer:
    """Collects the data of a non-blocking socket and returns whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Return the frames that are complete now."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._buffer) < LENGTHS.size:
            return None
        head_bytes, body_bytes = LENGTHS.unpack_from(self._buffer)
        end = LENGTHS.size + head_bytes + body_bytes
        if len(self._buffer) < end:
            return None
        head = bytes(self._buffer[LENGTHS.size : LENGTHS.size + head_bytes])
        body = bytes(self._buffer[LENGTHS.size + head_bytes : end])
        del self._buffer[:end]
        return json.loads(head), body
