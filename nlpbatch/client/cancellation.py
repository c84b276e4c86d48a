"""Cancels a call's requests from another thread, whether they wait for an answer or for their next attempt.

A thread that reads from a socket can't be interrupted, but its connection can be shut down; it then finds that its
call isn't wanted any more, and doesn't try again.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

from nlpbatch.clock import Clock

T = TypeVar("T")
R = TypeVar("R")


class Cancelled(Exception):
    """The call of this request was cancelled."""


class Cancellation:
    """The requests of one call that are under way, in any number of threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._sockets: dict[int, socket.socket] = {}

    def cancel(self) -> None:
        """Cancel all requests under way, and every later one."""
        with self._lock:
            self._event.set()
            for connection in self._sockets.values():
                with suppress(OSError):  # closed meanwhile
                    connection.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise Cancelled if the call was cancelled."""
        if self._event.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Sleep, at most until the call is cancelled."""
        self._clock.wait(self._event, seconds)

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Return the function's result; requests that it sends can be cancelled."""
        token = _CURRENT.set(self)
        try:
            return function(argument)
        finally:
            _CURRENT.reset(token)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        self.check()
        try:
            yield
        except Exception:
            self.check()  # `cancel` shut the connection down: the error is only a consequence
            raise
        finally:
            with self._lock:
                self._sockets.pop(threading.get_ident(), None)

    def _attach(self, connection: socket.socket) -> None:
        with self._lock:
            self.check()
            self._sockets[threading.get_ident()] = connection


_CURRENT: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def current() -> Cancellation | None:
    """Return the cancellation that applies to the requests of this thread, if there is one."""
    return _CURRENT.get()


@contextmanager
def attempt() -> Iterator[None]:
    """Make an attempt cancellable while it runs; raise Cancelled if it was cancelled."""
    cancellation = current()
    if cancellation is None:
        yield
        return
    with cancellation._watching():  # noqa: SLF001  (of this module)
        yield


def attach(connection: socket.socket) -> None:
    """Register the connection that this thread's attempt uses."""
    if (cancellation := current()) is not None:
        cancellation._attach(connection)  # noqa: SLF001
