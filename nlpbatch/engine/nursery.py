"""Puts workers into slots: asks the forkserver for one, and it for a sign of life before it counts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.spawn import Forked

_PAUSE_S: Final = (0.0, 0.05, 0.2, 1.0, 5.0)
"""Before a slot's next worker, by how many of its workers died at birth, one after another."""


class Parent(Protocol):
    """What workers are forked from."""

    async def fork(self, slot: int) -> Forked:
        """Return a new worker for the slot; raise OSError if that is to be asked again."""
        ...


class Nursery:
    """The workers that have not answered yet.

    Args:
        parent: What they are forked from.
        connect: Returns the channel of a new worker.
        greet: Asks it for a sign of life.

    """

    def __init__(
        self,
        parent: Callable[[], Parent],
        connect: Callable[[int, int], WorkerChannel],
        greet: Callable[[WorkerChannel], None],
    ) -> None:
        self._parent = parent
        self._connect = connect
        self._greet = greet
        self._tasks: set[asyncio.Task[None]] = set()
        self._newborn: set[WorkerChannel] = set()
        self._stillbirths: Counter[int] = Counter()

    def __iter__(self) -> Iterator[WorkerChannel]:
        return iter(self._newborn)

    def bear(self, slot: int) -> None:
        """Put a new worker into the slot, as soon as there can be one."""
        task = asyncio.create_task(self._bear(slot), name=f"birth in slot {slot}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answered(self, channel: WorkerChannel) -> None:
        """Let a worker go that has answered."""
        self._newborn.discard(channel)
        self._stillbirths[channel.slot] = 0

    def gone(self, channel: WorkerChannel) -> None:
        """Count a worker that has died, if it had not answered yet."""
        if channel in self._newborn:
            self._newborn.discard(channel)
            self._stillbirths[channel.slot] += 1

    async def close(self) -> None:
        """Bear no more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bear(self, slot: int) -> None:
        forked = await self._forked(slot)
        channel = self._connect(slot, forked.pid)
        self._newborn.add(channel)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, forked.channel)
        self._greet(channel)

    async def _forked(self, slot: int) -> Forked:
        while True:
            await asyncio.sleep(_PAUSE_S[min(self._stillbirths[slot], len(_PAUSE_S) - 1)])
            try:
                return await self._parent().fork(slot)
            except OSError:
                # The forkserver died, or the system has no process or descriptor left.
                self._stillbirths[slot] += 1
