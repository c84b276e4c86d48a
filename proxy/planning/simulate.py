"""Plays a workload against the proxy's own deciding modules on a virtual clock: an hour in seconds.

The traffic is the real one, with its limits, queue, admission and balancer. What is made up is what surrounds it: the
callers (closed-loop tasks, interactive requests by chance) and the backends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Final

from nlpbatch.wire.advice import Advice
from proxy.config import ProxySettings
from proxy.planning.failed_calls import FailedCalls
from proxy.planning.simulated_backend import SimulatedBackend, Timeline
from proxy.planning.workloads import FaultWork, InteractiveWork, JobWork, Workload
from proxy.traffic.admission import Refuse
from proxy.traffic.breaker import Breaker, Ejections, ejection_rule
from proxy.traffic.concurrency import new_limit
from proxy.traffic.controller import Dropped, TrafficController
from proxy.traffic.retries import Failure, Outcome, Retries, RetryBudget, TryAt
from proxy.traffic.slots import Backend
from proxy.traffic.ticket import Arrival, ClassName, Ticket

_SAMPLE_S: Final = 1.0
_ADVICE_S: Final = 0.5


@dataclass(slots=True)
class Tally:
    """What became of the requests of one tenant's class; `bytes_by_second[n]` were answered in second n."""

    answered: int = 0
    size_bytes: int = 0
    refused: int = 0
    failed: int = 0
    """Answers that were errors; the caller sends such a request again."""
    given_up: int = 0
    """Requests that their callers didn't send again after an error: a job then halves them."""
    first_tries_back: int = 0
    """Requests that came back as told to, for the first time."""
    let_in_at_once: int = 0
    """Those of them that weren't refused again."""
    waits_s: list[float] = field(default_factory=list)
    bytes_by_second: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a simulation ends with."""

    duration_s: float
    tallies: dict[tuple[str, ClassName], Tally]
    utilisation: float
    """Part of all workers' time in which they were busy."""


@dataclass(slots=True)
class _Call:
    """One logical request of a caller: sent until it is answered or given up."""

    arrival: Arrival
    tally: Tally
    answered: Callable[[Ticket | None], None]
    patient: bool
    failures: FailedCalls
    sent: int = 0
    refused: int = 0


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
        self._served: dict[Backend, SimulatedBackend] = {}
        ejections = Ejections(ejection_rule(settings.upstream))
        for kind in workload.backends:
            for _ in range(kind.replicas):
                url = f"http://simulated-{len(self._served)}"
                backend = Backend(url, new_limit(settings.concurrency), Breaker(ejections))
                self._served[backend] = SimulatedBackend(kind, self._timeline, self._random)
        self._traffic = TrafficController(
            settings, list(self._served), chance=self._random.random, choose=self._random.randrange
        )
        self._budget = RetryBudget(settings.upstream.retry_ratio, settings.upstream.retry_min)
        self._calls: dict[Ticket, _Call] = {}
        self._tallies: dict[tuple[str, ClassName], Tally] = {}
        self._names = 0

    def run(self) -> SimulationResult:
        """Play it to the end."""
        workload = self._workload
        for fault in workload.faults:
            self._plan_fault(fault)
        self._check_health()
        for job in workload.batch:
            self._timeline.after(job.start_s, _JobPlayer(self, job).start)
        for work in workload.interactive:
            self._timeline.after(work.start_s, partial(self._call_interactively, work))
        self._timeline.run(workload.duration_s)
        workers_s = sum(served.kind.workers for served in self._served.values()) * workload.duration_s
        utilisation = sum(served.busy_s for served in self._served.values()) / workers_s
        return SimulationResult(workload.duration_s, self._tallies, min(1.0, utilisation))

    def call(
        self,
        tenant: str,
        job: str,
        class_name: ClassName,
        size_bytes: int,
        answered: Callable[[Ticket | None], None],
    ) -> None:
        """Send a request until it is answered or its client gives it up; a refused person comes back once only."""
        self._names += 1
        key_id = self._settings.tenants[tenant].keys[0].partition(":")[0]
        arrival = Arrival(tenant, key_id, job, class_name, max(size_bytes, 1024), self._names)
        tally = self._tallies.setdefault((tenant, class_name), Tally())
        failures = FailedCalls(self._timeline.now_s)
        self._send(_Call(arrival, tally, answered, patient=class_name == "batch", failures=failures))

    def advice(self, request: Ticket) -> Advice:
        """Return what the proxy advises the request's job."""
        return self._traffic.advice(request)

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen so much later."""
        self._timeline.after(delay_s, act)

    def now_s(self) -> float:
        """Return the simulation's time."""
        return self._timeline.now_s

    def _send(self, call: _Call, *, first_return: bool = False) -> None:
        call.sent += 1
        request = self._traffic.arrive(call.arrival, self._timeline.now_s)
        if first_return:
            call.tally.first_tries_back += 1
            call.tally.let_in_at_once += not isinstance(request, Refuse)
        if isinstance(request, Refuse):
            self._refused(call, request)
            return
        self._calls[request] = call
        self._dispatch()
        if request in self._calls:
            self._timeline.after(request.max_wait_s, lambda: self._expire(request))

    def _dispatch(self) -> None:
        now_s = self._timeline.now_s
        for step in self._traffic.dispatch(now_s):
            if isinstance(step, Dropped):
                self._refused(self._calls.pop(step.ticket), step.refusal)
                continue
            call = self._calls.pop(step.ticket)
            call.tally.waits_s.append(step.waited_s)
            retries = Retries(self._traffic, self._budget, step, str(call.arrival.identity), now_s)
            self._attempt(step.ticket, retries, call)

    def _attempt(self, request: Ticket, retries: Retries, call: _Call) -> None:
        self._served[retries.backend].send(request, lambda outcome: self._attempted(request, retries, call, outcome))

    def _attempted(self, request: Ticket, retries: Retries, call: _Call, outcome: Outcome) -> None:
        if outcome is Failure.NOT_CONNECTED:
            retries.backend.ready = False  # until its next health check
        step = retries.after(outcome, self._timeline.now_s)
        if isinstance(step, TryAt):
            self._attempt(request, retries, call)
            self._dispatch()
            return
        self._dispatch()
        if outcome == HTTPStatus.OK:
            self._count(call)
            call.answered(request)
        else:
            self._failed(call, outcome)

    def _failed(self, call: _Call, outcome: Outcome) -> None:
        call.tally.failed += 1
        delay_s = call.failures.delay_s(
            outcome, attempt=call.sent, now_s=self._timeline.now_s, chance=self._random.random()
        )
        if delay_s is None:
            call.tally.given_up += 1
            call.answered(None)
        else:
            self._timeline.after(delay_s, lambda: self._send(call))

    def _count(self, call: _Call) -> None:
        tally, second = call.tally, int(self._timeline.now_s / _SAMPLE_S)
        tally.answered += 1
        tally.size_bytes += call.arrival.cost_bytes
        tally.bytes_by_second[second] = tally.bytes_by_second.get(second, 0) + call.arrival.cost_bytes

    def _expire(self, request: Ticket) -> None:
        call = self._calls.pop(request, None)
        if call is not None:
            self._refused(call, self._traffic.expire(request, self._timeline.now_s))

    def _refused(self, call: _Call, refusal: Refuse) -> None:
        call.tally.refused += 1
        call.refused += 1
        if refusal.retry_after_s is None or (call.refused > 1 and not call.patient):
            call.answered(None)
            return
        first = call.refused == 1
        self._timeline.after(refusal.retry_after_s, lambda: self._send(call, first_return=first))

    def _call_interactively(self, work: InteractiveWork) -> None:
        end_s = work.end_s if work.end_s is not None else self._workload.duration_s
        if self._timeline.now_s >= end_s:
            return
        self.call(work.tenant, "", "interactive", work.request_bytes, lambda _: None)
        self._timeline.after(self._random.expovariate(work.requests_per_s), lambda: self._call_interactively(work))

    def _check_health(self) -> None:
        for backend, served in self._served.items():
            backend.asked, backend.ready, backend.workers = True, not served.down, served.kind.workers
            backend.limit.stated(served.kind.workers)
        self._dispatch()
        self._timeline.after(self._settings.upstream.health_period_s, self._check_health)

    def _plan_fault(self, fault: FaultWork) -> None:
        served = list(self._served.values())[fault.backend]

        def begin() -> None:
            if fault.kind == "down":
                served.break_down()
            served.failing = fault.fraction if fault.kind == "failing" else 0.0
            served.failure_s = fault.failure_s
            served.slowness = fault.factor if fault.kind == "slow" else 1.0

        def end() -> None:
            served.down, served.failing, served.failure_s, served.slowness = False, 0.0, None, 1.0

        self._timeline.after(fault.start_s, begin)
        self._timeline.after(fault.start_s + fault.duration_s, end)


class _JobPlayer:
    """A job's tasks, which follow the proxy's advice together."""

    def __init__(self, simulation: Simulation, work: JobWork) -> None:
        self._simulation, self._work = simulation, work
        self._left_bytes = work.size_bytes
        self._under_way = 0
        self._most = self._window = work.tasks * work.in_flight
        self._advised_s = 0.0

    def start(self) -> None:
        """Send as much as the window allows."""
        while self._under_way < self._window and (self._left_bytes is None or self._left_bytes > 0):
            self._under_way += 1
            if self._left_bytes is not None:
                self._left_bytes -= self._work.request_bytes
            work = self._work
            self._simulation.call(work.tenant, work.name, "batch", work.request_bytes, self._answered)

    def _answered(self, request: Ticket | None) -> None:
        self._under_way -= 1
        if request is not None and self._work.follows_advice:
            self._follow(request)
        self._simulation.after(self._work.think_s, self.start)

    def _follow(self, request: Ticket) -> None:
        """Move towards the advice as all tasks together would: each by a quarter, no less than one request."""
        now_s = self._simulation.now_s()
        if now_s < self._advised_s + _ADVICE_S:
            return
        self._advised_s = now_s
        advice = self._simulation.advice(request)
        step = min(max(advice.wanted / max(advice.outstanding, 1), 0.8), 1.25)
        self._window = round(min(max(self._window * step, self._work.tasks), self._most))
