"""Who is next: fair queueing by bytes, over tenants and, within a tenant, over jobs. Pure.

A job is one flow, however many executors send for it; a tenant is one flow, however many jobs it has. At both levels
flows that have something waiting get the same bytes (tenants: by weight), to within one request; being idle saves
nothing up and leaves no debt. Within a job: first come, first served.

Tenants: start-time fair queueing (Goyal, Vin, Cheng 1996), whose delays don't depend on the others' weights.
- A flow that gets something to do starts at S = max(V, its last F).
- The flow with the least S is served; V becomes its S, its F becomes S + cost/weight.
- When nothing waits any more, all start again at 0.

Jobs: self-clocked fair queueing (Golestani 1994), because callers invent jobs' names. Nothing is kept of an idle job
here, and jobs that come for one request each can't keep back those that stay, as they could with V = S.
- A flow that gets something to do starts at S = V.
- The flow with the least F = S + cost is served; V becomes its F, and so does its next S.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Ticket:
    """One request that waits. Two of them are never equal: each is itself.

    Args:
        tenant: Whose it is.
        job: Which of the tenant's jobs it belongs to; '' for none.
        cost_bytes: What it costs.
        arrived_s: When it came.

    """

    tenant: str
    job: str
    cost_bytes: int
    arrived_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What waits: requests and their bytes."""

    requests: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class _Job:
    """A flow of one job's tickets; there is one only while some wait."""

    start: int
    size_bytes: int = 0
    tickets: deque[Ticket] = field(default_factory=deque)

    @property
    def finish(self) -> int:
        """Return its F, once its next ticket is served."""
        return self.start + self.tickets[0].cost_bytes


@dataclass(slots=True)
class _Tenant:
    """A flow of one tenant's jobs."""

    weight: float
    start: float = 0.0
    virtual: int = 0
    jobs: dict[str, _Job] = field(default_factory=dict)
    usage: Usage = Usage()

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        job = self.jobs.setdefault(ticket.job, _Job(self.virtual))
        job.tickets.append(ticket)
        self._count(job, ticket, 1)

    def pop(self) -> Ticket:
        """Remove and return the next ticket."""
        job = min(self.jobs.values(), key=lambda flow: flow.finish)
        # max: the head of a job may have left, and the one behind it cost less.
        self.virtual = max(self.virtual, job.finish)
        job.start = job.finish
        ticket = job.tickets.popleft()
        self._count(job, ticket, -1)
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """Take a ticket out; return whether it was there."""
        job = self.jobs.get(ticket.job)
        if job is None or ticket not in job.tickets:
            return False
        job.tickets.remove(ticket)
        self._count(job, ticket, -1)
        return True

    def ahead_bytes(self, name: str, cost_bytes: int) -> int:
        """Return what of this tenant would be served before a request of that job."""
        job = self.jobs.get(name)
        own = job.size_bytes if job is not None else 0
        others = (flow.size_bytes for flow in self.jobs.values() if flow is not job)
        return own + sum(min(size_bytes, own + cost_bytes) for size_bytes in others)

    def _count(self, job: _Job, ticket: Ticket, sign: int) -> None:
        size_bytes = sign * ticket.cost_bytes
        job.size_bytes += size_bytes
        self.usage = Usage(self.usage.requests + sign, self.usage.size_bytes + size_bytes)
        if not job.tickets:
            del self.jobs[ticket.job]


class FairQueue:
    """Tickets in the order in which they are to be served.

    Args:
        weights: The tenants' weights; a tenant without one has 1.

    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._tenants: dict[str, _Tenant] = {}
        self._virtual = 0.0
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """Return what waits in all."""
        return self._usage

    def of(self, tenant: str) -> Usage:
        """Return what waits of a tenant."""
        flow = self._tenants.get(tenant)
        return flow.usage if flow is not None else Usage()

    def ahead_bytes(self, tenant: str, job: str, cost_bytes: int) -> int:
        """Return about how many bytes would be served before a request that came now.

        What waits of its own job, and of every other flow that or its fair share of the same time, whichever is less:
        a flood of one tenant's keeps no other tenant waiting. Right to within a request of each flow, and as long as
        no more flows come.
        """
        weight = self._weight(tenant)
        flow = self._tenants.get(tenant)
        own = flow.ahead_bytes(job, cost_bytes) if flow is not None else 0
        per_weight = (own + cost_bytes) / weight
        others = (other for other in self._tenants.values() if other is not flow)
        return own + sum(min(other.usage.size_bytes, int(per_weight * other.weight)) for other in others)

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        tenant = self._tenants.setdefault(ticket.tenant, _Tenant(self._weight(ticket.tenant)))
        if not tenant.usage.requests:
            tenant.start = max(self._virtual, tenant.start)
        tenant.push(ticket)
        self._count(ticket, 1)

    def pop(self) -> Ticket | None:
        """Remove and return the ticket to serve next, None when nothing waits."""
        backlogged = [tenant for tenant in self._tenants.values() if tenant.usage.requests]
        if not backlogged:
            return None
        tenant = min(backlogged, key=lambda flow: flow.start)
        ticket = tenant.pop()
        self._virtual = tenant.start
        tenant.start += ticket.cost_bytes / tenant.weight
        self._count(ticket, -1)
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """Take out a ticket whose caller has left; return whether it was waiting."""
        tenant = self._tenants.get(ticket.tenant)
        if tenant is None or not tenant.remove(ticket):
            return False
        self._count(ticket, -1)
        return True

    def __iter__(self) -> Iterator[Ticket]:
        """Yield what waits, in no particular order."""
        for tenant in self._tenants.values():
            for job in tenant.jobs.values():
                yield from job.tickets

    def _weight(self, tenant: str) -> float:
        return self._weights.get(tenant, 1.0)

    def _count(self, ticket: Ticket, sign: int) -> None:
        size_bytes = sign * ticket.cost_bytes
        self._usage = Usage(self._usage.requests + sign, self._usage.size_bytes + size_bytes)
        if not self._usage.requests:
            self._tenants.clear()
            self._virtual = 0.0
