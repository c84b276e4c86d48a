"""Whether a request may wait in the queue. Pure. Overload is an expected result: it is returned, not raised."""

from dataclasses import dataclass
from typing import Final, Literal

from proxy.traffic.quotas import Scope
from proxy.traffic.ticket import Backlog
from proxy.traffic.waits import DrainRate

LONGEST_RETRY_AFTER_S: Final = 30.0
"""For what is a guess."""
LONGEST_PROMISE_S: Final = 120.0
"""For what is held."""
SHORTEST_RETRY_AFTER_S: Final = 0.05
_UNKNOWN_RATE_RETRY_AFTER_S: Final = 1.0
JITTER: Final = 0.2

Cause = Literal[
    "rate",
    "burst",
    "concurrency",
    "queue_requests",
    "queue_bytes",
    "wait",
    "waited",
    "delay",
    "paused",
    "budget_day",
    "budget_month",
]


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """What one tenant may have waiting, and how long a request may wait."""

    requests: int
    size_bytes: int
    max_wait_s: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """A refusal.

    Args:
        cause: Which bound it is over.
        value: What the request would have made of it.
        bound: The bound.
        retry_after_s: When there should be room; None if there never will be.
        scope: Whose quota it is over, if it is one.
        begins_again_s: When a budget begins again, in seconds since the epoch, if it is one.

    """

    cause: Cause
    value: float
    bound: float
    retry_after_s: float | None
    scope: Scope | None = None
    begins_again_s: int | None = None


def over_queue(
    cost_bytes: int, *, waiting: Backlog, promised: Backlog, bounds: QueueBounds, rate: DrainRate
) -> Refuse | None:
    """Return why a request can't wait with those of its tenant, None if it can.

    Args:
        cost_bytes: Its cost.
        waiting: What its tenant has waiting.
        promised: What is held for others of its tenant, who come back; nothing for one of them.
        bounds: What a tenant may have waiting.
        rate: How fast the queue is worked off.

    """
    requests = waiting.requests + promised.requests + 1
    if requests > bounds.requests:
        mean_bytes = (waiting.size_bytes + promised.size_bytes + cost_bytes) / requests
        after_s = _after_s((requests - bounds.requests) * mean_bytes, rate)
        return Refuse("queue_requests", requests, bounds.requests, after_s)
    size_bytes = waiting.size_bytes + promised.size_bytes + cost_bytes
    if size_bytes > bounds.size_bytes:
        return Refuse("queue_bytes", size_bytes, bounds.size_bytes, _after_s(size_bytes - bounds.size_bytes, rate))
    return None


def over_wait(ahead_bytes: int, *, max_wait_s: float, rate: DrainRate) -> Refuse | None:
    """Return why a request can't wait for its turn, None if it can: the wait would be longer than its deadline."""
    wait_s = rate.seconds_for(ahead_bytes)
    if wait_s is None or wait_s <= max_wait_s:
        return None
    return Refuse("wait", wait_s, max_wait_s, wait_s - max_wait_s)


def retry_after_s(ahead_bytes: float, rate: DrainRate, chance: float) -> float:
    """Return when so many bytes will have been worked off, 50 ms to 30 s.

    Spread by a fifth, so that callers refused together don't come back together.
    """
    bounded = min(max(_after_s(ahead_bytes, rate), SHORTEST_RETRY_AFTER_S), LONGEST_RETRY_AFTER_S / (1 + JITTER))
    return bounded * (1 + JITTER * chance)


def _after_s(size_bytes: float, rate: DrainRate) -> float:
    seconds = rate.seconds_for(size_bytes)
    return _UNKNOWN_RATE_RETRY_AFTER_S if seconds is None else seconds
