"""A clock that moves only when somebody sleeps, or when a test says so."""

import threading


class FakeClock:
    """Virtual time in seconds; `slept` lists every sleep in order."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self._now_s = now_s
        self.slept: list[float] = []

    def monotonic_s(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:
        if not event.is_set():
            self.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"time doesn't go back: {seconds}")
        self._now_s += seconds
