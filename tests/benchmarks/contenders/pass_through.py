"""The least that an aiohttp proxy can be: read the request, send it on, send the answer back.

python pass_through.py PORT BACKEND asyncio|uvloop
"""

import sys

import aiohttp
from aiohttp import web

from nlpbatch.serving.loop import loop_factory


async def application(backend: str) -> web.Application:
    app = web.Application(client_max_size=2**30)

    async def sessions(app: web.Application):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as session:
            app["session"] = session
            yield

    async def handle(request: web.Request) -> web.Response:
        async with app["session"].request(
            request.method, backend + request.path_qs, data=await request.read()
        ) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    app.cleanup_ctx.append(sessions)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


if __name__ == "__main__":
    port, backend, loop = int(sys.argv[1]), sys.argv[2], loop_factory(sys.argv[3])()
    web.run_app(application(backend), host="127.0.0.1", port=port, access_log=None, print=None, loop=loop)
