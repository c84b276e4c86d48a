"""A request until it has a slot at a backend: as it arrives, and as a ticket that waits in the fair queue. Pure."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple

from proxy.traffic.quotas import Quota

ClassName = Literal["interactive", "batch"]
CLASS_NAMES: Final[tuple[ClassName, ...]] = ("interactive", "batch")

Pin = frozenset[str]
"""The versions that may answer a request, by fingerprint; empty for any."""
ANY_VERSION: Final[Pin] = frozenset()

OpenTo = Callable[[Pin], bool]
"""Returns whether a slot is open to requests with that pin; requests without one may have any slot."""


class SlotKind(Enum):
    """What a slot is for."""

    WORKER = "worker"
    """A worker is idle until a request takes the slot."""
    NEXT = "next"
    """The next request for a worker, which would otherwise wait for the proxy when it is done."""
    SPARE = "spare"
    """A further slot in the workers' own queues."""
    EXTRA = "extra"
    """A slot beyond the backend's limit, for interactive requests."""


class Arrival(NamedTuple):
    """A request that arrives.

    Args:
        tenant: Whose it is.
        key_id: By which key.
        job: Of which job; '' for none.
        class_name: Whether a person or a job waits for it.
        cost_bytes: What it costs.
        identity: What recognises it when it comes back.
        wait_s: How long its caller would wait; None for as long as its class may.
        pin: Versions that may answer it; empty for any.
        backend: The backend that may have it already, by its address; '' for none.

    """

    tenant: str
    key_id: str
    job: str
    class_name: ClassName
    cost_bytes: int
    identity: Hashable
    wait_s: float | None = None
    pin: Pin = frozenset()
    backend: str = ""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request that waits. Two tickets are never equal.

    Args:
        tenant: Whose it is.
        job: Which of the tenant's jobs it belongs to; '' for none.
        cost_bytes: What it costs.
        arrived_s: When it came.
        class_name: Whether a person or a job waits for it.
        pin: Versions that may answer it.
        quotas: Those it was charged to, to be released when it ends.
        max_wait_s: How long it may wait.
        backend: The backend that may have it already.

    """

    tenant: str
    job: str
    cost_bytes: int
    arrived_s: float
    class_name: ClassName = "batch"
    pin: Pin = frozenset()
    quotas: Sequence[Quota] = ()
    max_wait_s: float = 0.0
    backend: str = ""

    @property
    def flow(self) -> tuple[str, Pin]:
        """Return the flow that it is in, of its tenant's."""
        return self.job, self.pin


class Backlog(NamedTuple):
    """Requests and their bytes."""

    requests: int = 0
    size_bytes: int = 0

    def plus(self, requests: int, size_bytes: int) -> "Backlog":
        """Return the sum."""
        return Backlog(self.requests + requests, self.size_bytes + size_bytes)


NOTHING: Final = Backlog()
