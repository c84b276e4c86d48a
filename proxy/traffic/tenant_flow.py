"""One tenant's part of the fair queue: its jobs' flows, self-clocked fair queueing (Golestani 1994). Pure.

Not start-time fair queueing, because callers invent jobs' names. Nothing is kept of an idle job here, and jobs that
come for one request each can't keep back those that stay, as they could with V = S.
- A flow that gets something to do starts at S = V.
- The flow with the least F = S + cost is served; V becomes its F, and so does its next S.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.wire.limits import KIB
from proxy.traffic.balancer import Pin
from proxy.traffic.ticket import NOTHING, Backlog, OpenTo, SlotKind, Ticket

LAG_BYTES: Final = 256 * KIB
"""What a flow that always has something under way, but not always something waiting, may catch up."""


@dataclass(slots=True)
class JobFlow:
    """A flow of one job's tickets with one pin; there is one only while some wait or are under way."""

    start: int
    pin: Pin = frozenset()
    in_flight: int = 0
    size_bytes: int = 0
    tickets: OrderedDict[Ticket, None] = field(default_factory=OrderedDict)
    """In the order of arrival; any of them may leave."""

    @property
    def finish(self) -> int:
        """Return its F, once its next ticket is served."""
        return self.start + next(iter(self.tickets)).cost_bytes


@dataclass(slots=True)
class TenantFlow:
    """A flow of one tenant's jobs within a class."""

    weight: float
    start: float = 0.0
    in_flight: int = 0
    virtual: int = 0
    jobs: dict[tuple[str, Pin], JobFlow] = field(default_factory=dict)
    waiting: Backlog = NOTHING
    pinned: int = 0
    """How many of those that wait have a pin."""

    @property
    def lag(self) -> float:
        """Return how far behind it may start: not at all if it has nothing under way, for then it was idle."""
        return LAG_BYTES / self.weight if self.in_flight else 0.0

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        job = self.jobs.setdefault(ticket.flow, JobFlow(self.virtual, ticket.pin))
        if not job.tickets:
            job.start = max(self.virtual - (LAG_BYTES if job.in_flight else 0), job.start)
        job.tickets[ticket] = None
        self._count(job, ticket, 1)

    def waits(self, open_to: OpenTo) -> bool:
        """Return whether anything waits that may have the slot."""
        if self.waiting.requests > self.pinned:
            return True
        return self.pinned > 0 and any(job.tickets for job in self._jobs_for(open_to))

    def comes_back(self, open_to: OpenTo) -> bool:
        """Return whether it only has something under way of what may have the slot."""
        return not self.waiting.requests and bool(self._jobs_for(open_to))

    def next_job(self, kind: SlotKind, open_to: OpenTo) -> JobFlow | None:
        """Return the job whose turn it is; None if the slot is to be kept for one that will send soon."""
        jobs = self._jobs_for(open_to)
        job = min((job for job in jobs if job.tickets), key=lambda flow: flow.finish)
        if kind is SlotKind.SPARE and any(not other.tickets and other.start < job.start for other in jobs):
            return None
        return job

    def pop(self, job: JobFlow) -> Ticket:
        """Remove and return the job's next ticket."""
        job.start += max(0, self.virtual - LAG_BYTES - job.finish)
        # max: the head of a job may have left, and the one behind it cost less.
        self.virtual = max(self.virtual, job.finish)
        job.start = job.finish
        ticket, _ = job.tickets.popitem(last=False)
        self._count(job, ticket, -1)
        job.in_flight += 1
        self.in_flight += 1
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """Take a ticket out; return whether it was there."""
        job = self.jobs.get(ticket.flow)
        if job is None or ticket not in job.tickets:
            return False
        del job.tickets[ticket]
        self._count(job, ticket, -1)
        self._forget(ticket, job)
        return True

    def finish(self, ticket: Ticket) -> None:
        """Count the end of a ticket that was served."""
        job = self.jobs[ticket.flow]
        job.in_flight -= 1
        self.in_flight -= 1
        self._forget(ticket, job)

    def ahead_bytes(self, ticket: Ticket, own_bytes: int) -> int:
        """Return what of this tenant would be served before the last byte of `own_bytes` of that ticket's flow."""
        others = (job.size_bytes for flow, job in self.jobs.items() if flow != ticket.flow)
        return sum(min(size_bytes, own_bytes) for size_bytes in others)

    def _jobs_for(self, open_to: OpenTo) -> list[JobFlow]:
        """Return those whose tickets may have the slot."""
        return [job for job in self.jobs.values() if not job.pin or open_to(job.pin)]

    def _count(self, job: JobFlow, ticket: Ticket, sign: int) -> None:
        job.size_bytes += sign * ticket.cost_bytes
        self.waiting = self.waiting.plus(sign, sign * ticket.cost_bytes)
        if ticket.pin:
            self.pinned += sign

    def _forget(self, ticket: Ticket, job: JobFlow) -> None:
        if not job.tickets and not job.in_flight:
            del self.jobs[ticket.flow]
