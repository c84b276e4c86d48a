"""All decisions about a request: whether it may wait, when its turn is, and at which backend. Pure.

    arrive ──> Refuse
       └─────> Ticket, which waits ──dispatch──> Lease, at a backend ──> finish, abandon
                   │                               └──move──> Lease, at another backend
                   ├── leave (hung up), expire ──> gone
                   └──dispatch──> Dropped (waited too long while nothing moves)

The gate runs this for real requests, the simulator on a virtual clock.

Longer than most files here, because it has the order of all decisions; what each of them is, is in a file of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nlpbatch.wire.advice import Advice
from proxy.config import ClassSettings, ProxySettings
from proxy.traffic.admission import (
    JITTER,
    LONGEST_PROMISE_S,
    SHORTEST_RETRY_AFTER_S,
    Cause,
    QueueBounds,
    Refuse,
    over_queue,
    over_wait,
    retry_after_s,
)
from proxy.traffic.budgets import Budgets, Spent
from proxy.traffic.demand import Demand
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import MakeQuota, Over, Quota, Quotas, charge_all, first_over
from proxy.traffic.reservations import Reservation, Reservations
from proxy.traffic.sharing import Sharing
from proxy.traffic.slots import Backend, Lease, Slots, stating
from proxy.traffic.ticket import CLASS_NAMES, Arrival, Backlog, ClassName, Pin, Ticket
from proxy.traffic.waits import Codel, DrainRate
from proxy.traffic.wanted_workers import Capacity, Load

_NS = 1_000_000_000
_PAUSED_RETRY_AFTER_S = 30.0
_PINNED_S = 60.0
"""A run that has sent nothing for so long is taken to have ended."""
_UNRESERVED = frozenset({"paused", "budget_day", "budget_month"})
"""Causes that no capacity can be reserved for."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A request that waited for too long."""

    ticket: Ticket
    refusal: Refuse


class TrafficController:
    """Decides about all requests.

    Args:
        settings: The configuration; `adopt` exchanges it.
        backends: Those that may be used; the caller may exchange the list.
        chance: Returns a random number in [0, 1).
        choose: Returns a random number in [0, n).
        make_quota: Makes the quotas: of this proxy alone, or leased ones.
        epoch_offset_s: Returns the time, in seconds since the epoch, at which the clock was 0 whose times are given.

    """

    def __init__(
        self,
        settings: ProxySettings,
        backends: Sequence[Backend],
        *,
        chance: Callable[[], float],
        choose: Callable[[int], int],
        make_quota: MakeQuota = Quota,
        epoch_offset_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.queue = FairQueue({})
        self._rates: defaultdict[tuple[str, ClassName], DrainRate] = defaultdict(DrainRate)
        self.quotas = Quotas(make_quota)
        self.budgets = Budgets(epoch_offset_s)
        self._chance = chance
        self._reservations = Reservations()
        self._slots = Slots(backends, self.queue, choose)
        self._sharing = Sharing(self.queue, self._slots)
        self._codels: dict[ClassName, Codel] = {}
        self._done_bytes = 0
        self._pinned_s: dict[Pin, float] = {}
        self.adopt(settings)

    def adopt(self, settings: ProxySettings) -> None:
        """Decide by these settings from now on; waiting requests and the counts of quotas stay."""
        self._settings = settings
        classes = settings.classes
        self._classes: dict[ClassName, ClassSettings] = {"interactive": classes.interactive, "batch": classes.batch}
        weights = {name: tenant.weight for name, tenant in settings.tenants.items()}
        self.queue.set_weights(weights, {name: class_.weight for name, class_ in self._classes.items()})
        self.quotas.adopt(settings)
        self.budgets.adopt(settings)
        for name, class_ in self._classes.items():
            codel = self._codels.setdefault(name, Codel(class_.target_delay_s, class_.interval_s))
            codel.target_s, codel.interval_s = class_.target_delay_s, class_.interval_s

    def pause(self, tenant: str, *, paused: bool) -> None:
        """Pause or resume a tenant; its waiting requests stay until their time is over."""
        others = {name for name in self.queue.paused if name != tenant}
        self.queue.paused = frozenset(others | {tenant} if paused else others)

    def lacks_lease(self, arrival: Arrival, now_s: float) -> bool:
        """Return whether leases had better be exchanged before a request arrives; never without shared quotas.

        If so, what it needs is kept for it until `lease_refreshed`, which is to be called before it arrives or leaves.
        """
        now_ns = int(now_s * _NS)
        leased = self._leased(arrival)
        if not any(quota.lacks_lease(arrival.cost_bytes, now_ns) for quota in leased):
            return False
        for quota in leased:  # also those that lack nothing: what they have in stock is not to go back just now
            quota.expect(arrival.cost_bytes)
        return True

    def lease_refreshed(self, arrival: Arrival) -> None:
        """Let a request that has waited for an exchange have what was kept for it."""
        for quota in self._leased(arrival):
            quota.arrives(arrival.cost_bytes)

    def _leased(self, arrival: Arrival) -> list[LeasedQuota]:
        quotas = self.quotas.of(arrival.tenant, arrival.key_id)
        return [quota for quota in quotas if isinstance(quota, LeasedQuota)]

    def arrive(self, arrival: Arrival, now_s: float) -> Ticket | Refuse:
        """Return the ticket that waits for its turn, or why the request is refused; then `dispatch`."""
        if arrival.pin:
            self._pinned_s[arrival.pin] = now_s
        quotas = self.quotas.of(arrival.tenant, arrival.key_id)
        reservation = self._reservations.of(arrival.identity, now_s) if self._reservations.open else None
        if reservation is not None and not self._reservations.is_due(reservation, now_s):
            return self._too_early(reservation, now_s)
        refusal = self._refusal(arrival, quotas, now_s, promised=reservation is not None)
        if reservation is not None:
            self._reservations.redeem(reservation)
        if refusal is not None:
            # A request with a reservation that finds no room goes behind the other reservations.
            refusal = (
                refusal if reservation is None else self._refusal(arrival, quotas, now_s, promised=False) or refusal
            )
            return self._turned_away(arrival, quotas, refusal, now_s)
        charge_all(quotas, arrival.cost_bytes, int(now_s * _NS))
        if arrival.tenant in self.budgets.tenants:
            self.budgets.charge(arrival.tenant, arrival.cost_bytes, now_s)
        wait_s = self._max_wait_s(arrival)
        ticket = Ticket(
            arrival.tenant,
            arrival.job,
            arrival.cost_bytes,
            now_s,
            arrival.class_name,
            arrival.pin,
            quotas,
            wait_s,
            arrival.backend,
        )
        self.queue.push(ticket)
        return ticket

    def dispatch(self, now_s: float) -> list[Lease | Dropped]:
        """Return what became of those whose turn has come, in order; to be called after anything has changed."""
        steps: list[Lease | Dropped] = []
        if self._sharing.credits:
            self._sharing.hold_back(now_s)
        while self.queue.requests and (next_ := self._slots.next(now_s, self._extra_slots)) is not None:
            backend, ticket = next_
            waited_s = now_s - ticket.arrived_s
            if self._codels[ticket.class_name].drops(waited_s, now_s):
                self.queue.finish(ticket)
                self._settle(ticket)
                steps.append(Dropped(ticket, self._late(ticket, "delay", waited_s)))
                continue
            steps.append(self._slots.give(ticket, self._slots.known_at(ticket, now_s) or backend, now_s))
            if self._sharing.credits:
                self._sharing.hold_back(now_s)
        return steps

    def finish(self, lease: Lease, now_s: float, *, failed: bool = False) -> None:
        """Release the slot of a request whose backend has answered or failed.

        Args:
            lease: The slot.
            now_s: Now.
            failed: Whether the request ended in a 5xx or a timeout.

        Raises:
            ValueError: The lease isn't held.

        """
        self._end(lease, now_s, failed=failed, learn=True)

    def abandon(self, lease: Lease, now_s: float) -> None:
        """Release the slot of a request that ended without saying anything about its backend: the caller hung up.

        Raises:
            ValueError: The lease isn't held.

        """
        self._end(lease, now_s, failed=False, learn=False)
        if not lease.backend.breaker.spotless:
            lease.backend.breaker.abandoned()

    def move(self, lease: Lease, now_s: float, *, tried: Sequence[Backend] = (), learn: bool = True) -> Lease | None:
        """Return a lease at another backend, for which `lease` is released; None if there is no slot, and it is kept.

        Args:
            lease: The slot that the request leaves.
            now_s: Now.
            tried: Backends that are not to be tried again.
            learn: Whether the backend that it leaves has failed.

        Raises:
            ValueError: The lease isn't held.

        """
        return self._slots.move(lease, now_s, tried=tried, learn=learn, beyond_limit=self._extra_slots)

    def serves_elsewhere(self, ticket: Ticket, tried: Sequence[Backend]) -> bool:
        """Return whether another backend than these states the version that the request is pinned to."""
        return any(backend not in tried for backend in stating(ticket.pin, self._slots.backends))

    def leave(self, ticket: Ticket) -> None:
        """Take out a request that waits: its caller hung up."""
        if self.queue.remove(ticket):
            self._settle(ticket)

    def expire(self, ticket: Ticket, now_s: float) -> Refuse:
        """Take out a request that has waited as long as it may, and return why it is refused."""
        self.leave(ticket)
        return self._late(ticket, "waited", now_s - ticket.arrived_s)

    def advice(self, ticket: Ticket) -> Advice:
        """Return how many requests of the ticket's job there are, at all proxies, and how many keep its share busy."""
        jobs, under_way = self.queue.active_jobs(ticket.tenant, ticket.class_name), self.queue.under_way(ticket)
        if self._sharing.elsewhere:
            flows = self._sharing.active_elsewhere(ticket.class_name)
            share = self.queue.share(ticket.tenant, ticket.class_name, {tenant for tenant, _ in flows})
            jobs |= {job for tenant, job in flows if tenant == ticket.tenant}
            under_way += self._sharing.under_way_elsewhere(ticket)
        else:
            share = self.queue.share(ticket.tenant, ticket.class_name)
        slots = self._slots.count(ticket.pin)
        return Advice(under_way, max(2, round(2 * slots * share / max(1, len(jobs)))))

    def share_with_others(self, others: Sequence[Demand]) -> None:
        """Have what is this proxy's part of the backends' slots, and of each flow's, next to what others demand.

        Args:
            others: The demand of each other proxy; then `dispatch`.

        """
        weights = {name: tenant.weight for name, tenant in self._settings.tenants.items()}
        self._sharing.share_with_others(others, weights, self._settings.concurrency.per_worker)

    def pinned(self, now_s: float) -> frozenset[str]:
        """Return the versions that runs are pinned to here."""
        self._pinned_s = {pin: at_s for pin, at_s in self._pinned_s.items() if now_s - at_s < _PINNED_S}
        return frozenset[str]().union(*self._pinned_s)

    def needed_for(self, leaving: Backend, pinned: frozenset[str], going: frozenset[str] = frozenset()) -> list[str]:
        """Return those of these versions that a backend has, and no other one that is ready and stays.

        Args:
            leaving: The backend.
            pinned: Versions that runs are pinned to.
            going: Addresses of others that leave or are gone, which this proxy may not have noticed yet.

        """
        others = [
            one
            for one in self._slots.backends
            if one is not leaving and one.ready and not one.leaving and one.url not in going
        ]
        elsewhere = frozenset[str]().union(*(one.fingerprints for one in others))
        return sorted((pinned & leaving.fingerprints) - elsewhere)

    def load(self) -> Load:
        """Return what there is to do here, from which the wanted number of workers follows."""
        waiting = {name: self.queue.waiting_bytes(name) for name in CLASS_NAMES}
        return Load(waiting, self._slots.in_flight, self._done_bytes)

    def capacity(self) -> Capacity:
        """Return what the backends that are ready have."""
        steady = self._slots.steady(self._settings.concurrency.per_worker)
        return Capacity(self._slots.workers, steady, known=all(one.asked for one in self._slots.backends))

    def wait_s(self, tenant: str, class_name: ClassName) -> float | None:
        """Return how long a small request of the tenant's would wait now; None if nothing is known."""
        ticket = Ticket(tenant, "", 1, 0.0, class_name)
        return self._rate(ticket).seconds_for(self.queue.ahead_bytes(ticket))

    def _rate(self, arrival: Arrival | Ticket) -> DrainRate:
        """Return how fast the tenant's queue in that class is worked off, which depends on all that is queued."""
        return self._rates[arrival.tenant, arrival.class_name]

    def in_flight(self, tenant: str) -> int:
        """Return how many of a tenant's requests are at backends."""
        return self._slots.of_tenant(tenant)

    def _refusal(self, arrival: Arrival, quotas: Sequence[Quota], now_s: float, *, promised: bool) -> Refuse | None:
        if arrival.tenant in self.queue.paused:
            return Refuse("paused", 0, 0, _PAUSED_RETRY_AFTER_S)
        if arrival.tenant in self.budgets.tenants:
            spent = self.budgets.over(arrival.tenant, arrival.cost_bytes, now_s)
            if spent is not None:
                return _over_budget(spent, self.budgets.epoch_s(now_s))
        over = first_over(quotas, arrival.cost_bytes, int(now_s * _NS), promised=promised)
        if over is not None:
            return _over_quota(over)
        if self._slots.is_free(arrival.pin, now_s):
            return None
        held = Backlog() if promised else self._reservations.promised(arrival.tenant, arrival.class_name)
        queue, waiting = self._settings.queue, self.queue.of(arrival.tenant, arrival.class_name)
        # A request that comes back on time finds room, even if the queue was worked off more slowly than predicted.
        slack = 5 if promised else 4
        bounds = QueueBounds(queue.requests * slack // 4, queue.size_bytes * slack // 4, self._max_wait_s(arrival))
        refusal = over_queue(
            arrival.cost_bytes, waiting=waiting, promised=held, bounds=bounds, rate=self._rate(arrival)
        )
        if refusal is not None:
            return refusal
        ticket = Ticket(arrival.tenant, arrival.job, arrival.cost_bytes, now_s, arrival.class_name, arrival.pin)
        ahead_bytes = self.queue.ahead_bytes(ticket, held.size_bytes)
        return over_wait(
            ahead_bytes, max_wait_s=bounds.max_wait_s * (1.5 if promised else 1.0), rate=self._rate(arrival)
        )

    def _turned_away(self, arrival: Arrival, quotas: Sequence[Quota], refusal: Refuse, now_s: float) -> Refuse:
        """Return the refusal with the time to come back, and reserve what the request will need then."""
        if refusal.retry_after_s is None or refusal.cause in _UNRESERVED:
            return refusal
        due_s = now_s + max(refusal.retry_after_s, SHORTEST_RETRY_AFTER_S) * (1 + JITTER * self._chance())
        self._reservations.make(
            arrival.identity,
            flow=(arrival.tenant, arrival.class_name),
            cost_bytes=arrival.cost_bytes,
            quotas=quotas,
            now_s=now_s,
            due_s=due_s,
            refusal=refusal,
        )
        return replace(refusal, retry_after_s=min(due_s - now_s, LONGEST_PROMISE_S))

    def _too_early(self, reservation: Reservation, now_s: float) -> Refuse:
        """Repeat the refusal with the time that is left, which is bounded however deep the queue is."""
        return replace(reservation.refusal, retry_after_s=min(reservation.due_s - now_s, LONGEST_PROMISE_S))

    def _end(self, lease: Lease, now_s: float, *, failed: bool, learn: bool) -> None:
        ticket = lease.ticket
        self._slots.release(lease, now_s, failed=failed, learn=learn)
        self.queue.finish(ticket)
        if learn and not failed:
            self._done_bytes += ticket.cost_bytes
        backlogged = self.queue.requests > 0 and self.queue.of(ticket.tenant, ticket.class_name).requests > 0
        self._rate(ticket).finished(ticket.cost_bytes, now_s, backlogged=backlogged)
        stay_s = now_s - ticket.arrived_s
        for quota in ticket.quotas:
            quota.release(stay_s)

    def _late(self, ticket: Ticket, cause: Cause, waited_s: float) -> Refuse:
        after_s = retry_after_s(self.queue.ahead_bytes(ticket), self._rate(ticket), self._chance())
        bound_s = ticket.max_wait_s if cause == "waited" else 2 * self._codels[ticket.class_name].target_s
        return Refuse(cause, waited_s, bound_s, after_s)

    def _settle(self, ticket: Ticket) -> None:
        """Refund a request that was not served."""
        self.budgets.give_back(ticket.tenant, ticket.cost_bytes, ticket.arrived_s)
        for quota in ticket.quotas:
            quota.give_back(ticket.cost_bytes)
            quota.release(None)

    @property
    def _extra_slots(self) -> int:
        return self._settings.classes.interactive.extra_slots

    def _max_wait_s(self, arrival: Arrival) -> float:
        most_s = self._classes[arrival.class_name].max_wait_s
        return most_s if arrival.wait_s is None else min(most_s, arrival.wait_s)


def _over_budget(spent: Spent, epoch_s: float) -> Refuse:
    cause: Cause = "budget_day" if spent.kind == "day" else "budget_month"
    return Refuse(cause, spent.value, spent.bound, max(0.0, spent.ends_s - epoch_s), "tenant", spent.ends_s)


def _over_quota(over: Over) -> Refuse:
    return Refuse(over.kind, over.value, over.bound, over.wait_s, over.scope)
