"""The outermost middleware: an id for every request, and a problem document for every error."""

import json
import logging
import math
import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from nlpbatch import errors
from nlpbatch.errors import NlpbatchError
from nlpbatch.serving.drain import DRAIN
from nlpbatch.serving.tracing import current_span, note_answer, request_span
from nlpbatch.serving.whole_response import WholeResponse
from nlpbatch.tracing import trace_id_of
from nlpbatch.wire.contract import CONTRACT_VERSION, MAJOR, other_major_of
from nlpbatch.wire.media import PROBLEM_JSON, REQUEST_ID, TRACEPARENT, path_to_record
from nlpbatch.wire.problem import to_problem

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID_KEY = web.RequestKey("request_id", str)
LOG_KEY: web.RequestKey[dict[str, Any]] = web.RequestKey("log", dict)
"""Further members of the request's line in the log."""
PAST_ROUTER_KEY = web.RequestKey("past_router", web.Application)
"""The application, for a request that its router hasn't seen."""
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_log = logging.getLogger("nlpbatch.access")


@web.middleware
async def problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer the request, turn any exception into a problem document, and log one line without any text."""
    return await answer(request.app, request, handler)


async def answer(app: web.Application, request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Do what the middleware does."""
    started_s = time.monotonic()
    request[REQUEST_ID_KEY] = _request_id(request)
    status = 499  # the caller hung up before there was an answer
    with request_span(app, request) as span:
        try:
            response = await _answer(app, request, handler)
            status = response.status
        finally:
            _log_request(request, status, time.monotonic() - started_s)
            if span is not None:
                note_answer(span, status, request.get(LOG_KEY, {}))
    if not response.prepared:
        response.headers[REQUEST_ID] = request[REQUEST_ID_KEY]
        await run_hooks(request, response)
    return response


async def run_hooks(request: web.Request, response: web.StreamResponse) -> None:
    """Call the application's hooks for a response that is about to be prepared, if the router hasn't seen its request.

    For any other request aiohttp does so.
    """
    app = request.get(PAST_ROUTER_KEY)
    if app is not None:
        for hook in app.on_response_prepare:
            await hook(request, response)


async def _answer(app: web.Application, request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        if request.path.startswith("/v1/"):
            with app[DRAIN].admit():
                response = await handler(request)
                await _deliver(app, response, request)
                return response
        return await handler(request)
    except NlpbatchError as error:
        return problem_response(error, request)
    except web.HTTPException as error:
        return problem_response(_translate(error, request), request)
    except web.RequestPayloadError as error:
        broken = errors.InvalidRequest(
            "the body broke off, or is not in the Content-Encoding that it names: send it again, uncompressed"
        )
        broken.__cause__ = error
        return problem_response(broken, request)
    except ConnectionError:
        raise  # the caller has closed the connection
    except Exception as error:  # noqa: BLE001  (the last resort: a defect becomes a 500, not a dropped connection)
        _log.exception("defect", extra={"request_id": request[REQUEST_ID_KEY]})
        defect = errors.InternalError("the service failed on this request: report the request id to its operator")
        defect.__cause__ = error
        return problem_response(defect, request)


def _log_request(request: web.Request, status: int, seconds: float) -> None:
    level = logging.INFO if request.path.startswith("/v1/") else logging.DEBUG  # probes would drown the rest
    if not _log.isEnabledFor(level):
        return
    members = {
        "method": request.method,
        "path": path_to_record(request.path),
        "status": status,
        "seconds": round(seconds, 4),
        "request_id": request[REQUEST_ID_KEY],
    }
    span = current_span()
    trace_id = trace_id_of(request.headers.get(TRACEPARENT)) if span is None else span.trace_id
    if trace_id is not None:
        members["trace_id"] = trace_id
    _log.log(level, "request", extra=members | request.get(LOG_KEY, {}))


async def _deliver(app: web.Application, response: web.StreamResponse, request: web.Request) -> None:
    """Send the answer now: later, aiohttp would not count it as in progress, and a shutdown would cut it off."""
    if response.prepared or request.transport is None:
        return
    response.headers[REQUEST_ID] = request[REQUEST_ID_KEY]
    request.transport.set_write_buffer_limits(0)  # a sent answer has left this process
    try:
        if isinstance(response, WholeResponse) and response.applies(request):
            for hook in app.on_response_prepare:
                await hook(request, response)
            if not request.transport.is_closing():
                response.send(request, request.transport)
                await request.writer.drain()
        else:
            await run_hooks(request, response)
            await response.prepare(request)
            await response.write_eof()
    except ConnectionError:
        pass  # the caller has closed the connection


def problem_response(error: NlpbatchError, request: web.BaseRequest) -> web.Response:
    """Return the error as RFC 9457 specifies, with Retry-After where the error has one."""
    error.request_id = request[REQUEST_ID_KEY]
    members = to_problem(error)
    request[LOG_KEY] = request.get(LOG_KEY, {}) | {"code": error.code}
    response = web.Response(
        status=members["status"],
        # A value may quote the request, with lone surrogates, whose escapes are JSON.
        body=json.dumps(members, ensure_ascii=False).encode("utf-8", "backslashreplace"),
        content_type=PROBLEM_JSON,
        charset="utf-8",
    )
    if error.retry_after_s is not None:
        # Whole seconds are all the header can say; the exact value is in the document.
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="nlpbatch"'
    if "allow" in error.details:
        response.headers["Allow"] = str(error.details["allow"])
    if not request.body_exists or request.content.at_eof():
        return response
    # An unread body would have to be swallowed before the connection could serve again: closing is cheaper.
    response.force_close()
    return response


def _translate(error: web.HTTPException, request: web.Request) -> NlpbatchError:
    if isinstance(error, web.HTTPNotFound) and (asked := other_major_of(request.path)) is not None:
        return errors.NotFound(
            f"this service speaks version {CONTRACT_VERSION} of the contract, under /v{MAJOR}/, not version {asked}: "
            "install the nlpbatch that the service has",
            contract=CONTRACT_VERSION,
        )
    if isinstance(error, web.HTTPNotFound):
        return errors.NotFound(f"no such path: {request.path[:200]}")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = ", ".join(sorted(error.allowed_methods))
        return errors.MethodNotAllowed(f"{request.path[:200]} takes {allow}, not {request.method[:20]}", allow=allow)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        limit = request.client_max_size
        return errors.RequestTooLarge(
            f"the body is over the limit of {limit:,} bytes: send fewer documents at a time, "
            "or raise the service's limit",
            limit=limit,
        )
    return errors.InvalidRequest(f"the request can't be read: {error.reason}")


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID, "")
    return given if _SANE_REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """Return an id that no other request has."""
    return f"{random.getrandbits(128):032x}"
