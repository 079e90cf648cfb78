"""Spans of what is done, sent to an OpenTelemetry collector where the environment names one (OTEL_…).

Elsewhere nothing of OpenTelemetry is loaded, and a span is nothing at all. No span holds a value of a request
or an instance, and of an exception only its type: its message may hold a patient's.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from app.errors import Misconfigured

if TYPE_CHECKING:
    from app.traces.collector import Collector, Mark

#: What a span is of: a request that came, a job that was asked for, anything else.
SERVER, CONSUMER, INTERNAL = "SERVER", "CONSUMER", "INTERNAL"
_NOTHING: AbstractContextManager["Mark | None"] = nullcontext()
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_collector: "Collector | None" = None


def wanted() -> bool:
    """Whether the environment names a collector."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return exporter == "otlp" or any(map(os.environ.get, _ENDPOINTS))


def start() -> None:
    """Begin, where it is wanted. Raises Misconfigured where what it needs is not installed."""
    global _collector
    if _collector is None and wanted():
        try:
            # Only here: who has no collector loads nothing of it.
            from app.traces.collector import Collector
        except ImportError:
            raise Misconfigured(
                "OTEL_… asks for traces: install readingroom[traces], or set OTEL_SDK_DISABLED=true."
            ) from None
        _collector = Collector()


def stop() -> None:
    """Send what is left, for some seconds at most, and end."""
    global _collector
    ended, _collector = _collector, None
    if ended:
        ended.close()


def span(
    name: str, kind: str = INTERNAL, parent: str = "", *, apart: bool = False
) -> AbstractContextManager["Mark | None"]:
    """What lasts as long as the block, below what is going on, or below `parent` (a W3C traceparent).

    `apart` is for generators, which are begun and ended in different contexts: nothing comes below it. Gives
    what can be said of it, or None.
    """
    return _NOTHING if _collector is None else _collector.span(name, kind, parent, apart=apart)


def traceparent() -> str:
    """What is going on, as W3C writes it; empty where that is nothing."""
    return "" if _collector is None else _collector.traceparent()
