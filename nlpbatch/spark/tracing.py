"""Spans of a run: the driver's of the run and of each micro-batch, and one of each task.

    run ──> micro-batch ──> task ──> the proxy's span of a request ──> … the API's worker

Executors have nothing but pure Python. A task has a span of its own only where its Python has OpenTelemetry and its
environment the variables (spark.executorEnv.OTEL_…); elsewhere its requests are parts of the micro-batch. It is one
trace in both cases, as each request carries the header `traceparent`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from pyspark import TaskContext

from nlpbatch.errors import NlpbatchError
from nlpbatch.tracing import TRACEPARENT_VARIABLE, Span, Tracer, start_tracer, trace_id_of

SERVICE: Final = "nlpbatch-job"


class RunTrace:
    """What the parts of a run make their spans with.

    Args:
        span: The run's; None without OpenTelemetry.
        given: The header that requests carry without it.

    """

    def __init__(self, span: Span | None, given: str | None) -> None:
        self._span = span
        self._given = given

    def named(self, run: str) -> None:
        """Note the run's name."""
        if self._span is not None:
            self._span.note(job=run)

    @contextmanager
    def batch(self, number: int, files: int) -> Iterator[str | None]:
        """Make a span of a micro-batch; yield the header that its requests carry."""
        if self._span is None:
            yield self._given
            return
        span = self._span.child("micro-batch")
        span.note(batch=number, files=files)
        with _ending(span):
            yield span.traceparent


NO_TRACE: Final = RunTrace(None, None)


@contextmanager
def trace_run(environ: Mapping[str, str]) -> Iterator[RunTrace]:
    """Make a span of a run, if OpenTelemetry's variables ask for it.

    Args:
        environ: These variables; TRACEPARENT names what the run is a part of, also without OpenTelemetry.

    """
    given = environ.get(TRACEPARENT_VARIABLE)
    given = given if trace_id_of(given) else None
    tracer = start_tracer(SERVICE, environ)
    if tracer is None:
        yield RunTrace(None, given)
        return
    span = tracer.span("run", traceparent=given)
    try:
        with _ending(span):
            yield RunTrace(span, given)
    finally:
        tracer.close()


@contextmanager
def task_span(traceparent: str | None) -> Iterator[str | None]:
    """Make a span of a task in its executor; yield the header that its requests carry.

    Args:
        traceparent: The micro-batch's header; None if there is no trace.

    """
    tracer = None if traceparent is None else _tracer_of_executor()
    if tracer is None:
        yield traceparent
        return
    span = tracer.span("task", traceparent=traceparent)
    context = TaskContext.get()
    if context is not None:
        span.note(stage=context.stageId(), partition=context.partitionId(), attempt=context.attemptNumber())
    try:
        with _ending(span):
            yield span.traceparent
    finally:
        tracer.flush()  # whoever started this process may kill it once the task has ended


@lru_cache
def _tracer_of_executor() -> Tracer | None:
    return start_tracer(SERVICE, os.environ)


@contextmanager
def _ending(span: Span) -> Iterator[None]:
    """End a span, with the code or type of the error that ended what it is about."""
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException as error:
        span.fail(error.code if isinstance(error, NlpbatchError) else type(error).__name__)
        raise
    finally:
        span.end()
