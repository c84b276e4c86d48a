"""Which backends may answer a pinned request: those that serve its version. Pure.

- Those that state it, even when they are full or away: then it waits.
- If none does, those that state nothing: older ones, and ones that have not answered yet. They may have it.
- If all state others, any: its 412 says that the version is gone.
"""

from collections.abc import Sequence

from proxy.traffic.balancer import Backend
from proxy.traffic.ticket import Pin


def serving(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that a request with that pin may go to."""
    if not pin:
        return backends
    return stating(pin, backends) or [backend for backend in backends if not backend.fingerprints] or backends


def stating(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that say they serve one of the versions."""
    return [backend for backend in backends if not pin.isdisjoint(backend.fingerprints)]
