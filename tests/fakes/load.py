"""Callers that never stop asking a service for analyses, and fail the test if one of them fails."""

import asyncio
import time

from nlpbatch import AsyncClient, RetryPolicy

TEXTS = [f"아버지가 방에 들어가신다 {number}" for number in range(20)]


class Load:
    """Sends requests until the block ends; every answer must be whole."""

    def __init__(self, service, key, *, callers=8):
        self._client = AsyncClient(service, api_key=key, retry=RetryPolicy(patience_s=60))
        self._callers = callers
        self.answered_s = []
        self.stopping = False

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._ask(number)) for number in range(self._callers)]
        await self.answered(20)
        return self

    async def __aexit__(self, *_):
        self.stopping = True
        try:
            async with asyncio.timeout(90):
                await asyncio.gather(*self._tasks)  # raises what any request ended in
        finally:
            await self._client.close()

    async def answered(self, more):
        """Wait for so many more answers."""
        wanted = len(self.answered_s) + more
        async with asyncio.timeout(90):
            while len(self.answered_s) < wanted and not any(task.done() for task in self._tasks):
                await asyncio.sleep(0.01)

    @property
    def retries(self):
        """Return how often its client had to send again."""
        return self._client.stats.snapshot().retries

    async def _ask(self, number):
        while not self.stopping:
            texts = [f"{text} {number} {len(self.answered_s)}" for text in TEXTS]
            analysis = await self._client.analyze(texts)
            assert [outcome.error for outcome in analysis] == [None] * len(texts)
            self.answered_s.append(time.monotonic())
