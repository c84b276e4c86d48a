"""Which backend: the less loaded of two chosen at random, by outstanding bytes. Pure.

Two choices are nearly as good as looking at all (Mitzenmacher: The Power of Two Choices), and several proxies that
look at different pairs don't all run to the same backend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.limits import Limit


@dataclass(eq=False, slots=True)
class Backend:
    """What the proxy knows of one backend.

    Args:
        url: Its address.
        limit: How many requests it may have.
        asked: Whether it has been asked at all.
        ready: Whether it said so when last asked.
        workers: The workers it stated.
        in_flight: Requests it has.
        outstanding_bytes: Their cost.

    """

    url: str
    limit: Limit
    asked: bool = False
    ready: bool = False
    workers: int = 0
    in_flight: int = 0
    outstanding_bytes: int = 0

    @property
    def has_room(self) -> bool:
        """Return whether it may get another request."""
        return self.ready and self.in_flight < self.limit.value


def pick(backends: Sequence[Backend], choose: Callable[[int], int]) -> Backend | None:
    """Return the backend for the next request, None if none has room.

    Args:
        backends: All there are.
        choose: Returns a random number in [0, n), as `random.Random.randrange` does.

    """
    free = [backend for backend in backends if backend.has_room]
    if len(free) < 2:  # noqa: PLR2004  (two choices)
        return free[0] if free else None
    first = choose(len(free))
    second = (first + 1 + choose(len(free) - 1)) % len(free)
    return min(free[first], free[second], key=lambda backend: backend.outstanding_bytes)
