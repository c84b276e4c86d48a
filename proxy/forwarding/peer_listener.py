"""What other proxies of the fleet ask this one: the answers that it holds or gets, see `upstream/peers.py`."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from nlpbatch.errors import IdempotencyConflict
from nlpbatch.wire.limits import KIB, MIB
from nlpbatch.wire.media import IDEMPOTENCY_KEY
from proxy.forwarding.single_flight import SingleFlight
from proxy.shared.store import SharedStore
from proxy.upstream.client import UpstreamResponse
from proxy.upstream.peers import DIGEST, HEAD, OWNER, PATH, TENANT, WAIT_S, to_head

_STREAM_BYTES: Final = 256 * KIB
_WHOLE_BYTES: Final = MIB
_BEARER: Final = "Bearer "


def peer_application(single_flight: SingleFlight, store: SharedStore, me: str) -> web.Application:
    """Return the application.

    Args:
        single_flight: Has the answers.
        store: Knows the fleet's secret.
        me: This proxy's id: a question for another one, which had this address before, is not answered.

    """

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        tenant, key, digest = headers.get(TENANT), headers.get(IDEMPOTENCY_KEY), headers.get(DIGEST)
        if tenant is None or key is None or digest is None or headers.get(OWNER) != me:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        try:
            async with asyncio.timeout(WAIT_S):
                found = await single_flight.own_answer(tenant, key, bytes.fromhex(digest))
        except TimeoutError:
            return web.Response(status=HTTPStatus.ACCEPTED)
        except IdempotencyConflict:
            return web.Response(status=HTTPStatus.CONFLICT)
        except ValueError:  # no digest
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(status=HTTPStatus.NOT_FOUND) if found is None else await _send(request, found)

    app = web.Application(middlewares=[_secret_checked(store)])
    app.router.add_get(PATH, answer)
    return app


def _secret_checked(store: SharedStore) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not (given.isascii() and given.startswith(_BEARER) and store.admits(given.removeprefix(_BEARER))):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        return await handler(request)

    return check


async def _send(request: web.Request, found: UpstreamResponse) -> web.StreamResponse:
    """Send an answer, a large one in pieces: what the other proxy hasn't read yet is not copied."""
    head = {HEAD: to_head(found)}
    if len(found.body) <= _WHOLE_BYTES:
        return web.Response(headers=head, body=found.body)
    response = web.StreamResponse(headers=head)
    response.content_length = len(found.body)
    await response.prepare(request)
    body = memoryview(found.body)
    for start in range(0, len(body), _STREAM_BYTES):
        await response.write(body[start : start + _STREAM_BYTES])
    await response.write_eof()
    return response
