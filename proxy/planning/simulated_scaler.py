"""A scaler of a simulation: starts and ends replicas as the proxies want, by the rules of the running ones."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from proxy.config_service import ScalingSettings
from proxy.planning.simulated_backend import SimulatedBackend
from proxy.planning.simulated_proxy import SimulatedProxy, World
from proxy.planning.workloads import BackendWork, ScalerWork
from proxy.traffic.wanted_workers import WantedWorkers

_LOOK_S: Final = 1.0


class SimulatedScaler:
    """Adds replicas after their start-up time, and takes the latest ones out first.

    Args:
        work: How it scales.
        kind: What a replica is like.
        settings: Bounds, targets and windows.
        proxies: Those that state what there is to do, and that get the replicas.
        world: What is around them; replicas are added to its backends.

    """

    def __init__(
        self,
        work: ScalerWork,
        kind: BackendWork,
        settings: ScalingSettings,
        proxies: Sequence[SimulatedProxy],
        world: World,
    ) -> None:
        self._work, self._kind = work, kind
        self._wanted = WantedWorkers(settings)
        self._proxies, self._served = proxies, world.served
        self._timeline, self._random = world.timeline, world.random
        self._starting = 0
        self.steps: list[tuple[float, int, int]] = []
        """Whenever one of them changed: the time, the workers that there are, and those that are wanted."""

    def start(self) -> None:
        """Look from now on."""
        self._every(_LOOK_S, self._look)
        self._every(self._work.period_s, self._apply)

    def _every(self, period_s: float, act: Callable[[], None]) -> None:
        def again() -> None:
            act()
            self._timeline.after(period_s, again)

        self._timeline.after(period_s, again)

    def _look(self) -> None:
        up = [proxy for proxy in self._proxies if proxy.up]
        if not up:
            return
        loads = {proxy.name: proxy.traffic.load() for proxy in up}
        self._wanted.look(loads, up[0].traffic.capacity(), self._timeline.now_s)
        self._note()

    def _apply(self) -> None:
        latest = self._wanted.latest
        if latest is None or not latest.settled:
            return
        there = [one for one in self._served if one.left_s is None]
        missing = math.ceil(latest.workers / self._kind.workers) - len(there) - self._starting
        for _ in range(missing):
            self._starting += 1
            self._timeline.after(self._work.start_s, self._join)
        for one in reversed(there[len(there) + missing :] if missing < 0 else []):
            one.left_s = self._timeline.now_s
            for proxy in self._proxies:
                proxy.check_health()
        self._note()

    def _join(self) -> None:
        self._starting -= 1
        one = SimulatedBackend(self._kind, self._timeline, self._random, joined_s=self._timeline.now_s)
        self._served.append(one)
        for proxy in self._proxies:
            proxy.join(one)
        self._note()

    def _note(self) -> None:
        workers = sum(one.kind.workers for one in self._served if one.left_s is None)
        wanted = workers if self._wanted.latest is None else self._wanted.latest.workers
        if not self.steps or self.steps[-1][1:] != (workers, wanted):
            self.steps.append((self._timeline.now_s, workers, wanted))
