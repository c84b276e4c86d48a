"""A caller's connection: how long it may be silent, and what is said to bytes that are no request."""

import asyncio
import logging
import resource
from typing import Final

from aiohttp import web

from nlpbatch.errors import InvalidRequest
from nlpbatch.serving.problems import REQUEST_ID_KEY, new_request_id, problem_response
from nlpbatch.serving.reading import Reader
from nlpbatch.wire.media import REQUEST_ID

_log = logging.getLogger("nlpbatch.access")
_SILENCE_S: Final = 75.0
"""For how long a connection may have no request, and how long the head of one may take; nginx has the same."""


_LINGER_S: Final = 0.5
"""For how long the rest of what is no request is read and dropped: closed on it, the connection would be reset, and
the refusal might not arrive."""


class _LastAnswer(web.Response):
    """Keeps the connection for a little while after it."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send, and let the caller read."""
        await super().write_eof(data)
        await asyncio.sleep(_LINGER_S)


class _Handler(web.RequestHandler):
    """aiohttp's side of a connection."""

    __slots__ = ()

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, keepalive_timeout=_SILENCE_S, access_log=None)  # type: ignore[arg-type]

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 400,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what isn't HTTP; unlike aiohttp's own, neither answer nor log repeats it: it may be text."""
        del status, message
        if request.writer.output_size > 0:
            raise ConnectionAbortedError("the answer has begun")
        reason = type(exc).__name__
        request[REQUEST_ID_KEY] = new_request_id()
        _log.info("not a request", extra={"reason": reason, "request_id": request[REQUEST_ID_KEY]})
        detail = f"not a request in HTTP/1.1 ({reason}): check its head, and that its body is as long as it says"
        refusal = problem_response(InvalidRequest(detail), request)
        self.close()  # what still comes is dropped
        answer = _LastAnswer(status=refusal.status, headers=refusal.headers, body=refusal.body)
        answer.headers[REQUEST_ID] = request[REQUEST_ID_KEY]
        answer.force_close()
        return answer


def connection(server: web.Server, loop: asyncio.AbstractEventLoop) -> asyncio.BaseProtocol:
    """Return the protocol of a new connection."""
    return Reader(_Handler(server, loop))


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it may by itself: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
