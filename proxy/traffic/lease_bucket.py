"""The shared store's side of a leased quota, as the simulator has it. Pure.

The store itself runs the same rules as a script (`proxy.shared.leases`); a test holds both against each other.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from proxy.traffic.quotas import Rule

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """What a proxy tells the store of one quota.

    Args:
        rule: The quota.
        spent_bytes: Taken since the last report.
        wanted_bytes: The lease that it would have.
        needed_bytes: What a request that was refused for lack of a lease needs; 0 for none.
        in_use: Requests at present.
        wanted_slots: Requests at a time that it would have a lease for.
        known_bytes: What the bucket begins with if the store doesn't know it, and has at most if `rejoins`; None: full.
        rejoins: Whether the store was away since the last report.

    """

    rule: Rule
    spent_bytes: int
    wanted_bytes: int
    needed_bytes: int
    in_use: int
    wanted_slots: int
    known_bytes: int | None
    rejoins: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What the store answers.

    Args:
        lease_bytes: What this proxy may spend.
        level_bytes: What is left in the bucket; below 0 if it was overdrawn.
        elsewhere_bytes: What the other proxies may spend.
        slots: Requests that this proxy may have at a time.
        free_slots: What is left of them.

    """

    lease_bytes: int
    level_bytes: int
    elsewhere_bytes: int
    slots: int
    free_slots: int


@dataclass(slots=True)
class LeaseBucket:
    """The bucket of one quota, and who has which lease of it."""

    level: float | None = None
    at_us: int = 0
    leases: dict[str, int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)
    """Since when a member needs more than it has."""

    def exchange(self, member: str, report: LeaseReport, now_us: int, alive: Collection[str]) -> Grant:
        """Take a member's report, and return what it is granted.

        Args:
            member: Who reports.
            report: What it spent and wants.
            now_us: The store's time.
            alive: Who is; the leases of all others end.

        """
        for held in (self.leases, self.slots, self.needs):
            for gone in [name for name in held if name != member and name not in alive]:
                del held[gone]
        elsewhere = sum(size for name, size in self.leases.items() if name != member)
        mine = self._lease(member, report, now_us, elsewhere) if report.rule.bytes_per_s is not None else 0
        my_slots, free = self._slots_of(member, report)
        return Grant(mine, math.floor(self.level or 0), elsewhere, my_slots, free)

    def _lease(self, member: str, report: LeaseReport, now_us: int, elsewhere: int) -> int:
        rule, known = report.rule, report.known_bytes
        mine, spent = self.leases.get(member, 0), report.spent_bytes
        if self.level is None:
            self.level = rule.burst_bytes if known is None else known
            mine = spent = 0
        else:
            self.level += (now_us - self.at_us) * (rule.bytes_per_s or 0) / _US
        if report.rejoins:
            self.level = self.level if known is None else min(self.level, known)
            mine = spent = 0
        mine -= spent
        self.level += min(0, mine)
        mine = max(0, mine)
        self.level = min(self.level, rule.burst_bytes - elsewhere - mine)
        more = min(report.wanted_bytes - mine, max(0, math.floor(self.level)))
        mine += more
        self.level -= more
        if report.needed_bytes > mine:
            mine = self._give_way(member, mine, rule.burst_bytes - elsewhere, now_us)
        else:
            self.needs.pop(member, None)
        self.at_us = now_us
        self.leases[member] = mine
        return mine

    def _give_way(self, member: str, mine: int, room: int, now_us: int) -> int:
        """Return the lease of a member that needs more, which is none if others have needed theirs for longer.

        All of a small bucket may be out on leases of which none is enough: the one that waits longest gets its own.
        """
        since = self.needs.setdefault(member, now_us)
        level = self.level or 0.0
        earlier = [at_us for name, at_us in self.needs.items() if name != member and at_us < since]
        if not earlier or mine + max(0, level) < room - 1:
            return mine
        self.level = level + mine
        return 0

    def _slots_of(self, member: str, report: LeaseReport) -> tuple[int, int]:
        bound = report.rule.concurrency
        if bound is None:
            return 0, 0
        others = sum(slots for name, slots in self.slots.items() if name != member)
        mine = self.slots[member] = max(report.in_use, min(report.wanted_slots, bound - others))
        return mine, bound - others - mine
