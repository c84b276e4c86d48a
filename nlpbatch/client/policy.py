"""Rules of retrying a request. Pure: elapsed time and chance are arguments, and nothing here waits.

The rules, in order:
1. An error that isn't retryable is final.
2. An error that the request itself may have caused is tried a few times only; see `is_doubtful`.
3. Retry-After is kept: never sooner than asked, plus a little chance, so that callers don't come back together. That
   of a process which shuts down says when to come back to it, and doesn't hold for another address.
4. Without one: exponential backoff with full jitter
   (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
5. At once, instead, where nothing was sent and another address is there; see `route`.
6. Not before the client's retry budget has room; see `retry_budget`.
7. A wait that would end past the caller's patience isn't begun.
"""

import math
from dataclasses import dataclass

from nlpbatch.errors import (
    BackendFailed,
    ConfigError,
    NlpbatchError,
    Overloaded,
    ServiceTimeout,
    ServiceUnreachable,
)

MIN_DELAY_S = 0.01
"""Shortest wait: whatever the jitter, one request is sent at most 100 times a second to a service that refuses it."""
_RETRY_AFTER_SPREAD = 0.1
_WEEK_S = 7 * 24 * 3600.0
# An allow-list: these errors mean that the service is away or busy, so that the request can't be the cause.
_SURELY_TRANSIENT = (Overloaded, ServiceUnreachable, ServiceTimeout, BackendFailed)
_MAX_DOUBLINGS = 60  # 2 ** 60 is past every cap; an unbounded exponent would overflow a float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeouts and retries of one logical request; all times are in seconds.

    Args:
        attempt_timeout_s: Longest single attempt, from sending to the last byte of the answer.
        connect_timeout_s: Longest wait for a connection.
        patience_s: Longest time from the first attempt to the beginning of the last.
        backoff_base_s: Upper end of the first wait where the service named none; it doubles from there.
        backoff_cap_s: Upper end of any such wait.
        internal_attempts: Attempts that may end in an error which the request itself may have caused.

    Raises:
        ConfigError: Values out of range; the message names all of them.

    """

    attempt_timeout_s: float = 120.0
    connect_timeout_s: float = 5.0
    patience_s: float = 300.0
    backoff_base_s: float = 0.2
    backoff_cap_s: float = 30.0
    internal_attempts: int = 3

    def __post_init__(self) -> None:
        checks = (
            _check("attempt_timeout_s", self.attempt_timeout_s, MIN_DELAY_S, _WEEK_S),
            _check("connect_timeout_s", self.connect_timeout_s, MIN_DELAY_S, _WEEK_S),
            _check("patience_s", self.patience_s, MIN_DELAY_S, _WEEK_S),
            _check("backoff_base_s", self.backoff_base_s, MIN_DELAY_S, _WEEK_S),
            _check("backoff_cap_s", self.backoff_cap_s, self.backoff_base_s, _WEEK_S),
            _check("internal_attempts", self.internal_attempts, 1, 1000),
        )
        wrong = [problem for problem in checks if problem]
        if wrong:
            raise ConfigError(f"retry policy: {'; '.join(wrong)}")


def is_doubtful(error: NlpbatchError) -> bool:
    """Return whether the request itself may be the cause of a retryable error, such as `internal`."""
    return not isinstance(error, _SURELY_TRANSIENT)


def next_delay_s(
    policy: RetryPolicy,
    *,
    attempt: int,
    doubtful: int,
    elapsed_s: float,
    error: NlpbatchError,
    chance: float,
    least_s: float = 0.0,
    at_once: bool = False,
    is_left: bool = False,
) -> float | None:
    """Return the seconds to wait before the next attempt; None to give up.

    Args:
        policy: The caller's policy.
        attempt: Attempts made, from 1.
        doubtful: How many of them ended in an error that `is_doubtful`, this one included.
        elapsed_s: Seconds since the first attempt began.
        error: Error of the attempt; only its class, `retryable` and `retry_after_s` count.
        chance: Uniform in [0, 1).
        least_s: Shortest wait, in seconds: until the caller's own retry budget allows it.
        at_once: Whether to wait for the retry budget only.
        is_left: Whether the next attempt goes to another address, for which Retry-After doesn't hold.

    """
    if not error.retryable or doubtful >= policy.internal_attempts:
        return None
    asked_s = None if is_left else error.retry_after_s
    wanted_s = 0.0 if at_once else max(MIN_DELAY_S, _wanted_s(policy, attempt, asked_s, chance))
    delay_s = max(least_s, wanted_s)
    return delay_s if elapsed_s + delay_s < policy.patience_s else None


def attempt_timeout_s(policy: RetryPolicy, elapsed_s: float) -> float:
    """Return the seconds that an attempt may take if it begins after `elapsed_s`.

    It ends with the patience, but has at least the time to connect, so that the last one isn't hopeless:
    a request is over after `patience_s + connect_timeout_s` at the latest.
    """
    left_s = max(policy.patience_s - elapsed_s, policy.connect_timeout_s)
    return min(policy.attempt_timeout_s, left_s)


def _wanted_s(policy: RetryPolicy, attempt: int, retry_after_s: float | None, chance: float) -> float:
    if retry_after_s is not None:
        if not math.isfinite(retry_after_s):
            return math.inf  # times a chance of 0 it would be undefined, and no wait at all
        return retry_after_s + chance * max(policy.backoff_base_s, _RETRY_AFTER_SPREAD * retry_after_s)
    doublings = min(attempt - 1, _MAX_DOUBLINGS)
    return chance * min(policy.backoff_cap_s, policy.backoff_base_s * 2.0**doublings)


def _check(name: str, value: float, least: float, most: float) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"{name} is a {type(value).__name__}: give a number"
    if math.isfinite(value) and least <= value <= most:
        return None
    return f"{name} is {value:g}, must be {least:g} to {most:g}: choose a value in that range"
