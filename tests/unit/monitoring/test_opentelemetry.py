"""Spans and metrics as OpenTelemetry's conventions for HTTP clients have them."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wml_deployer.errors import ClientNotInstalledError, RateLimitError
from wml_deployer.monitoring import Attempt, OpenTelemetryHook, ScoringEvent

URL = "https://us-south.ml.cloud.ibm.com/ml/v4/deployments/3f2c/predictions"
SCORED = ScoringEvent(
    "3f2c",
    "churn",
    URL,
    "v0.2",
    "91ab",
    "2",
    rows=50,
    request_bytes=4_000,
    response_bytes=2_000,
    started=1_790_000_000.0,
    seconds=1.5,
    attempts=(Attempt(1_790_000_000.0, 0.5, 429), Attempt(1_790_000_001.0, 0.5, 200)),
)
REFUSED = RateLimitError("Ada Lovelace asked too often", status=429)
FAILED = ScoringEvent(
    "3f2c",
    "churn",
    URL,
    None,
    "91ab",
    "2",
    rows=1,
    outcome="failed",
    error=REFUSED,
    attempts=(Attempt(1_790_000_000.0, 0.5, None, "TransportError"),),
)


@pytest.fixture
def telemetry() -> Any:
    """Keep spans and metrics in memory; returns the hook and what reads both."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    return OpenTelemetryHook(tracers, MeterProvider([metrics])), spans, metrics, tracers


def points(metrics: Any) -> dict[str, list[Any]]:
    """The data points by the name of their metric."""
    data = metrics.get_metrics_data().resource_metrics[0].scope_metrics[0]
    return {metric.name: list(metric.data.data_points) for metric in data.metrics}


def test_each_attempt_is_a_client_span_in_that_of_the_request(telemetry: Any) -> None:
    """With its own times; a retry says which one it is."""
    hook, spans, _, _ = telemetry
    hook(SCORED)
    first, second, whole = spans.get_finished_spans()

    assert ["POST", "POST", "score churn"] == [span.name for span in (first, second, whole)]
    assert ["CLIENT", "CLIENT", "INTERNAL"] == [span.kind.name for span in (first, second, whole)]
    assert {whole.context.span_id} == {first.parent.span_id, second.parent.span_id}
    assert [None, 1] == [span.attributes.get("http.request.resend_count") for span in (first, second)]
    assert (500_000_000, 1_500_000_000) == (first.end_time - first.start_time, whole.end_time - whole.start_time)


def test_client_span_has_the_attributes_of_the_conventions(telemetry: Any) -> None:
    """All that they require, and what they recommend of it."""
    hook, spans, _, _ = telemetry
    hook(SCORED)
    first, second, _ = spans.get_finished_spans()

    assert {
        "http.request.method": "POST",
        "http.request.body.size": 4_000,
        "http.request.resend_count": 1,
        "http.response.body.size": 2_000,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "us-south.ml.cloud.ibm.com",
        "server.port": 443,
        "url.full": URL,
        "url.scheme": "https",
    } == dict(second.attributes)
    assert ("429", "ERROR") == (first.attributes["error.type"], first.status.status_code.name)


def test_request_is_a_child_of_the_current_span(telemetry: Any) -> None:
    """A trace of the application goes on."""
    hook, spans, _, tracers = telemetry
    with tracers.get_tracer("app").start_as_current_span("decide") as outer:
        hook(SCORED)

    whole = next(span for span in spans.get_finished_spans() if span.name == "score churn")
    assert outer.get_span_context().span_id == whole.parent.span_id


def test_failure_is_told_without_its_message(telemetry: Any) -> None:
    """The service's words may quote the rows."""
    hook, spans, _, _ = telemetry
    hook(FAILED)
    attempt, whole = spans.get_finished_spans()

    assert ("TransportError", "RateLimitError") == (attempt.attributes["error.type"], whole.attributes["error.type"])
    assert "ERROR" == whole.status.status_code.name
    assert "Ada" not in whole.to_json()


def test_metrics_are_those_of_the_conventions(telemetry: Any) -> None:
    """One duration for each HTTP request, and the rows by version and outcome."""
    hook, _, metrics, _ = telemetry
    hook(SCORED)
    hook(FAILED)
    found = points(metrics)

    durations = {
        point.attributes.get("http.response.status_code"): point.sum for point in found["http.client.request.duration"]
    }
    assert {429: 0.5, 200: 0.5, None: 0.5} == durations
    assert [2_000] == [point.sum for point in found["http.client.response.body.size"]]
    rows = {(point.attributes["wml_deployer.version"], point.value) for point in found["wml_deployer.rows"]}
    assert {("v0.2", 50), ("91ab/2", 1)} == rows


def test_hook_travels_to_workers(telemetry: Any) -> None:
    """There, the global providers take what it makes."""
    hook, spans, _, _ = telemetry
    hook(SCORED)
    pickle.loads(pickle.dumps(hook))(SCORED)

    assert 3 == len(spans.get_finished_spans())


def test_missing_opentelemetry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(ClientNotInstalledError, match=r"\[otel\]"):
        OpenTelemetryHook()
