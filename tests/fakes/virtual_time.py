"""asyncio on virtual time: a loop that jumps to the next timer instead of waiting for it.

    @virtual_time
    async def test_it_gives_up_after_a_minute(): ...

Such a loop has no sockets. One that would wait for ever, with no timer to jump to, is a failed test.
"""

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` moves only when all that is ready has run."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None):
        if (found := super().select(0)) or timeout == 0:
            return found
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is going to happen")
        self._loop.now_s += timeout
        return []


def virtual_time(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Return a plain test that runs the coroutine on a loop of its own; fixtures go through."""

    @functools.wraps(scenario)
    def test(*args, **kwargs):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(scenario(*args, **kwargs))

    test.__signature__ = inspect.signature(scenario)
    del test.__wrapped__  # else pytest would see a coroutine
    return test


async def settle() -> None:
    """Let everything run that is ready now; no time passes."""
    for _ in range(20):
        await asyncio.sleep(0)
