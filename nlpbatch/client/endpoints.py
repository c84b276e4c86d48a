"""Which of the service's addresses a client calls. Pure: time and chance are arguments.

Each address may be another proxy. The rules:

1. A client starts at an address chosen at random, so that many clients spread over all of them.
2. It stays there. Its connections are used again, and the answers that this proxy keeps are found again.
3. If the address is at fault, it goes on to the next one, in a random order of its own: the clients of a proxy that has
   died spread over all the others. `Fault` says which errors count. Requests that fail together move it once.
4. An address at fault isn't called before its back-off has ended: 1 to 2 s, doubling with each failure in a row up to
   15 to 30 s, within which chance decides. Nor is it called after that, until the present address is at fault: a proxy
   that comes back isn't met by all clients at once.
5. If all addresses are in back-off, the one whose back-off ends first is called. Then only the waits of the requests
   themselves bound how often, exactly as with a single address.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from nlpbatch.client.address import ServiceAddress, parse_addresses, urls_of
from nlpbatch.client.failures import TimedOut
from nlpbatch.errors import (
    BackendFailed,
    Draining,
    NlpbatchError,
    NoCapacity,
    ServiceTimeout,
    ServiceUnreachable,
)
from nlpbatch.older_python import Self

MIN_BACKOFF_S: Final = 1.0
MAX_BACKOFF_S: Final = 30.0
_MAX_DOUBLINGS: Final = 10  # is past the bound; an unbounded exponent would overflow a float


class Fault(Enum):
    """What an error says about the address that was called."""

    CERTAIN = "certain"
    """No connection, a connection that broke, or a process that is shutting down."""
    SILENT = "silent"
    """No answer in time: the address is at fault, unless it answered anything else meanwhile."""
    POSSIBLE = "possible"
    """502, 504, or 503 `no_capacity`: backends are the same behind every proxy, and the proxy has reserved room for the
    time that its Retry-After names. The address is at fault if the same request fails there again."""
    NONE = "none"
    """Everything else is the service's word, which another proxy would repeat: 429, a paused tenant, 4xx, 500."""


def fault_of(error: NlpbatchError) -> Fault:
    """Return what an error says about the address that was called."""
    if isinstance(error, ServiceUnreachable | Draining):
        return Fault.CERTAIN
    if isinstance(error, TimedOut):
        return Fault.SILENT
    if isinstance(error, BackendFailed | NoCapacity | ServiceTimeout):
        return Fault.POSSIBLE
    return Fault.NONE


@dataclass(frozen=True, slots=True)
class ChosenAddress:
    """The address of one attempt.

    Args:
        address: Where it goes.
        turn: How often the client had moved when it was chosen.
        at_s: When it was chosen, on a monotonic clock.

    """

    address: ServiceAddress
    turn: int
    at_s: float


@dataclass(slots=True)
class _Record:
    """What is known of an address: its failures in a row, the end of its back-off, the last error."""

    failures: int = 0
    due_s: float = -math.inf
    error: NlpbatchError | None = None


class Endpoints:
    """The choice of one client, or of several that share it; safe to use from several threads.

    Args:
        addresses: At least one, all different.
        chance: Source of uniform numbers in [0, 1).

    """

    def __init__(self, addresses: Sequence[ServiceAddress], chance: Callable[[], float]) -> None:
        self.addresses = tuple(addresses)
        self._chance = chance
        self._order = _shuffled(self.addresses, chance)
        self._records = {address: _Record() for address in self.addresses}
        self._present = 0
        self._turn = 0
        self._answered_s = -math.inf
        self._lock = threading.Lock()

    @classmethod
    def of(cls, service: Any, chance: Callable[[], float]) -> Self:
        """Return the choice among a service's addresses, or the one that is given.

        Raises:
            ConfigError: As `parse_addresses`.

        """
        return service if isinstance(service, cls) else cls(parse_addresses(service), chance)

    @property
    def service(self) -> str:
        """Return all addresses as one string, in the order given."""
        return urls_of(self.addresses)

    def choose(self, now_s: float) -> ChosenAddress:
        """Return where the next attempt goes."""
        with self._lock:
            return ChosenAddress(self._order[self._present], self._turn, now_s)

    def offers_other(self, choice: ChosenAddress, now_s: float) -> bool:
        """Return whether the next attempt goes to another address, which isn't in back-off."""
        with self._lock:
            address = self._order[self._present]
            return address != choice.address and self._records[address].due_s <= now_s

    def answered(self, choice: ChosenAddress, now_s: float) -> None:
        """Record an answer that shows that the address works."""
        with self._lock:
            if choice.turn == self._turn:
                self._answered_s = now_s
                self._records[choice.address] = _Record()

    def failed(self, choice: ChosenAddress, error: NlpbatchError, now_s: float) -> bool:
        """Record that an address is at fault; return whether the client moves to another one because of it."""
        with self._lock:
            record = self._records[choice.address]
            record.error = error
            answered_since = fault_of(error) is not Fault.CERTAIN and self._answered_s > choice.at_s
            if choice.turn != self._turn or answered_since or len(self._order) == 1:
                return False
            record.due_s = now_s + self._backoff_s(record.failures)
            record.failures += 1
            return self._move(now_s)

    def errors(self) -> Mapping[str, NlpbatchError]:
        """Return the last error of each address that failed and hasn't answered since, by its URL."""
        with self._lock:
            found = {address.url: self._records[address].error for address in self.addresses}
        return {url: error for url, error in found.items() if error is not None}

    def _move(self, now_s: float) -> bool:
        """Go on to the next address that isn't in back-off, else to that whose back-off ends first."""
        before, several = self._present, len(self._order)
        following = [(before + step) % several for step in range(1, several + 1)]
        due_s = [max(now_s, self._records[self._order[position]].due_s) for position in following]
        self._present = following[due_s.index(min(due_s))]
        self._turn += 1
        self._answered_s = -math.inf
        return self._present != before

    def _backoff_s(self, failures: int) -> float:
        upper_s = min(2 * MIN_BACKOFF_S * 2.0 ** min(failures, _MAX_DOUBLINGS), MAX_BACKOFF_S)
        return upper_s * (1 + self._chance()) / 2


def _shuffled(addresses: Sequence[ServiceAddress], chance: Callable[[], float]) -> list[ServiceAddress]:
    """Return them in a random order, each order equally likely (Fisher, Yates 1938)."""
    order = list(addresses)
    for last in range(len(order) - 1, 0, -1):
        other = int(chance() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order
