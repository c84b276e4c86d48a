"""Plays a workload against the proxy's own deciding modules on a virtual clock: an hour in seconds.

The traffic is the real one, with its limits, queue, admission and balancer. What is made up is what surrounds it: the
callers (closed-loop tasks, interactive requests by chance), the backends, and the store of several proxies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from nlpbatch.errors import NlpbatchError, Overloaded
from nlpbatch.wire.advice import Advice
from proxy.config import ProxySettings
from proxy.planning.calls import SimulatedCall, Tally
from proxy.planning.failed_calls import FailedCalls, error_of
from proxy.planning.job_player import JobPlayer
from proxy.planning.simulated_backend import SimulatedBackend, Timeline
from proxy.planning.simulated_proxy import SimulatedProxy, World
from proxy.planning.simulated_scaler import SimulatedScaler
from proxy.planning.simulated_store import SimulatedStore
from proxy.planning.workloads import FaultWork, InteractiveWork, Workload
from proxy.traffic.admission import Refuse
from proxy.traffic.retries import Failure, Outcome
from proxy.traffic.ticket import Arrival, ClassName, Ticket

_SAMPLE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ProxyLoad:
    """What one proxy had to do.

    Args:
        requests_per_s: Requests that came in, those that were refused included.
        most_waiting: Requests that waited at a time, at the most.

    """

    requests_per_s: float
    most_waiting: int


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a simulation ends with."""

    duration_s: float
    tallies: dict[tuple[str, ClassName], Tally]
    utilisation: float
    """Part of all workers' time in which they were busy."""
    proxies: tuple[ProxyLoad, ...]
    scaling: tuple[tuple[float, int, int], ...] = ()
    """With a scaler: whenever one changed, the time, the workers that there were, and those that were wanted."""


class Simulation:
    """One workload against one configuration.

    Args:
        settings: The proxy's; its backends are replaced by the workload's.
        workload: What to play.

    Raises:
        ValueError: The workload has tenants that the configuration doesn't know.

    """

    def __init__(self, settings: ProxySettings, workload: Workload) -> None:
        unknown = sorted(workload.tenants() - settings.tenants.keys())
        if unknown:
            raise ValueError(f"the workload has tenants {', '.join(unknown)} that the configuration doesn't know")
        self._settings, self._workload = settings, workload
        self._random = Random(workload.seed)  # noqa: S311  (a simulation is to be repeatable)
        self._timeline = Timeline()
        self._served = [
            SimulatedBackend(kind, self._timeline, self._random)
            for kind in workload.backends
            for _ in range(kind.replicas)
        ]
        names = [str(number) for number in range(workload.proxies.count)]
        self._store = SimulatedStore(names) if len(names) > 1 else None
        world = World(self._served, self, self._timeline, self._random, self._store)
        self._proxies = [SimulatedProxy(name, settings, world) for name in names]
        self._scaler = None
        if workload.scaler is not None:
            kind = workload.backends[0]
            self._scaler = SimulatedScaler(workload.scaler, kind, settings.scaling, self._proxies, world)
        self._tallies: dict[tuple[str, ClassName], Tally] = {}
        self._names = 0

    def run(self) -> SimulationResult:
        """Play it to the end."""
        workload = self._workload
        for fault in workload.faults:
            self._plan_fault(fault)
        for proxy in self._proxies:
            proxy.start()
        for job in workload.batch:
            self._timeline.after(job.start_s, JobPlayer(self, job).start)
        for work in workload.interactive:
            self._timeline.after(work.start_s, partial(self._call_interactively, work))
        if self._scaler is not None:
            self._scaler.start()
        self._timeline.run(workload.duration_s)
        end_s = workload.duration_s
        workers_s = sum(
            served.kind.workers * ((end_s if served.left_s is None else served.left_s) - served.joined_s)
            for served in self._served
        )
        utilisation = sum(served.busy_s for served in self._served) / workers_s
        loads = tuple(ProxyLoad(proxy.arrived / workload.duration_s, proxy.most_waiting) for proxy in self._proxies)
        steps = () if self._scaler is None else tuple(self._scaler.steps)
        return SimulationResult(workload.duration_s, self._tallies, min(1.0, utilisation), loads, steps)

    def call(
        self,
        tenant: str,
        job: str,
        class_name: ClassName,
        size_bytes: int,
        answered: Callable[[Ticket | None], None],
        *,
        on_retry: Callable[[NlpbatchError], None] = lambda _: None,
        home: int | None = None,
    ) -> None:
        """Send a request until it is answered or its client gives it up; a refused person comes back once only."""
        self._names += 1
        key_id = self._settings.tenants[tenant].keys[0].partition(":")[0]
        arrival = Arrival(tenant, key_id, job, class_name, max(size_bytes, 1024), self._names)
        tally = self._tallies.setdefault((tenant, class_name), Tally())
        failures = FailedCalls(self._timeline.now_s)
        patient = class_name == "batch"
        self._send(
            SimulatedCall(arrival, tally, answered, patient=patient, failures=failures, on_retry=on_retry, home=home)
        )

    def advice(self, request: Ticket) -> Advice:
        """Return what the proxies advise the request's job; each of them knows what it has at all."""
        return self._proxies[0].traffic.advice(request)

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen so much later."""
        self._timeline.after(delay_s, act)

    def now_s(self) -> float:
        """Return the simulation's time."""
        return self._timeline.now_s

    def answered(self, call: SimulatedCall, ticket: Ticket) -> None:
        """Count an answer, and let its caller go on."""
        tally, second, size_bytes = call.tally, int(self._timeline.now_s / _SAMPLE_S), call.arrival.cost_bytes
        tally.answered += 1
        tally.size_bytes += size_bytes
        tally.bytes_by_second[second] = tally.bytes_by_second.get(second, 0) + size_bytes
        job = call.arrival.job
        tally.bytes_by_job[job] = tally.bytes_by_job.get(job, 0) + size_bytes
        call.answered(ticket)

    def refused(self, call: SimulatedCall, refusal: Refuse) -> None:
        """Let the caller come back when the Retry-After says; an interactive one does so once."""
        call.tally.refused += 1
        call.refused += 1
        if refusal.retry_after_s is None or (call.refused > 1 and not call.patient):
            call.answered(None)
            return
        call.on_retry(Overloaded("the proxy has refused it"))
        first = call.refused == 1
        self._timeline.after(refusal.retry_after_s, lambda: self._send(call, first_return=first))

    def failed(self, call: SimulatedCall, outcome: Outcome) -> None:
        """Let the caller send again by its client's policy, or give up."""
        call.tally.failed += 1
        now_s = self._timeline.now_s
        error = error_of(outcome, now_s)
        delay_s = call.failures.delay_s(error, attempt=call.sent, now_s=now_s, chance=self._random.random())
        if delay_s is None:
            call.tally.given_up += 1
            call.answered(None)
        else:
            call.on_retry(error)
            self._timeline.after(delay_s, lambda: self._send(call))

    def _send(self, call: SimulatedCall, *, first_return: bool = False) -> None:
        call.sent += 1
        proxy = self._proxy(call.home)
        if proxy is None:
            self.failed(call, Failure.NOT_CONNECTED)
            return
        ticket = proxy.send(call)
        if first_return:
            call.tally.first_tries_back += 1
            call.tally.let_in_at_once += not isinstance(ticket, Refuse)
        if isinstance(ticket, Refuse):
            self.refused(call, ticket)

    def home(self) -> int:
        """Return the proxy that a client begins with, by chance."""
        shares = self._workload.proxies.shares or [1.0] * len(self._proxies)
        return self._random.choices(range(len(shares)), shares)[0] if len(shares) > 1 else 0

    def _proxy(self, home: int | None) -> SimulatedProxy | None:
        """Return the proxy that a request comes in at, None if all are down."""
        chosen = self._proxies[self.home() if home is None else home]
        if chosen.up:
            return chosen
        shares = self._workload.proxies.shares or [1.0] * len(self._proxies)
        up = [(proxy, share) for proxy, share in zip(self._proxies, shares, strict=True) if proxy.up and share > 0]
        if not up:
            return next((proxy for proxy in self._proxies if proxy.up), None)
        (chosen,) = self._random.choices([proxy for proxy, _ in up], [share for _, share in up])
        return chosen

    def _call_interactively(self, work: InteractiveWork) -> None:
        end_s = work.end_s if work.end_s is not None else self._workload.duration_s
        if self._timeline.now_s >= end_s:
            return
        self.call(work.tenant, "", "interactive", work.request_bytes, lambda _: None)
        self._timeline.after(self._random.expovariate(work.requests_per_s), lambda: self._call_interactively(work))

    def _plan_fault(self, fault: FaultWork) -> None:
        begin, end = self._fault(fault)
        self._timeline.after(fault.start_s, begin)
        self._timeline.after(fault.start_s + fault.duration_s, end)

    def _fault(self, fault: FaultWork) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return what happens at the beginning and at the end of a fault."""
        if fault.kind == "store_away":
            return partial(self._set_store, away=True), partial(self._set_store, away=False)
        if fault.kind == "proxy_down":
            proxy = self._proxies[fault.proxy]
            return partial(self._kill, proxy), proxy.restart
        return partial(_begin, self._served[fault.backend], fault), self._served[fault.backend].recover

    def _set_store(self, *, away: bool) -> None:
        if self._store is not None:
            self._store.away = away

    def _kill(self, proxy: SimulatedProxy) -> None:
        proxy.kill()
        if self._store is not None:
            self._timeline.after(self._settings.shared.alive_s, partial(self._miss, proxy))

    def _miss(self, proxy: SimulatedProxy) -> None:
        if self._store is not None and not proxy.up:
            self._store.lose(proxy.name)


def _begin(served: SimulatedBackend, fault: FaultWork) -> None:
    if fault.kind == "down":
        served.break_down()
    served.failing = fault.fraction if fault.kind == "failing" else 0.0
    served.failure_s = fault.failure_s
    served.slowness = fault.factor if fault.kind == "slow" else 1.0
