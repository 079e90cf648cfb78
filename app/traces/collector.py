"""Spans to an OpenTelemetry collector, by OTLP over HTTP; the SDK reads its standard variables itself."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_NAME = "service.name"
Value = str | int | float | bool


class Mark:
    """A span that goes on, of which more is known by now."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        """Its trace, as logs and collectors write it."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def say(self, name: str = "", *, failed: bool = False, **attributes: Value) -> None:
        """Its name, whether it failed, and attributes; `__` in their names stands for a dot."""
        if name:
            self._span.update_name(name)
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})


class Collector:
    """Where spans go. Sending has a thread of its own, and gives up spans where nobody takes them."""

    def __init__(self) -> None:
        # Not OpenTelemetry's own global provider: libraries that trace through that would tell addresses.
        self._provider = TracerProvider(resource=Resource.create(_named()))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("readingroom", version("readingroom"))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, kind: str, parent: str, *, apart: bool) -> Iterator[Mark]:
        """See `traces.span`."""
        started = self._tracer.start_span(name, _context(parent), SpanKind[kind])
        try:
            if apart:
                yield Mark(started)
            else:
                with use_span(started, record_exception=False, set_status_on_exception=False):
                    yield Mark(started)
        except BaseException as error:
            started.set_attribute("error.type", type(error).__name__)
            started.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            started.end()

    def traceparent(self) -> str:
        """See `traces.traceparent`."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")


def _context(parent: str) -> Context | None:
    if not parent:
        return None
    found = _PROPAGATOR.extract({"traceparent": parent}, Context())
    return found if get_current_span(found).get_span_context().is_valid else None


def _named() -> Mapping[str, str]:
    given = os.environ.get("OTEL_SERVICE_NAME") or _NAME in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if given else {_NAME: "readingroom"}
