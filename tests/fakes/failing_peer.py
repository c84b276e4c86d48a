"""An API replica that fails a part of its requests: it stands in front of a real one and passes everything else on.

    python tests/fakes/failing_peer.py PORT BACKEND

`PUT /fault` begins a fault and counts from 0; `GET /fault` returns the counts. Which requests under `/v1/` fail is
decided as they arrive, by a seeded chance; `/readyz` and the rest always pass.
"""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

import aiohttp
from aiohttp import web

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass
class Fault:
    """What goes wrong, and how often it did.

    Args:
        fraction: Part of the requests that is answered with 500, from 0 to 1.
        at_once: Whether an error comes at once; otherwise the backend does the work and its answer is thrown away.
        seed: Of the chance.

    """

    fraction: float = 0.0
    at_once: bool = False
    seed: int = 1
    passed: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)

    def strikes(self) -> bool:
        """Return whether the next request fails, and count it."""
        fails = self._chance.random() < self.fraction
        self.failed += fails
        self.passed += not fails
        return fails


class FailingPeer:
    """The handlers.

    Args:
        backend: Address of the real replica.

    """

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._fault = Fault()

    def application(self) -> web.Application:
        """Return the server."""
        app = web.Application(client_max_size=2**30)
        app.cleanup_ctx.append(self._connect)
        app.router.add_put("/fault", self.begin)
        app.router.add_get("/fault", self.counts)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def begin(self, request: web.Request) -> web.Response:
        """Begin the fault that the body describes: `fraction`, `at_once`, `seed`."""
        self._fault = Fault(**await request.json())
        return web.Response()

    async def counts(self, _: web.Request) -> web.Response:
        """Return how many requests passed and failed since the fault began."""
        return web.json_response({"passed": self._fault.passed, "failed": self._fault.failed})

    async def answer(self, request: web.Request) -> web.Response:
        """Pass a request on, or fail it."""
        body, fault = await request.read(), self._fault
        fails = request.path.startswith("/v1/") and fault.strikes()
        if fails and fault.at_once:
            return _error()
        answer = await self._pass_on(request, body)
        return _error() if fails else answer

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        url, headers = self._backend + request.path_qs, _end_to_end(request.headers)
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            return web.Response(status=answer.status, headers=_end_to_end(answer.headers), body=await answer.read())

    async def _connect(self, _: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            yield


def _error() -> web.Response:
    problem = {"type": "urn:nlpbatch:problem:internal", "status": 500, "code": "internal", "detail": "fails on purpose"}
    return web.json_response(problem, status=500, content_type="application/problem+json")


def _end_to_end(headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


if __name__ == "__main__":
    peer = FailingPeer(sys.argv[2]).application()
    web.run_app(peer, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
