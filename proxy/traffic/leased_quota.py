"""A quota that several proxies share: each holds a lease of it, and decides within that by itself. Pure.

The shared store has the bucket: it fills at the quota's rate, up to its burst. Several times a second a proxy reports
what it has spent and states what it wants; the store gives what there is, and takes back what isn't wanted any more. So
a lease follows the demand, nothing is wasted however the load is spread, and all leases and the bucket together are
never more than one burst. Requests at a time are leased in the same way, as slots.

    wanted = a tenth of a second's demand + what refused requests were promised + room for one more like the largest

Without the store each proxy has its part, the limit divided by the proxies last seen, beginning with what it holds.
When the store is back, its bucket has at most what it had when it was last heard of.

Longer than most files here: what is leased, wanted and given back changes together, and nothing of it is of use alone.
"""

from typing import Final

from proxy.traffic.lease_bucket import Grant, LeaseReport
from proxy.traffic.quotas import NO_LIMIT, Over, Quota, Rule, Scope

_NS: Final = 1_000_000_000
_HORIZON_S: Final = 0.1
_HALF_LIFE_S: Final = 0.2
_STOCK_NS: Final = 5 * _NS
"""For how long a proxy keeps in stock what it needed at the most, while there is plenty."""
_SCARCE: Final = 0.1
"""With less than this part of a burst in the store, nothing is kept in stock."""
_SILENCE_NS: Final = _NS // 4
"""A lease that is only kept in stock is looked at so often: others may want it by then."""
_KEPT_SMOOTHING: Final = 0.05
_FORGOTTEN_S: Final = 60
"""The store keeps an idle bucket for twice as long as it takes to fill, and this."""
_MIN_RATE: Final = 0.05
"""Part of the rate by which a wait is predicted at the least, however little of it this proxy got lately."""


class LeasedQuota(Quota):
    """The quota of one key, of one tenant, or of the whole service, of which this proxy has a lease.

    Args:
        scope: Whose it is.
        name: The key's id or the tenant's name; '' for everybody's.
        rule: Its limits, of all proxies together.

    """

    def __init__(self, scope: Scope, name: str, rule: Rule) -> None:
        super().__init__(scope, name, rule)
        self.away = False
        """Whether the limits are divided, because the store is away."""
        self.parts: int | None = None
        """By how many they are divided; None once the store has granted a lease."""
        self._lease_bytes = 0
        self._slots = 0
        self._returned_slots = 0
        self._level_bytes: int | None = None  # None: never heard of
        self._elsewhere_bytes = 0
        self._free_slots: int | None = None
        self._spent_bytes = 0
        self._expected_bytes = 0
        self._expected_requests = 0
        self._unmet_requests = 0
        self._needed_bytes = 0
        self._demand = 0.0  # bytes/s
        self._granted = 0.0  # bytes/s
        self._largest_bytes, self._largest_ns = 0, 0
        self._max_in_use, self._max_in_use_ns = 0, 0
        self._reported_ns = 0
        self._filled_ns = 0
        self._rejoins = False
        self._kept = 1.0

    @property
    def held_bytes(self) -> int:
        """Return what is held for requests with a reservation: for as many as come back here, not elsewhere."""
        return round(self.promised_bytes * self._kept)

    @property
    def held_requests(self) -> int:
        """Return how many requests a slot is held for."""
        return round(self.promised_requests * self._kept)

    def promise_ended(self, *, kept: bool) -> None:
        """Take note of whether a request with a reservation has come in time, or else went to another proxy."""
        self._kept += _KEPT_SMOOTHING * (kept - self._kept)

    # What requests ask

    def lacks_lease(self, cost_bytes: int, now_ns: int) -> bool:
        """Return whether the store has what this proxy lacks for a request that has come, as far as is known.

        Then it is worth waiting for an exchange with the store, and it would be refused without one.
        """
        limited = self.rule.bytes_per_s is not None and cost_bytes <= self.rule.burst_bytes
        if limited and (cost_bytes >= self._largest_bytes or now_ns - self._largest_ns > _STOCK_NS):
            self._largest_bytes, self._largest_ns = cost_bytes, now_ns
        return not self.away and (self._lacks_bytes(cost_bytes) or self._lacks_slot())

    def expect(self, cost_bytes: int) -> None:
        """Keep what a request needs, which waits for an exchange, until `arrives`: nobody else is to have it."""
        if self.rule.bytes_per_s is not None and cost_bytes <= self.rule.burst_bytes:
            self._needed_bytes = max(self._needed_bytes, cost_bytes)
        self._expected_bytes += cost_bytes
        self._expected_requests += 1

    def arrives(self, cost_bytes: int) -> None:
        """Let the request have it that was expected, or anybody if it has gone."""
        self._expected_bytes -= cost_bytes
        self._expected_requests -= 1

    def _lacks_bytes(self, cost_bytes: int) -> bool:
        if self.rule.bytes_per_s is None or cost_bytes > self.rule.burst_bytes:
            return False
        missing = cost_bytes + self.held_bytes + self._expected_bytes - self._lease_bytes
        return missing > 0 and (self._level_bytes is None or self._level_bytes >= missing)

    @property
    def _promised_or_expected(self) -> int:
        return self.held_requests + self._expected_requests

    def _lacks_slot(self) -> bool:
        if self.rule.concurrency is None or self.in_use + self._promised_or_expected < self._slots:
            return False
        return self._free_slots is None or self._free_slots > 0

    def charge(self, cost_bytes: int, now_ns: int) -> None:
        """Count a request that begins; check it first."""
        super().charge(cost_bytes, now_ns)
        if self.in_use >= self._max_in_use or now_ns - self._max_in_use_ns > _STOCK_NS:
            self._max_in_use, self._max_in_use_ns = self.in_use, now_ns

    def over(self, cost_bytes: int, now_ns: int, *, promised: bool) -> Over | None:
        """Return the limit that the request is over, None if it conforms; `promised` if it has a reservation."""
        found = super().over(cost_bytes, now_ns, promised=promised)
        if found is not None and self.parts is None:
            if found.kind == "rate":
                self._needed_bytes = max(self._needed_bytes, cost_bytes)
            elif found.kind == "concurrency":
                self._unmet_requests += 1
        return found

    def left_bytes(self, now_ns: int) -> int | None:
        """Return what may be sent at once now, by all that is known; None if it isn't limited."""
        if self.rule.bytes_per_s is None:
            return None
        self._fill(now_ns)
        level_bytes = 0 if self.away else self._level_bytes
        if level_bytes is None:
            return self.rule.burst_bytes
        return max(0, min(self.rule.burst_bytes, self._lease_bytes + level_bytes))

    def full_in_s(self, now_ns: int) -> float:
        """Return when the whole burst may be sent again."""
        left_bytes = self.left_bytes(now_ns)
        if left_bytes is None or self.rule.bytes_per_s is None:
            return 0.0
        return (self.rule.burst_bytes - left_bytes) / self.rule.bytes_per_s

    def give_back(self, cost_bytes: int) -> None:
        """Undo the charge for the bytes of a request that was not sent on after all."""
        if self.rule.bytes_per_s is not None:
            self._lease_bytes += cost_bytes
            self._spent_bytes -= cost_bytes

    def _take(self, cost_bytes: int, now_ns: int, bytes_per_s: int) -> None:  # noqa: ARG002  (the store has the rate)
        self._fill(now_ns)
        self._lease_bytes -= cost_bytes
        self._spent_bytes += cost_bytes
        self._demand += cost_bytes / _HALF_LIFE_S

    def _wait_ns(self, size_bytes: int, now_ns: int, bytes_per_s: int) -> int:
        self._fill(now_ns)
        missing = size_bytes - self._lease_bytes
        if missing <= 0:
            return 0
        min_bytes_per_s = bytes_per_s / self.parts if self.parts is not None else bytes_per_s * _MIN_RATE
        wait_ns = max(1, int(missing / max(min_bytes_per_s, min(self._granted, bytes_per_s)) * _NS))
        if self.parts is None and missing <= max(0, self._level_bytes or 0) + self._elsewhere_bytes:
            return min(wait_ns, _SILENCE_NS)  # others have it in stock, and give back what they don't need
        return wait_ns

    def _concurrency(self) -> int | None:
        return None if self.rule.concurrency is None else self._slots

    # What is exchanged with the store

    def is_due(self, now_ns: int) -> bool:
        """Return whether there is anything to report."""
        if self._reported_ns == 0 and self.rule is not NO_LIMIT:
            return True
        if self._spent_bytes or self._unmet_requests or self._needed_bytes or self._rejoins:
            return True
        wanted_bytes, wanted_slots = self._wanted(now_ns)
        if wanted_bytes != self._lease_bytes or wanted_slots != self._slots:
            return True
        return bool(wanted_bytes or wanted_slots) and now_ns - self._reported_ns >= _SILENCE_NS

    def report(self, now_ns: int) -> LeaseReport:
        """Return what the store is to know; then `settle` with its answer, or `divide` without one."""
        wanted_bytes, wanted_slots = self._wanted(now_ns)
        report = LeaseReport(
            self.rule,
            self._spent_bytes,
            wanted_bytes,
            self._needed_bytes,
            self.in_use,
            wanted_slots,
            self._known(now_ns),
            self._rejoins,
        )
        self._spent_bytes = self._unmet_requests = self._needed_bytes = 0
        # The store may give them to another proxy before its answer is here.
        self._returned_slots = max(0, self._slots - wanted_slots)
        self._slots -= self._returned_slots
        return report

    def settle(self, report: LeaseReport, grant: Grant, now_ns: int) -> None:
        """Take over what the store has granted; what was spent since the report comes off it."""
        elapsed_s = max(1e-3, (now_ns - self._reported_ns) / _NS)
        keep = 0.5 ** (elapsed_s / _HALF_LIFE_S)
        gained = max(0, grant.lease_bytes - (self._lease_bytes + self._spent_bytes))
        self._granted = keep * self._granted + (1 - keep) * gained / elapsed_s
        self._demand *= keep
        self._lease_bytes = grant.lease_bytes - self._spent_bytes
        self._slots, self._free_slots = grant.slots, grant.free_slots
        self._returned_slots = 0
        self._level_bytes, self._elsewhere_bytes = grant.level_bytes, grant.elsewhere_bytes
        self._reported_ns, self._filled_ns = now_ns, now_ns
        self._rejoins = self._rejoins and not report.rejoins
        self.away, self.parts = False, None

    def unsettle(self, report: LeaseReport) -> None:
        """Report it again: nothing is known of what the store did with it, and twice is better than not at all."""
        self._spent_bytes += report.spent_bytes
        self._needed_bytes = max(self._needed_bytes, report.needed_bytes)
        self._slots += self._returned_slots
        self._returned_slots = 0

    def begin(self, parts: int, rank: int, now_ns: int) -> None:
        """Begin with this proxy's part of a full quota, until the first lease, which what was spent comes off."""
        self._have_part(parts, rank, now_ns)
        self._lease_bytes = self.rule.burst_bytes // parts

    def divide(self, parts: int, rank: int, now_ns: int) -> None:
        """Limit to this proxy's part from now on: the store is away.

        Args:
            parts: The proxies last seen.
            rank: The position of this one among them, from 0.
            now_ns: Now.

        """
        self._have_part(parts, rank, now_ns)
        self.away = self._rejoins = True

    def _have_part(self, parts: int, rank: int, now_ns: int) -> None:
        if self.parts is None:
            self._filled_ns = now_ns
        self._fill(now_ns)
        self.parts = parts
        self._returned_slots = 0
        if (concurrency := self.rule.concurrency) is not None:
            self._slots = concurrency // parts + (rank < concurrency % parts)

    def _fill(self, now_ns: int) -> None:
        """Let this proxy's part of the rate come in while the store is away."""
        rate = self.rule.bytes_per_s
        if self.parts is None or rate is None:
            return
        more = (now_ns - self._filled_ns) * rate // (self.parts * _NS)
        if more <= 0:
            return
        # As much as a request may cost, however small the part: else it would never pass.
        bound = max(self.rule.burst_bytes // self.parts, self._largest_bytes, self._lease_bytes)
        self._filled_ns += more * self.parts * _NS // rate
        self._lease_bytes = min(bound, self._lease_bytes + more)

    def _wanted(self, now_ns: int) -> tuple[int, int]:
        return self._wanted_bytes(now_ns), self._wanted_slots(now_ns)

    def _wanted_bytes(self, now_ns: int) -> int:
        burst_bytes = self.rule.burst_bytes
        if self.rule.bytes_per_s is None:
            return 0
        wanted = int(self._demand_bytes_per_s(now_ns) * _HORIZON_S) + self.held_bytes + self._expected_bytes
        plenty = self._level_bytes is None or self._level_bytes > _SCARCE * burst_bytes
        if plenty and now_ns - self._largest_ns <= _STOCK_NS:
            wanted += self._largest_bytes
        return min(burst_bytes, max(wanted, self._needed_bytes))

    def _demand_bytes_per_s(self, now_ns: int) -> float:
        faded = 0.5 ** (max(0, now_ns - self._reported_ns) / _NS / _HALF_LIFE_S)
        return self._demand * float(faded)

    def _wanted_slots(self, now_ns: int) -> int:
        concurrency = self.rule.concurrency
        if concurrency is None:
            return 0
        needed = self.in_use + self._promised_or_expected + self._unmet_requests
        plenty = (self._free_slots or 0) >= self._max_in_use and now_ns - self._max_in_use_ns <= _STOCK_NS
        return min(concurrency, max(needed, self._max_in_use if plenty else 0))

    def _known(self, now_ns: int) -> int | None:
        rate = self.rule.bytes_per_s
        if self._level_bytes is None or rate is None:
            return None
        idle_s = (now_ns - self._reported_ns) / _NS
        if not self._rejoins and idle_s > _FORGOTTEN_S + 2 * self.rule.burst_bytes / rate:
            return None  # the store has forgotten it, because it was full
        return min(self.rule.burst_bytes, max(0, self._level_bytes))
