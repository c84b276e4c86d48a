"""A span for each request under `/v1/`, and for steps on its way, if spans are asked for; see `nlpbatch.tracing`.

The request's span is in the context of its task, and of the tasks that are started for it. Without spans a step costs a
look-up there, 0.2 µs.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

from aiohttp import web
from aiohttp.hdrs import METH_ALL
from multidict import CIMultiDict

from nlpbatch.errors import NlpbatchError
from nlpbatch.tracing import Attribute, Span, Tracer, start_tracer
from nlpbatch.wire.media import TRACEPARENT, path_to_record

_TRACER: web.AppKey[Tracer] = web.AppKey("tracer", Tracer)
_CURRENT: ContextVar[Span | None] = ContextVar("span", default=None)
_NO_STEP: Final[AbstractContextManager[Span | None]] = nullcontext()
_FAILED_STATUS: Final = 500


def trace_requests(app: web.Application, service: str, environ: Mapping[str, str] = os.environ) -> None:
    """Have an application make a span of each request, if the variables ask for it.

    Args:
        app: The application, before it starts.
        service: Its name in the spans.
        environ: OpenTelemetry's variables.

    """
    tracer = start_tracer(service, environ)
    if tracer is None:
        return
    app[_TRACER] = tracer

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(tracer.close)

    app.cleanup_ctx.append(lifespan)


def current_span() -> Span | None:
    """Return the span of the request that is being answered; None if there are no spans."""
    return _CURRENT.get()


def request_span(app: web.Application, request: web.Request) -> AbstractContextManager[Span | None]:
    """Return the context in which a request is answered: a span, as a part of what its caller says it belongs to."""
    tracer = app.get(_TRACER)
    if tracer is None or not request.path.startswith("/v1/"):
        return _NO_STEP
    return _request_span(tracer, request)


@contextmanager
def _request_span(tracer: Tracer, request: web.Request) -> Iterator[Span]:
    path, headers = path_to_record(request.path), request.headers
    method = request.method if request.method in METH_ALL else "_OTHER"  # a caller may make one up
    span = tracer.span(f"{method} {path}", traceparent=headers.get(TRACEPARENT), kind="server")
    span.note_standard("http.request.method", method)
    span.note_standard("url.path", path)
    before = _CURRENT.set(span)
    try:
        yield span
    finally:
        _CURRENT.reset(before)
        span.end()


def note_answer(span: Span, status: int, known: Mapping[str, Any]) -> None:
    """Note how a request was answered, with what the log knows of it."""
    span.note(**known)
    span.note_standard("http.response.status_code", status)
    if status >= _FAILED_STATUS:
        span.fail(str(known.get("code", status)))


def step(
    name: str, onward: CIMultiDict[str] | None = None, **attributes: Attribute
) -> AbstractContextManager[Span | None]:
    """Return the context of a step on the current request's way: a span, if there are spans.

    Args:
        name: The span's.
        onward: Headers of a request to somebody else that is the step; they get the span.
        attributes: Of the span.

    """
    whole = _CURRENT.get()
    return _NO_STEP if whole is None else _step(whole, name, onward, attributes)


@contextmanager
def _step(
    whole: Span, name: str, onward: CIMultiDict[str] | None, attributes: Mapping[str, Attribute]
) -> Iterator[Span]:
    span = whole.child(name, kind="internal" if onward is None else "client")
    span.note(**attributes)
    if onward is not None:
        onward[TRACEPARENT] = span.traceparent
    try:
        yield span
    except BaseException as error:
        # Never the message, which may quote a text.
        span.fail(error.code if isinstance(error, NlpbatchError) else type(error).__name__)
        raise
    finally:
        span.end()


def add_past_step(whole: Span, name: str, began_at_s: float, seconds: float, **attributes: Attribute) -> None:
    """Add the span of a step that is over; `began_at_s` is in seconds since 1970."""
    began_ns = int(began_at_s * 1e9)
    span = whole.child(name, start_ns=began_ns)
    span.note(**attributes)
    span.end(began_ns + int(seconds * 1e9))
