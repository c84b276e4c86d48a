"""A run's trace reaches its tasks as a header, with OpenTelemetry and without."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nlpbatch.errors import TooManyErrors
from nlpbatch.spark import tracing
from nlpbatch.spark.tracing import task_span, trace_run
from nlpbatch.tracing import Tracer

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch):
    """What is exported, where OpenTelemetry's variables are."""
    exported = InMemorySpanExporter()
    monkeypatch.setattr(exported, "shutdown", lambda: None)  # it would forget what comes from a second run

    def tracer(*_):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exported))
        return Tracer(provider)

    monkeypatch.setattr(tracing, "start_tracer", tracer)
    monkeypatch.setattr(tracing, "_tracer_of_executor", tracer)
    return exported


@pytest.mark.parametrize(
    ("environ", "header"), [({}, None), ({"TRACEPARENT": GIVEN}, GIVEN), ({"TRACEPARENT": "?"}, None)]
)
def test_without_opentelemetry_requests_carry_what_the_job_was_given(environ, header):
    with trace_run(environ) as trace, trace.batch(7, 1) as of_batch, task_span(of_batch) as of_task:
        trace.named("out-1")
        assert of_batch == of_task == header


def test_a_task_is_part_of_its_micro_batch_which_is_part_of_the_run(spans):
    with trace_run({"TRACEPARENT": GIVEN}) as trace:
        trace.named("out-1")
        with trace.batch(7, 3) as of_batch, task_span(of_batch) as of_task:
            pass
    task, batch, run = spans.get_finished_spans()
    assert [span.name for span in (task, batch, run)] == ["task", "micro-batch", "run"]
    assert [span.parent.span_id for span in (task, batch)] == [batch.context.span_id, run.context.span_id]
    assert {f"{span.context.trace_id:032x}" for span in (task, batch, run)} == {TRACE}
    assert of_task == f"00-{TRACE}-{task.context.span_id:016x}-01"
    assert dict(batch.attributes) == {"nlpbatch.batch": 7, "nlpbatch.files": 3}
    assert run.attributes["nlpbatch.job"] == "out-1"


def test_a_failure_leaves_its_code_and_not_its_message(spans):
    with pytest.raises(TooManyErrors), trace_run({}) as trace, trace.batch(0, 1):
        raise TooManyErrors("a text that it failed on")
    with (
        pytest.raises(ValueError, match="text"),
        trace_run({}) as trace,
        trace.batch(0, 1) as header,
        task_span(header),
    ):
        raise ValueError("a text that it failed on")
    ended = spans.get_finished_spans()
    assert [span.attributes["error.type"] for span in ended] == ["too_many_errors"] * 2 + ["ValueError"] * 3
    assert not any("a text" in span.to_json() for span in ended)


def test_rows_that_nobody_reads_to_the_end_are_no_failure(spans):
    def rows():
        with task_span(GIVEN):
            yield 1
            yield 2

    started = rows()
    next(started)
    started.close()
    (ended,) = spans.get_finished_spans()
    assert "error.type" not in ended.attributes
