"""Spans: made only where they are asked for, with nothing in them that wasn't stated."""

import subprocess
import sys
import threading
import time

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nlpbatch.tracing import Tracer, is_asked_for, start_tracer, trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield Tracer(provider)
    provider.shutdown()


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "console"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_the_variables_of_opentelemetry_ask_for_spans(environ, asked):
    assert is_asked_for(environ) is asked


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-of-another-version", TRACE),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        ("a text", None),
        ("", None),
        (None, None),
    ],
)
def test_a_header_names_its_trace(header, trace_id):
    assert trace_id_of(header) == trace_id


def test_without_the_packages_nothing_is_exported_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert start_tracer("test", ENDPOINT) is None
    (record,) = caplog.records
    assert "pip install 'nlpbatch[otel]'" in record.reason


def test_nothing_that_makes_or_exports_spans_is_imported_unless_asked_for():
    code = (
        "import proxy.main, proxy.host.worker, nlpbatch.server.main, nlpbatch.spark.job, nlpbatch, sys\n"
        "from nlpbatch.tracing import start_tracer\n"
        "assert start_tracer('test', {}) is None\n"
        # redis imports OpenTelemetry's metrics wherever they are installed.
        "makes = ('opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print([name for name in sys.modules if name.startswith(makes)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_span_continues_the_trace_of_its_caller_and_its_parts_do(tracer, spans):
    whole = tracer.span("whole", traceparent=f"00-{TRACE}-b7ad6b7169203331-01", kind="server")
    part = whole.child("part", kind="client")
    part.end()
    whole.end()
    ended, caller = spans.get_finished_spans(), int("b7ad6b7169203331", 16)
    assert [span.name for span in ended] == ["part", "whole"]
    assert [f"{span.context.trace_id:032x}" for span in ended] == [TRACE, TRACE] == [part.trace_id, whole.trace_id]
    assert [span.parent.span_id for span in ended] == [ended[1].context.span_id, caller]
    assert part.traceparent == f"00-{TRACE}-{ended[0].context.span_id:016x}-01"


@pytest.mark.parametrize("traceparent", [None, "a text"])
def test_a_caller_without_a_trace_begins_one(tracer, spans, traceparent):
    tracer.span("whole", traceparent=traceparent).end()
    (ended,) = spans.get_finished_spans()
    assert ended.parent is None
    assert "a text" not in ended.to_json()


def test_a_caller_that_is_not_sampled_has_no_spans(tracer, spans):
    span = tracer.span("whole", traceparent=f"00-{TRACE}-b7ad6b7169203331-00")
    span.child("part").end()
    span.end()
    assert spans.get_finished_spans() == ()
    assert span.traceparent.endswith("-00")


def test_a_collector_that_does_not_answer_is_waited_for_once(tracer, monkeypatch):
    answers = threading.Event()
    waiting = Tracer(tracer._provider, wait_s=0.3)
    monkeypatch.setattr(waiting._provider, "force_flush", answers.wait)
    waits_s = []
    for _ in range(3):
        began_s = time.monotonic()
        waiting.flush()
        waits_s.append(time.monotonic() - began_s)
    answers.set()
    assert waits_s[0] >= 0.3 > max(waits_s[1:])


def test_a_span_says_what_is_noted_and_the_code_of_its_failure(tracer, spans):
    span = tracer.span("whole")
    span.note(tenant="home", job=None, bytes=3)
    span.note_standard("http.request.method", "POST")
    span.fail("no_capacity")
    span.end()
    (ended,) = spans.get_finished_spans()
    assert dict(ended.attributes) == {
        "nlpbatch.tenant": "home",
        "nlpbatch.bytes": 3,
        "http.request.method": "POST",
        "error.type": "no_capacity",
    }
    assert not ended.status.is_ok
    assert ended.events == ()
