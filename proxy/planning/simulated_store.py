"""The store that several simulated proxies share: their leases, and what is asked for at each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from proxy.traffic.demand import Demand
from proxy.traffic.lease_bucket import LeaseBucket
from proxy.traffic.leased_quota import LeasedQuota

_NS = 1_000_000_000


@dataclass(slots=True)
class SimulatedStore:
    """Answers at once, or is away.

    Args:
        proxies: The names of all proxies.

    """

    proxies: Sequence[str]
    away: bool = False
    alive: set[str] = field(default_factory=set)
    _buckets: defaultdict[tuple[str, str], LeaseBucket] = field(default_factory=lambda: defaultdict(LeaseBucket))
    _demands: dict[str, Demand] = field(default_factory=dict)

    def exchange(self, proxy: str, quotas: Iterable[LeasedQuota], now_s: float) -> None:
        """Exchange the leases of a proxy that are due, or divide its limits while the store is away."""
        now_ns = int(now_s * _NS)
        for quota in quotas:
            if self.away:
                quota.divide(len(self.alive), sorted(self.alive).index(proxy), now_ns)
            elif quota.is_due(now_ns):
                report = quota.report(now_ns)
                bucket = self._buckets[quota.scope, quota.name]
                quota.settle(report, bucket.exchange(proxy, report, now_ns // 1000, self.alive), now_ns)

    def demands(self, proxy: str, own: Demand) -> list[Demand]:
        """Say what is asked for at a proxy; return what is asked for at the others, as far as that is known."""
        if self.away:
            return [own] * (len(self.alive) - 1)
        self._demands[proxy] = own
        return [demand for name, demand in self._demands.items() if name != proxy and name in self.alive]

    def lose(self, proxy: str) -> None:
        """Forget a proxy that has been silent for too long."""
        self.alive.discard(proxy)
