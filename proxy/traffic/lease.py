"""What a request holds while it is at a backend. Pure."""

from dataclasses import dataclass

from proxy.traffic.balancer import Backend
from proxy.traffic.ticket import Ticket


@dataclass(frozen=True, eq=False, slots=True)
class Lease:
    """A slot at a backend, held by one request until it is released or moved to another backend.

    It is released exactly once: `Slots` knows which leases are held, and refuses any other. Moving a request releases
    its lease and returns a new one. Two leases are never equal.

    Args:
        ticket: The request.
        backend: Where the slot is.
        in_flight: Requests at the backend when the slot was given, this one included.
        sent_s: When the slot was given.
        waited_s: How long the request had waited for it since it arrived.

    """

    ticket: Ticket
    backend: Backend
    in_flight: int
    sent_s: float
    waited_s: float
