"""Which backend: the less loaded of two chosen at random, by outstanding bytes. Pure.

Two choices are nearly as good as looking at all (Mitzenmacher: The Power of Two Choices), and several proxies that
look at different pairs don't all run to the same backend.

A request that is pinned to a version may go to the backends that serve it:
- Those that state the version, even when they are full or not ready: then the request waits.
- If none does, those that state nothing: older backends, and backends that have not been asked yet. They may have it.
- If all state other versions, any backend: its 412 says that the version is gone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.traffic.breaker import Breaker
from proxy.traffic.concurrency import Limit

Pin = frozenset[str]
"""The versions that may answer a request, by fingerprint; empty for any."""


@dataclass(eq=False, slots=True)
class Backend:
    """What the proxy knows of one backend.

    Args:
        url: Its address.
        limit: How many requests it may have.
        breaker: Whether it fails.
        connection: Further arguments for connecting to it.
        asked: Whether it has been asked at all.
        ready: Whether it said so when last asked.
        workers: The workers it stated.
        fingerprints: The versions it stated; empty if it states none.
        in_flight: Requests it has.
        outstanding_bytes: Their cost.

    """

    url: str
    limit: Limit
    breaker: Breaker = field(default_factory=Breaker)
    connection: dict[str, Any] = field(default_factory=dict)
    asked: bool = False
    ready: bool = False
    workers: int = 0
    fingerprints: frozenset[str] = frozenset()
    in_flight: int = 0
    outstanding_bytes: int = 0

    def usable(self, now_s: float) -> bool:
        """Return whether it may get requests at all."""
        return self.ready and self.breaker.allows(now_s)

    def has_room(self, now_s: float, beyond_limit: int = 0) -> bool:
        """Return whether it may get another request now, `beyond_limit` of them beyond its limit."""
        return self.in_flight < self.limit.value + beyond_limit and self.usable(now_s)


def pick(
    backends: Iterable[Backend], choose: Callable[[int], int], now_s: float, *, beyond_limit: int = 0
) -> Backend | None:
    """Return the backend for the next request, None if none has room.

    Args:
        backends: All there are.
        choose: Returns a random number in [0, n), as `random.Random.randrange` does.
        now_s: Now.
        beyond_limit: How far each may go beyond its limit.

    """
    free = [backend for backend in backends if backend.has_room(now_s, beyond_limit)]
    if len(free) < 2:  # noqa: PLR2004  (two choices)
        return free[0] if free else None
    first = choose(len(free))
    second = (first + 1 + choose(len(free) - 1)) % len(free)
    return min(free[first], free[second], key=lambda backend: backend.outstanding_bytes)


def serving(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that a request with that pin may go to."""
    if not pin:
        return backends
    return stating(pin, backends) or [backend for backend in backends if not backend.fingerprints] or backends


def stating(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that say they serve one of the versions."""
    return [backend for backend in backends if not pin.isdisjoint(backend.fingerprints)]
