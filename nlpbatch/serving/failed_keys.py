"""How often an address may come without a valid key before it is only told to wait. Pure.

Asked after a key has failed, never before: a request with a valid key costs nothing here and is never refused here,
even if it shares its address with somebody who guesses. Keys have 256 bits, so that guessing is hopeless anyway; the
bound keeps logs readable, and makes the attempt show in a metric.

An address has a bucket of `per_minute` failures, which fills again in a minute (GCRA: one time for each address). Of
IPv6 the first 64 bits count, which one host has for itself. At most `MAX_ADDRESSES` are known; the one that failed
longest ago is forgotten for a new one.

Where proxies share a store, they exchange what they have counted beside the requests (`shared.failures`), so that the
bound is that of all together. What was too much until they knew of each other is made up for by waiting longer.
"""

import ipaddress
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PER_MINUTE: Final = 120
"""Failures that an address has in a minute, unless an operator says otherwise."""
MAX_ADDRESSES: Final = 10_000
_WINDOW_S: Final = 60.0
_PREFIX: Final = 64
_TELL_AT: Final = 4
"""The others are told at once when an address has used the fourth part of the bound since they were last told."""


class FailedKeys:
    """The failures of all addresses.

    Args:
        max_addresses: How many are known at a time.

    """

    def __init__(self, max_addresses: int = MAX_ADDRESSES) -> None:
        self._max_addresses = max_addresses
        self._full_at_s: OrderedDict[str, float] = OrderedDict()
        """When the bucket of each address is full again, the latest failure last."""
        self._untold: dict[str, int] = {}
        """Failures that the other proxies don't know of; empty if there are no others."""
        self.on_much: Callable[[], object] | None = None
        """Called when the others should be told soon; None if there are none."""

    def __len__(self) -> int:
        return len(self._full_at_s)

    def fail(self, address: str, now_s: float, per_minute: int) -> float:
        """Count a failure; return how long the address has to wait, 0 if this one is still within the bound.

        Args:
            address: IP address, '' for a Unix socket.
            now_s: Any clock that doesn't go back.
            per_minute: The bound.

        """
        host, interval_s = host_of(address), _WINDOW_S / per_minute
        full_at_s = max(self._full_at_s.get(host, now_s), now_s) + interval_s
        if full_at_s - now_s > _WINDOW_S + interval_s / 1000:  # sums of fractions are not exact
            return full_at_s - now_s - _WINDOW_S
        self._full_at_s[host] = full_at_s
        self._full_at_s.move_to_end(host)
        if self.on_much is not None:
            count = self._untold[host] = self._untold.get(host, 0) + 1
            if count * _TELL_AT >= per_minute:
                self.on_much()
        if len(self._full_at_s) > self._max_addresses:
            forgotten, _ = self._full_at_s.popitem(last=False)
            self._untold.pop(forgotten, None)
        return 0.0

    def take_untold(self) -> dict[str, int]:
        """Return the failures by host that the others don't know of, which they are told now."""
        untold, self._untold = self._untold, {}
        return untold

    def not_told(self, failures: dict[str, int]) -> None:
        """Take back what the others could not be told."""
        for host, count in failures.items():
            if host in self._full_at_s:
                self._untold[host] = self._untold.get(host, 0) + count

    def learn(self, host: str, full_in_s: float, now_s: float) -> None:
        """Take over when the bucket of a host is full again after the failures at all proxies, if that is later."""
        if host in self._full_at_s:
            self._full_at_s[host] = max(self._full_at_s[host], now_s + full_in_s)


def host_of(address: str) -> str:
    """Return what of an address names a host: all of IPv4, the first 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _PREFIX), strict=False))
