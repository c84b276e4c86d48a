"""Starts workers in slots: has the forkserver fork one, and asks it for a sign of life before it counts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.forkserver_client import Forked

_PAUSE_S: Final = (0.0, 0.05, 0.2, 1.0, 5.0)
"""Pause before a slot's next worker, by the number of its starts that failed in a row."""


class Forker(Protocol):
    """The source of new workers."""

    async def fork(self, slot: int) -> Forked:
        """Return a new worker for the slot; raise OSError if the caller should try again."""
        ...


class WorkerStarter:
    """Starts workers, and holds those that have not answered yet.

    Args:
        forker: Returns the source of new workers.
        connect: Returns the channel of a new worker.
        probe: Asks a new worker for a sign of life.

    """

    def __init__(
        self,
        forker: Callable[[], Forker],
        connect: Callable[[int, int], WorkerChannel],
        probe: Callable[[WorkerChannel], None],
    ) -> None:
        self._forker = forker
        self._connect = connect
        self._probe = probe
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: set[WorkerChannel] = set()
        self._failed_starts: Counter[int] = Counter()

    def __iter__(self) -> Iterator[WorkerChannel]:
        return iter(self._starting)

    def start(self, slot: int) -> None:
        """Start a new worker in the slot, as soon as that is possible."""
        task = asyncio.create_task(self._start_worker(slot), name=f"start of a worker in slot {slot}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answered(self, channel: WorkerChannel) -> None:
        """Release a worker that has given its sign of life."""
        self._starting.discard(channel)
        self._failed_starts[channel.slot] = 0

    def gone(self, channel: WorkerChannel) -> None:
        """Count a failed start if the worker died before it had answered."""
        if channel in self._starting:
            self._starting.discard(channel)
            self._failed_starts[channel.slot] += 1

    async def close(self) -> None:
        """Start no more workers."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_worker(self, slot: int) -> None:
        forked = await self._fork(slot)
        channel = self._connect(slot, forked.pid)
        self._starting.add(channel)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, forked.channel)
        self._probe(channel)

    async def _fork(self, slot: int) -> Forked:
        while True:
            await asyncio.sleep(_PAUSE_S[min(self._failed_starts[slot], len(_PAUSE_S) - 1)])
            try:
                return await self._forker().fork(slot)
            except OSError:
                # The forkserver died, or the system has no process or descriptor left.
                self._failed_starts[slot] += 1
