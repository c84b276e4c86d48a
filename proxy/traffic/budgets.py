"""What a tenant may send in a UTC day and in a calendar month, at all proxies together. Pure.

What counts is the cost of admitted requests, as for quotas: answers that are repeated from the cache cost nothing, and
a request that leaves the queue without having been sent on is given back.

A proxy knows what it has admitted itself, and what the others had when it last looked. While the store answers, a
request passes if both together leave room for it; so the total goes over a budget by what the others admit between two
looks, at most. When half of this proxy's part of what is left has gone since the last look, the next look is wanted at
once. While the store is away, each proxy admits its part of what was left: that divided by the proxies.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.config import BudgetSettings, ProxySettings
from proxy.traffic.calendar import Period, PeriodKind, period_at

KINDS: Final[tuple[PeriodKind, ...]] = ("day", "month")
_BACKWARDS_S: Final = 3600.0
"""A clock that was set back by less stays in the period that has begun."""


@dataclass(frozen=True, slots=True)
class Spent:
    """A budget that has no room for a request.

    Args:
        kind: Which.
        value: Bytes that it would have made.
        bound: Bytes that may be sent, at this proxy if they are divided.
        ends_s: When the next period begins, in seconds since the epoch.

    """

    kind: PeriodKind
    value: int
    bound: int
    ends_s: int


class Budget:
    """A tenant's budget for days, or for months.

    Args:
        kind: Which of the two.
        epoch_s: Seconds since the epoch.

    """

    def __init__(self, kind: PeriodKind, epoch_s: float) -> None:
        self.kind: PeriodKind = kind
        self.limit_bytes: int | None = None
        self.period: Period = period_at(kind, epoch_s)
        self.own_bytes = 0
        """Admitted by this proxy in the period."""
        self.own_known_bytes = 0
        """What of it the others knew at the last look."""
        self.others_bytes = 0
        """Admitted by the others, as of the last look."""

    @property
    def used_bytes(self) -> int:
        """Return what is known to be used."""
        return self.own_bytes + self.others_bytes

    @property
    def left_bytes(self) -> int | None:
        """Return what may still be sent; None if it isn't limited."""
        return None if self.limit_bytes is None else max(0, self.limit_bytes - self.used_bytes)

    def roll(self, epoch_s: float) -> None:
        """Begin the period that a time is in, unless it has begun."""
        if self.period.start_s - _BACKWARDS_S <= epoch_s < self.period.end_s:
            return
        self.period = period_at(self.kind, epoch_s)
        self.own_bytes = self.own_known_bytes = self.others_bytes = 0

    def bound_bytes(self, divided_by: int) -> int | None:
        """Return how far `used_bytes` may go at this proxy; None for any distance.

        Args:
            divided_by: Proxies that share what was left at the last look; 1 for what is left as a whole.

        """
        if self.limit_bytes is None:
            return None
        known = self.others_bytes + self.own_known_bytes
        return known + max(0, self.limit_bytes - known) // divided_by

    def saw(self, period: Period, own_bytes: int, others_bytes: int) -> None:
        """Note what a look has found, if it was for this period.

        Args:
            period: For which it was.
            own_bytes: What the others knew of it.
            others_bytes: What they have admitted.

        """
        if period == self.period:
            self.own_known_bytes, self.others_bytes = own_bytes, others_bytes


class Budgets:
    """The budgets of all tenants that have one; what they have counted survives another configuration.

    Args:
        epoch_offset_s: Returns the time, in seconds since the epoch, at which the clock of `now_s` was 0.

    """

    def __init__(self, epoch_offset_s: Callable[[], float]) -> None:
        self._offset_s = epoch_offset_s
        self.tenants: dict[str, tuple[Budget, ...]] = {}
        """The tenants that have any; requests of others needn't ask."""
        self.proxies = 1
        """Among how many what is left is divided while nobody can look."""
        self.divided = False
        """Whether it is."""
        self.on_low: Callable[[], None] | None = None
        """Called when another look is wanted at once."""

    def adopt(self, settings: ProxySettings) -> None:
        """Limit by these settings from now on."""
        stated = {name: tenant.budget for name, tenant in settings.tenants.items() if tenant.budget != BudgetSettings()}
        for name in self.tenants.keys() - stated.keys():
            del self.tenants[name]
        for name, budget in stated.items():
            found = self.tenants.setdefault(name, tuple(Budget(kind, 0.0) for kind in KINDS))
            for one, limit_bytes in zip(found, (budget.bytes_per_day, budget.bytes_per_month), strict=True):
                one.limit_bytes = limit_bytes

    @property
    def divided_by(self) -> int:
        """Return among how many proxies what is left is divided now: 1 while they know of each other."""
        return self.proxies if self.divided else 1

    def epoch_s(self, now_s: float) -> float:
        """Return a time in seconds since the epoch."""
        return now_s + self._offset_s()

    def of(self, tenant: str, now_s: float) -> tuple[Budget, ...]:
        """Return a tenant's budgets for this day and this month; none if it has none."""
        found = self.tenants.get(tenant, ())
        if found:
            epoch_s = self.epoch_s(now_s)
            for budget in found:
                budget.roll(epoch_s)
        return found

    def all(self, now_s: float) -> Iterator[tuple[str, Budget]]:
        """Yield all budgets with their tenants."""
        for tenant in self.tenants:
            for budget in self.of(tenant, now_s):
                yield tenant, budget

    def over(self, tenant: str, cost_bytes: int, now_s: float) -> Spent | None:
        """Return the budget that has no room for a request, of two the month's; None if all have."""
        spent = None
        for budget in self.of(tenant, now_s):
            bound = budget.bound_bytes(self.divided_by)
            if bound is not None and budget.used_bytes + cost_bytes > bound:
                spent = Spent(budget.kind, budget.used_bytes + cost_bytes, bound, budget.period.end_s)
        return spent

    def charge(self, tenant: str, cost_bytes: int, now_s: float) -> None:
        """Count an admitted request; check it first."""
        low = False
        for budget in self.of(tenant, now_s):
            budget.own_bytes += cost_bytes
            bound = budget.bound_bytes(2 * self.proxies)
            low = low or (bound is not None and budget.used_bytes > bound)
        if low and self.on_low is not None:
            self.on_low()

    def give_back(self, tenant: str, cost_bytes: int, charged_s: float) -> None:
        """Undo the charge for a request that was not sent on after all, unless its day or month is over."""
        charged_at_s = self.epoch_s(charged_s)
        for budget in self.tenants.get(tenant, ()):
            if charged_at_s >= budget.period.start_s:
                budget.own_bytes = max(0, budget.own_bytes - cost_bytes)
