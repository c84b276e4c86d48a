"""Hands queued chunks to workers.

Idle workers take the next chunk of the queue. When none is idle, an interactive chunk interrupts a worker that is on a
batch chunk, between two documents; a worker is interrupted only once at a time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain

from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.queue import ChunkQueue, QueuedChunk


class Dispatcher:
    """The queue of one pool, its living workers, and the chunks that they are on.

    Args:
        is_wanted: Returns whether a chunk still needs a worker when its turn has come.

    """

    def __init__(self, is_wanted: Callable[[QueuedChunk], bool]) -> None:
        self.queue = ChunkQueue()
        self.channels: dict[int, WorkerChannel] = {}
        """The living workers, by slot."""
        self._is_wanted = is_wanted
        self._idle: deque[WorkerChannel] = deque()
        self._running: dict[int, list[QueuedChunk]] = {}
        """The chunks of each busy worker, by slot: the last is being analysed, one before it is interrupted."""

    @property
    def idle(self) -> list[WorkerChannel]:
        """Return the workers without a chunk."""
        return list(self._idle)

    @property
    def busy(self) -> list[WorkerChannel]:
        """Return the workers that are on a chunk."""
        return [channel for slot, channel in self.channels.items() if slot in self._running]

    def add(self, channel: WorkerChannel) -> None:
        """Add a worker that is ready for its first chunk."""
        self.channels[channel.slot] = channel
        self._idle.append(channel)

    def remove(self, channel: WorkerChannel) -> list[QueuedChunk]:
        """Remove a worker and return its chunks; it was on the last of them."""
        self.channels.pop(channel.slot, None)
        if channel in self._idle:
            self._idle.remove(channel)
        return self._running.pop(channel.slot, [])

    def finish(self, channel: WorkerChannel) -> QueuedChunk | None:
        """Return the chunk that a worker has answered, None if it had none."""
        chunks = self._running.get(channel.slot)
        if chunks is None:
            return None
        finished = chunks.pop()
        if not chunks:
            del self._running[channel.slot]
            self._idle.append(channel)
        return finished

    def dispatch(self) -> None:
        """Hand over as many queued chunks as there are workers for."""
        while self._idle:
            queued = self.queue.pop()
            if queued is None:
                return
            if self._is_wanted(queued):
                self._hand_over(queued, self._idle.popleft())
        while self.queue.urgent and (channel := self._interruptible()) is not None:
            queued = self.queue.pop()
            if queued is not None and self._is_wanted(queued):
                self._hand_over(queued, channel)

    def drain(self) -> Iterator[QueuedChunk]:
        """Yield all chunks, queued and with workers; the queue is empty after that."""
        while (queued := self.queue.pop()) is not None:
            yield queued
        yield from chain.from_iterable(self._running.values())

    def _hand_over(self, queued: QueuedChunk, channel: WorkerChannel) -> None:
        queued.taken_s = queued.taken_s or time.monotonic()
        self._running.setdefault(channel.slot, []).append(queued)
        channel.ask(queued.job)

    def _interruptible(self) -> WorkerChannel | None:
        """Return a worker that is on a batch chunk, None if all have been interrupted."""
        slots = (slot for slot, chunks in self._running.items() if len(chunks) == 1 and not chunks[0].urgent)
        return next((self.channels[slot] for slot in slots if slot in self.channels), None)
