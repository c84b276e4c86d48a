"""One proxy of a simulation: the real traffic, before simulated backends."""

from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final, Protocol

from proxy.config import ProxySettings
from proxy.planning.calls import SimulatedCall
from proxy.planning.simulated_backend import SimulatedBackend, Timeline
from proxy.planning.simulated_store import SimulatedStore
from proxy.traffic.admission import Refuse
from proxy.traffic.breaker import Breaker, Ejections, ejection_rule
from proxy.traffic.concurrency import new_limit
from proxy.traffic.controller import Dropped, TrafficController
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import Quota
from proxy.traffic.retries import Failure, Outcome, Retries, RetryBudget, TryAt
from proxy.traffic.slots import Backend
from proxy.traffic.ticket import Ticket

_DEMANDS_S: Final = 0.1


class Callers(Protocol):
    """Those who send."""

    def answered(self, call: SimulatedCall, ticket: Ticket) -> None:
        """Take an answer."""
        ...

    def refused(self, call: SimulatedCall, refusal: Refuse) -> None:
        """Take a refusal."""
        ...

    def failed(self, call: SimulatedCall, outcome: Outcome) -> None:
        """Take an error, or the end of a connection."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What is around the proxies.

    Args:
        served: The backends.
        callers: Those who send.
        timeline: Where everything happens.
        random: The chance of all.
        store: What several proxies share; None for one that is alone.

    """

    served: list[SimulatedBackend]
    callers: Callers
    timeline: Timeline
    random: Random
    store: SimulatedStore | None


class SimulatedProxy:
    """A proxy; `start` it before use.

    Args:
        name: Its name among all.
        settings: Its configuration.
        world: What is around it.

    """

    def __init__(self, name: str, settings: ProxySettings, world: World) -> None:
        self.name = name
        self.up = True
        self.arrived = 0
        """Requests that came in, those that were refused included."""
        self.most_waiting = 0
        """Requests that waited here at a time, at the most."""
        self._settings, self._all, self._callers = settings, world.served, world.callers
        self._timeline, self._random, self._store = world.timeline, world.random, world.store
        self._lives = 0
        self._begin()

    def start(self) -> None:
        """Watch the backends, and exchange what is shared, from now on."""
        self._check_health_forever()
        if self._store is not None:
            self._exchange_forever()
            self._share_forever()

    def join(self, served: SimulatedBackend) -> None:
        """Use another backend from now on."""
        backend = self._backend(len(self._served), served)
        self._backends.append(backend)
        self.check_health()

    def kill(self) -> None:
        """Lose everything that is here: callers see their connections end."""
        self.up = False
        lost = [*self._waiting.values(), *self._under_way]
        self._lives += 1  # what was to happen here doesn't
        self._waiting.clear()
        self._under_way.clear()
        for call in lost:
            self._callers.failed(call, Failure.BROKEN_OFF)

    def restart(self) -> None:
        """Begin again, knowing nothing."""
        self.up = True
        self._begin()
        self.check_health()

    def send(self, call: SimulatedCall) -> Ticket | Refuse:
        """Take a request; return its ticket, or why it is refused."""
        now_s = self._timeline.now_s
        self.arrived += 1
        if self._store is not None and self.traffic.lacks_lease(call.arrival, now_s):
            self._exchange()
            self.traffic.lease_refreshed(call.arrival)
        ticket = self.traffic.arrive(call.arrival, now_s)
        if isinstance(ticket, Refuse):
            return ticket
        self._waiting[ticket] = call
        self._dispatch()
        if ticket in self._waiting:
            self.most_waiting = max(self.most_waiting, len(self._waiting))
            self._timeline.after(ticket.max_wait_s, lambda: self._expire(ticket))
        return ticket

    def _begin(self) -> None:
        settings = self._settings
        self._ejections = Ejections(ejection_rule(settings.upstream))
        self._served: dict[Backend, SimulatedBackend] = {}
        self._backends = [self._backend(number, served) for number, served in enumerate(self._all)]
        self.traffic = TrafficController(
            settings,
            self._backends,
            chance=self._random.random,
            choose=self._random.randrange,
            make_quota=Quota if self._store is None else LeasedQuota,
        )
        self._budget = RetryBudget(settings.upstream.retry_ratio, settings.upstream.retry_min)
        self._waiting: dict[Ticket, SimulatedCall] = {}
        self._under_way: dict[SimulatedCall, None] = {}
        if self._store is not None:
            self._store.alive.add(self.name)

    def _backend(self, number: int, served: SimulatedBackend) -> Backend:
        limit = new_limit(self._settings.concurrency)
        backend = Backend(f"http://simulated-{number}", limit, Breaker(self._ejections))
        self._served[backend] = served
        return backend

    def _dispatch(self) -> None:
        now_s = self._timeline.now_s
        for step in self.traffic.dispatch(now_s):
            call = self._waiting.pop(step.ticket)
            if isinstance(step, Dropped):
                self._callers.refused(call, step.refusal)
                continue
            call.tally.waits_s.append(step.waited_s)
            self._under_way[call] = None
            retries = Retries(self.traffic, self._budget, step, str(call.arrival.identity), now_s)
            self._attempt(step.ticket, retries, call)

    def _attempt(self, ticket: Ticket, retries: Retries, call: SimulatedCall) -> None:
        life = self._lives

        def attempted(outcome: Outcome) -> None:
            if life == self._lives:  # else it was for a proxy that was killed
                self._attempted(ticket, retries, call, outcome)

        self._served[retries.backend].send(ticket, attempted)

    def _attempted(self, ticket: Ticket, retries: Retries, call: SimulatedCall, outcome: Outcome) -> None:
        if outcome is Failure.NOT_CONNECTED:
            retries.backend.ready = False  # until its next health check
        step = retries.after(outcome, self._timeline.now_s)
        if isinstance(step, TryAt):
            self._attempt(ticket, retries, call)
            self._dispatch()
            return
        self._dispatch()
        self._under_way.pop(call, None)
        if outcome == HTTPStatus.OK:
            self._callers.answered(call, ticket)
        else:
            self._callers.failed(call, outcome)

    def _expire(self, ticket: Ticket) -> None:
        call = self._waiting.pop(ticket, None)
        if call is not None:
            self._callers.refused(call, self.traffic.expire(ticket, self._timeline.now_s))

    def check_health(self) -> None:
        """Ask all backends whether they are ready."""
        for backend, served in self._served.items():
            ready = not served.down and served.left_s is None
            backend.asked, backend.ready, backend.workers = True, ready, served.kind.workers
            backend.limit.stated(served.kind.workers)
        self._dispatch()

    def _check_health_forever(self) -> None:
        self.check_health()
        self._timeline.after(self._settings.upstream.health_period_s, self._check_health_forever)

    def _exchange_forever(self) -> None:
        if self.up:
            self._exchange()
        self._timeline.after(self._settings.shared.lease_period_s, self._exchange_forever)

    def _exchange(self) -> None:
        if self._store is not None:
            leased = (quota for quota in self.traffic.quotas if isinstance(quota, LeasedQuota))
            self._store.exchange(self.name, leased, self._timeline.now_s)

    def _share_forever(self) -> None:
        if self.up and self._store is not None:
            self.traffic.share_with_others(self._store.demands(self.name, self.traffic.queue.demand()))
            self._dispatch()
        self._timeline.after(_DEMANDS_S, self._share_forever)
