"""Spans and metrics of scoring requests, by OpenTelemetry's API alone: the application chooses the SDK.

Names and attributes are those of OpenTelemetry's semantic conventions for HTTP clients. What these have no name for
begins with ``wml_deployer``.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from wml_deployer._install import install_command
from wml_deployer.errors import ClientNotInstalledError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wml_deployer.monitoring._events import Attempt, ScoringEvent

__all__ = ["OpenTelemetryHook"]

_NAME = "wml_deployer"
_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
_HTTPS_PORT = 443
_FIRST_ERROR = 400
# The conventions give these bounds to http.client.request.duration.
_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


class _Instruments(NamedTuple):
    tracer: Any
    duration: Any
    request_size: Any
    response_size: Any
    rows: Any


class OpenTelemetryHook:
    """Makes spans and metrics of scoring requests; a hook for :meth:`wml_deployer.Deployer.watch`.

    For each request there is a span ``score NAME`` of the deployment, in whatever span is current where ``score`` is
    called, and in it a client span ``POST`` for each HTTP request, retries included. The metrics are
    ``http.client.request.duration``, ``http.client.request.body.size``, ``http.client.response.body.size`` and
    ``wml_deployer.rows``. None of it holds rows, scores or messages of errors.

    Args:
        tracer_provider: Where spans go; OpenTelemetry's global provider if not given.
        meter_provider: Where metrics go; OpenTelemetry's global provider if not given.

    Raises:
        ClientNotInstalledError: OpenTelemetry's API is not installed.

    Example:
        >>> try:
        ...     hook = OpenTelemetryHook()
        ... except ImportError:
        ...     hook = None  # this application is not traced

    """

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        try:
            import opentelemetry.metrics  # noqa: PLC0415 - an extra
            import opentelemetry.trace  # noqa: F401, PLC0415
        except ImportError as error:
            raise ClientNotInstalledError(
                "OpenTelemetry's API is not installed.", next_step=install_command("otel")
            ) from error
        self._providers = tracer_provider, meter_provider
        self._made: _Instruments | None = None

    def __getstate__(self) -> Mapping[str, Any]:
        """Travel to workers without providers: there, the global ones are used."""
        return {"_providers": (None, None), "_made": None}

    def __call__(self, event: ScoringEvent) -> None:
        """Record a request that has ended."""
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        to = self._instruments()
        failure = _failure(event)
        own = {
            "wml_deployer.deployment.id": event.deployment_id,
            "wml_deployer.deployment.name": event.deployment_name,
            "wml_deployer.version": event.version or f"{event.model_id}/{event.revision}",
            "wml_deployer.outcome": event.outcome,
            **failure,
        }
        span = to.tracer.start_span(
            f"score {event.deployment_name}",
            kind=trace.SpanKind.INTERNAL,
            attributes={**own, "wml_deployer.rows": event.rows},
            start_time=_nanoseconds(event.started),
        )
        context = trace.set_span_in_context(span)
        for number, attempt in enumerate(event.attempts):
            self._record_attempt(event, attempt, number, context)
        if event.outcome == "failed":
            span.set_status(trace.StatusCode.ERROR)
        span.end(_nanoseconds(event.started + event.seconds))
        to.rows.add(event.rows, own)

    def _record_attempt(self, event: ScoringEvent, attempt: Attempt, number: int, context: Any) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        to, place = self._instruments(), urlsplit(event.url)
        is_error = attempt.status is None or attempt.status >= _FIRST_ERROR
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "server.address": place.hostname or "",
            "server.port": place.port or _HTTPS_PORT,
            "url.scheme": place.scheme,
            "network.protocol.version": "1.1",
        }
        if attempt.status is not None:
            attributes["http.response.status_code"] = attempt.status
        if is_error:
            attributes["error.type"] = str(attempt.status or attempt.error)
        of_span: dict[str, str | int] = {"url.full": event.url, "http.request.body.size": event.request_bytes}
        if number:
            of_span["http.request.resend_count"] = number
        span = to.tracer.start_span(
            "POST",
            context,
            trace.SpanKind.CLIENT,
            {**attributes, **of_span},
            start_time=_nanoseconds(attempt.started),
        )
        if is_error:
            span.set_status(trace.StatusCode.ERROR)
        to.duration.record(attempt.seconds, attributes, context)
        to.request_size.record(event.request_bytes, attributes, context)
        if event.response_bytes and number == event.retries:
            span.set_attribute("http.response.body.size", event.response_bytes)
            to.response_size.record(event.response_bytes, attributes, context)
        span.end(_nanoseconds(attempt.started + attempt.seconds))

    def _instruments(self) -> _Instruments:
        if self._made is None:
            from opentelemetry import metrics, trace  # noqa: PLC0415 - an extra

            release = version(_NAME)
            tracer = trace.get_tracer(_NAME, release, self._providers[0], _SCHEMA)
            meter = metrics.get_meter(_NAME, release, self._providers[1], _SCHEMA)
            self._made = _Instruments(
                tracer,
                meter.create_histogram(
                    "http.client.request.duration",
                    "s",
                    "Duration of HTTP client requests.",
                    explicit_bucket_boundaries_advisory=_SECONDS,
                ),
                meter.create_histogram("http.client.request.body.size", "By", "Size of HTTP client request bodies."),
                meter.create_histogram("http.client.response.body.size", "By", "Size of HTTP client response bodies."),
                meter.create_counter("wml_deployer.rows", "{row}", "Rows sent to be scored."),
            )
        return self._made


def _failure(event: ScoringEvent) -> dict[str, str]:
    if event.error is None:
        return {}
    # The service's own words may quote the rows.
    return {"error.type": type(event.error).__name__}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
