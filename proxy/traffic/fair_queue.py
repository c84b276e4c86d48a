"""The weighted fair queue: who is served next, by bytes: first of classes, then tenants, then jobs. Pure.

Work-conserving and max-min fair: a flow with nothing waiting leaves its share to the others, and saves nothing up. A
request occupies one slot, however large, and is charged for its bytes, so a large one neither waits nor blocks.

Classes and tenants: start-time fair queueing (Goyal, Vin, Cheng 1996): delays don't depend on the others' weights.
- A flow that gets something to do starts at S = max(V, its last F).
- The flow with the least S is served; V becomes its S, its F becomes S + cost/weight.
- When nothing waits or is under way any more, all start again at 0.

Jobs of a tenant: self-clocked fair queueing (Golestani 1994). Not start-time fair queueing, because callers invent
jobs' names. Nothing is kept of an idle job here, and jobs that come for one request each can't keep back those that
stay, as they could with V = S.
- A flow that gets something to do starts at S = V.
- The flow with the least F = S + cost is served; V becomes its F, and so does its next S.

A flow with few requests at a time is between two of them most of the time. As long as it has one under way it counts as
active: it keeps up to 256 KiB of what it is behind. Slots that only keep a backend's workers from waiting for the next
request (`SPARE`) are left empty for a moment rather than given, out of turn, to one with hundreds of requests.

Pins: a request that is pinned to a version can only go to backends that serve it, so a job's requests with different
pins are different flows. For each slot the caller says which pins may have it; other tickets keep their turn, and let
those behind them pass. A flow that was passed over catches up by at most 256 KiB: its backend may have been away for
long.

Longer than most files here, because the three levels are one algorithm: a change of one is a change of all.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.wire.limits import KIB
from proxy.traffic.demand import Flow
from proxy.traffic.ticket import ANY_VERSION, CLASS_NAMES, NOTHING, Backlog, ClassName, OpenTo, Pin, SlotKind, Ticket

_LEAD_BYTES: Final = 256 * KIB
"""How far a class may be ahead of its share in slots that no worker is idle for."""


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
    requests: int = 0
    """How many wait."""
    size_bytes: int = 0
    """Their cost."""
    pinned: int = 0
    """How many of them have a pin."""
    held_back: Collection[str] = frozenset()
    """Jobs that may not start another request, because other proxies have the slots."""

    @property
    def lag(self) -> float:
        """Return how far behind it may start: not at all if it has nothing under way, for then it was idle."""
        return LAG_BYTES / self.weight if self.in_flight else 0.0

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        flow = ticket.flow
        job = self.jobs.get(flow)
        if job is None:
            job = self.jobs[flow] = JobFlow(self.virtual, ticket.pin)
        elif not job.tickets:
            job.start = max(self.virtual - (LAG_BYTES if job.in_flight else 0), job.start)
        job.tickets[ticket] = None
        self._count(job, ticket, 1)

    def waits(self, open_to: OpenTo) -> bool:
        """Return whether anything waits that may have the slot."""
        if self.requests > self.pinned and not self.held_back and open_to(ANY_VERSION):
            return True
        return self.requests > 0 and any(job.tickets for job in self._jobs_for(open_to))

    def comes_back(self, open_to: OpenTo) -> bool:
        """Return whether it only has something under way of what may have the slot."""
        return not self.requests and bool(self._jobs_for(open_to))

    def next_job(self, kind: SlotKind, open_to: OpenTo) -> JobFlow | None:
        """Return the job whose turn it is; None if the slot is to be kept for one that will send soon."""
        jobs = self._jobs_for(open_to)
        waiting = [job for job in jobs if job.tickets]
        job = waiting[0] if len(waiting) == 1 else min(waiting, key=lambda flow: flow.finish)
        if kind is SlotKind.SPARE and any(not other.tickets and other.start < job.start for other in jobs):
            return None
        return job

    def pop(self, job: JobFlow) -> Ticket:
        """Remove and return the job's next ticket."""
        ticket, _ = job.tickets.popitem(last=False)
        finish = job.start + ticket.cost_bytes
        job.start = max(finish, self.virtual - LAG_BYTES)
        # max: the head of a job may have left, and the one behind it cost less.
        self.virtual = max(self.virtual, job.start)
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
        return [job for (name, _), job in self.jobs.items() if open_to(job.pin) and name not in self.held_back]

    def _count(self, job: JobFlow, ticket: Ticket, sign: int) -> None:
        job.size_bytes += sign * ticket.cost_bytes
        self.requests += sign
        self.size_bytes += sign * ticket.cost_bytes
        if ticket.pin:
            self.pinned += sign

    def _forget(self, ticket: Ticket, job: JobFlow) -> None:
        if not job.tickets and not job.in_flight:
            del self.jobs[ticket.flow]


@dataclass(slots=True)
class _Class:
    """A flow of one class's tenants."""

    weight: float
    start: float = 0.0
    in_flight: int = 0
    virtual: float = 0.0
    tenants: dict[str, TenantFlow] = field(default_factory=dict)
    requests: int = 0
    """How many wait."""

    def waits(self, open_to: OpenTo) -> bool:
        """Return whether anything waits that may have the slot."""
        return self.requests > 0 and any(tenant.waits(open_to) for tenant in self.tenants.values())


class FairQueue:
    """The waiting tickets, in the order in which they are served.

    Args:
        weights: The tenants' weights; a tenant without one has 1.
        class_weights: The classes'; a class without one has 1.

    """

    def __init__(self, weights: Mapping[str, float], class_weights: Mapping[ClassName, float] | None = None) -> None:
        self._weights: Mapping[str, float] = {}
        self._virtual = 0.0
        self._classes: dict[ClassName, _Class] = {"interactive": _Class(1.0), "batch": _Class(1.0)}
        self.requests = 0
        """How many wait."""
        self._size_bytes = 0
        self._under_way = 0
        self.pinned = 0
        """How many of those that wait have a pin."""
        self.paused: Collection[str] = frozenset()
        """Tenants whose tickets stay where they are."""
        self.set_weights(weights, class_weights or {})

    def set_weights(self, weights: Mapping[str, float], class_weights: Mapping[ClassName, float]) -> None:
        """Share out by these weights from now on."""
        self._weights = weights
        for name, class_ in self._classes.items():
            class_.weight = class_weights.get(name, 1.0)
            for tenant, flow in class_.tenants.items():
                flow.weight = self._weight(tenant)

    def hold_back(self, flows: Collection[Flow]) -> None:
        """Let these flows start no other request, and all others; to be called before slots are given."""
        for name, class_ in self._classes.items():
            for tenant, flow in class_.tenants.items():
                flow.held_back = frozenset(job for one, of, job in flows if (one, of) == (name, tenant))

    def in_flight(self, flow: Flow) -> int:
        """Return how many requests of a flow are at backends."""
        class_name, tenant, job = flow
        jobs = self._classes[class_name].tenants[tenant].jobs if tenant in self._classes[class_name].tenants else {}
        return sum(one.in_flight for (name, _), one in jobs.items() if name == job)

    def demand(self) -> dict[Flow, int]:
        """Return how many requests of each flow wait or are under way; of interactive ones, those that wait."""
        found: dict[Flow, int] = {}
        for name, class_ in self._classes.items():
            for tenant, flow in class_.tenants.items():
                for (job, _), one in flow.jobs.items():
                    requests = len(one.tickets) + (one.in_flight if name == "batch" else 0)
                    if requests:
                        found[name, tenant, job] = found.get((name, tenant, job), 0) + requests
        return found

    @property
    def backlog(self) -> Backlog:
        """Return all that waits."""
        return Backlog(self.requests, self._size_bytes)

    def of(self, tenant: str, class_name: ClassName | None = None) -> Backlog:
        """Return what waits of a tenant, of one class or both."""
        if class_name is None:
            interactive, batch = (self.of(tenant, name) for name in CLASS_NAMES)
            return interactive.plus(batch.requests, batch.size_bytes)
        flow = self._classes[class_name].tenants.get(tenant)
        return Backlog(flow.requests, flow.size_bytes) if flow is not None else NOTHING

    def waiting_bytes(self, class_name: ClassName) -> int:
        """Return the bytes of all that waits of a class for want of a slot: what is paused waits for an operator."""
        tenants = self._classes[class_name].tenants
        return sum(flow.size_bytes for name, flow in tenants.items() if name not in self.paused)

    def waits_in(self, class_name: ClassName) -> bool:
        """Return whether anything of a class waits."""
        return self._classes[class_name].requests > 0

    def under_way(self, ticket: Ticket) -> int:
        """Return how many requests of the ticket's job wait or are being served."""
        tenant = self._classes[ticket.class_name].tenants.get(ticket.tenant)
        job = tenant.jobs.get(ticket.flow) if tenant is not None else None
        return len(job.tickets) + job.in_flight if job is not None else 0

    def active_jobs(self, tenant: str, class_name: ClassName) -> set[str]:
        """Return which of the tenant's jobs wait or are being served."""
        flow = self._classes[class_name].tenants.get(tenant)
        return {job for job, _ in flow.jobs} if flow is not None else set()

    def share(self, tenant: str, class_name: ClassName, elsewhere: Collection[str] = ()) -> float:
        """Return the part of the service that is the tenant's in that class, next to all that are active now.

        Args:
            tenant: Whose part it is.
            class_name: In which class.
            elsewhere: Tenants that are active in the class at other proxies.

        """
        class_ = self._classes[class_name]
        active = {name for name, flow in class_.tenants.items() if flow.in_flight or flow.requests}
        active.add(tenant)
        active.update(elsewhere)
        weight = self._weight(tenant)
        weights = weight if len(active) == 1 else sum(map(self._weight, active))
        classes = sum([one.weight for one in self._classes.values() if one is class_ or _is_active(one)])
        return share(class_weight=class_.weight, class_weights=classes, weight=weight, weights=weights)

    def ahead_bytes(self, ticket: Ticket, promised_bytes: int = 0) -> int:
        """Return about how many of its tenant's bytes would be served before a request that came now.

        What waits of its own job, and of the tenant's every other job that or as much, whichever is less. What others
        are served meanwhile shows in how fast the tenant's own are.

        Args:
            ticket: The request.
            promised_bytes: What is held for others of its flow, which goes before it.

        """
        flow = self._classes[ticket.class_name].tenants.get(ticket.tenant)
        job = flow.jobs.get(ticket.flow) if flow is not None else None
        ahead = promised_bytes + (job.size_bytes if job is not None else 0)
        return ahead + (flow.ahead_bytes(ticket, ahead + ticket.cost_bytes) if flow is not None else 0)

    def waits(self, open_to: OpenTo) -> bool:
        """Return whether anything waits that may have such a slot, be its tenant paused or not."""
        return any(class_.waits(open_to) for class_ in self._classes.values())

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind those of its job."""
        class_ = self._classes[ticket.class_name]
        if not class_.requests:
            class_.start = max(self._virtual, class_.start)
        tenant = class_.tenants.get(ticket.tenant)
        if tenant is None:
            tenant = class_.tenants[ticket.tenant] = TenantFlow(self._weight(ticket.tenant))
        if not tenant.requests:
            tenant.start = max(class_.virtual - tenant.lag, tenant.start)
        tenant.push(ticket)
        self._count(class_, ticket, 1)

    def pop(self, kind: SlotKind = SlotKind.WORKER, open_to: OpenTo = lambda _: True) -> Ticket | None:
        """Remove and return the ticket to serve next; None when none waits, or none may have such a slot now.

        `finish` it when it has been served.
        """
        chosen = self._choose(kind, open_to)
        if chosen is None:
            return None
        class_, tenant, job = chosen
        ticket = tenant.pop(job)
        class_.start = max(class_.start, self._virtual - LAG_BYTES / class_.weight)
        tenant.start = max(tenant.start, class_.virtual - LAG_BYTES / tenant.weight)
        class_.virtual = max(class_.virtual, tenant.start)
        tenant.start += ticket.cost_bytes / tenant.weight
        if kind is not SlotKind.EXTRA:  # which goes ahead of its turn, so it says nothing of whose turn it is
            self._virtual = class_.start
        class_.start += ticket.cost_bytes / class_.weight
        class_.in_flight += 1
        self._under_way += 1
        self._count(class_, ticket, -1)
        return ticket

    def finish(self, ticket: Ticket) -> None:
        """Count the end of a ticket that was popped."""
        class_ = self._classes[ticket.class_name]
        class_.in_flight -= 1
        self._under_way -= 1
        class_.tenants[ticket.tenant].finish(ticket)
        self._forget_if_idle()

    def remove(self, ticket: Ticket) -> bool:
        """Take out a ticket whose caller has left; return whether it was waiting."""
        class_ = self._classes[ticket.class_name]
        tenant = class_.tenants.get(ticket.tenant)
        if tenant is None or not tenant.remove(ticket):
            return False
        self._count(class_, ticket, -1)
        self._forget_if_idle()
        return True

    def __iter__(self) -> Iterator[Ticket]:
        """Yield what waits, in no particular order."""
        for class_ in self._classes.values():
            for tenant in class_.tenants.values():
                for job in tenant.jobs.values():
                    yield from job.tickets

    def _choose(self, kind: SlotKind, open_to: OpenTo) -> tuple[_Class, TenantFlow, JobFlow] | None:
        classes = [class_ for class_ in self._classes.values() if class_.requests]
        if kind is SlotKind.EXTRA:
            classes = [class_ for class_ in classes if class_ is self._classes["interactive"]]
        if kind is not SlotKind.WORKER:
            classes = [class_ for class_ in classes if self._within(class_, open_to)]
        if len(classes) > 1:
            classes.sort(key=lambda flow: flow.start)
        for class_ in classes:
            tenant = self._next_tenant(class_, kind, open_to)
            job = tenant.next_job(kind, open_to) if tenant is not None else None
            if tenant is not None and job is not None:
                return class_, tenant, job
        return None

    def _next_tenant(self, class_: _Class, kind: SlotKind, open_to: OpenTo) -> TenantFlow | None:
        waiting = [flow for name, flow in class_.tenants.items() if name not in self.paused and flow.waits(open_to)]
        tenant = waiting[0] if len(waiting) == 1 else min(waiting, key=lambda flow: flow.start, default=None)
        if tenant is None or kind is not SlotKind.SPARE:
            return tenant
        kept = any(
            flow.comes_back(open_to) and max(class_.virtual - flow.lag, flow.start) < tenant.start
            for flow in class_.tenants.values()
        )
        return None if kept else tenant

    def _within(self, class_: _Class, open_to: OpenTo) -> bool:
        """Return whether the class has had no more than its share, or nobody else has anything for such a slot.

        Requests under way count: a backend serves interactive ones first, which could hold up batches there.
        """
        others = [
            other.start
            for other in self._classes.values()
            if other is not class_ and (other.in_flight or other.waits(open_to))
        ]
        return not others or class_.start <= max(others) + _LEAD_BYTES / class_.weight

    def _weight(self, tenant: str) -> float:
        return self._weights.get(tenant, 1.0)

    def _count(self, class_: _Class, ticket: Ticket, sign: int) -> None:
        class_.requests += sign
        self.requests += sign
        self._size_bytes += sign * ticket.cost_bytes
        if ticket.pin:
            self.pinned += sign

    def _forget_if_idle(self) -> None:
        if not self.requests and not self._under_way:
            self._virtual = 0.0
            for class_ in self._classes.values():
                class_.start = class_.virtual = 0.0
                class_.tenants.clear()


def _is_active(class_: _Class) -> bool:
    return bool(class_.in_flight or class_.requests)


def share(*, class_weight: float, class_weights: float, weight: float, weights: float) -> float:
    """Return a tenant's part of the service in one class, 0 to 1.

    Args:
        class_weight: The weight of the class.
        class_weights: The weights of all active classes together.
        weight: The weight of the tenant.
        weights: The weights of all tenants together that are active in the class.

    """
    return class_weight / class_weights * weight / weights
