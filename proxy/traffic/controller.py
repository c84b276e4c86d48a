"""The proxy's decisions as one whole: what may come in, who is next, which backend. Pure: the time is an argument.

    arrive ──> Refuse
       └─────> Ticket, waiting ──dispatch──> Passed, at a backend ──> finish
                   ├── leave (hung up), expire ──> gone
                   └──dispatch──> Dropped (waited too long while nothing moves)

The gate runs this for real requests, the simulator on a virtual clock.
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
    Bounds,
    Cause,
    Refuse,
    over_queue,
    over_wait,
    retry_after_s,
)
from proxy.traffic.balancer import Backend
from proxy.traffic.codel import Codel
from proxy.traffic.drain_rate import DrainRate
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.lease import Ask, Request
from proxy.traffic.pinning import stating
from proxy.traffic.quota import Over, Quota, charge_all, first_over
from proxy.traffic.quotas import Quotas
from proxy.traffic.reservations import Appointment, Appointments
from proxy.traffic.slots import Places
from proxy.traffic.ticket import ClassName, Ticket, Usage

_NS = 1_000_000_000
_PAUSED_RETRY_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Passed:
    """A request whose turn has come; its backend is in it."""

    request: Request


@dataclass(frozen=True, slots=True)
class Dropped:
    """A request that waited for too long."""

    request: Request
    refusal: Refuse


class Traffic:
    """Everything that a request is decided by.

    Args:
        settings: The configuration; `adopt` exchanges it.
        backends: Those that may be used; the caller may exchange the list.
        chance: Returns a random number in [0, 1).
        choose: Returns a random number in [0, n).

    """

    def __init__(
        self,
        settings: ProxySettings,
        backends: Sequence[Backend],
        *,
        chance: Callable[[], float],
        choose: Callable[[int], int],
    ) -> None:
        self.queue = FairQueue({})
        self._rates: defaultdict[tuple[str, ClassName], DrainRate] = defaultdict(DrainRate)
        self.quotas = Quotas()
        self._chance = chance
        self._appointments = Appointments()
        self._places = Places(backends, self.queue, choose)
        self._codels: dict[ClassName, Codel] = {}
        self.adopt(settings)

    def adopt(self, settings: ProxySettings) -> None:
        """Decide by these settings from now on; what waits stays, and what quotas have counted."""
        self._settings = settings
        classes = settings.classes
        self._classes: dict[ClassName, ClassSettings] = {"interactive": classes.interactive, "batch": classes.batch}
        weights = {name: tenant.weight for name, tenant in settings.tenants.items()}
        self.queue.set_weights(weights, {name: class_.weight for name, class_ in self._classes.items()})
        self.quotas.adopt(settings)
        for name, class_ in self._classes.items():
            codel = self._codels.setdefault(name, Codel(class_.target_delay_s, class_.interval_s))
            codel.target_s, codel.interval_s = class_.target_delay_s, class_.interval_s

    def pause(self, tenant: str, *, paused: bool) -> None:
        """Let nothing of a tenant's through any more, or again; what waits stays until its time is over."""
        others = {name for name in self.queue.paused if name != tenant}
        self.queue.paused = frozenset(others | {tenant} if paused else others)

    def arrive(self, ask: Ask, now_s: float) -> Request | Refuse:
        """Return the request, waiting for its turn, or why it is refused; then `dispatch`."""
        quotas = self.quotas.of(ask.tenant, ask.key_id)
        appointment = self._appointments.of(ask.who, now_s)
        if appointment is not None and not self._appointments.is_due(appointment, now_s):
            return self._too_early(appointment, now_s)
        refusal = self._refusal(ask, quotas, now_s, promised=appointment is not None)
        if appointment is not None:
            self._appointments.keep(appointment)
        if refusal is not None:
            # Who was promised and finds no room goes behind the others who were.
            refusal = refusal if appointment is None else self._refusal(ask, quotas, now_s, promised=False) or refusal
            return self._turned_away(ask, quotas, refusal, now_s)
        charge_all(quotas, ask.cost_bytes, int(now_s * _NS))
        wait_s = self._max_wait_s(ask)
        request = Request(ask.tenant, ask.job, ask.cost_bytes, now_s, ask.class_name, ask.pin, quotas, wait_s)
        self.queue.push(request)
        return request

    def dispatch(self, now_s: float) -> list[Passed | Dropped]:
        """Return those whose turn has come, in order; to be called after anything has changed."""
        steps: list[Passed | Dropped] = []
        while self.queue.usage.requests and (next_ := self._places.next(now_s, self._extra_places)) is not None:
            backend, request = next_
            waited_s = now_s - request.arrived_s
            if self._codels[request.class_name].drops(waited_s, now_s):
                self.queue.finish(request)
                self._settle(request, None)
                steps.append(Dropped(request, self._late(request, "delay", waited_s)))
                continue
            self._places.occupy(request, backend, now_s)
            steps.append(Passed(request))
        return steps

    def finish(self, request: Request, now_s: float, *, failed: bool = False, learn: bool = True) -> None:
        """Count the end of a request that was at a backend.

        Args:
            request: Which.
            now_s: Now.
            failed: Whether it ended in a 5xx or a timeout.
            learn: Whether its time says something of the backend; not if its caller hung up.

        """
        self._places.vacate(request, now_s, failed=failed, learn=learn)
        self.queue.finish(request)
        backlogged = self.queue.of(request.tenant, request.class_name).requests > 0
        self._rate(request).finished(request.cost_bytes, now_s, backlogged=backlogged)
        for quota in request.quotas:
            quota.release(now_s - request.arrived_s)

    def move(self, request: Request, now_s: float, *, but: Sequence[Backend] = (), learn: bool = True) -> bool:
        """Exchange the place for one at another backend; return whether there was one.

        Args:
            request: Which.
            now_s: Now.
            but: Backends that are not to be tried.
            learn: Whether the backend that it leaves has failed.

        """
        return self._places.move(request, now_s, but=but, learn=learn, extra=self._extra_places)

    def serves_elsewhere(self, request: Request, but: Sequence[Backend]) -> bool:
        """Return whether another backend than these states the version that the request is pinned to."""
        return any(backend not in but for backend in stating(request.pin, self._places.backends))

    def leave(self, request: Request) -> None:
        """Take out a request that waits: its caller hung up."""
        if self.queue.remove(request):
            self._settle(request, None)

    def expire(self, request: Request, now_s: float) -> Refuse:
        """Take out a request that has waited as long as it may, and return what to tell its caller."""
        self.leave(request)
        return self._late(request, "waited", now_s - request.arrived_s)

    def advice(self, request: Request) -> Advice:
        """Return how many requests of the request's job are here, and how many would keep its share busy."""
        places = self._places.count(request.pin)
        jobs = max(1, self.queue.active_jobs(request.tenant, request.class_name))
        wanted = 2 * places * self.queue.share(request.tenant, request.class_name) / jobs
        return Advice(self.queue.under_way(request), max(2, round(wanted)))

    def wait_s(self, tenant: str, class_name: ClassName) -> float | None:
        """Return how long a small request of the tenant's would wait now; None if nothing is known."""
        ticket = Ticket(tenant, "", 1, 0.0, class_name)
        return self._rate(ticket).seconds_for(self.queue.ahead_bytes(ticket))

    def _rate(self, ask: Ask | Ticket) -> DrainRate:
        """Return how fast what waits of the tenant's class is worked off, which its share and the others decide."""
        return self._rates[ask.tenant, ask.class_name]

    def in_flight(self, tenant: str) -> int:
        """Return how many of a tenant's requests are at backends."""
        return self._places.of_tenant(tenant)

    def _refusal(self, ask: Ask, quotas: Sequence[Quota], now_s: float, *, promised: bool) -> Refuse | None:
        if ask.tenant in self.queue.paused:
            return Refuse("paused", 0, 0, _PAUSED_RETRY_AFTER_S)
        over = first_over(quotas, ask.cost_bytes, int(now_s * _NS), promised=promised)
        if over is not None:
            return _over_quota(over)
        if self._places.is_free(ask.pin, now_s):
            return None
        held = Usage() if promised else self._appointments.promised(ask.tenant, ask.class_name)
        queue, waiting = self._settings.queue, self.queue.of(ask.tenant, ask.class_name)
        # Who comes as told to finds room, even if the work went slower than it seemed it would.
        slack = 5 if promised else 4
        bounds = Bounds(queue.requests * slack // 4, queue.size_bytes * slack // 4, self._max_wait_s(ask))
        refusal = over_queue(ask.cost_bytes, waiting=waiting, promised=held, bounds=bounds, rate=self._rate(ask))
        if refusal is not None:
            return refusal
        ticket = Ticket(ask.tenant, ask.job, ask.cost_bytes, now_s, ask.class_name, ask.pin)
        ahead_bytes = self.queue.ahead_bytes(ticket, held.size_bytes)
        return over_wait(ahead_bytes, max_wait_s=bounds.max_wait_s * (1.5 if promised else 1.0), rate=self._rate(ask))

    def _turned_away(self, ask: Ask, quotas: Sequence[Quota], refusal: Refuse, now_s: float) -> Refuse:
        """Say when to come back, and hold what the request will need then."""
        if refusal.retry_after_s is None or refusal.cause == "paused":
            return refusal
        due_s = now_s + max(refusal.retry_after_s, SHORTEST_RETRY_AFTER_S) * (1 + JITTER * self._chance())
        self._appointments.make(
            ask.who,
            flow=(ask.tenant, ask.class_name),
            cost_bytes=ask.cost_bytes,
            quotas=quotas,
            now_s=now_s,
            due_s=due_s,
            refusal=refusal,
        )
        return replace(refusal, retry_after_s=min(due_s - now_s, LONGEST_PROMISE_S))

    def _too_early(self, appointment: Appointment, now_s: float) -> Refuse:
        """Say the same again; Retry-After is never as long as a very deep queue is."""
        return replace(appointment.refusal, retry_after_s=min(appointment.due_s - now_s, LONGEST_PROMISE_S))

    def _late(self, request: Request, cause: Cause, waited_s: float) -> Refuse:
        after_s = retry_after_s(self.queue.ahead_bytes(request), self._rate(request), self._chance())
        bound_s = request.max_wait_s if cause == "waited" else 2 * self._codels[request.class_name].target_s
        return Refuse(cause, waited_s, bound_s, after_s)

    def _settle(self, request: Request, stay_s: float | None) -> None:
        """Give back what a request was charged that was not served."""
        for quota in request.quotas:
            quota.give_back(request.cost_bytes)
            quota.release(stay_s)

    @property
    def _extra_places(self) -> int:
        return self._settings.classes.interactive.extra_places

    def _max_wait_s(self, ask: Ask) -> float:
        most_s = self._classes[ask.class_name].max_wait_s
        return most_s if ask.wait_s is None else min(most_s, ask.wait_s)


def _over_quota(over: Over) -> Refuse:
    return Refuse(over.kind, over.value, over.bound, over.wait_s, over.scope)
