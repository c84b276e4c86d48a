"""The modules of the proxy that an ordinary batch request visits, in the order of the first visit.

    python -m tests.benchmarks.request_path

The proxy and a backend run in this process. One request with a key, a job and an Idempotency-Key is sent to warm up;
then the modules are recorded while another one is answered. A module counts if a function of its file is called.
"""

import asyncio
import sys
from types import FrameType

from tests.fakes.backend import FakeBackend, answer
from tests.fakes.running_proxy import AUTHORIZED, Proxy, running_proxy

_HEADERS = AUTHORIZED | {"Content-Type": "application/json", "Priority": "u=6", "Nlpbatch-Job": "job"}
_BODY = b'{"texts": ["text"]}'


async def visited() -> list[str]:
    """Return the modules that one request visits."""
    async with (
        FakeBackend(answer(b"{}")) as backend,
        running_proxy(backend, upstream={"health_period_s": 60.0}) as proxy,
    ):
        await _ask(proxy, '"first"')
        found: dict[str, None] = {}

        def record(frame: FrameType, event: str, _: object) -> None:
            name = frame.f_globals.get("__name__", "")
            if event == "call" and name.startswith("proxy."):
                found.setdefault(name)

        sys.setprofile(record)
        try:
            await _ask(proxy, '"second"')
        finally:
            sys.setprofile(None)
    return list(found)


async def _ask(proxy: Proxy, key: str) -> None:
    given = await proxy.ask(headers=_HEADERS | {"Idempotency-Key": key}, data=_BODY)
    assert given.status == 200, given.body


def main() -> None:
    """Print the modules and their number."""
    names = asyncio.run(visited())
    print(*names, sep="\n")
    print(f"{len(names)} modules")


if __name__ == "__main__":
    main()
