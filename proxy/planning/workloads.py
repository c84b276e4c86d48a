"""What a simulation plays, from a TOML file: batch jobs, interactive callers, backends and faults."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class JobWork(Settings):
    """A job: tasks that each keep some requests under way, and send the next when one is answered.

    A request that fails is sent again by the client's retry policy.
    """

    tenant: _Name
    name: _Name
    tasks: int = Field(1, ge=1, le=100_000)
    in_flight: int = Field(2, ge=1, le=1000)
    """Requests under way, for each task."""
    request_bytes: int = Field(64 * KIB, ge=1, le=64 * MIB)
    start_s: float = Field(0.0, ge=0)
    size_bytes: int | None = Field(None, ge=1)
    """What it has to send in all; it goes on to the end if left out."""
    end_s: float | None = Field(None, gt=0)
    """When it begins no other request; it goes on until all is sent if left out."""
    think_s: float = Field(0.002, ge=0)
    """Between an answer and the next request."""
    task_bytes: int | None = Field(None, ge=1)
    """What a task has to send before another one takes its place, as where a Spark stage has more tasks than cores; if
    left out, all of them go on as long as the job."""
    task_gap_s: float = Field(0.5, ge=0)
    """From a task's last answer to the first request of the one that takes its place."""
    follows_advice: bool = True
    """Whether its tasks send fewer requests when the proxy says so or refuses some, as the Spark client does."""
    stays: bool = True
    """Whether each task's client stays with one of several proxies, as the product's own does; else each request comes
    in at any of them, as behind a load balancer that knows no connections."""


class InteractiveWork(Settings):
    """Interactive calls that arrive by chance, at a mean rate.

    One that is refused comes back once; one that fails is sent again by the client's retry policy.
    """

    tenant: _Name
    requests_per_s: float = Field(1.0, gt=0, le=100_000)
    request_bytes: int = Field(300, ge=1, le=64 * MIB)
    start_s: float = Field(0.0, ge=0)
    end_s: float | None = Field(None, gt=0)


class BackendWork(Settings):
    """API replicas of one kind."""

    replicas: int = Field(1, ge=1, le=1000)
    workers: int = Field(8, ge=1, le=1024)
    base_s: float = Field(0.001, ge=0, le=60)
    """What a request takes of a worker apart from its text."""
    round_trip_s: float = Field(0.0, ge=0, le=60)
    """Time on the way to a worker and back: it holds a slot, but no worker."""
    bytes_per_s: float = Field(200_000.0, gt=0)
    """Text that one worker analyses in a second."""
    document_s: float = Field(0.001, ge=0, le=60)
    """What one document of a job's takes: interactive requests go first between two of them."""
    spread: float = Field(0.1, ge=0, le=2)
    """Standard deviation of the logarithm of the time that a request takes."""


class ProxiesWork(Settings):
    """The proxies, which share a store if there are several."""

    count: int = Field(1, ge=1, le=100)
    shares: list[Annotated[float, Field(ge=0)]] | None = None
    """Which part of the requests comes in at each, as weights; without it, alike."""

    @model_validator(mode="after")
    def _shares_for_all(self) -> Self:
        if self.shares is not None and (len(self.shares) != self.count or not sum(self.shares)):
            raise ValueError(
                f"shares has {len(self.shares)} weights for {self.count} proxies: give one above 0 for each"
            )
        return self


class ScalerWork(Settings):
    """Something that starts and ends replicas of the first kind of backend, as the proxies want."""

    period_s: float = Field(10.0, gt=0, le=3600)
    """How often it looks at what is wanted."""
    start_s: float = Field(30.0, ge=0, le=3600)
    """What a replica takes to start."""


class FaultWork(Settings):
    """Something that goes wrong for a time: at one backend, at one proxy, or with the store of several."""

    kind: Literal["down", "slow", "failing", "proxy_down", "store_away"]
    backend: int = Field(0, ge=0)
    """Counted from 0 over all replicas."""
    proxy: int = Field(0, ge=0)
    """Which one is down, counted from 0; for `proxy_down`."""
    start_s: float = Field(ge=0)
    duration_s: float = Field(gt=0)
    factor: float = Field(2.0, ge=1, le=1000)
    """How many times slower; for `slow`."""
    fraction: float = Field(1.0, gt=0, le=1)
    """Which part of its requests it answers with an error; for `failing`."""
    failure_s: float | None = Field(None, ge=0, le=3600)
    """Time from a request to its error, without a worker; if left out, errors come after the work. For `failing`."""


class Workload(Settings):
    """The whole file."""

    duration_s: float = Field(600.0, gt=0, le=7 * 24 * 3600)
    seed: int = 1
    batch: tuple[JobWork, ...] = ()
    interactive: tuple[InteractiveWork, ...] = ()
    backends: Annotated[list[BackendWork], Field(min_length=1)]
    faults: tuple[FaultWork, ...] = ()
    proxies: ProxiesWork = ProxiesWork()
    scaler: ScalerWork | None = None
    """Without one, the backends stay as they are."""

    @model_validator(mode="after")
    def _faults_have_proxies(self) -> Self:
        for fault in self.faults:
            if fault.kind == "proxy_down" and fault.proxy >= self.proxies.count:
                raise ValueError(
                    f"a fault is at proxy {fault.proxy}, there are 0 to {self.proxies.count - 1}: choose one"
                )
            if fault.kind == "store_away" and self.proxies.count == 1:
                raise ValueError("store_away with one proxy, which has no store: set proxies.count, or leave it out")
        return self

    @model_validator(mode="after")
    def _faults_have_backends(self) -> Self:
        count = sum(kind.replicas for kind in self.backends)
        for fault in self.faults:
            if fault.backend >= count:
                raise ValueError(f"a fault is at backend {fault.backend}, there are 0 to {count - 1}: choose one")
        if not self.batch and not self.interactive:
            raise ValueError("neither batch nor interactive work: add [[batch]] or [[interactive]]")
        return self

    def tenants(self) -> set[str]:
        """Return the tenants that send anything."""
        return {work.tenant for work in self.batch} | {work.tenant for work in self.interactive}
