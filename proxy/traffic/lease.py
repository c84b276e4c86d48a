"""A request as the deciding modules know it: when it arrives, and once it may come in. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from proxy.traffic.balancer import Backend
from proxy.traffic.quota import Quota
from proxy.traffic.ticket import ClassName, Pin, Ticket


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that arrives.

    Args:
        tenant: Whose it is.
        key_id: By which key.
        job: Of which job; '' for none.
        class_name: Whether a person or a job waits for it.
        cost_bytes: What it costs.
        who: Its identity, by which it is known again when it comes back.
        wait_s: How long its caller would wait; None for as long as its class may.
        pin: Versions that may answer it; empty for any.

    """

    tenant: str
    key_id: str
    job: str
    class_name: ClassName
    cost_bytes: int
    who: Hashable
    wait_s: float | None = None
    pin: Pin = frozenset()


@dataclass(eq=False, slots=True)
class Request(Ticket):
    """A ticket with what must be given back when it ends."""

    quotas: Sequence[Quota] = ()
    max_wait_s: float = 0.0
    backend: Backend | None = None
    """Where it is; None before and after."""
    used: bool = False
    """Whether the place has been used for a delivery."""
    in_flight: int = 0
    sent_s: float = 0.0
