"""May it come in? Pure: a decision with its reason. Overload is an expected result, returned and not raised."""

from dataclasses import dataclass
from typing import Final, Literal

from proxy.limits import DrainRate
from proxy.scheduler import Usage

LONGEST_RETRY_AFTER_S: Final = 30.0
_SHORTEST_RETRY_AFTER_S: Final = 0.05
_UNKNOWN_RATE_RETRY_AFTER_S: Final = 1.0
_JITTER: Final = 0.2

Cause = Literal["queue_requests", "queue_bytes", "wait"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one tenant may have waiting, and for how long."""

    requests: int
    size_bytes: int
    max_wait_s: float


@dataclass(frozen=True, slots=True)
class Admit:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Let it wait its turn."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send it away.

    Args:
        cause: Which bound it is over.
        value: What the request would have made of it.
        bound: The bound.
        retry_after_s: When there should be room.

    """

    cause: Cause
    value: float
    bound: float
    retry_after_s: float


Decision = Admit | Queue | Refuse


def decide(
    cost_bytes: int, *, free: bool, tenant: Usage, ahead_bytes: int, bounds: Bounds, rate: DrainRate, chance: float
) -> Decision:
    """Return what to do with a request that arrives.

    Args:
        cost_bytes: Its cost.
        free: Whether a backend has a place and nobody waits for it.
        tenant: What its tenant has waiting.
        ahead_bytes: What is to be served before it, whoever's it is.
        bounds: What a tenant may have waiting.
        rate: How fast the queue is worked off.
        chance: Uniform in [0, 1), for the jitter.

    """
    if free:
        return Admit()
    if tenant.requests + 1 > bounds.requests:
        after_s = retry_after_s(tenant.size_bytes, rate, chance)
        return Refuse("queue_requests", tenant.requests + 1, bounds.requests, after_s)
    size_bytes = tenant.size_bytes + cost_bytes
    if size_bytes > bounds.size_bytes:
        after_s = retry_after_s(size_bytes - bounds.size_bytes, rate, chance)
        return Refuse("queue_bytes", size_bytes, bounds.size_bytes, after_s)
    wait_s = rate.seconds_for(ahead_bytes)
    if wait_s is not None and wait_s > bounds.max_wait_s:
        return Refuse("wait", wait_s, bounds.max_wait_s, retry_after_s(ahead_bytes, rate, chance))
    return Queue()


def retry_after_s(ahead_bytes: int, rate: DrainRate, chance: float) -> float:
    """Return when so many bytes will have been worked off, 50 ms to 30 s, spread by a fifth.

    Spread, so that callers refused together don't come back together.
    """
    seconds = rate.seconds_for(ahead_bytes)
    if seconds is None:
        seconds = _UNKNOWN_RATE_RETRY_AFTER_S
    bounded = min(max(seconds, _SHORTEST_RETRY_AFTER_S), LONGEST_RETRY_AFTER_S / (1 + _JITTER))
    return bounded * (1 + _JITTER * chance)
