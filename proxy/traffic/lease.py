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

    """

    ticket: Ticket
    backend: Backend
    in_flight: int
    sent_s: float

    @property
    def waited_s(self) -> float:
        """Return how long the request waited for this slot since it arrived."""
        return self.sent_s - self.ticket.arrived_s
