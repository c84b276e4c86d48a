"""This proxy's part of the backends while others want them, too: see `demand`. Pure."""

from collections.abc import Mapping, Sequence

from proxy.traffic.demand import ALONE, Demand, Flow, SlotCredit, allot
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.slots import Slots
from proxy.traffic.ticket import ClassName, Ticket


class Sharing:
    """Keeps each flow of batch requests to its slots here, as long as several proxies contend.

    Args:
        queue: The waiting tickets.
        slots: The slots at the backends.

    """

    def __init__(self, queue: FairQueue, slots: Slots) -> None:
        self._queue = queue
        self._slots = slots
        self._slots_of = ALONE.slots
        self.elsewhere = ALONE.elsewhere
        """How many requests of each flow other proxies have; empty without any."""
        self.credits: dict[Flow, SlotCredit] = {}
        """Of the flows that are kept to their slots; empty while there is enough for all."""

    def share_with_others(self, others: Sequence[Demand], weights: Mapping[str, float], per_worker: float) -> None:
        """Have what is this proxy's, next to what others demand.

        Args:
            others: The demand of each other proxy.
            weights: The tenants'.
            per_worker: Slots of each worker that keep it busy.

        """
        # Not the limits as far as they have grown: what is beyond waits in the backends, first come, first served.
        allotment = allot(self._queue.demand(), others, self._slots.steady(per_worker), weights)
        slots, self.elsewhere = allotment.slots, allotment.elsewhere
        self._slots_of = slots
        self._slots.shared = bool(slots)
        self.credits = {flow: self.credits.get(flow) or SlotCredit() for flow in slots if flow[0] == "batch"}
        if not self.credits:
            self._queue.hold_back(())

    def hold_back(self, now_s: float) -> None:
        """Let those flows start no other request that have all their slots in use."""
        slots, in_flight = self._slots_of, self._queue.in_flight
        full = [
            flow for flow, credit in self.credits.items() if not credit.may_start(slots[flow], in_flight(flow), now_s)
        ]
        self._queue.hold_back(full)

    def under_way_elsewhere(self, ticket: Ticket) -> int:
        """Return how many requests of the ticket's job other proxies have."""
        return self.elsewhere.get((ticket.class_name, ticket.tenant, ticket.job), 0)

    def active_elsewhere(self, class_name: ClassName) -> list[tuple[str, str]]:
        """Return the tenants and jobs of a class that other proxies have requests of."""
        return [(tenant, job) for name, tenant, job in self.elsewhere if name == class_name]
