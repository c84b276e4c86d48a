"""Counts of a client's requests, bytes and waits, which can be summed over tasks."""

import threading
from dataclasses import dataclass, replace

from nlpbatch.errors import NlpbatchError, Overloaded


@dataclass(frozen=True, slots=True)
class ClientStats:
    """Sums since the client was made. The service saw `requests + retries` requests, less those that never arrived.

    Args:
        requests: Logical requests begun.
        retries: Attempts after the first.
        sent_bytes: Bodies sent, those of every attempt.
        received_bytes: Bodies received, those of errors too.
        throttled_s: Seconds waited because the service was overloaded; a larger quota would save them.
        backoff_s: Seconds waited for other reasons.
        moves: Times that the client went on to another address of the service.

    """

    requests: int = 0
    retries: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    throttled_s: float = 0.0
    backoff_s: float = 0.0
    moves: int = 0


class StatsKeeper:
    """Counts for one client; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = ClientStats()

    def snapshot(self) -> ClientStats:
        """Return the current counts."""
        with self._lock:
            return self._now

    def sent(self, body_bytes: int, *, again: bool) -> None:
        """Count the beginning of an attempt."""
        with self._lock:
            now = self._now
            self._now = replace(
                now,
                requests=now.requests + (not again),
                retries=now.retries + again,
                sent_bytes=now.sent_bytes + body_bytes,
            )

    def received(self, body_bytes: int) -> None:
        """Count the bytes of an answer, of whatever status."""
        with self._lock:
            self._now = replace(self._now, received_bytes=self._now.received_bytes + body_bytes)

    def moved(self) -> None:
        """Count that the client went on to another address."""
        with self._lock:
            self._now = replace(self._now, moves=self._now.moves + 1)

    def waits(self, delay_s: float, error: NlpbatchError) -> None:
        """Count the wait after the error."""
        with self._lock:
            now = self._now
            if isinstance(error, Overloaded):
                self._now = replace(now, throttled_s=now.throttled_s + delay_s)
            else:
                self._now = replace(now, backoff_s=now.backoff_s + delay_s)
