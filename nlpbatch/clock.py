"""Time as an argument: code that waits takes a Clock, so that its tests don't."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Time, as waiting code uses it."""

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for that long."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Block the calling thread for that long, or until the event is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for that long."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Block the calling thread for that long, or until the event is set."""
        event.wait(seconds)
