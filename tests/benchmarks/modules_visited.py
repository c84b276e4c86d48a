"""Which modules of `proxy/` a request visits: a batch request of a job, with an Idempotency-Key, admitted at once.

    python tests/benchmarks/modules_visited.py

Prints each module in which a function was called, in the order of the first call. What runs beside requests (health
checks, discovery) is not counted.
"""

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.wire.media import ARROW_STREAM, IDEMPOTENCY_KEY, JOB, PRIORITY
from nlpbatch.wire.priority import BATCH
from tests.fakes.backend import FakeBackend, answer
from tests.fakes.running_proxy import AUTHORIZED, running_proxy

PROXY = f"{Path(__file__).parents[2] / 'proxy'}/"
HEADERS = AUTHORIZED | {PRIORITY: BATCH, JOB: "reviews", "Content-Type": ARROW_STREAM, "Accept": ARROW_STREAM}
QUIET = {"health_period_s": 60.0, "resolve_period_s": 3600.0}


async def modules_visited() -> list[str]:
    """Return the modules that the second request of a job visits; the first one fills caches."""
    visited: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PROXY):
            visited[frame.f_code.co_filename.removeprefix(PROXY)] = None

    async with FakeBackend(answer()) as backend, running_proxy(backend, upstream=QUIET) as proxy:
        await proxy.ask(data=b"first", headers=HEADERS | {IDEMPOTENCY_KEY: "first"})
        sys.setprofile(note)
        got = await proxy.ask(data=b"second", headers=HEADERS | {IDEMPOTENCY_KEY: "second"})
        sys.setprofile(None)
    assert got.status == 200, got.body
    return list(visited)


if __name__ == "__main__":
    found = asyncio.run(modules_visited())
    print("\n".join(found), f"{len(found)} modules", sep="\n")
