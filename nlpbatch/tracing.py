"""OpenTelemetry's spans, where its own variables ask for them; otherwise nothing of it is imported.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.example:4318      asks for spans, over OTLP on HTTP
    OTEL_SDK_DISABLED=true, OTEL_TRACES_EXPORTER=none              ask for none

All else that OpenTelemetry's SDK reads holds as well: OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and so on.
A span has a name, times, and the attributes that are stated here: never a text, a key, or an error's message, which may
quote either. This is the only file that imports OpenTelemetry. https://www.w3.org/TR/trace-context/
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

Attribute = str | int | float | bool
Kind = Literal["internal", "server", "client"]

TRACEPARENT_VARIABLE: Final = "TRACEPARENT"
"""Has the span that a program was started for; a convention of OpenTelemetry."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_WAIT_S: Final = 2.0
_PREFIX: Final = "nlpbatch."
_log = logging.getLogger("nlpbatch.tracing")


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the 32 hexadecimal digits of the trace that a `traceparent` header names; None if it names none."""
    found = None if traceparent is None else _TRACEPARENT.match(traceparent)
    return None if found is None else found[1]


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Return whether OpenTelemetry's variables ask for spans to be exported over OTLP."""
    exporters = environ.get("OTEL_TRACES_EXPORTER", "")
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporters not in {"", "otlp"}:
        return False
    return exporters == "otlp" or any(environ.get(name) for name in _ENDPOINTS)


def start_tracer(service: str, environ: Mapping[str, str]) -> "Tracer | None":
    """Return what makes spans, if they are asked for; without the packages, say so in the log and return None.

    Args:
        service: Name of this program in the spans, unless OTEL_SERVICE_NAME names it.
        environ: The variables.

    """
    if not is_asked_for(environ):
        return None
    try:
        return Tracer(_provider({} if environ.get("OTEL_SERVICE_NAME") else {"service.name": service}))
    except ImportError as error:
        remedy = f"no module {error.name}: pip install 'nlpbatch[otel]', or unset the OTEL_ variables"
        _log.warning("no spans are exported", extra={"reason": remedy})
        return None


def _provider(attributes: Mapping[str, str]) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  (optional)
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracer:
    """Makes spans; needs the extra `otel`.

    Args:
        provider: Where they go.
        wait_s: How long `flush` and `close` wait for a collector. OpenTelemetry itself would try for 10 to 20 s.

    """

    def __init__(self, provider: "TracerProvider", wait_s: float = _WAIT_S) -> None:
        from opentelemetry import trace  # noqa: PLC0415  (optional)
        from opentelemetry.context import Context  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self.api = trace
        self._provider = provider
        self._tracer = provider.get_tracer("nlpbatch")
        self._propagator = TraceContextTextMapPropagator()
        self._nothing = Context()
        self._wait_s = wait_s
        self._is_prompt = True

    def span(
        self,
        name: str,
        *,
        traceparent: str | None = None,
        kind: Kind = "internal",
    ) -> "Span":
        """Begin a span, as a part of what this header of Trace Context names, or of nothing.

        A caller's `tracestate` isn't taken over: it would be exported, and anything may stand in it.
        """
        given = {} if traceparent is None else {"traceparent": traceparent}
        return self.begin(name, self._propagator.extract(given, context=self._nothing), kind)

    def begin(self, name: str, parent: "Context", kind: Kind = "internal", start_ns: int | None = None) -> "Span":
        """Begin a span below another one."""
        kinds = {"internal": self.api.SpanKind.INTERNAL, "server": self.api.SpanKind.SERVER}
        started = self._tracer.start_span(
            name,
            context=parent,
            kind=kinds.get(kind, self.api.SpanKind.CLIENT),
            start_time=start_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        return Span(self, started)

    def flush(self) -> None:
        """Export what has ended; wait for that, unless the collector didn't answer in time when it was last asked."""
        self._wait_for(self._provider.force_flush)

    def close(self) -> None:
        """Export what has ended, as `flush`, and end."""
        self._wait_for(self._provider.shutdown)

    def _wait_for(self, action: Callable[[], object]) -> None:
        def act() -> None:
            began_s = time.monotonic()
            action()
            self._is_prompt = time.monotonic() - began_s < self._wait_s

        acting = threading.Thread(target=act, name="spans", daemon=True)
        acting.start()
        acting.join(self._wait_s if self._is_prompt else 0.0)
        self._is_prompt = self._is_prompt and not acting.is_alive()


class Span:
    """A span that has begun; `end` it.

    Args:
        tracer: Made it.
        span: OpenTelemetry's.

    """

    __slots__ = ("_span", "_tracer", "trace_id", "traceparent")

    def __init__(self, tracer: Tracer, span: "trace.Span") -> None:
        self._tracer, self._span = tracer, span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{context.trace_flags:02x}"
        """The header by which others make their spans parts of this one."""

    def child(self, name: str, *, kind: Kind = "internal", start_ns: int | None = None) -> "Span":
        """Begin a part of this span; `start_ns` is in nanoseconds since 1970, by default now."""
        return self._tracer.begin(name, self._tracer.api.set_span_in_context(self._span), kind, start_ns)

    def note(self, **attributes: Attribute | None) -> None:
        """Add attributes under `nlpbatch.`, but those that are None."""
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(_PREFIX + name, value)

    def note_standard(self, name: str, value: Attribute) -> None:
        """Add an attribute of OpenTelemetry's semantic conventions."""
        self._span.set_attribute(name, value)

    def fail(self, code: str) -> None:
        """State that what the span is about has failed, and why: an error's code or type, nothing that may quote."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(self._tracer.api.StatusCode.ERROR)

    def end(self, end_ns: int | None = None) -> None:
        """End it: now, or at that time in nanoseconds since 1970."""
        self._span.end(end_ns)
