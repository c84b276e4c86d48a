"""What follows an attempt at a backend: its result stands, another backend is tried, or the request comes back later.

Analysis changes nothing, so a request may always be sent again, as long as no part of an answer has been passed on.
These rules keep retries from making things worse:

- No connection: nothing was sent, so up to three backends are tried, without the retry budget.
- 500, 502, or a connection that broke: one retry, if the retry budget and another backend's limit allow it. The backend
  is to blame. If two backends fail the same request, the request is to blame, and neither of them.
- 503: likewise, but nobody is to blame, since the backend only says that it has no room.
- Timeout: no retry, because a request that takes too long would take another backend's time as well.
- 412 for a pinned request: the backend has just been replaced by another version, and does not state that before its
  next health check. Up to three backends are tried, without the budget. If one states the version but has no free slot,
  the request has to come back.

The budget allows retries for a part of the recent requests, and a few in any case (after Finagle's RetryBudget and
Google's SRE book): without it, a service that fails because of its load gets double the load.

Pure: the simulator follows the same rules as the running proxy. Everything is decided by `Retries.after`, which also
tells the breakers and the limits about each attempt and releases the slot at the end.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend, Lease

_CONNECTION_ATTEMPTS: Final = 3
_VERSION_ATTEMPTS: Final = 3
_CHANGED_RETRY_AFTER_S: Final = 1.0
_OTHER_VERSION: Final = 412
_NO_ROOM: Final = 503
_RETRIED: Final = frozenset({500, 502, _NO_ROOM})
_FAILED: Final = 500
_BUDGET_WINDOW_S: Final = 10.0
_ROUNDING: Final = 1e-9
"""A hundred times a fifth is twenty retries, not nineteen."""


class Failure(Enum):
    """How an attempt ended without an answer."""

    NOT_CONNECTED = "not connected"
    BROKEN_OFF = "broken off"
    TIMED_OUT = "timed out"


Outcome = int | Failure
"""How an attempt ended: with an answer's HTTP status, or without an answer."""


@dataclass(frozen=True, slots=True)
class Return:
    """The attempt's answer or failure is the request's."""


@dataclass(frozen=True, slots=True)
class TryAt:
    """The request has a slot at another backend: send it there."""

    backend: Backend


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The only backends with the pinned version have no free slot: the caller should come back."""

    retry_after_s: float


class RetryBudget:
    """A balance: each request pays in a part of a retry, a few come in with time, and each retry costs one.

    Args:
        ratio: Retries per request.
        min_retries: Retries each 10 s, however few requests there are.

    """

    def __init__(self, ratio: float, min_retries: int) -> None:
        self.ratio = ratio
        self.min_retries = min_retries
        self._balance = float(min_retries)
        self._at_s: float | None = None

    def request(self, now_s: float) -> None:
        """Count a request."""
        self._pass(now_s)
        self._balance += self.ratio

    def take(self, now_s: float) -> bool:
        """Return whether a retry may be made, and count it if so."""
        self._pass(now_s)
        if self._balance < 1 - _ROUNDING:
            return False
        self._balance -= 1
        return True

    def _pass(self, now_s: float) -> None:
        """Let time pay in the few, and forget what was paid in more than about 10 s ago."""
        passed_s = max(0.0, now_s - self._at_s) if self._at_s is not None else 0.0
        self._at_s = now_s
        kept = max(0.0, 1 - passed_s / _BUDGET_WINDOW_S)
        over = max(0.0, self._balance - self.min_retries) * kept
        self._balance = min(self._balance, self.min_retries) + over
        if self._balance < self.min_retries:
            self._balance = min(self.min_retries, self._balance + self.min_retries * passed_s / _BUDGET_WINDOW_S)


class Retries:
    """All attempts of one request.

    It owns the request's slot: `after` or `abandon` releases it.

    Args:
        traffic: Holds the slots.
        budget: Bounds the retries of all requests.
        lease: The request's first slot.
        identity: Recognises the request when it fails again.
        now_s: Now.

    """

    def __init__(
        self, traffic: TrafficController, budget: RetryBudget, lease: Lease, identity: str, now_s: float
    ) -> None:
        budget.request(now_s)
        self._traffic = traffic
        self._budget = budget
        self._lease = lease
        self._identity = identity
        self._tried = [lease.backend]
        self._blamed: list[Backend] = []

    @property
    def backend(self) -> Backend:
        """Return the backend of the present attempt."""
        return self._lease.backend

    def after(self, outcome: Outcome, now_s: float) -> Return | TryAt | GiveUp:
        """Return what follows an attempt; unless that is `TryAt`, the slot has been released."""
        self._judge(outcome, now_s)
        if self._moves(outcome, now_s):
            return TryAt(self.backend)
        if self._must_come_back(outcome):
            self._traffic.abandon(self._lease, now_s)
            return GiveUp(_CHANGED_RETRY_AFTER_S)
        failed = isinstance(outcome, Failure) or outcome >= _FAILED
        self._traffic.finish(self._lease, now_s, failed=failed)
        return Return()

    def abandon(self, now_s: float) -> None:
        """Release the slot of an attempt that ended without saying anything about its backend: the caller hung up."""
        self._traffic.abandon(self._lease, now_s)

    def _judge(self, outcome: Outcome, now_s: float) -> None:
        """Tell the backend's breaker."""
        breaker = self.backend.breaker
        if outcome == _NO_ROOM:
            breaker.abandoned()
        elif isinstance(outcome, Failure) or outcome in _RETRIED:
            breaker.failed(self._identity, now_s)
            self._blamed.append(self.backend)
            if len(self._blamed) > 1:
                for backend in self._blamed:
                    backend.breaker.forgive(self._identity)
        elif not breaker.spotless:
            breaker.succeeded()

    def _moves(self, outcome: Outcome, now_s: float) -> bool:
        """Move the request to another backend if it may be tried there; return whether it was."""
        if self._is_elsewhere(outcome):
            return self._move(now_s, learn=False)
        if outcome is Failure.NOT_CONNECTED:
            return len(self._tried) < _CONNECTION_ATTEMPTS and self._move(now_s)
        if len(self._tried) > 1 or (outcome is not Failure.BROKEN_OFF and outcome not in _RETRIED):
            return False
        return self._budget.take(now_s) and self._move(now_s)

    def _move(self, now_s: float, *, learn: bool = True) -> bool:
        lease = self._traffic.move(self._lease, now_s, tried=self._tried, learn=learn)
        if lease is None:
            return False
        self._lease = lease
        self._tried.append(lease.backend)
        return True

    def _must_come_back(self, outcome: Outcome) -> bool:
        return self._is_elsewhere(outcome) and self._traffic.serves_elsewhere(self._lease.ticket, self._tried)

    def _is_elsewhere(self, outcome: Outcome) -> bool:
        """Return whether the backend lacks the pinned version and another one may be tried."""
        return outcome == _OTHER_VERSION and bool(self._lease.ticket.pin) and len(self._tried) < _VERSION_ATTEMPTS
