"""A caller's connection: how long it may be silent, and the answer to bytes that are no request."""

import asyncio
import logging
import resource
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from nlpbatch.errors import InternalError, InvalidRequest, NlpbatchError
from nlpbatch.serving.problems import REQUEST_ID_KEY, new_request_id, problem_response
from nlpbatch.serving.reading import ConnectionReader
from nlpbatch.wire.limits import KIB
from nlpbatch.wire.media import REQUEST_ID

_log = logging.getLogger("nlpbatch.access")
_SILENCE_S: Final = 75.0
"""For how long a connection may have no request, and how long the head of one may take; nginx has the same."""

_LINE_BYTES: Final = 64 * KIB
"""Longest line of a request's head: a query may carry lists of a thousand words."""
_LINGER_S: Final = 0.5
"""Time in which the rest of an invalid request is read and dropped: an immediate close would reset the connection, and
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
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=_SILENCE_S,
            access_log=None,  # type: ignore[arg-type]
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
        )

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  (aiohttp's)
        """Read on after a pause; each read of a body asks for it, and without one aiohttp would parse nothing again."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 400,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what isn't HTTP; unlike aiohttp's own, neither answer nor log repeats it: it may be text.

        aiohttp also calls this when a handler or middleware of ours has failed, with a status from 500.
        """
        del message
        if request.writer.output_size > 0:
            raise ConnectionAbortedError("the answer has begun")
        reason = type(exc).__name__
        request[REQUEST_ID_KEY] = new_request_id()
        refusal = problem_response(_refusal(status, reason, request[REQUEST_ID_KEY]), request)
        self.close()  # further bytes are dropped
        answer = _LastAnswer(status=refusal.status, headers=refusal.headers, body=refusal.body)
        answer.headers[REQUEST_ID] = request[REQUEST_ID_KEY]
        answer.force_close()
        return answer


def _refusal(status: int, reason: str, request_id: str) -> NlpbatchError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("defect", extra={"reason": reason, "request_id": request_id})
        return InternalError("the service failed on this request: report the request id to its operator")
    _log.info("not a request", extra={"reason": reason, "request_id": request_id})
    if reason == LineTooLong.__name__:
        return InvalidRequest(
            f"the first line of the request, or a header, is over {_LINE_BYTES:,} bytes: shorten the lists in the "
            "query, or send the options in a JSON body"
        )
    return InvalidRequest(
        f"not a request in HTTP/1.1 ({reason}): check its head, and that its body has the stated length"
    )


def connection(server: web.Server, loop: asyncio.AbstractEventLoop) -> asyncio.BaseProtocol:
    """Return the protocol of a new connection."""
    return ConnectionReader(_Handler(server, loop))


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it may by itself: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
