"""The span of a request and its steps, as the middleware and handlers make them."""

import asyncio
import json
import logging
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nlpbatch import errors
from nlpbatch.serving import tracing
from nlpbatch.serving.lifecycle import new_application
from nlpbatch.serving.problems import LOG_KEY, problems
from nlpbatch.serving.tracing import add_past_step, current_span, step, trace_requests
from nlpbatch.tracing import Tracer

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def app(spans, monkeypatch):
    """An application with spans."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(tracing, "start_tracer", lambda *_: Tracer(provider))
    app = new_application(body_bytes=1000, drain_retry_after_s=5)
    trace_requests(app, "test", {})
    return app


async def answer(app, handler, *, method="POST", path="/v1/analyze", headers=GIVEN):
    writer = SimpleNamespace(
        write_headers=AsyncMock(), write_eof=AsyncMock(), send_headers=lambda: None, length=None, output_size=0
    )
    request = make_mocked_request(method, path, headers=headers, app=app, writer=writer, client_max_size=1000)
    return await problems(request, handler)


async def fine(request):
    request[LOG_KEY] = {"tenant": "home", "documents": 3}
    return web.Response(text="fine")


async def test_a_request_is_a_part_of_its_callers_trace_and_says_what_the_log_says(app, spans, caplog):
    with caplog.at_level(logging.INFO):
        await answer(app, fine)
    (span,) = spans.get_finished_spans()
    assert (span.name, f"{span.context.trace_id:032x}") == ("POST /v1/analyze", TRACE)
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "url.path": "/v1/analyze",
        "nlpbatch.tenant": "home",
        "nlpbatch.documents": 3,
        "http.response.status_code": 200,
    }
    assert caplog.records[-1].trace_id == TRACE
    assert current_span() is None


async def test_a_request_without_a_trace_begins_one_that_the_log_names(app, spans, caplog):
    with caplog.at_level(logging.INFO):
        await answer(app, fine, headers={})
    (span,) = spans.get_finished_spans()
    assert caplog.records[-1].trace_id == f"{span.context.trace_id:032x}"


async def test_probes_and_pages_have_no_span(app, spans):
    for path in ("/readyz", "/metrics", "/docs"):
        await answer(app, fine, path=path)
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("raised", "code", "failed"),
    [
        (errors.QuotaExceeded("비밀", retry_after_s=1), "quota_exceeded", False),
        (errors.NoCapacity("비밀", retry_after_s=1), "no_capacity", True),
        (ZeroDivisionError("비밀"), "internal", True),
    ],
)
async def test_an_error_is_its_code_and_nothing_that_it_quotes(app, spans, raised, code, failed):
    async def refuse(_):
        with step("queue"):
            raise raised

    await answer(app, refuse)
    queue, span = spans.get_finished_spans()
    assert span.attributes["nlpbatch.code"] == code
    assert span.status.is_ok is not failed
    assert queue.attributes["error.type"] == getattr(raised, "code", "ZeroDivisionError")
    assert not any("비밀" in json.dumps(json.loads(one.to_json()), ensure_ascii=False) for one in (queue, span))


async def test_nothing_that_a_caller_makes_up_is_in_a_span(app, spans):
    async def none(_):
        raise web.HTTPNotFound

    await answer(app, none, method="SECRET", path="/v1/SECRET?SECRET", headers=GIVEN | {"tracestate": "secret=SECRET"})
    (span,) = spans.get_finished_spans()
    assert span.name == "_OTHER /v1/(other)"
    assert "secret" not in span.to_json().lower()


async def test_a_step_to_somebody_else_hands_its_span_on_each_time(app, spans):
    onward = CIMultiDict(GIVEN)
    sent = []

    async def try_twice(_):
        for backend in "ab":
            with step("attempt", onward, backend=backend) as span:
                span.note(outcome=200)
                sent.append(onward["traceparent"])
        return web.Response()

    await answer(app, try_twice)
    *attempts, whole = spans.get_finished_spans()
    assert sent == [f"00-{TRACE}-{span.context.span_id:016x}-01" for span in attempts]
    assert [span.attributes["nlpbatch.backend"] for span in attempts] == ["a", "b"]
    assert {span.parent.span_id for span in attempts} == {whole.context.span_id}


async def test_a_task_that_outlives_the_request_makes_its_steps_parts_of_it(app, spans):
    go = asyncio.Event()

    async def later():
        await go.wait()
        with step("late"):
            pass

    tasks = []

    async def begin(_):
        tasks.append(asyncio.create_task(later()))
        return web.Response()

    await answer(app, begin)
    go.set()
    await tasks[0]
    whole, late = spans.get_finished_spans()
    assert (late.name, late.parent.span_id) == ("late", whole.context.span_id)


async def test_a_step_that_is_over_has_the_time_that_it_had(app, spans):
    async def report(_):
        add_past_step(current_span(), "worker", 1_700_000_000.5, 0.25, pid=7)
        return web.Response()

    await answer(app, report)
    worker = spans.get_finished_spans()[0]
    assert (worker.start_time, worker.end_time) == (1_700_000_000_500_000_000, 1_700_000_000_750_000_000)
    assert dict(worker.attributes) == {"nlpbatch.pid": 7}


async def test_without_spans_a_step_is_nothing_and_headers_stay():
    app, onward = new_application(body_bytes=1000, drain_retry_after_s=5), CIMultiDict(GIVEN)
    trace_requests(app, "test", {})

    async def pass_on(_):
        with step("attempt", onward, backend="a") as span:
            assert span is current_span() is None
        return web.Response()

    assert (await answer(app, pass_on)).status == 200
    assert dict(onward) == GIVEN
