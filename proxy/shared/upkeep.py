"""What a proxy does beside its requests to agree with the others: looks at the store every half second, or when woken.

Each part is one script a round. A part that can't be done now, because the store is away, is done in a later round.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.shared.repeated_errors import RepeatedErrors
from proxy.shared.store import SharedStore, StoreAway

PERIOD_S: Final = 0.5
"""Between two rounds; a change is in force everywhere after two of them."""

Part = Callable[[], Awaitable[None]]
"""Brings one thing up to date; raises StoreAway if the store doesn't answer."""


class Upkeep:
    """The rounds of one proxy.

    Args:
        store: Wakes the rounds when it is back.
        min_gap_s: Shortest time between two rounds, in seconds.

    """

    def __init__(self, store: SharedStore, min_gap_s: float) -> None:
        self._min_gap_s = min_gap_s
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.parts: list[Part] = []
        self._errors = RepeatedErrors("store not looked at")
        store.on_change.append(self.wake)

    async def start(self) -> None:
        """Do the first round, then the others beside the requests."""
        await self.round()
        self._task = asyncio.create_task(self._rounds(), name="upkeep")

    async def close(self) -> None:
        """Do the last round."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.round()

    def wake(self) -> None:
        """Begin the next round now."""
        self._woken.set()

    async def round(self) -> None:
        """Bring everything up to date, as far as the store answers."""
        for part in self.parts:
            try:
                await part()
            except StoreAway:
                return
            except Exception as error:  # noqa: BLE001  (whatever is in the store, other parts and later rounds go on)
                self._errors.log(error, asyncio.get_running_loop().time())

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(self._min_gap_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._woken.wait()
            self._woken.clear()
            await self.round()
