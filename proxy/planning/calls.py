"""A simulated caller's request, and what becomes of all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nlpbatch.errors import NlpbatchError
from proxy.planning.failed_calls import FailedCalls
from proxy.traffic.ticket import Arrival, Ticket


@dataclass(slots=True)
class Tally:
    """What became of the requests of one tenant's class; `bytes_by_second[n]` were answered in second n."""

    answered: int = 0
    size_bytes: int = 0
    refused: int = 0
    failed: int = 0
    """Answers that were errors; the caller sends such a request again."""
    given_up: int = 0
    """Requests that their callers didn't send again after an error: a job then halves them."""
    first_tries_back: int = 0
    """Requests that came back after their Retry-After, for the first time."""
    let_in_at_once: int = 0
    """Those of them that weren't refused again."""
    waits_s: list[float] = field(default_factory=list)
    bytes_by_second: dict[int, int] = field(default_factory=dict)
    bytes_by_job: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class SimulatedCall:
    """One logical request of a caller: sent until it is answered or given up."""

    arrival: Arrival
    tally: Tally
    answered: Callable[[Ticket | None], None]
    patient: bool
    failures: FailedCalls
    on_retry: Callable[[NlpbatchError], None]
    """Called with the error before each sending but the first, as a client's `on_retry`."""
    home: int | None = None
    """The proxy that its client stays with while it is up; None for a client that has none yet."""
    sent: int = 0
    refused: int = 0
