"""One port for several processes: the kernel spreads new connections over all that listen on it (SO_REUSEPORT).

A socket that is closed takes the connections with it that nobody has accepted yet: the kernel resets them. So a process
that stops listening first has new ones turned away, accepts what is there, and closes then. A connection request that
is turned away is repeated by the caller's kernel after a second, and reaches a socket that is still open.
"""

import asyncio
import ctypes
import os
import select
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from nlpbatch.errors import ConfigError

_SO_ATTACH_FILTER: Final = 26
"""Of Linux, asm-generic/socket.h; Python's socket module doesn't name it."""
_REFUSE_NEW: Final = (
    (0x30, 0, 0, 13),  # load the byte with the TCP flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # let everything else in
)
"""A program for the kernel's packet filter (classic BPF): code, jump if true, jump if false, operand."""
_HANDSHAKE_S: Final = 0.1
"""Time for connections that have begun to be established: some round trips within a data centre."""
_LOOK_S: Final = 0.01
_LONGEST_S: Final = 1.0


def check_supported(option: str) -> None:
    """Refuse on systems where several processes on a port wouldn't share its connections.

    Args:
        option: What asks for it, as named on the command line.

    Raises:
        ConfigError: This isn't Linux.

    """
    if sys.platform != "linux":
        raise ConfigError(
            f"{option} needs Linux, this is {sys.platform}: elsewhere SO_REUSEPORT doesn't spread connections; run one "
            "proxy for each port, behind a load balancer"
        )


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Keep a port for processes of this user that listen on it with SO_REUSEPORT, for the time of the context.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes a free one.

    Yields:
        The port. Nothing listens on it yet.

    Raises:
        ConfigError: It can't be had.

    """
    with ExitStack() as stack:
        try:
            for family, kind, protocol, _, address in _addresses(host, port):
                bound = stack.enter_context(socket.socket(family, kind, protocol))
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the event loop's listeners do
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if family == socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                bound.bind((address[0], port, *address[2:]))
                port = bound.getsockname()[1]
        except OSError as error:
            raise ConfigError(f"can't listen on {host}:{port}: {error.strerror}: choose another port") from error
        yield port


async def close_without_loss(listener: asyncio.Server) -> None:
    """Close a listener whose port others listen on as well; no caller's connection is reset."""
    sockets = [bound.fileno() for bound in listener.sockets]
    for descriptor in sockets:
        _turn_away(descriptor)
    await asyncio.sleep(_HANDSHAKE_S)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_S):
            while _has_connections(sockets):  # noqa: ASYNC110  (the event loop accepts them meanwhile)
                await asyncio.sleep(_LOOK_S)
    listener.close()


def _turn_away(descriptor: int) -> None:
    """Drop the requests for new connections at a listening socket."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _REFUSE_NEW))
    program = struct.pack("HP", len(_REFUSE_NEW), ctypes.addressof(code))
    with socket.socket(fileno=os.dup(descriptor)) as bound, suppress(OSError):  # a filter is locked, or not allowed
        bound.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _has_connections(descriptors: list[int]) -> bool:
    """Return whether connections wait to be accepted."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _addresses(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(found))  # type: ignore[arg-type]  # addresses of a listener are text and a port
