"""Who is next: start-time fair queueing by bytes, over tenants and, within a tenant, over jobs. Pure.

Rules (Goyal, Vin, Cheng: Start-time Fair Queueing, 1996), at each of the two levels:
- A flow that gets something to do starts at S = max(V, its last F): being idle saves nothing up.
- The flow with the least S is served; V becomes its S, its F becomes S + cost/weight.
- Within a job, first come, first served.

A job is one flow, however many executors send for it; a tenant is one flow, however many jobs it has.
"""

from collections import deque
from collections.abc import Iterator
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
    """A flow of one job's tickets."""

    start: float = 0.0
    finish: float = 0.0
    tickets: deque[Ticket] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self.tickets)


@dataclass(slots=True)
class _Tenant:
    """A flow of one tenant's jobs."""

    weight: float
    start: float = 0.0
    finish: float = 0.0
    virtual: float = 0.0
    jobs: dict[str, _Job] = field(default_factory=dict)
    usage: Usage = Usage()

    def __bool__(self) -> bool:
        return self.usage.requests > 0


class FairQueue:
    """Tickets in the order in which they are to be served.

    Args:
        weights: The tenants' weights; a tenant without one has 1.

    """

    def __init__(self, weights: dict[str, float]) -> None:
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

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        tenant = self._tenants.setdefault(ticket.tenant, _Tenant(self._weights.get(ticket.tenant, 1.0)))
        if not tenant:
            tenant.start = max(self._virtual, tenant.finish)
        job = tenant.jobs.setdefault(ticket.job, _Job())
        if not job:
            job.start = max(tenant.virtual, job.finish)
        job.tickets.append(ticket)
        self._count(tenant, 1, ticket.cost_bytes)

    def pop(self) -> Ticket | None:
        """Remove and return the ticket to serve next, None when nothing waits."""
        backlogged = [tenant for tenant in self._tenants.values() if tenant]
        if not backlogged:
            return None
        tenant = min(backlogged, key=lambda flow: flow.start)
        job = min((job for job in tenant.jobs.values() if job), key=lambda flow: flow.start)
        ticket = job.tickets.popleft()
        self._virtual, tenant.virtual = tenant.start, job.start
        tenant.finish = tenant.start = tenant.start + ticket.cost_bytes / tenant.weight
        job.finish = job.start = job.start + ticket.cost_bytes
        self._count(tenant, -1, -ticket.cost_bytes)
        self._forget_idle(tenant)
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """Take out a ticket whose caller has left; return whether it was waiting."""
        tenant = self._tenants.get(ticket.tenant)
        job = tenant.jobs.get(ticket.job) if tenant is not None else None
        if tenant is None or job is None or ticket not in job.tickets:
            return False
        job.tickets.remove(ticket)
        self._count(tenant, -1, -ticket.cost_bytes)
        self._forget_idle(tenant)
        return True

    def __iter__(self) -> Iterator[Ticket]:
        """Yield what waits, in no particular order."""
        for tenant in self._tenants.values():
            for job in tenant.jobs.values():
                yield from job.tickets

    def _count(self, tenant: _Tenant, requests: int, size_bytes: int) -> None:
        tenant.usage = Usage(tenant.usage.requests + requests, tenant.usage.size_bytes + size_bytes)
        self._usage = Usage(self._usage.requests + requests, self._usage.size_bytes + size_bytes)

    def _forget_idle(self, tenant: _Tenant) -> None:
        """Drop jobs that are idle and owe nothing: their names come from callers and must not pile up."""
        if not tenant:
            # All jobs are idle: none can be ahead of another any more.
            tenant.jobs.clear()
            tenant.virtual = 0.0
            return
        idle = [name for name, job in tenant.jobs.items() if not job and job.finish <= tenant.virtual]
        for name in idle:
            del tenant.jobs[name]
